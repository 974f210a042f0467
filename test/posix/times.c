/* SPDX-License-Identifier: MIT */
/* Times of files: utimensat(2), and who moves them: inode(7). */
#include "suite.h"

#include <time.h>

static int later(struct timespec a, struct timespec b)
{
	return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec;
}

static int same(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* Longer than the steps in which a kernel's clock of files moves, 1 to 10 ms. */
static void pass(void)
{
	usleep(25000);
}

static void age(const char *name)
{
	const struct timespec old[2] = { { 1000000000, 0 }, { 1000000000, 0 } };

	need(utimensat(AT_FDCWD, name, old, 0));
	pass();
}

static int is_old(const char *name)
{
	return status_of(name).st_mtim.tv_sec == 1000000000;
}

static void setting(void)
{
	const struct timespec exact[2] = { { 1700000001, 123456789 }, { 1600000002, 987654321 } };
	const struct timespec early[2] = { { -1000000, 5 }, { -2, 999999999 } };
	const struct timespec late[2] = { { 5000000000, 1 }, { 4294967296, 2 } };
	const struct timespec half[2] = { { 0, UTIME_OMIT }, { 1500000000, 0 } };
	const struct timespec now[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } };
	struct stat status;
	int file;

	make_file("file", "text");
	works("utimensat(2): sets both times", utimensat(AT_FDCWD, "file", exact, 0));
	status = status_of("file");
	check("utimensat(2): to the nanosecond", same(status.st_atim, exact[0]) && same(status.st_mtim, exact[1]),
	      "%ld.%09ld %ld.%09ld", status.st_atim.tv_sec, status.st_atim.tv_nsec, status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
	need(utimensat(AT_FDCWD, "file", half, 0));
	status = status_of("file");
	check("utimensat(2): UTIME_OMIT leaves one", same(status.st_atim, exact[0]) && same(status.st_mtim, half[1]),
	      "%ld.%09ld %ld.%09ld", status.st_atim.tv_sec, status.st_atim.tv_nsec, status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
	need(utimensat(AT_FDCWD, "file", early, 0));
	status = status_of("file");
	check("utimensat(2): times before 1970", same(status.st_atim, early[0]) && same(status.st_mtim, early[1]),
	      "%ld.%09ld %ld.%09ld", status.st_atim.tv_sec, status.st_atim.tv_nsec, status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
	need(utimensat(AT_FDCWD, "file", late, 0));
	status = status_of("file");
	check("utimensat(2): times after 2106", same(status.st_atim, late[0]) && same(status.st_mtim, late[1]),
	      "%ld.%09ld %ld.%09ld", status.st_atim.tv_sec, status.st_atim.tv_nsec, status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
	need(utimensat(AT_FDCWD, "file", now, 0));
	status = status_of("file");
	check("utimensat(2): UTIME_NOW is now", labs(status.st_mtim.tv_sec - time(NULL)) < 5, "%ld", status.st_mtim.tv_sec);
	file = need(open("file", O_RDONLY));
	works("futimens(3): of a file that is open to read", futimens(file, exact));
	need(close(file));
	check("futimens(3): sets the times", same(status_of("file").st_mtim, exact[1]), "another");
	need(symlink("file", "link"));
	works("utimensat(2): AT_SYMLINK_NOFOLLOW for a link", utimensat(AT_FDCWD, "link", half, AT_SYMLINK_NOFOLLOW));
	check("utimensat(2): sets the link's", same(status_of("link").st_mtim, half[1]), "another");
	check("utimensat(2): and not its target's", same(status_of("file").st_mtim, exact[1]), "another");
	become(BOB);
	fails("utimensat(2): EPERM for another's file", EPERM, utimensat(AT_FDCWD, "file", exact, 0));
	fails("utimensat(2): EACCES for now, without the right to write", EACCES, utimensat(AT_FDCWD, "file", now, 0));
	become(0);
	need(chmod("file", 0666));
	become(BOB);
	works("utimensat(2): now, with the right to write", utimensat(AT_FDCWD, "file", now, 0));
	become(0);
}

static void moving(void)
{
	struct stat before, after;
	int file;

	make_file("moving", "text");
	age("moving");
	before = status_of("moving");
	need(chmod("moving", 0600));
	after = status_of("moving");
	check("chmod(2): moves ctime", later(after.st_ctim, before.st_ctim), "not so");
	check("chmod(2): leaves mtime", same(after.st_mtim, before.st_mtim), "moved");
	pass();
	before = after;
	need(link("moving", "second"));
	check("link(2): moves ctime", later(status_of("moving").st_ctim, before.st_ctim), "not so");
	pass();
	before = status_of("moving");
	need(unlink("second"));
	check("unlink(2): moves ctime", later(status_of("moving").st_ctim, before.st_ctim), "not so");
	pass();
	before = status_of("moving");
	file = need(open("moving", O_RDWR));
	need(read(file, &(char){ 0 }, 1));
	check("read(2): leaves mtime and ctime", same(status_of("moving").st_mtim, before.st_mtim) &&
	      same(status_of("moving").st_ctim, before.st_ctim), "moved");
	need(write(file, "", 0));
	check("write(2): of nothing leaves mtime", is_old("moving"), "moved");
	need(write(file, "x", 1));
	need(fsync(file));
	after = status_of("moving");
	check("write(2): moves mtime", later(after.st_mtim, before.st_mtim), "not so");
	/* Perhaps back: by the clock of who keeps the attributes, the guest or the host. */
	check("write(2): moves ctime", !same(after.st_ctim, before.st_ctim), "not so");
	need(close(file));
	age("moving");
	need(truncate("moving", 2));
	check("truncate(2): moves mtime when the size changes", !is_old("moving"), "not so");
	age("moving");
	need(close(open("moving", O_WRONLY | O_TRUNC)));
	check("open(2): O_TRUNC moves mtime", !is_old("moving"), "not so");
	age("moving");
	need(rename("moving", "moved"));
	check("rename(2): leaves the file's mtime", is_old("moved"), "moved");
}

static void of_folders(void)
{
	need(mkdir("folder", 0755));
	need(mkdir("other", 0755));
	age("folder");
	make_file("folder/file", "text");
	check("open(2): a new file moves its folder's mtime", !is_old("folder"), "not so");
	age("folder");
	make_file("folder/file", "other text");
	check("write(2): leaves its folder's mtime", is_old("folder"), "moved");
	need(mkdir("folder/sub", 0755));
	check("mkdir(2): moves its folder's mtime", !is_old("folder"), "not so");
	age("folder");
	need(rmdir("folder/sub"));
	check("rmdir(2): moves its folder's mtime", !is_old("folder"), "not so");
	age("folder");
	need(symlink("x", "folder/link"));
	check("symlink(2): moves its folder's mtime", !is_old("folder"), "not so");
	age("folder");
	age("other");
	need(rename("folder/file", "other/file"));
	check("rename(2): moves the mtime of the folder that it leaves", !is_old("folder"), "not so");
	check("rename(2): moves the mtime of the folder that it comes to", !is_old("other"), "not so");
	age("other");
	need(link("other/file", "other/second"));
	check("link(2): moves its folder's mtime", !is_old("other"), "not so");
	age("other");
	need(unlink("other/second"));
	check("unlink(2): moves its folder's mtime", !is_old("other"), "not so");
}

void times(void)
{
	setting();
	moving();
	of_folders();
}
