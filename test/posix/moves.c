/* SPDX-License-Identifier: MIT */
/* Bytes in and out of one file in all ways, each also with a model of it: what comes of one the other must have, too. Usage:
 * moves FILE MODEL SCRATCH SEED COUNT; FILE and MODEL have the same content, SCRATCH is made beside MODEL. By read and write, in
 * pieces, from and to pipes, and by sendfile; half of the time by O_DIRECT; from and to memory that begins and ends anywhere in a
 * page, or lies in a mapped file. It prints a line for each difference, at most ten, then "COUNT done, BYTES moved". */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "differences.h"

#define PAGE 4096
/* No move makes the file longer: more than four messages of 512,000 bytes. */
#define LONGEST_FILE 2500000
/* Of memory on each side; behind it is none. */
#define ROOM (400 * PAGE)
#define PIECES 12
#define PIPE_SIZE (1 << 20)
#define MEMORIES 2

/* A file and its model: their plain openings, and those that moves go through. */
static int plain[2], used[2], scratch;
/* Anonymous memory, and that of a file; of each one for the file and one for its model. */
static unsigned char *memories[MEMORIES][2];
static unsigned char *memory[2];
static struct iovec pieces[2][PIECES];
static int count_of_pieces;
static unsigned long moved;

static void give_up(const char *what)
{
	perror(what);
	exit(2);
}

static long need(const char *what, long result)
{
	if (result == -1)
		give_up(what);
	return result;
}

static void describe(const char *format, ...)
{
	va_list values;

	va_start(values, format);
	vsnprintf(action, sizeof action, format, values);
	va_end(values);
}

/* Does a call on each side, with `side` in it, and compares what comes of it. The result. */
#define both(call) ({ \
	long results_[2]; \
	int errors_[2]; \
	for (int side = 0; side < 2; side++) { \
		errno = 0; \
		results_[side] = (call); \
		errors_[side] = errno; \
	} \
	if (results_[0] != results_[1] || (results_[0] == -1 && errors_[0] != errors_[1])) \
		differ("%ld (%s), and with the model %ld (%s)", results_[0], strerrorname_np(errors_[0]), results_[1], \
		       strerrorname_np(errors_[1])); \
	moved += results_[0] > 0 ? results_[0] : 0; \
	results_[0]; })

static size_t random_length(void)
{
	switch (dice(5)) {
	case 0:
		return dice(1100);
	case 1:
		return PAGE * dice(8);
	case 2:
		return dice(700000);
	default:
		return dice(30000);
	}
}

/* Chooses the pieces of memory, of which none lies on another: right behind the last one, on a page of its own, or anywhere. */
static void choose_pieces(int most)
{
	size_t place = dice(2) ? dice(PAGE) : 0;

	for (int side = 0; side < 2; side++)
		memory[side] = memories[operation % MEMORIES][side];
	count_of_pieces = 0;
	for (int left = 1 + dice(most); left > 0; left--) {
		size_t length = most == 1 ? random_length() + dice(2) * dice(900000) : random_length() / (1 + dice(8));

		if (place + length > ROOM)
			break;
		for (int side = 0; side < 2; side++)
			pieces[side][count_of_pieces] = (struct iovec){ memory[side] + place, length };
		count_of_pieces++;
		place += length;
		if (dice(2))
			place += dice(2) ? PAGE - place % PAGE : dice(3 * PAGE);
	}
}

static size_t length_of_pieces(void)
{
	size_t length = 0;

	for (int i = 0; i < count_of_pieces; i++)
		length += pieces[0][i].iov_len;
	return length;
}


/* Pages in which pieces lie, and those beside them: nothing else may have changed either. */
static void compare_memory(void)
{
	size_t end = pieces[0][count_of_pieces - 1].iov_base + pieces[0][count_of_pieces - 1].iov_len + PAGE -
		     (void *)memory[0];
	size_t start = (unsigned char *)pieces[0][0].iov_base - memory[0];

	start = start < PAGE ? 0 : start - PAGE;
	if (end > ROOM)
		end = ROOM;
	if (memcmp(memory[0] + start, memory[1] + start, end - start) != 0) {
		while (memory[0][start] == memory[1][start])
			start++;
		differ("byte %zu of the memory is %02x, and with the model %02x", start, memory[0][start], memory[1][start]);
		memcpy(memory[0], memory[1], ROOM);
	}
}

