/* SPDX-License-Identifier: MIT */
/* fcntl(2) locks of ranges, of processes and of openings, and flock(2). */
#include "suite.h"

#include <sys/file.h>

struct range {
	int command;
	short type;
	off_t start, length;
	/* What F_GETLK told. */
	struct flock seen;
};

static int lock(int file, int command, short type, off_t start, off_t length)
{
	struct flock range = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length };

	return fcntl(file, command, &range);
}

/* In another process, with an opening of its own: 0, or an error. */
static int other_locks(void *argument)
{
	struct range *range = argument;
	int file = open("file", O_RDWR);

	return lock(file, range->command, range->type, range->start, range->length) == -1 ? errno : 0;
}

static int other_asks(void *argument)
{
	struct range *range = argument;
	int file = open("file", O_RDWR);

	range->seen = (struct flock){ .l_type = range->type, .l_whence = SEEK_SET, .l_start = range->start, .l_len = range->length };
	return fcntl(file, F_GETLK, &range->seen) == -1 ? errno : 0;
}

static int other_flocks(void *operation)
{
	return flock(open("file", O_RDWR), *(int *)operation) == -1 ? errno : 0;
}

static int try(short type, off_t start, off_t length)
{
	return in_process(other_locks, &(struct range){ .command = F_SETLK, .type = type, .start = start, .length = length });
}

static int waits(void *argument)
{
	int *waiting = argument, file = open("file", O_RDWR);

	if (write(waiting[1], "w", 1) != 1)
		return 1;
	return lock(file, F_SETLKW, F_WRLCK, 0, 10) == -1 ? errno : 0;
}

static int counts(void *argument)
{
	int file = open("counter", O_RDWR);

	(void)argument;
	for (int i = 0; i < 50; i++) {
		char text[16] = { 0 };

		if (lock(file, F_SETLKW, F_WRLCK, 0, 0) == -1 || pread(file, text, sizeof text - 1, 0) < 1)
			return 1;
		snprintf(text, sizeof text, "%06d", atoi(text) + 1);
		if (pwrite(file, text, 6, 0) != 6 || lock(file, F_SETLK, F_UNLCK, 0, 0) == -1)
			return 1;
	}
	return 0;
}

