/* SPDX-License-Identifier: MIT */
/* Programs that run from the file system: execve(2). */
#include "suite.h"

static int runs(void *name)
{
	/* What it says is in the way. */
	dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
	execl(name, name, (char *)NULL);
	return errno;
}

static int runs_as_alice(void *name)
{
	become(ALICE);
	return runs(name);
}

void programs(void)
{
	static char bytes[1 << 16];
	int from = need(open("/proc/self/exe", O_RDONLY)), to = need(open("program", O_CREAT | O_WRONLY, 0755));
	ssize_t length;

	while ((length = need(read(from, bytes, sizeof bytes))) > 0)
		need(write(to, bytes, length));
	equal("execve(2): ETXTBSY for a program that is open to write", in_process(runs, "program"), ETXTBSY);
	need(close(to));
	need(close(from));
	make_file("script", "#!/bin/sh\nexit 42\n");
	fails("execve(2): EACCES for a script that nobody may run", EACCES, execl("script", "script", NULL));
	need(chmod("script", 0755));
	equal("execve(2): runs a script by its interpreter", in_process(runs, "./script"), 42);
	need(chmod("script", 0700));
	equal("execve(2): EACCES for who may not run it", in_process(runs_as_alice, "./script"), EACCES);
	need(chmod("program", 0700));
	/* Without arguments it tells how it is used, and ends with 2. */
	equal("execve(2): runs a program", in_process(runs, "./program"), 2);
}
