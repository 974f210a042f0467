/* SPDX-License-Identifier: MIT */
/* The programs that run at the host's wish, and their streams. */
#ifndef VM9_PROGRAM_H
#define VM9_PROGRAM_H

#include "frame.h"

#define MAX_PROGRAMS 64
/* What program_poll() may fill: three streams of each. */
#define MAX_STREAMS (3 * MAX_PROGRAMS)

/* How many bytes of an output stream may be under way: from Welcome. */
void program_set_window(__u32 window);

/* The frames for programs. NULL, or why the connection must end. */
const char *program_exec(__u32 id, struct payload *payload);
const char *program_stdin(__u32 id, struct payload *payload);
const char *program_stdin_end(__u32 id);
const char *program_output_credit(__u32 id, struct payload *payload);
const char *program_close_output(__u32 id, struct payload *payload);
const char *program_signal(__u32 id, struct payload *payload);
const char *program_resize(__u32 id, struct payload *payload);

/* The login shell on the machine's console, for a guest without a host that speaks. Returns its pid or a negative errno. */
int program_console_shell(void);

/* A process has ended. */
void program_ended(int pid, int status);

/* Adds the streams that can move to `poll`; returns how many. */
int program_poll(struct pollfd *poll);

/* Moves what can move. `poll` is what program_poll() has filled. */
void program_move(const struct pollfd *poll, int count);

/* The host is gone: every stream is closed, and no id is known any more. The programs themselves go on. */
void program_forget_all(void);

#endif
