/* SPDX-License-Identifier: MIT */
/* Random operations, each on two file systems: what one does, returns and stores the other must, too. Usage:
 * random FOLDER MODEL SEED COUNT MODES [OPTION ...], both folders empty, as root; MODES is octal, the bits of modes that are set.
 * "one-name": no file gets a second name. "no-append": none is opened to append. "keep-cache": what is cached is forgotten only
 * before the last comparison. "stale-ends": ENODATA from a read is no difference, if one after fstat(2) is none. "folder-links":
 * nor is one link of a folder, where its file system does not count them, or with "keep-cache" another number: a client that
 * believes its cache counts on from one, by the folders that it makes. It prints a line for each difference, at most ten, then
 * "COUNT done, FAILED of them with errors, STALE stale ends". */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "differences.h"

/* Few names, so that operations meet: the first are mostly folders, the others mostly files. */
#define NAMES 8
#define FOLDER_NAMES 2
#define LEVELS 3
#define OPEN_FILES 6
#define LONGEST 40000
/* Operations between two comparisons of the trees. */
#define INTERVAL 5000

static int modes, one_name, no_append, keep_cache, stale_ends, folder_links;
static int root_folders[2];
/* The same file on both sides, or -1. */
static int files[OPEN_FILES][2];
static unsigned long failed, stale;
static unsigned char written[LONGEST], seen[2][LONGEST];

static const char *outcome(long result, int error)
{
	static char text[2][32];
	static int turn;

	turn = !turn;
	if (result == -1)
		snprintf(text[turn], sizeof *text, "%s", strerrorname_np(error));
	else
		snprintf(text[turn], sizeof *text, "%ld", result);
	return text[turn];
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
		differ("%s, and in the model %s", outcome(results_[0], errors_[0]), outcome(results_[1], errors_[1])); \
	failed += results_[1] == -1; \
	results_[0]; })

/* A path of one to LEVELS names, the shorter ones more often. `leaves`: how many its last one is chosen from. */
static const char *path_to(int leaves)
{
	static char paths[2][64];
	static int turn;
	char *path = paths[turn = !turn];
	int above = dice(1 + dice(LEVELS)), length = 0;

	for (int level = 0; level < above; level++)
		length += sprintf(path + length, "%c/", 'a' + (int)dice(FOLDER_NAMES));
	sprintf(path + length, "%c", 'a' + (int)dice(leaves));
	return path;
}

static const char *random_path(void)
{
	return path_to(NAMES);
}

static const char *folder_path(void)
{
	return path_to(dice(4) ? FOLDER_NAMES : NAMES);
}

static void describe(const char *format, ...)
{
	va_list values;

	va_start(values, format);
	vsnprintf(action, sizeof action, format, values);
	va_end(values);
}

static int compare_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a folder, in order, each with a newline behind it. Freed by the caller. */
static char *names_in(int root, const char *path)
{
	char *names[256], *text;
	int count = 0, folder = openat(root, path, O_RDONLY | O_DIRECTORY);
	size_t length = 1;
	DIR *listing = folder == -1 ? NULL : fdopendir(folder);
	struct dirent *entry;

	if (!listing)
		return NULL;
	while ((entry = readdir(listing)) != NULL && count < 256) {
		names[count++] = strdup(entry->d_name);
		length += strlen(entry->d_name) + 1;
	}
	closedir(listing);
	qsort(names, count, sizeof *names, compare_text);
	text = calloc(length, 1);
	for (int i = 0; i < count; i++) {
		strcat(strcat(text, names[i]), "\n");
		free(names[i]);
	}
	return text;
}

/* Compares what both sides tell of a file: all but times, numbers of inodes, and what a folder's size is. */
static void compare_status(const struct stat *status)
{
	int counted_on = keep_cache ? status[0].st_nlink > 0 : status[0].st_nlink == 1;
	int uncounted = folder_links && S_ISDIR(status[0].st_mode) && status[1].st_nlink > 0 && counted_on;

	if (status[0].st_mode != status[1].st_mode || (status[0].st_nlink != status[1].st_nlink && !uncounted) ||
	    status[0].st_uid != status[1].st_uid || status[0].st_gid != status[1].st_gid ||
	    (!S_ISDIR(status[1].st_mode) && status[0].st_size != status[1].st_size))
		differ("mode %o links %d owner %d:%d size %lld, and in the model mode %o links %d owner %d:%d size %lld",
		       status[0].st_mode, (int)status[0].st_nlink, (int)status[0].st_uid, (int)status[0].st_gid,
		       (long long)status[0].st_size, status[1].st_mode, (int)status[1].st_nlink, (int)status[1].st_uid,
		       (int)status[1].st_gid, (long long)status[1].st_size);
}