void locks(void)
{
	struct range *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int file, second, waiting[2], exclusive = LOCK_EX | LOCK_NB, shared_lock = LOCK_SH | LOCK_NB;
	pid_t waiter, counters[4];
	char byte;

	make_file("file", "text");
	file = need(open("file", O_RDWR));
	works("fcntl(2): F_SETLK takes a lock", lock(file, F_SETLK, F_WRLCK, 10, 10));
	equal("fcntl(2): EAGAIN for who wants the same range", try(F_WRLCK, 10, 10), EAGAIN);
	equal("fcntl(2): EAGAIN for who wants to read it", try(F_RDLCK, 15, 1), EAGAIN);
	equal("fcntl(2): EAGAIN for a range that begins before", try(F_WRLCK, 0, 11), EAGAIN);
	equal("fcntl(2): EAGAIN for a range to the end of the file", try(F_WRLCK, 0, 0), EAGAIN);
	equal("fcntl(2): what is before the range is free", try(F_WRLCK, 0, 10), 0);
	equal("fcntl(2): what is behind it is free", try(F_WRLCK, 20, 0), 0);
	*shared = (struct range){ .type = F_WRLCK, .start = 0, .length = 0 };
	need(in_process(other_asks, shared));
	check("fcntl(2): F_GETLK tells whose lock it is", shared->seen.l_type == F_WRLCK && shared->seen.l_start == 10 &&
	      shared->seen.l_len == 10 && shared->seen.l_pid == getpid(), "type %d, %ld and %ld, process %d of %d",
	      shared->seen.l_type, (long)shared->seen.l_start, (long)shared->seen.l_len, shared->seen.l_pid, getpid());
	*shared = (struct range){ .type = F_WRLCK, .start = 30, .length = 1 };
	need(in_process(other_asks, shared));
	equal("fcntl(2): F_GETLK tells that nothing is in the way", shared->seen.l_type, F_UNLCK);
	need(lock(file, F_SETLK, F_UNLCK, 13, 4));
	equal("fcntl(2): a piece can be given back", try(F_WRLCK, 13, 4), 0);
	equal("fcntl(2): the pieces before it stay", try(F_WRLCK, 12, 1), EAGAIN);
	equal("fcntl(2): the pieces behind it stay", try(F_WRLCK, 17, 1), EAGAIN);
	need(lock(file, F_SETLK, F_RDLCK, 0, 0));
	equal("fcntl(2): readers share", try(F_RDLCK, 0, 0), 0);
	equal("fcntl(2): EAGAIN for a writer among readers", try(F_WRLCK, 0, 1), EAGAIN);
	second = need(open("file", O_RDONLY));
	fails("fcntl(2): EBADF for a write lock by who may only read", EBADF, lock(second, F_SETLK, F_WRLCK, 100, 1));
	need(close(second));
	equal("fcntl(2): closing any opening gives all of a process back", try(F_WRLCK, 0, 0), 0);
	works("fcntl(2): ranges beyond 4 GiB", lock(file, F_SETLK, F_WRLCK, 1L << 40, 1));
	equal("fcntl(2): which are held", try(F_WRLCK, 1L << 40, 1), EAGAIN);
	equal("fcntl(2): and are no ranges below", try(F_WRLCK, 0, 1), 0);
	need(lock(file, F_SETLK, F_UNLCK, 0, 0));

	need(lock(file, F_SETLK, F_WRLCK, 0, 10));
	need(pipe(waiting));
	waiter = start_process(waits, waiting);
	need(read(waiting[0], &byte, 1));
	usleep(50000);
	equal("fcntl(2): F_SETLKW waits", waitpid(waiter, NULL, WNOHANG), 0);
	need(lock(file, F_SETLK, F_UNLCK, 0, 10));
	equal("fcntl(2): F_SETLKW has it when it is free", end_of(waiter), 0);
	equal("fcntl(2): a process that ends gives its locks back", try(F_WRLCK, 0, 0), 0);

	works("flock(2): LOCK_EX", flock(file, LOCK_EX));
	equal("flock(2): EWOULDBLOCK for another", in_process(other_flocks, &exclusive), EWOULDBLOCK);
	works("flock(2): LOCK_SH instead", flock(file, LOCK_SH));
	equal("flock(2): which others share", in_process(other_flocks, &shared_lock), 0);
	need(flock(file, LOCK_UN));
	equal("flock(2): LOCK_UN gives it back", in_process(other_flocks, &exclusive), 0);
	second = need(open("file", O_RDWR));
	need(flock(file, LOCK_EX));
	fails("flock(2): EWOULDBLOCK for another opening of the same process", EWOULDBLOCK, flock(second, LOCK_EX | LOCK_NB));
	need(close(file));
	works("flock(2): closing gives it back", flock(second, LOCK_EX | LOCK_NB));
	need(flock(second, LOCK_UN));
	file = need(open("file", O_RDWR));
	works("fcntl(2): F_OFD_SETLK takes a lock of an opening", lock(file, F_OFD_SETLK, F_WRLCK, 0, 10));
	fails("fcntl(2): EAGAIN for another opening of the same process", EAGAIN, lock(second, F_OFD_SETLK, F_WRLCK, 0, 1));
	need(close(file));
	works("fcntl(2): closing the opening gives it back", lock(second, F_OFD_SETLK, F_WRLCK, 0, 1));
	need(close(second));

	make_file("counter", "000000");
	for (int i = 0; i < 4; i++)
		counters[i] = start_process(counts, NULL);
	for (int i = 0; i < 4; i++)
		if (end_of(counters[i]))
			give_up("a counting process");
	check_text("fcntl(2): four processes that count under a lock lose nothing", "counter", "000200");
}
