/* SPDX-License-Identifier: MIT */
/* Symbolic links. */
#include "suite.h"

void symlinks(void)
{
	char target[PATH_MAX];
	ssize_t length;

	make_file("file", "text");
	need(mkdir("folder", 0755));
	make_file("folder/file", "inner");
	works("symlink(2): makes one", symlink("file", "link"));
	check("lstat(2): tells that it is one", S_ISLNK(status_of("link").st_mode), "mode %o", status_of("link").st_mode);
	equal("lstat(2): its size is its target's length", status_of("link").st_size, 4);
	equal("symlink(7): everybody has all rights to it", status_of("link").st_mode & 07777, 0777);
	length = readlink("link", target, sizeof target);
	check("readlink(2): tells the target, without a NUL", length == 4 && memcmp(target, "file", 4) == 0, "%zd bytes", length);
	equal("readlink(2): cuts what has no room", readlink("link", target, 2), 2);
	fails("readlink(2): EINVAL for a file", EINVAL, readlink("file", target, sizeof target));
	fails("readlink(2): ENOENT for what is missing", ENOENT, readlink("missing", target, sizeof target));
	check_text("symlink(7): is followed on open", "link", "text");
	fails("open(2): ELOOP with O_NOFOLLOW", ELOOP, open("link", O_RDONLY | O_NOFOLLOW));
	fails("symlink(2): EEXIST for a name that is taken", EEXIST, symlink("file", "link"));
	fails("symlink(2): ENOENT for an empty target", ENOENT, symlink("", "empty"));
	fails("symlink(2): ENOENT in a folder that is missing", ENOENT, symlink("file", "missing/link"));

	need(symlink("file", "folder/relative"));
	check_text("symlink(7): a target begins at the folder of the link", "folder/relative", "inner");
	need(symlink("../file", "folder/up"));
	check_text("symlink(7): a target may lead up", "folder/up", "text");
	need(symlink("folder", "to-folder"));
	check_text("symlink(7): is followed within a path", "to-folder/file", "inner");
	need(symlink("/proc/self/status", "absolute"));
	works("symlink(7): may lead to another file system", access("absolute", R_OK));
	fails("open(2): ENOTDIR with O_NOFOLLOW and O_DIRECTORY", ENOTDIR, open("to-folder", O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
	fails("rmdir(2): ENOTDIR for a link to a folder", ENOTDIR, rmdir("to-folder"));
	works("unlink(2): removes the link", unlink("to-folder"));
	check("unlink(2): and not what it leads to", exists("folder/file"), "gone");

	need(symlink("nowhere", "dangling"));
	fails("open(2): ENOENT for a link that leads nowhere", ENOENT, open("dangling", O_RDONLY));
	fails("open(2): EEXIST with O_CREAT and O_EXCL for a link that leads nowhere", EEXIST,
	      open("dangling", O_CREAT | O_EXCL | O_WRONLY, 0644));
	fails("mkdir(2): EEXIST for a link that leads nowhere", EEXIST, mkdir("dangling", 0755));
	make_file("dangling", "made");
	check_text("open(2): O_CREAT makes what a link leads to", "nowhere", "made");
	check("open(2): and the link stays one", S_ISLNK(status_of("dangling").st_mode), "mode %o", status_of("dangling").st_mode);

	need(symlink("loop-b", "loop-a"));
	need(symlink("loop-a", "loop-b"));
	fails("path_resolution(7): ELOOP for links that lead to each other", ELOOP, open("loop-a", O_RDONLY));
	need(symlink("self", "self"));
	fails("path_resolution(7): ELOOP for a link to itself", ELOOP, access("self/below", F_OK));
	for (int i = 0; i < 41; i++) {
		char name[16];

		snprintf(name, sizeof name, "chain%d", i);
		snprintf(target, sizeof target, "chain%d", i - 1);
		need(symlink(i ? target : "file", name));
	}
	check_text("path_resolution(7): forty links are followed", "chain39", "text");
	fails("path_resolution(7): ELOOP for forty-one", ELOOP, open("chain40", O_RDONLY));

	works("rename(2): renames the link", rename("link", "renamed"));
	check("rename(2): which stays one", S_ISLNK(status_of("renamed").st_mode) && exists("file"), "not so");
	works("rename(2): a file over a link", ({
		      make_file("plain", "plain");
		      rename("plain", "renamed");
	      }));
	check_text("rename(2): replaces the link, not its target", "file", "text");
	need(chmod("dangling", 0600));
	equal("chmod(2): follows links", status_of("nowhere").st_mode & 07777, 0600);
	works("lchown(2): gives the link itself to another", lchown("dangling", ALICE, ALICE));
	equal("lchown(2): which the link remembers", status_of("dangling").st_uid, ALICE);
	equal("lchown(2): and its target does not", status_of("nowhere").st_uid, 0);
}
