/* SPDX-License-Identifier: MIT */
/* Pipes with names, sockets and devices: mknod(2). */
#include "suite.h"

#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

static int writes_to_pipe(void *argument)
{
	int pipe_end = open("fifo", O_WRONLY);

	(void)argument;
	return write(pipe_end, "through", 7) == 7 ? 0 : 1;
}

void specials(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "socket" };
	char text[8] = { 0 };
	pid_t writer;
	int end;

	works("mkfifo(3): makes a pipe", mkfifo("fifo", 0640));
	if (exists("fifo")) {
		check("stat(2): which is one", S_ISFIFO(status_of("fifo").st_mode), "mode %o", status_of("fifo").st_mode);
		writer = start_process(writes_to_pipe, NULL);
		end = need(open("fifo", O_RDONLY));
		check("fifo(7): passes bytes", read(end, text, 7) == 7 && memcmp(text, "through", 7) == 0, "%.7s", text);
		need(close(end));
		need(end_of(writer));
	}
	works("mknod(2): makes a device", mknod("null", S_IFCHR | 0666, makedev(1, 3)));
	if (exists("null")) {
		check("stat(2): with its numbers", S_ISCHR(status_of("null").st_mode) && status_of("null").st_rdev == makedev(1, 3),
		      "mode %o, %u:%u", status_of("null").st_mode, major(status_of("null").st_rdev), minor(status_of("null").st_rdev));
		end = works("open(2): the device", open("null", O_RDWR));
		equal("write(2): which is the guest's own", write(end, "x", 1), 1);
		close(end);
	}
	works("mknod(2): makes a block device with wide numbers", mknod("disk", S_IFBLK | 0600, makedev(259, 70000)));
	works("mknod(2): makes an empty file", mknod("file", S_IFREG | 0600, 0));
	end = need(socket(AF_UNIX, SOCK_STREAM, 0));
	works("unix(7): a socket has a name", bind(end, (struct sockaddr *)&address, sizeof address));
	if (exists("socket")) {
		int client = need(socket(AF_UNIX, SOCK_STREAM, 0));

		need(listen(end, 1));
		works("unix(7): by which it is reached", connect(client, (struct sockaddr *)&address, sizeof address));
		close(client);
	}
	need(close(end));
	become(ALICE);
	fails("mknod(2): EPERM or EACCES for a device of who is not root", EACCES, mknod("mine", S_IFCHR | 0666, makedev(1, 3)));
	become(0);
}
