/* SPDX-License-Identifier: MIT */
/* mmap(2) of files. */
#include "suite.h"

#define PAGE 4096

static int writes_shared(void *argument)
{
	int file = open("shared", O_RDWR);
	char *bytes = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

	(void)argument;
	if (bytes == MAP_FAILED || memcmp(bytes, "parent", 6) != 0)
		return 1;
	memcpy(bytes, "child ", 6);
	return 0;
}

static int reads_beyond(void *bytes)
{
	return ((volatile char *)bytes)[2 * PAGE];
}

static void shared(void)
{
	char text[16] = { 0 };
	char *bytes;
	int file;

	make_file("shared", "text");
	file = need(open("shared", O_RDWR));
	need(ftruncate(file, 2 * PAGE + 100));
	works("mmap(2): MAP_SHARED, to read and write",
	      bytes = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
	if (bytes == MAP_FAILED) {
		need(close(file));
		return;
	}
	check("mmap(2): shows the file", memcmp(bytes, "text", 4) == 0, "something else");
	memcpy(bytes, "parent", 6);
	bytes[PAGE + 5] = 'x';
	need(pread(file, text, 6, 0));
	check("mmap(2): read(2) sees what is written to it", memcmp(text, "parent", 6) == 0, "%.6s", text);
	need(pwrite(file, "P", 1, 0));
	check("mmap(2): shows what is written by write(2)", bytes[0] == 'P', "%c", bytes[0]);
	bytes[0] = 'p';
	equal("mmap(2): two processes share it", in_process(writes_shared, NULL), 0);
	check("mmap(2): and see each other's bytes", memcmp(bytes, "child ", 6) == 0, "%.6s", bytes);
	works("msync(2): MS_SYNC stores it", msync(bytes, 2 * PAGE, MS_SYNC));
	check("mmap(2): zeros behind the end of the file, in its last page", bytes[2 * PAGE + 100] == 0, "others");
	bytes[2 * PAGE + 200] = 'x';
	need(close(file));
	memcpy(bytes, "closed", 6);
	need(munmap(bytes, 4 * PAGE));
	check("mmap(2): lives on when the file is closed", strncmp(text_of("shared"), "closed", 6) == 0, "%.6s", text_of("shared"));
	equal("mmap(2): bytes behind the end do not make the file longer", status_of("shared").st_size, 2 * PAGE + 100);
	need(truncate("shared", 2 * PAGE + 300));
	file = need(open("shared", O_RDONLY));
	text[0] = 'y';
	need(pread(file, text, 1, 2 * PAGE + 200));
	equal("mmap(2): nor are they seen when it becomes longer", text[0], 0);
	need(close(file));
}

void mmaps(void)
{
	char *bytes;
	int file, different = 0;

	make_file("file", "private");
	file = need(open("file", O_RDWR));
	need(ftruncate(file, PAGE + 10));
	works("mmap(2): MAP_PRIVATE, to read and write",
	      bytes = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0));
	if (bytes != MAP_FAILED) {
		check("mmap(2): MAP_PRIVATE shows the file", memcmp(bytes, "private", 7) == 0, "%.7s", bytes);
		equal("mmap(2): zeros behind its end", bytes[PAGE + 10], 0);
		equal("mmap(2): SIGBUS for a page behind its last", in_process(reads_beyond, bytes), -SIGBUS);
		memcpy(bytes, "changed", 7);
		check("mmap(2): MAP_PRIVATE changes no file", strncmp(text_of("file"), "private", 7) == 0, "%.7s", text_of("file"));
		need(munmap(bytes, 3 * PAGE));
	}
	need(close(file));
	file = need(open("file", O_RDONLY));
	fails("mmap(2): EACCES to write MAP_SHARED where the file is open to read", EACCES,
	      mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
	works("mmap(2): MAP_SHARED to read", mmap(NULL, PAGE, PROT_READ, MAP_SHARED, file, 0));
	need(close(file));

	file = need(open("large", O_RDWR | O_CREAT, 0644));
	for (int i = 0; i < 1 << 20; i += PAGE) {
		int page[PAGE / sizeof(int)];

		for (size_t word = 0; word < PAGE / sizeof(int); word++)
			page[word] = i + (int)word * 7;
		need(write(file, page, sizeof page));
	}
	bytes = mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE, file, 0);
	if (bytes == MAP_FAILED)
		give_up("mmap");
	/* Backwards, which no reading ahead expects. */
	for (int i = (1 << 20) - PAGE; i >= 0; i -= PAGE)
		different += ((int *)(bytes + i))[3] != i + 21;
	equal("mmap(2): 256 pages backwards are those of the file", different, 0);
	need(munmap(bytes, 1 << 20));
	need(close(file));
	shared();
}
