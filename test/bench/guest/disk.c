/* SPDX-License-Identifier: MIT */
/* Sectors of a disk, past the page cache. Usage: disk DEVICE, of 64 MiB, each page of which begins with its own number, eight bytes.
 * What is written is on the host before the clock stops, and is the same again: the next run reads it. */
#include "share.h"
#include <stdint.h>

#define MIB 64
#define PAGE 4096
#define PAGES ((MIB << 20) / PAGE)
#define PIECE (128 << 10)
#define PIECES 4000
/* So many that the way is no longer new to a translator that waits for what is hot. */
#define SYNCED 1000

static char *pages;

/* Each page once, in no order: an odd factor permutes the numbers below a power of two. */
static uint64_t page_at(unsigned i)
{
	return i * 2654435761u % PAGES;
}

static void check(const char *piece, uint64_t page)
{
	uint64_t found;

	memcpy(&found, piece, sizeof found);
	must(found == page, "another page than was asked for");
}

static void read_all(int disk, int piece, int mib)
{
	for (long at = 0; at < (long)mib << 20; at += piece) {
		must(pread(disk, pages, piece, at) == piece, "read");
		check(pages, at / PAGE);
		check(pages + piece - PAGE, (at + piece) / PAGE - 1);
	}
}

static void write_all(int disk, int piece, int mib)
{
	for (long at = 0; at < (long)mib << 20; at += piece) {
		for (int page = 0; page < piece / PAGE; page++) {
			uint64_t number = at / PAGE + page;

			memcpy(pages + page * PAGE, &number, sizeof number);
		}
		must(pwrite(disk, pages, piece, at) == piece, "write");
	}
	must(fsync(disk) == 0, "fsync");
}

static void write_page(int disk, uint64_t page)
{
	memcpy(pages, &page, sizeof page);
	must(pwrite(disk, pages, PAGE, page * PAGE) == PAGE, "write");
}

int main(int argc, char **argv)
{
	int disk;

	must(argc == 2, "usage: disk DEVICE");
	disk = open(argv[1], O_RDWR | O_DIRECT);
	must(disk >= 0, argv[1]);
	must(posix_memalign((void **)&pages, PAGE, PIECE) == 0, "memory");
	memset(pages, 'c', PIECE);

	begin();
	read_all(disk, PIECE, MIB);
	end("read", MIB);

	begin();
	read_all(disk, PAGE, MIB / 4);
	end("read-4k", MIB / 4);

	begin();
	write_all(disk, PIECE, MIB);
	end("write", MIB);

	begin();
	write_all(disk, PAGE, MIB / 4);
	end("write-4k", MIB / 4);

	begin();
	for (int i = 0; i < PIECES; i++) {
		uint64_t page = page_at(i);

		must(pread(disk, pages, PAGE, page * PAGE) == PAGE, "read");
		check(pages, page);
	}
	end("random-read", PIECES);

	begin();
	for (int i = 0; i < PIECES; i++)
		write_page(disk, page_at(i));
	must(fsync(disk) == 0, "fsync");
	end("random-write", PIECES);

	begin();
	for (int i = 0; i < SYNCED; i++) {
		write_page(disk, page_at(i));
		must(fdatasync(disk) == 0, "fdatasync");
	}
	end("synced-write", SYNCED);
	close(disk);

	begin();
	read_through(argv[1], PIECE, (long)MIB << 20);
	end("cached", MIB);
	return 0;
}
