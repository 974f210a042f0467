/* SPDX-License-Identifier: MIT */
/* Errors that belong to no other topic, and their order. */
#include "suite.h"

void errnos(void)
{
	/* Not known to the compiler, which would warn. */
	void *volatile nowhere = (void *)16;
	char byte;
	int file;

	make_file("file", "text");
	need(mkdir("folder", 0755));
	file = need(open("file", O_WRONLY));
	fails("read(2): EBADF where the file is open to write", EBADF, read(file, &byte, 1));
	need(close(file));
	file = need(open("file", O_RDONLY));
	fails("write(2): EBADF where the file is open to read", EBADF, write(file, "x", 1));
	fails("read(2): EFAULT for no memory", EFAULT, read(file, nowhere, 4));
	fails("pread(2): EINVAL before the beginning", EINVAL, pread(file, &byte, 1, -1));
	fails("lseek(2): EINVAL for an unknown whence", EINVAL, lseek(file, 0, 99));
	fails("openat(2): ENOTDIR below an open file", ENOTDIR, openat(file, "x", O_RDONLY));
	fails("fchdir(2): ENOTDIR for a file", ENOTDIR, fchdir(file));
	need(close(file));
	file = need(open("file", O_RDWR));
	fails("write(2): EFAULT for no memory", EFAULT, write(file, nowhere, 4));
	equal("write(2): which writes nothing", status_of("file").st_size, 4);
	need(close(file));
	fails("stat(2): ENOENT for what is missing", ENOENT, access("missing", F_OK));
	fails("stat(2): EFAULT for no path", EFAULT, access(nowhere, F_OK));
	fails("chmod(2): ENOENT for what is missing", ENOENT, chmod("missing", 0644));
	fails("chown(2): ENOENT for what is missing", ENOENT, chown("missing", 0, 0));
	fails("truncate(2): ENOENT for what is missing", ENOENT, truncate("missing", 0));
	fails("truncate(2): EINVAL for less than nothing", EINVAL, truncate("file", -1));
	fails("unlink(2): ENOENT for what is missing", ENOENT, unlink("missing"));
	fails("unlink(2): ENOTDIR below a file", ENOTDIR, unlink("file/x"));
	fails("chdir(2): ENOTDIR for a file", ENOTDIR, chdir("file"));
	fails("chdir(2): ENOENT for what is missing", ENOENT, chdir("missing"));
	fails("opendir(3): ENOTDIR for a file", ENOTDIR, opendir("file") ? 0 : -1);
	fails("execve(2): EACCES for a file that nobody may run", EACCES, execl("file", "file", NULL));
	need(chmod("file", 0755));
	fails("execve(2): ENOEXEC for a file that is no program", ENOEXEC, execl("file", "file", NULL));
	fails("execve(2): EACCES for a folder", EACCES, execl("folder", "folder", NULL));
	fails("link(2): EXDEV to another file system", EXDEV, link("file", "/tmp/x"));
	fails("rename(2): EXDEV to another file system", EXDEV, rename("file", "/tmp/x"));
	fails("mkdir(2): ENOENT for the empty path", ENOENT, mkdir("", 0755));
	fails("access(2): EINVAL for an unknown right", EINVAL, access("file", 64));
}
