/* SPDX-License-Identifier: MIT */
/* open(2) and its flags. */
#include "suite.h"

#define RIVALS 8

static int creates(void *argument)
{
	int wins = 0;

	(void)argument;
	for (int i = 0; i < 20; i++) {
		char name[16];
		int file;

		snprintf(name, sizeof name, "lock%d", i);
		file = open(name, O_CREAT | O_EXCL | O_WRONLY, 0644);
		if (file == -1 && errno != EEXIST)
			return 100;
		wins += file != -1;
		if (file != -1)
			close(file);
	}
	return wins;
}

void opening(void)
{
	pid_t rivals[RIVALS];
	struct stat status;
	char byte;
	int file, second, wins = 0;

	file = works("open(2): O_CREAT makes a file", open("file", O_CREAT | O_RDWR, 0640));
	equal("open(2): of this mode", status_of("file").st_mode & 07777, 0640);
	equal("open(2): that is empty", status_of("file").st_size, 0);
	need(write(file, "text", 4));
	works("open(2): O_CREAT opens what is there", close(open("file", O_CREAT | O_RDWR, 0777)));
	equal("open(2): and leaves its mode", status_of("file").st_mode & 07777, 0640);
	check_text("open(2): and its content", "file", "text");
	fails("open(2): EEXIST with O_CREAT and O_EXCL", EEXIST, open("file", O_CREAT | O_EXCL | O_RDWR, 0644));
	fails("open(2): ENOENT without O_CREAT", ENOENT, open("missing", O_RDWR));
	second = need(open("file", O_RDONLY));
	works("open(2): O_TRUNC", close(open("file", O_WRONLY | O_TRUNC)));
	equal("open(2): empties the file for who has it open", read(second, &byte, 1), 0);
	need(pwrite(file, "again", 5, 0));
	equal("open(2): who sees what is written then", pread(second, &byte, 1, 0), 1);
	need(close(second));
	need(close(file));
	file = works("open(2): O_PATH", open("file", O_PATH));
	fails("open(2): EBADF to read by O_PATH", EBADF, read(file, &byte, 1));
	works("fstat(2): by O_PATH", fstat(file, &status));
	equal("fstat(2): tells the size", status.st_size, 5);
	need(close(file));
	file = works("open(2): O_SYNC", open("file", O_WRONLY | O_SYNC));
	works("write(2): with O_SYNC", write(file, "synced", 6));
	check_text("write(2): is written", "file", "synced");
	need(close(file));
	file = works("open(2): O_NONBLOCK, O_NOCTTY, O_CLOEXEC and O_LARGEFILE mean nothing to a file",
		     open("file", O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | O_LARGEFILE));
	equal("read(2): and it is read as ever", read(file, &byte, 1), 1);
	need(close(file));
	file = need(open("file", O_RDONLY));
	second = need(dup(file));
	need(read(file, &byte, 1));
	equal("dup(2): shares the offset", lseek(second, 0, SEEK_CUR), 1);
	need(close(file));
	equal("dup(2): lives on when the first is closed", read(second, &byte, 1), 1);
	need(close(second));

	for (int i = 0; i < RIVALS; i++)
		rivals[i] = start_process(creates, NULL);
	for (int i = 0; i < RIVALS; i++)
		wins += end_of(rivals[i]);
	equal("open(2): of several with O_EXCL one makes the file", wins, 20);

	/* As many as a process of Linux may have unless told otherwise, but for a few. */
	for (int i = 0; i < 900; i++)
		need(open("file", O_RDONLY));
	check("open(2): nine hundred openings of one file", 1, " ");
	for (int i = 3; i < 1000; i++)
		close(i);
}
