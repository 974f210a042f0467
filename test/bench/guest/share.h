/* SPDX-License-Identifier: MIT */
/* What the programs have in common that work on the files of a share. They print a line for each measurement: a name, and how
 * many there were per second by the guest's own clock. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char buffer[1 << 20];
static double start;

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static inline void begin(void)
{
	start = now();
}

static inline void end(const char *name, double count)
{
	printf("%s %.3f\n", name, count / (now() - start));
}

static void must(int right, const char *what)
{
	if (!right) {
		perror(what);
		exit(1);
	}
}

/* Kept until the next but one: two paths at a time are enough for a rename. */
static inline const char *numbered(const char *format, int number)
{
	static char paths[2][64];
	static int next;
	char *path = paths[next ^= 1];

	snprintf(path, sizeof paths[0], format, number);
	return path;
}

static inline void list(const char *path, int expected)
{
	DIR *folder = opendir(path);
	int count = 0;

	must(folder != NULL, path);
	while (readdir(folder))
		count++;
	closedir(folder);
	must(count == expected + 2, "readdir lost entries");
}

static inline void read_through(const char *path, size_t piece, long expected)
{
	int file = open(path, O_RDONLY);
	long total = 0;
	ssize_t length;

	must(file >= 0, path);
	while ((length = read(file, buffer, piece)) > 0)
		total += length;
	must(length == 0 && total == expected, path);
	close(file);
}

static inline void write_through(const char *path, int mib)
{
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	must(file >= 0, path);
	for (int i = 0; i < mib; i++)
		must(write(file, buffer, sizeof buffer) == sizeof buffer, path);
	must(fsync(file) == 0 && close(file) == 0, path);
}