/* New bytes, the same on both sides. */
static void fill_pieces(void)
{
	for (int i = 0; i < count_of_pieces; i++) {
		unsigned char *bytes = pieces[0][i].iov_base;

		for (size_t each = 0; each < pieces[0][i].iov_len; each++)
			bytes[each] = (unsigned char)(operation * 31 + i * 7 + each + each / 251);
		memcpy(pieces[1][i].iov_base, bytes, pieces[0][i].iov_len);
	}
}

static void move_whole(int writes, off_t place)
{
	choose_pieces(1);
	describe("%s of %zu bytes at %ld, memory %p", writes ? "pwrite" : "pread", pieces[0][0].iov_len, (long)place,
		 pieces[0][0].iov_base);
	if (writes) {
		fill_pieces();
		both(pwrite(used[side], pieces[side][0].iov_base, pieces[side][0].iov_len, place));
	} else {
		both(pread(used[side], pieces[side][0].iov_base, pieces[side][0].iov_len, place));
		compare_memory();
	}
}

static void move_pieces(int writes, off_t place)
{
	choose_pieces(PIECES);
	describe("%s of %d pieces, %zu bytes, at %ld", writes ? "pwritev" : "preadv", count_of_pieces, length_of_pieces(),
		 (long)place);
	if (writes) {
		fill_pieces();
		both(pwritev(used[side], pieces[side], count_of_pieces, place));
	} else {
		both(preadv(used[side], pieces[side], count_of_pieces, place));
		compare_memory();
	}
}

/* Puts as many bytes of the pieces into a pipe as it takes, the pages themselves and no copy. */
static size_t fill_pipe(int pipe)
{
	size_t length = 0;

	for (int i = 0; i < count_of_pieces; i++) {
		ssize_t taken = pieces[0][i].iov_len ? vmsplice(pipe, &pieces[0][i], 1, SPLICE_F_NONBLOCK) : 0;

		if (taken == -1 && errno != EAGAIN)
			give_up("vmsplice");
		length += taken > 0 ? taken : 0;
		if (taken != (ssize_t)pieces[0][i].iov_len)
			break;
	}
	return length;
}

/* How much of a pipe's content came in one go depends on who fills it; so the model gets and gives what the file did. */
static void move_through_pipe(int writes, off_t place)
{
	int ends[2];
	off_t at = place;
	size_t length;
	ssize_t count, left;

	choose_pieces(writes ? PIECES : 1);
	need("pipe", pipe(ends));
	need("F_SETPIPE_SZ", fcntl(ends[1], F_SETPIPE_SZ, PIPE_SIZE));
	describe("splice of %d pieces, %zu bytes, %s %ld", count_of_pieces, length_of_pieces(), writes ? "to" : "from",
		 (long)place);
	if (writes) {
		fill_pieces();
		for (length = fill_pipe(ends[1]); length > 0; length -= count) {
			count = splice(ends[0], NULL, used[0], &at, length, 0);
			if (count <= 0) {
				differ("%zd of %zu bytes", count, length);
				break;
			}
		}
		moved += left = at - place;
		for (int i = 0; left > 0; left -= pieces[1][i++].iov_len, place += count) {
			size_t here = pieces[1][i].iov_len;

			count = pwrite(plain[1], pieces[1][i].iov_base, here < (size_t)left ? here : (size_t)left, place);
		}
	} else if ((length = pieces[0][0].iov_len) > 0) {
		struct stat status;
		size_t have = 0;

		need("fstat", fstat(plain[1], &status));
		count = splice(used[0], &at, ends[1], NULL, length, 0);
		if (count < 0 || (count == 0) != (place >= status.st_size))
			differ("%zd bytes", count);
		moved += left = count > 0 ? count : 0;
		while ((ssize_t)have < left)
			have += need("read", read(ends[0], pieces[0][0].iov_base + have, left - have));
		if (pread(plain[1], pieces[1][0].iov_base, left, place) != left)
			differ("%zd bytes, more than the model has", left);
		compare_memory();
	}
	close(ends[0]);
	close(ends[1]);
}

