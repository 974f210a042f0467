/* SPDX-License-Identifier: MIT */
/* Contents of files of a share. Usage: transfers FOLDER, which holds big and random of 32 MiB. Each page of random begins with its
 * own number, eight bytes. Run it right after the mount: nothing is cached. What is written is on the host before the clock stops. */
#include "share.h"
#include <stdint.h>

#define MIB 32
#define PAGE 4096
#define PAGES ((MIB << 20) / PAGE)
#define PIECES 2000

/* Each page once, in no order: an odd factor permutes the numbers below a power of two. */
static uint64_t page_at(unsigned i)
{
	return i * 2654435761u % PAGES;
}

static void read_pages(int file)
{
	for (int i = 0; i < PIECES; i++) {
		uint64_t page = page_at(i), found;

		must(pread(file, buffer, PAGE, page * PAGE) == PAGE, "random");
		memcpy(&found, buffer, sizeof found);
		must(found == page, "another page than was asked for");
	}
}

/* The same numbers again: the next run reads them. */
static void write_pages(int file)
{
	for (int i = 0; i < PIECES; i++) {
		uint64_t page = page_at(i);

		memcpy(buffer, &page, sizeof page);
		must(pwrite(file, buffer, PAGE, page * PAGE) == PAGE, "random");
	}
	must(fsync(file) == 0, "random");
}

int main(int argc, char **argv)
{
	int file;

	must(argc == 2 && chdir(argv[1]) == 0, "usage: transfers FOLDER");
	file = open("random", O_RDWR);
	must(file >= 0, "random");

	begin();
	read_pages(file);
	end("random-read", PIECES);

	begin();
	write_pages(file);
	end("random-write", PIECES);
	close(file);

	begin();
	read_through("big", 128 << 10, (long)MIB << 20);
	end("read", MIB);

	begin();
	write_through("written", MIB);
	end("write", MIB);
	must(unlink("written") == 0, "unlink");
	return 0;
}
