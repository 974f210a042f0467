/* SPDX-License-Identifier: MIT */
/*
 * The system calls that the kernel's nolibc has no words for. Like nolibc's sys_*() they return a negative
 * errno on failure; this program never uses the global errno.
 */
#ifndef VM9_SYS_H
#define VM9_SYS_H

#include <nolibc.h>

#include <asm/ioctls.h>
#include <linux/mount.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <linux/signalfd.h>
#include <linux/termios.h>
#include <stdbool.h>

#define VM9_UNUSED __attribute__((unused))

/* Kernel ABI numbers that the exported headers keep to themselves. */
#define AF_INET 2
#define AF_NETLINK 16
#define SOCK_DGRAM 2
#define X_OK 1
#define SOCK_CLOEXEC O_CLOEXEC
#define SOCK_NONBLOCK O_NONBLOCK
#define MNT_DETACH 2
#define SIG_BLOCK 0
#define SIG_SETMASK 2

typedef __u64 signal_set;
#define SIGNAL_BIT(number) (1ul << ((number) - 1))

VM9_UNUSED static int sys_fcntl(int fd, int command, long argument)
{
	return my_syscall3(__NR_fcntl, fd, command, argument);
}

VM9_UNUSED static int sys_set_nonblocking(int fd)
{
	return sys_fcntl(fd, F_SETFL, O_NONBLOCK);
}

VM9_UNUSED static int sys_sigprocmask(int how, const signal_set *set)
{
	return my_syscall4(__NR_rt_sigprocmask, how, set, NULL, sizeof *set);
}

VM9_UNUSED static int sys_signalfd(const signal_set *set)
{
	return my_syscall4(__NR_signalfd4, -1, set, sizeof *set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Waits until one signal of the set is pending, and takes it. */
VM9_UNUSED static int sys_sigtimedwait(const signal_set *set, const struct timespec *timeout)
{
	return my_syscall4(__NR_rt_sigtimedwait, set, NULL, timeout, sizeof *set);
}

VM9_UNUSED static int sys_clock_gettime(int clock, struct timespec *time)
{
	return my_syscall2(__NR_clock_gettime, clock, time);
}

VM9_UNUSED static int sys_clock_settime(int clock, const struct timespec *time)
{
	return my_syscall2(__NR_clock_settime, clock, time);
}

VM9_UNUSED static int sys_socket(int family, int type, int protocol)
{
	return my_syscall3(__NR_socket, family, type, protocol);
}

VM9_UNUSED static int sys_bind(int fd, const void *address, int length)
{
	return my_syscall3(__NR_bind, fd, address, length);
}

VM9_UNUSED static int sys_finit_module(int fd, const char *arguments)
{
	return my_syscall3(__NR_finit_module, fd, arguments, 0);
}

VM9_UNUSED static int sys_set_scheduler(int policy)
{
	const struct { int priority; } parameters = { 0 };

	return my_syscall3(__NR_sched_setscheduler, 0, policy, &parameters);
}

VM9_UNUSED static bool sys_executable(const char *path)
{
	return my_syscall3(__NR_faccessat, AT_FDCWD, path, X_OK) == 0;
}

VM9_UNUSED static int sys_sethostname(const char *name, size_t length)
{
	return my_syscall2(__NR_sethostname, name, length);
}

VM9_UNUSED static void sys_sync(void)
{
	my_syscall0(__NR_sync);
}

/* nolibc's ioctl() takes pointers only. */
VM9_UNUSED static int sys_ioctl_number(int fd, unsigned long request, unsigned long argument)
{
	return my_syscall3(__NR_ioctl, fd, request, argument);
}

#endif