/* Between the file and another in memory. */
static void move_by_sendfile(int writes, off_t place)
{
	off_t from = dice(20000), at = place;
	size_t length;
	ssize_t count;

	choose_pieces(1);
	length = pieces[0][0].iov_len;
	describe("sendfile of %zu bytes %s %ld", length, writes ? "to" : "from", (long)place);
	if (writes) {
		fill_pieces();
		need("pwrite", pwrite(scratch, pieces[0][0].iov_base, length, from));
		need("lseek", lseek(used[0], place, SEEK_SET));
		for (size_t sent = 0; sent < length; sent += count) {
			count = sendfile(used[0], scratch, &from, length - sent);
			if (count <= 0) {
				differ("%zd of %zu bytes", count, length - sent);
				break;
			}
		}
		moved += length;
		need("pwrite", pwrite(plain[1], pieces[1][0].iov_base, length, place));
	} else {
		need("ftruncate", ftruncate(scratch, 0));
		need("lseek", lseek(scratch, from, SEEK_SET));
		count = length ? sendfile(scratch, used[0], &at, length) : 0;
		moved += count > 0 ? count : 0;
		if (count > 0 && pread(scratch, pieces[0][0].iov_base, count, from) != count)
			differ("%zd bytes, which are not there", count);
		if (count < 0 || pread(plain[1], pieces[1][0].iov_base, count, place) != count)
			differ("%zd bytes, more than the model has", count);
		compare_memory();
	}
}

static unsigned char *map(int file)
{
	int flags = file == -1 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	void *start = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, flags, file, 0);

	if (start == MAP_FAILED)
		give_up("mmap");
	return start;
}

static void make_memories(const char *scratch_path)
{
	for (int kind = 0; kind < MEMORIES; kind++)
		for (int side = 0; side < 2; side++) {
			int file = -1;

			if (kind == 1) {
				file = need(scratch_path, open(scratch_path, O_RDWR | O_CREAT | O_EXCL, 0600));
				need("ftruncate", ftruncate(file, ROOM));
				need("unlink", unlink(scratch_path));
			}
			memories[kind][side] = map(file);
		}
}

int main(int count, char **words)
{
	static void (*const ways[])(int writes, off_t place) = {
		move_whole, move_whole, move_pieces, move_pieces, move_through_pipe, move_by_sendfile,
	};
	unsigned long operations;
	int direct;

	if (count != 6) {
		fprintf(stderr, "usage: moves FILE MODEL SCRATCH SEED COUNT\n");
		return 2;
	}
	for (int side = 0; side < 2; side++)
		plain[side] = need(words[1 + side], open(words[1 + side], O_RDWR));
	direct = need("O_DIRECT", open(words[1], O_RDWR | O_DIRECT));
	make_memories(words[3]);
	scratch = need(words[3], open(words[3], O_RDWR | O_CREAT | O_EXCL, 0600));
	state = strtoull(words[4], NULL, 10) * 2 + 1;
	operations = strtoul(words[5], NULL, 10);
	used[1] = plain[1];
	for (operation = 1; operation <= operations; operation++) {
		int writes = dice(2);

		used[0] = dice(2) ? direct : plain[0];
		ways[dice(sizeof ways / sizeof *ways)](writes, dice(LONGEST_FILE - ROOM) * (dice(4) ? 1 : 0));
	}
	need("unlink", unlink(words[3]));
	printf("%lu done, %lu bytes moved\n", operations, moved);
	return differences ? EXIT_FAILURE : EXIT_SUCCESS;
}
