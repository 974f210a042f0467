/* SPDX-License-Identifier: MIT */
/* fsync(2) and its kin. */
#include "suite.h"

void syncing(void)
{
	int file = need(open("file", O_CREAT | O_RDWR, 0644)), folder, read_only;

	need(write(file, "text", 4));
	works("fsync(2): of a file", fsync(file));
	works("fsync(2): once more, with nothing to store", fsync(file));
	need(write(file, "more", 4));
	works("fdatasync(2): of a file", fdatasync(file));
	read_only = need(open("file", O_RDONLY));
	works("fsync(2): of a file that is open to read", fsync(read_only));
	need(close(read_only));
	folder = need(open(".", O_RDONLY | O_DIRECTORY));
	works("fsync(2): of a folder", fsync(folder));
	works("syncfs(2): of the file system", syncfs(file));
	works("sync_file_range(2): of a file", sync_file_range(file, 0, 4, SYNC_FILE_RANGE_WRITE));
	need(close(folder));
	check_text("fsync(2): what was written is there", "file", "textmore");
	need(close(file));
	file = need(open("file", O_PATH));
	fails("fsync(2): EBADF for O_PATH", EBADF, fsync(file));
	need(close(file));
}
