/* SPDX-License-Identifier: MIT */
/* Many writers to one file that grows. */
#include "suite.h"

#define WRITERS 6
#define BLOCKS 40
#define BLOCK 3000

static void fill(char *block, int writer, int index)
{
	for (int i = 0; i < BLOCK; i++)
		block[i] = (char)(1 + (writer * 31 + index * 7 + i) % 255);
}

/* Each writes every sixth block, whose ends lie within pages of others. */
static int writes(void *argument)
{
	int writer = *(int *)argument, file = open("file", O_RDWR);
	char block[BLOCK], seen[BLOCK];

	for (int index = 0; index < BLOCKS; index++) {
		off_t place = (off_t)(index * WRITERS + writer) * BLOCK;

		fill(block, writer, index);
		if (pwrite(file, block, BLOCK, place) != BLOCK || pread(file, seen, BLOCK, place) != BLOCK)
			return 1;
		if (memcmp(block, seen, BLOCK) != 0)
			return 2;
	}
	return 0;
}

/* Reads what is there meanwhile: each byte is its writer's, or zero. */
static int reads(void *argument)
{
	int file = open("file", O_RDONLY);
	char block[BLOCK], seen[BLOCK];

	(void)argument;
	for (int round = 0; round < 5; round++) {
		for (int place = 0; place < WRITERS * BLOCKS; place += 7) {
			ssize_t length = pread(file, seen, BLOCK, (off_t)place * BLOCK);

			fill(block, place % WRITERS, place / WRITERS);
			for (ssize_t i = 0; i < length; i++)
				if (seen[i] && seen[i] != block[i])
					return 1;
		}
	}
	return 0;
}

void writers(void)
{
	pid_t processes[WRITERS], reader;
	int numbers[WRITERS], ended = 0, wrong = 0, file;
	char block[BLOCK], seen[BLOCK];

	make_file("file", "");
	for (int i = 0; i < WRITERS; i++) {
		numbers[i] = i;
		processes[i] = start_process(writes, &numbers[i]);
	}
	reader = start_process(reads, NULL);
	for (int i = 0; i < WRITERS; i++)
		ended |= end_of(processes[i]);
	equal("pwrite(2): each of many writers reads what it has written", ended, 0);
	equal("pread(2): who reads meanwhile sees bytes that were written, or zeros", end_of(reader), 0);
	equal("stat(2): the file is as long as all have made it", status_of("file").st_size, WRITERS * BLOCKS * BLOCK);
	file = need(open("file", O_RDONLY));
	for (int place = 0; place < WRITERS * BLOCKS; place++) {
		fill(block, place % WRITERS, place / WRITERS);
		wrong += pread(file, seen, BLOCK, (off_t)place * BLOCK) != BLOCK || memcmp(block, seen, BLOCK) != 0;
	}
	equal("pwrite(2): nothing that one wrote is lost by another", wrong, 0);
	need(close(file));
}
