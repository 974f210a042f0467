/* SPDX-License-Identifier: MIT */
#include "power.h"

#include "text.h"

#define GRACE_SECONDS 1

/* True when no process is left but this one. */
static bool reap_all(void)
{
	int pid;

	do {
		pid = sys_wait4(-1, NULL, WNOHANG, NULL);
	} while (pid > 0);
	return pid == -ECHILD;
}

/* Orphans become children of PID 1, so that waiting for children is waiting for everyone. */
static void end_processes(void)
{
	static const signal_set child_ended = SIGNAL_BIT(SIGCHLD);
	struct timespec now, deadline;

	if (reap_all())
		return;
	/* A shell that reads a terminal heeds the hangup only; a stopped process must go on in order to end. */
	sys_kill(-1, SIGTERM);
	sys_kill(-1, SIGHUP);
	sys_kill(-1, SIGCONT);
	sys_clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += GRACE_SECONDS;
	while (!reap_all()) {
		struct timespec left;

		sys_clock_gettime(CLOCK_MONOTONIC, &now);
		left.tv_sec = deadline.tv_sec - now.tv_sec;
		left.tv_nsec = deadline.tv_nsec - now.tv_nsec;
		if (left.tv_nsec < 0) {
			left.tv_nsec += 1000000000;
			left.tv_sec--;
		}
		if (left.tv_sec < 0) {
			sys_kill(-1, SIGKILL);
			return;
		}
		sys_sigtimedwait(&child_ended, &left);
	}
}

/* Unmounts in the reverse order of mounting; what is busy is detached, its files having been synced. */
static void unmount_all(void)
{
	static char mounts[65536];
	int file = sys_open("/proc/self/mounts", O_RDONLY | O_CLOEXEC, 0);
	int length = 0, count;

	if (file < 0)
		return;
	while ((count = sys_read(file, mounts + length, sizeof mounts - 1 - length)) > 0)
		length += count;
	sys_close(file);
	mounts[length] = 0;
	while (length > 0) {
		char *line, *path, *end;

		mounts[--length] = 0; /* the newline */
		line = strrchr(mounts, '\n');
		line = line ? line + 1 : mounts;
		length = line - mounts;
		path = strchr(line, ' ');
		end = path ? strchr(++path, ' ') : NULL;
		if (!end)
			continue;
		/* The agent's own file systems hold nothing that could be lost. */
		*end = 0;
		if (strncmp(path, "/proc", 5) == 0 || strncmp(path, "/dev", 4) == 0 || strncmp(path, "/sys", 4) == 0 ||
		    strcmp(path, "/") == 0)
			continue;
		if (sys_umount2(path, 0) < 0)
			sys_umount2(path, MNT_DETACH);
	}
}

void power(enum power action)
{
	end_processes();
	sys_sync();
	unmount_all();
	sys_reboot(LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
		   action == POWER_REBOOT ? LINUX_REBOOT_CMD_RESTART : LINUX_REBOOT_CMD_POWER_OFF, NULL);
	/* A machine that cannot be switched off: nothing is left to do on it. */
	for (;;)
		sys_reboot(LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_HALT, NULL);
}
