/* SPDX-License-Identifier: MIT */
/* statfs(2) and statvfs(3). */
#include "suite.h"

#include <sys/statvfs.h>
#include <sys/vfs.h>

void statfs_of(void)
{
	struct statfs status, open_status;
	struct statvfs posix_status;
	int file;

	make_file("file", "text");
	works("statfs(2): by a path", statfs("file", &status));
	check("statfs(2): blocks have a size", status.f_bsize >= 512, "%ld", (long)status.f_bsize);
	check("statfs(2): there are blocks, and no more are free", status.f_blocks > 0 && status.f_bfree <= status.f_blocks &&
	      status.f_bavail <= status.f_bfree, "%ld, %ld free, %ld for users", (long)status.f_blocks, (long)status.f_bfree,
	      (long)status.f_bavail);
	check("statfs(2): no more files are free than there may be", status.f_ffree <= status.f_files, "%ld of %ld",
	      (long)status.f_ffree, (long)status.f_files);
	equal("statfs(2): names have 255 bytes", status.f_namelen, 255);
	file = need(open("file", O_RDONLY));
	works("fstatfs(2): by an open file", fstatfs(file, &open_status));
	equal("fstatfs(2): of the same file system", open_status.f_type, status.f_type);
	need(unlink("file"));
	works("fstatfs(2): by a file without a name", fstatfs(file, &open_status));
	need(close(file));
	works("statvfs(3): of a folder", statvfs(".", &posix_status));
	equal("pathconf(3): _PC_NAME_MAX is 255", pathconf(".", _PC_NAME_MAX), 255);
	fails("statfs(2): ENOENT for what is missing", ENOENT, statfs("missing", &status));
}
