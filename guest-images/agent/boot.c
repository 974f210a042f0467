/* SPDX-License-Identifier: MIT */
#include "boot.h"

#include "text.h"

#include <linux/sockios.h>

static void mount_or_complain(const char *type, const char *path, unsigned long flags, const char *options)
{
	int error;

	sys_mkdir(path, 0755);
	error = sys_mount(type, path, type, flags, options);
	/* The kernel may have mounted /dev itself. */
	if (error < 0 && error != -EBUSY)
		complain(path, -error);
}

char *boot_read_file(const char *path)
{
	static char content[16384];
	int file = sys_open(path, O_RDONLY | O_CLOEXEC, 0);
	int length = file < 0 ? 0 : sys_read(file, content, sizeof content - 1);

	if (file >= 0)
		sys_close(file);
	content[length > 0 ? length : 0] = 0;
	return content;
}

/* Calls `use` for each line that is not empty and no comment. The lines are changed. */
static void each_line(char *lines, void (*use)(const char *line))
{
	while (*lines) {
		char *end = strchr(lines, '\n');
		char *next = end ? end + 1 : lines + strlen(lines);

		if (end)
			*end = 0;
		if (*lines && *lines != '#')
			use(lines);
		lines = next;
	}
}

static void load_module(const char *path)
{
	int file = sys_open(path, O_RDONLY | O_CLOEXEC, 0);
	int error = file < 0 ? file : sys_finit_module(file, "");

	if (file >= 0)
		sys_close(file);
	if (error < 0 && error != -EEXIST)
		complain(path, -error);
}

static void link_applet(const char *name)
{
	int error = sys_symlink("busybox", name);

	if (error < 0 && error != -EEXIST)
		complain(name, -error);
}

/* The names of busybox's programs. */
static void link_applets(void)
{
	char *applets = boot_read_file("/etc/applets");

	sys_chdir("/bin");
	each_line(applets, link_applet);
	sys_chdir("/");
}

void boot_first(void)
{
	mount_or_complain("devtmpfs", "/dev", MS_NOSUID, "mode=0755");
	mount_or_complain("sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	/* The paths of modules in the order in which to load them. Our own kernel needs none. */
	each_line(boot_read_file("/etc/modules"), load_module);
}

/* Brings the loopback device up; the kernel gives it 127.0.0.1. */
static void start_loopback(void)
{
	/* struct ifreq; its header needs a C library's. */
	struct {
		char name[16];
		short flags;
		char rest[22];
	} request = { .name = "lo", .flags = 1 /* IFF_UP */ };
	int socket = sys_socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (socket < 0)
		return;
	if (sys_ioctl(socket, SIOCSIFFLAGS, &request) < 0)
		complain("the loopback device", 0);
	sys_close(socket);
}

void boot_rest(void)
{
	mount_or_complain("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount_or_complain("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "mode=0620,gid=5,ptmxmode=0666");
	mount_or_complain("tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777");
	sys_unlink("/dev/ptmx");
	sys_symlink("pts/ptmx", "/dev/ptmx");
	sys_symlink("/proc/self/fd", "/dev/fd");
	sys_symlink("/proc/self/fd/0", "/dev/stdin");
	sys_symlink("/proc/self/fd/1", "/dev/stdout");
	sys_symlink("/proc/self/fd/2", "/dev/stderr");
	start_loopback();
	link_applets();
}
