/* SPDX-License-Identifier: MIT */
/* Several names of one file. */
#include "suite.h"

void links(void)
{
	struct stat one, other;
	char text[16] = { 0 };
	int file, second;

	make_file("one", "first");
	equal("stat(2): a new file has one link", status_of("one").st_nlink, 1);
	works("link(2): gives a file a second name", link("one", "two"));
	one = status_of("one");
	other = status_of("two");
	check("link(2): both names are the same file", one.st_ino == other.st_ino && one.st_dev == other.st_dev, "others");
	check("stat(2): both names know of two links", one.st_nlink == 2 && other.st_nlink == 2, "%d and %d",
	      (int)one.st_nlink, (int)other.st_nlink);
	make_file("two", "second");
	check_text("link(2): what is written by one name is read by the other", "one", "second");
	need(chmod("two", 0600));
	equal("link(2): a mode set by one name is the other's", status_of("one").st_mode & 07777, 0600);
	works("unlink(2): takes one of two names", unlink("one"));
	check_text("unlink(2): the file is there as long as it has a name", "two", "second");
	equal("unlink(2): takes a link away", status_of("two").st_nlink, 1);

	need(mkdir("folder", 0755));
	need(mkdir("folder/deep", 0755));
	works("link(2): a name in another folder", link("two", "folder/deep/three"));
	equal("link(2): a name in another folder counts", status_of("two").st_nlink, 2);
	works("link(2): a name that was removed can be given again", link("two", "one"));
	equal("link(2): a third name counts", status_of("folder/deep/three").st_nlink, 3);
	fails("link(2): EEXIST for a name that is taken", EEXIST, link("two", "one"));
	fails("link(2): EEXIST for a folder's name", EEXIST, link("two", "folder"));
	fails("link(2): ENOENT for a file that is missing", ENOENT, link("missing", "new"));
	fails("link(2): ENOENT for a folder that is missing", ENOENT, link("two", "missing/new"));
	fails("link(2): ENOTDIR below a file", ENOTDIR, link("two", "one/new"));
	fails("link(2): EPERM for a folder", EPERM, link("folder", "new"));
	need(symlink("two", "symbolic"));
	works("link(2): a second name for a symbolic link itself", link("symbolic", "again"));
	check("link(2): which is a symbolic link", S_ISLNK(status_of("again").st_mode), "mode %o", status_of("again").st_mode);
	works("linkat(2): AT_SYMLINK_FOLLOW links what it leads to",
	      linkat(AT_FDCWD, "symbolic", AT_FDCWD, "followed", AT_SYMLINK_FOLLOW));
	check("linkat(2): which is the file", status_of("followed").st_ino == status_of("two").st_ino, "another");

	file = need(open("two", O_RDWR));
	need(unlink("one"));
	need(unlink("followed"));
	need(unlink("folder/deep/three"));
	need(fstat(file, &one));
	equal("fstat(2): knows of names that were removed meanwhile", one.st_nlink, 1);
	need(close(file));
	need(link("two", "one"));
	file = need(open("one", O_RDWR));
	second = need(open("two", O_RDWR));
	need(ftruncate(file, 0));
	need(pwrite(file, "written", 7, 0));
	equal("link(2): who has one name open reads what was written by the other", pread(second, text, 7, 0), 7);
	need(fstat(second, &other));
	equal("link(2): and is told the new size", other.st_size, 7);
	need(ftruncate(second, 2));
	equal("link(2): who has one name open reads nothing that was cut off by the other", pread(file, text, 7, 4), 0);
	equal("link(2): nor where a read begins before that", pread(file, text, 7, 0), 2);
	need(close(second));
	need(unlink("one"));
	works("link(2): when the name by which it is open is gone, and another is not", link("two", "one"));
	need(close(file));
	need(unlink("one"));
	for (int i = 0; i < 50; i++) {
		char name[16];

		snprintf(name, sizeof name, "link%d", i);
		need(link("two", name));
	}
	equal("link(2): fifty more names count", status_of("link49").st_nlink, 51);
}
