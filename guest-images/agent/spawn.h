/* SPDX-License-Identifier: MIT */
/* Starting a program: its session, its terminal, its environment. */
#ifndef VM9_SPAWN_H
#define VM9_SPAWN_H

#include "text.h"

struct spawn {
	/* Standard input, output and error; the same three times for a terminal. */
	int stdio[3];
	bool terminal; /* stdio[0] becomes the controlling terminal */
	const char *cwd; /* empty: the home folder */
	char **argv; /* empty: the login shell */
	char **env; /* laid over the agent's own; ends with NULL */
};

/*
 * Returns the process id once the program runs. Or a negative errno, and says in `failure` what failed.
 */
int spawn(const struct spawn *spawn, struct text *failure);

/* Takes root's login shell from /etc/passwd, if it can be executed. Until then it is /bin/sh. */
void spawn_find_shell(void);

#endif
