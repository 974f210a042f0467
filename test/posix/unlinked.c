/* SPDX-License-Identifier: MIT */
/* Files and folders that are used after their last name is gone. */
#include "suite.h"

#include <sys/xattr.h>

void unlinked(void)
{
	const struct timespec old[2] = { { 1000000000, 0 }, { 1000000000, 0 } };
	char text[16] = { 0 };
	struct stat status;
	DIR *listing;
	int file, folder, read_only;

	make_file("file", "text");
	file = need(open("file", O_RDWR));
	read_only = need(open("file", O_RDONLY));
	works("unlink(2): of a file that is open", unlink("file"));
	check("unlink(2): the name is gone at once", !exists("file"), "there");
	equal("unlink(2): its folder is empty", count_names("."), 0);
	equal("read(2): still reads it", pread(file, text, 16, 0), 4);
	works("write(2): still writes it", pwrite(file, "longer text", 11, 0));
	equal("read(2): another opening sees that", pread(read_only, text, 16, 0), 11);
	works("fstat(2): still tells of it", fstat(file, &status));
	check("fstat(2): no link and the new size", status.st_nlink == 0 && status.st_size == 11, "%d links, %lld bytes",
	      (int)status.st_nlink, (long long)status.st_size);
	works("ftruncate(2): still cuts it", ftruncate(file, 3));
	works("fchmod(2): still changes its mode", fchmod(file, 0600));
	works("fchown(2): still changes its owner", fchown(file, ALICE, ALICE));
	works("futimens(3): still changes its times", futimens(file, old));
	need(fstat(file, &status));
	check("fstat(2): all that is seen", (status.st_mode & 07777) == 0600 && status.st_uid == ALICE && status.st_size == 3 &&
	      status.st_mtim.tv_sec == 1000000000, "mode %o, owner %d, %lld bytes, time %ld", status.st_mode & 07777,
	      (int)status.st_uid, (long long)status.st_size, status.st_mtim.tv_sec);
	works("fsync(2): still stores it", fsync(file));
	works("fsetxattr(2): still sets attributes", fsetxattr(file, "user.x", "value", 5, 0));
	equal("fgetxattr(2): still reads them", fgetxattr(file, "user.x", text, sizeof text), 5);
	make_file("file", "another");
	need(pread(file, text, 3, 0));
	check("open(2): a new file of the name is another", memcmp(text, "lon", 3) == 0, "%.3s", text);
	need(close(file));
	need(close(read_only));
	check_text("close(2): and stays when the old one goes", "file", "another");
	need(unlink("file"));

	need(mkdir("folder", 0755));
	folder = need(open("folder", O_RDONLY | O_DIRECTORY));
	works("rmdir(2): of a folder that is open", rmdir("folder"));
	works("fstat(2): still tells of it, a folder", fstat(folder, &status));
	fails("openat(2): ENOENT for a new file in a folder that is removed", ENOENT, openat(folder, "new", O_CREAT | O_WRONLY, 0644));
	fails("mkdirat(2): ENOENT in a folder that is removed", ENOENT, mkdirat(folder, "new", 0755));
	listing = fdopendir(folder);
	errno = 0;
	check("readdir(3): a removed folder lists nothing", listing && !readdir(listing), "something");
	closedir(listing);

	need(mkdir("working", 0755));
	need(chdir("working"));
	works("rmdir(2): of somebody's working folder", rmdir("../working"));
	fails("getcwd(3): ENOENT in it", ENOENT, getcwd(text, sizeof text) ? 0 : -1);
	fails("open(2): ENOENT for a new file in it", ENOENT, open("new", O_CREAT | O_WRONLY, 0644));
	works("chdir(2): .. still leads back", chdir(".."));

	file = works("open(2): O_TMPFILE makes a file without a name", open(".", O_TMPFILE | O_RDWR, 0600));
	if (file != -1)
		close(file);
	for (int i = 0; i < 20; i++) {
		file = need(open("again", O_RDWR | O_CREAT | O_EXCL, 0600));
		need(unlink("again"));
		need(write(file, "x", 1));
		need(close(file));
	}
	equal("unlink(2): twenty files of one name leave nothing", count_names("."), 0);
}