static void look(const char *path)
{
	struct stat status[2];

	if (both(fstatat(root_folders[side], path, &status[side], AT_SYMLINK_NOFOLLOW)) == 0)
		compare_status(status);
}

/* pread(2), once more where the client took the file for longer than it is: fstat(2) tells it. */
static long read_at(int side, int file, long length, off_t place)
{
	struct stat status;
	long result = pread(file, seen[side], length, place);

	if (side == 0 && stale_ends && result == -1 && errno == ENODATA) {
		stale++;
		result = fstat(file, &status) == -1 ? -1 : pread(file, seen[side], length, place);
	}
	return result;
}

static void compare_bytes(long length)
{
	if (length > 0 && memcmp(seen[0], seen[1], length) != 0) {
		long place = 0;

		while (seen[0][place] == seen[1][place])
			place++;
		differ("byte %ld of %ld is %02x, and in the model %02x", place, length, seen[0][place], seen[1][place]);
	}
}

static void compare_content(const char *path)
{
	int file[2];

	if (both((file[side] = openat(root_folders[side], path, O_RDONLY | O_NOFOLLOW)) == -1 ? -1 : 0) == -1)
		return;
	for (off_t place = 0;; place += LONGEST) {
		long length = both(read_at(side, file[side], LONGEST, place));

		if (length <= 0)
			break;
		compare_bytes(length);
	}
	close(file[0]);
	close(file[1]);
}

/* Compares everything below a folder. */
static void compare_trees(const char *path)
{
	char *names[2];

	describe("the tree at %s", path);
	for (int side = 0; side < 2; side++)
		names[side] = names_in(root_folders[side], path);
	if (!names[0] || !names[1] || strcmp(names[0], names[1]) != 0)
		differ("other names");
	else
		for (char *rest = names[1], *name; (name = strsep(&rest, "\n")) != NULL && *name;) {
			char below[128], target[2][64] = { 0 };
			struct stat status;

			if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
				continue;
			snprintf(below, sizeof below, "%s/%s", path, name);
			describe("the tree at %s", below);
			look(below);
			if (fstatat(root_folders[1], below, &status, AT_SYMLINK_NOFOLLOW) == -1)
				continue;
			if (S_ISDIR(status.st_mode))
				compare_trees(below);
			else if (S_ISREG(status.st_mode))
				compare_content(below);
			else if (both(readlinkat(root_folders[side], below, target[side], sizeof *target)) > 0 &&
				 memcmp(target[0], target[1], sizeof *target) != 0)
				differ("%.40s, and in the model %.40s", target[0], target[1]);
		}
	free(names[0]);
	free(names[1]);
}

/* What is read next comes from where it is stored, not from memory. */
static void forget(void)
{
	int file = open("/proc/sys/vm/drop_caches", O_WRONLY);

	sync();
	if (file == -1 || write(file, "3", 1) != 1) {
		perror("/proc/sys/vm/drop_caches");
		exit(EXIT_FAILURE);
	}
	close(file);
}

static void close_file(int (*file)[2])
{
	close((*file)[0]);
	close((*file)[1]);
	(*file)[0] = (*file)[1] = -1;
}

static void open_random(int slot)
{
	static const int flags[] = {
		O_RDWR | O_CREAT, O_RDWR, O_RDWR | O_CREAT | O_EXCL, O_RDWR | O_CREAT | O_TRUNC, O_RDWR | O_APPEND, O_WRONLY | O_TRUNC,
		O_RDONLY, O_RDWR | O_CREAT | O_APPEND, O_RDONLY | O_DIRECTORY, O_RDWR | O_CREAT | O_NOFOLLOW,
	};
	const char *path = random_path();
	int flag = flags[dice(sizeof flags / sizeof *flags)] & (no_append ? ~O_APPEND : ~0), mode = dice(010000) & modes & 0777;

	if (files[slot][0] != -1)
		close_file(&files[slot]);
	describe("open %s, flags %o, mode %o", path, flag, mode);
	both((files[slot][side] = openat(root_folders[side], path, flag, mode)) == -1 ? -1 : 0);
	if (files[slot][0] == -1 || files[slot][1] == -1)
		close_file(&files[slot]);
}

