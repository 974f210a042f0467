/* SPDX-License-Identifier: MIT */
/* O_APPEND, alone and among several. */
#include "suite.h"

#define WRITERS 4
#define LINES 60

static int appends(void *argument)
{
	int number = *(int *)argument, file = open("log", O_WRONLY | O_APPEND);

	for (int line = 0; line < LINES; line++) {
		char text[32];
		int length = snprintf(text, sizeof text, "writer %d line %04d\n", number, line);

		if (write(file, text, length) != length)
			return 1;
	}
	return 0;
}

void append(void)
{
	char text[64] = { 0 };
	struct stat status;
	pid_t writers[WRITERS];
	int file, other, next[WRITERS] = { 0 }, lines = 0, broken = 0, numbers[WRITERS];
	FILE *log;

	make_file("file", "one");
	file = need(open("file", O_RDWR | O_APPEND));
	need(write(file, "two", 3));
	check_text("open(2): O_APPEND writes at the end", "file", "onetwo");
	equal("open(2): and the offset is behind that", lseek(file, 0, SEEK_CUR), 6);
	need(lseek(file, 0, SEEK_SET));
	need(read(file, text, 3));
	check("open(2): O_APPEND reads at the offset", memcmp(text, "one", 3) == 0, "%.3s", text);
	need(write(file, "three", 5));
	check_text("open(2): and writes at the end again", "file", "onetwothree");
	other = need(open("file", O_WRONLY | O_APPEND));
	need(write(other, "4", 1));
	need(write(file, "5", 1));
	check_text("open(2): two openings append one behind the other", "file", "onetwothree45");
	need(ftruncate(file, 3));
	need(write(other, "!", 1));
	check_text("open(2): what was cut off is not appended to", "file", "one!");
	need(pwrite(file, "?", 1, 0));
	check_text("pwrite(2): appends, too, in spite of POSIX", "file", "one!?");
	need(close(other));
	other = need(open("file", O_WRONLY));
	need(fcntl(other, F_SETFL, O_APPEND));
	need(write(other, "+", 1));
	check_text("fcntl(2): F_SETFL sets O_APPEND", "file", "one!?+");
	need(close(other));
	need(close(file));

	/* As pages are stored and read back, where they are kept for a while. */
	file = need(open("paged", O_RDWR | O_CREAT | O_APPEND, 0644));
	for (int i = 0; i < 3; i++) {
		need(write(file, "line\n", 5));
		need(fsync(file));
		need(fstat(file, &status));
	}
	equal("open(2): O_APPEND stores each byte once", status.st_size, 15);
	need(posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED));
	check_text("open(2): O_APPEND stores them in order", "paged", "line\nline\nline\n");
	need(close(file));

	/* Not in the first page, where the offset of who appends still is. */
	make_file("watched", "begin");
	need(truncate("watched", 5000));
	file = need(open("watched", O_RDONLY));
	need(pread(file, text, 16, 4990));
	other = need(open("watched", O_WRONLY | O_APPEND));
	need(write(other, "again", 5));
	need(pread(file, text, 5, 5000));
	check("read(2): who has the file open reads what is appended", memcmp(text, "again", 5) == 0, "%02x", text[0]);
	need(close(other));
	need(close(file));

	make_file("log", "");
	for (int i = 0; i < WRITERS; i++) {
		numbers[i] = i;
		writers[i] = start_process(appends, &numbers[i]);
	}
	for (int i = 0; i < WRITERS; i++)
		if (end_of(writers[i]))
			give_up("a writer");
	log = fopen("log", "r");
	while (log && fgets(text, sizeof text, log)) {
		int number, line;

		if (sscanf(text, "writer %d line %d\n", &number, &line) != 2 || number < 0 || number >= WRITERS || strlen(text) != 19 ||
		    line != next[number]++)
			broken++;
		lines++;
	}
	if (log)
		fclose(log);
	check("open(2): several who append lose nothing, and no order", lines == WRITERS * LINES && broken == 0,
	      "%d lines, %d of them broken", lines, broken);
}
