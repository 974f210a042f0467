/* SPDX-License-Identifier: MIT */
#include "terminal.h"

int terminal_open_pty(int *slave)
{
	int unlock = 0;
	int master = sys_open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0);

	if (master < 0)
		return master;
	sys_ioctl(master, TIOCSPTLCK, &unlock);
	*slave = sys_ioctl_number(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (*slave >= 0)
		return master;
	sys_close(master);
	return *slave;
}

/* The consoles that the kernel writes to, space by space; the last one is the preferred one. */
static int open_active_console(void)
{
	char active[128], path[160] = "/dev/", *name;
	int file = sys_open("/sys/class/tty/console/active", O_RDONLY | O_CLOEXEC, 0);
	int length = file < 0 ? 0 : sys_read(file, active, sizeof active);

	if (file >= 0)
		sys_close(file);
	if (length < 2)
		return -ENODEV;
	active[length - 1] = 0; /* the newline */
	name = strrchr(active, ' ');
	strlcat(path, name ? name + 1 : active, sizeof path);
	return sys_open(path, O_RDWR | O_NOCTTY | O_CLOEXEC, 0);
}

int terminal_open_console(void)
{
	/* A kernel with an SBI console gives that the name hvc0, and the virtio console the next. */
	static const char *const names[] = { "/dev/hvc1", "/dev/hvc0" };

	for (int i = 0; i < 2; i++) {
		int console = sys_open(names[i], O_RDWR | O_NOCTTY | O_CLOEXEC, 0);

		if (console >= 0)
			return console;
	}
	return open_active_console();
}

void terminal_resize(int terminal, __u16 rows, __u16 cols)
{
	struct winsize size = { .ws_row = rows, .ws_col = cols };

	sys_ioctl(terminal, TIOCSWINSZ, &size);
}

int terminal_type_end(int terminal)
{
	struct termios settings;

	/* On a pty's master this reads the settings of the slave. */
	if (sys_ioctl(terminal, TCGETS, &settings) < 0)
		return -EIO;
	return sys_write(terminal, &settings.c_cc[VEOF], 1);
}
