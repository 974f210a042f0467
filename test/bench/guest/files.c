/* SPDX-License-Identifier: MIT */
/* Operations on the files of a share. Usage: files FOLDER, which holds many/0 to many/1999, small/0 to small/299 and big.
 * Run it right after the mount: the first look at a file must be the first. It prints a line for each measurement: a name, and
 * how many there were per second. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MANY 2000
#define SMALL 300
#define CREATED 100
#define AGAIN 500
#define MIB 8

static char buffer[1 << 20];
static double start;

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static void begin(void)
{
	start = now();
}

static void end(const char *name, double count)
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

static const char *numbered(const char *format, int number)
{
	static char path[64];

	snprintf(path, sizeof path, format, number);
	return path;
}

static void list(void)
{
	DIR *folder = opendir("many");
	int count = 0;

	must(folder != NULL, "many");
	while (readdir(folder))
		count++;
	closedir(folder);
	must(count == MANY + 2, "readdir lost entries");
}

static void read_through(const char *path, size_t piece, long expected)
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

static void create(const char *path)
{
	int file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);

	must(file >= 0 && write(file, buffer, 100) == 100 && close(file) == 0, path);
}

static void write_through(const char *path)
{
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	must(file >= 0, path);
	for (int i = 0; i < MIB; i++)
		must(write(file, buffer, sizeof buffer) == sizeof buffer, path);
	must(fsync(file) == 0 && close(file) == 0, path);
}

int main(int argc, char **argv)
{
	struct stat status;

	must(argc == 2 && chdir(argv[1]) == 0, "usage: files FOLDER");

	begin();
	list();
	end("readdir", MANY);

	begin();
	for (int i = 0; i < SMALL / 2; i++)
		must(stat(numbered("small/%d", i), &status) == 0, "stat");
	end("stat-first", SMALL / 2);

	begin();
	for (int i = 0; i < AGAIN; i++)
		must(stat("small/0", &status) == 0, "stat");
	end("stat-again", AGAIN);

	begin();
	for (int i = SMALL / 2; i < SMALL; i++)
		read_through(numbered("small/%d", i), 4096, 1024);
	end("open-read-close", SMALL / 2);

	begin();
	for (int i = SMALL / 2; i < SMALL; i++)
		read_through(numbered("small/%d", i), 4096, 1024);
	end("open-read-close-again", SMALL / 2);

	begin();
	for (int i = 0; i < CREATED; i++)
		create(numbered("new-%d", i));
	end("create", CREATED);

	begin();
	for (int i = 0; i < CREATED; i++)
		must(unlink(numbered("new-%d", i)) == 0, "unlink");
	end("unlink", CREATED);

	begin();
	read_through("big", 128 << 10, (long)MIB << 20);
	end("read", MIB);

	begin();
	write_through("written");
	end("write", MIB);
	must(unlink("written") == 0, "unlink");
	return 0;
}