static void use_random(int slot)
{
	int *file = files[slot], length = dice(4) ? dice(300) : dice(LONGEST), place = dice(3) ? dice(5000) : dice(60000);
	struct stat status[2];

	switch (dice(9)) {
	case 0:
	case 1:
	case 2:
		for (int i = 0; i < length; i++)
			written[i] = (unsigned char)(operation * 13 + i * 7);
		describe("write %d bytes at %d of file %d", length, place, slot);
		both(pwrite(file[side], written, length, place));
		break;
	case 3:
	case 4:
	case 5:
		describe("read %d bytes at %d of file %d", length, place, slot);
		compare_bytes(both(read_at(side, file[side], length, place)));
		break;
	case 6:
		describe("truncate file %d to %d", slot, place);
		both(ftruncate(file[side], place));
		break;
	case 7:
		describe("sync file %d", slot);
		both(fsync(file[side]));
		break;
	case 8:
		describe("look at file %d", slot);
		if (both(fstat(file[side], &status[side])) == 0)
			compare_status(status);
	}
}

static void change_random(void)
{
	const char *path = random_path(), *other = random_path();
	char target[2][64] = { 0 }, *names[2];
	int mode = dice(010000) & modes, size = dice(50000), owner = 1000 + dice(3);

	switch (dice(16)) {
	case 0:
	case 15:
		path = folder_path();
		describe("mkdir %s, mode %o", path, mode);
		both(mkdirat(root_folders[side], path, mode));
		break;
	case 1:
		path = folder_path();
		describe("rmdir %s", path);
		both(unlinkat(root_folders[side], path, AT_REMOVEDIR));
		break;
	case 2:
		describe("unlink %s", path);
		both(unlinkat(root_folders[side], path, 0));
		break;
	case 3:
	case 4:
		describe("rename %s to %s", path, other);
		both(renameat(root_folders[side], path, root_folders[side], other));
		break;
	case 5:
	case 6:
	case 7:
		describe("link %s to %s", path, other);
		if (one_name)
			look(path);
		else
			both(linkat(root_folders[side], path, root_folders[side], other, 0));
		break;
	case 8:
		describe("symlink %s at %s", path, other);
		both(symlinkat(path, root_folders[side], other));
		break;
	case 9:
		describe("chmod %s to %o", path, mode);
		both(fchmodat(root_folders[side], path, mode, 0));
		break;
	case 10:
		describe("chown %s to %d", path, owner);
		both(fchownat(root_folders[side], path, owner, owner, 0));
		break;
	case 11:
		describe("truncate %s to %d", path, size);
		both(fchdir(root_folders[side]) == -1 ? -1 : truncate(path, size));
		break;
	case 12:
		describe("read the link %s", path);
		if (both(readlinkat(root_folders[side], path, target[side], sizeof *target)) > 0 &&
		    memcmp(target[0], target[1], sizeof *target) != 0)
			differ("%.40s, and in the model %.40s", target[0], target[1]);
		break;
	case 13:
		path = folder_path();
		describe("list %s", path);
		both((names[side] = names_in(root_folders[side], path)) == NULL ? -1 : 0);
		if (names[0] && names[1] && strcmp(names[0], names[1]) != 0)
			differ("other names");
		free(names[0]);
		free(names[1]);
		break;
	case 14:
		describe("look at %s", path);
		look(path);
	}
}

int main(int count, char **words)
{
	unsigned long operations;

	if (count < 6) {
		fprintf(stderr, "usage: random FOLDER MODEL SEED COUNT MODES [one-name] [no-append] [OPTION ...]\n");
		return 2;
	}
	for (int side = 0; side < 2; side++) {
		root_folders[side] = open(words[1 + side], O_RDONLY | O_DIRECTORY);
		if (root_folders[side] == -1) {
			perror(words[1 + side]);
			return 2;
		}
	}
	memset(files, -1, sizeof files);
	state = strtoull(words[3], NULL, 10) * 2 + 1;
	operations = strtoul(words[4], NULL, 10);
	modes = (int)strtol(words[5], NULL, 8);
	for (int word = 6; word < count; word++) {
		keep_cache |= strcmp(words[word], "keep-cache") == 0;
		no_append |= strcmp(words[word], "no-append") == 0;
		one_name |= strcmp(words[word], "one-name") == 0;
		stale_ends |= strcmp(words[word], "stale-ends") == 0;
		folder_links |= strcmp(words[word], "folder-links") == 0;
	}
	umask(0);
	for (operation = 1; operation <= operations; operation++) {
		int slot = dice(OPEN_FILES), kind = dice(10);

		if (kind < 2)
			open_random(slot);
		else if (kind < 6 && files[slot][0] != -1)
			use_random(slot);
		else
			change_random();
		if (operation % INTERVAL == 0 || operation == operations) {
			if (!keep_cache || operation == operations)
				forget();
			compare_trees(".");
		}
	}
	printf("%lu done, %lu of them with errors, %lu stale ends\n", operations, failed, stale);
	return differences ? EXIT_FAILURE : EXIT_SUCCESS;
}
