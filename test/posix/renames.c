/* SPDX-License-Identifier: MIT */
/* rename(2), over and below everything. */
#include "suite.h"

static void of_files(void)
{
	char text[16] = { 0 };
	struct stat status;
	int old, moved;

	make_file("a", "a");
	works("rename(2): a file", rename("a", "b"));
	check("rename(2): the old name is gone", !exists("a"), "there");
	check_text("rename(2): the new name has the content", "b", "a");
	make_file("c", "c");
	old = need(open("c", O_RDWR));
	moved = need(open("b", O_RDWR));
	works("rename(2): over a file that is open", rename("b", "c"));
	check_text("rename(2): the name has the new content", "c", "a");
	equal("rename(2): who had the old one open still reads it", pread(old, text, sizeof text, 0), 1);
	check("rename(2): with its content", text[0] == 'c', "%.1s", text);
	need(fstat(old, &status));
	equal("fstat(2): a file that was replaced has no link", status.st_nlink, 0);
	works("write(2): to a file that was replaced", pwrite(old, "lost", 4, 0));
	works("write(2): to a file that was renamed", pwrite(moved, "moved", 5, 0));
	check_text("rename(2): an open file follows its name", "c", "moved");
	need(close(old));
	need(close(moved));

	need(link("c", "d"));
	works("rename(2): onto another name of the same file", rename("c", "d"));
	check("rename(2): does nothing then", exists("c") && exists("d"), "one is gone");
	works("rename(2): onto itself", rename("c", "c"));
	fails("rename(2): ENOENT for what is missing", ENOENT, rename("missing", "c"));
	fails("rename(2): ENOENT into a folder that is missing", ENOENT, rename("c", "missing/c"));
	fails("rename(2): ENOTDIR below a file", ENOTDIR, rename("c", "d/c"));
	fails("rename(2): ENOTDIR for a file with a slash behind it", ENOTDIR, rename("c", "new/"));
	need(mkdir("folder", 0755));
	fails("rename(2): EISDIR for a file over a folder", EISDIR, rename("c", "folder"));
	fails("rename(2): ENOTDIR for a folder over a file", ENOTDIR, rename("folder", "c"));
	works("rename(2): into a folder", rename("c", "folder/c"));
	check_text("rename(2): where it then is", "folder/c", "moved");
}

static void of_folders(void)
{
	struct stat above, below;
	int file, folder, links;

	need(mkdir("from", 0755));
	need(mkdir("from/sub", 0755));
	make_file("from/sub/file", "deep");
	need(mkdir("to", 0755));
	file = need(open("from/sub/file", O_RDWR));
	folder = need(open("from/sub", O_RDONLY | O_DIRECTORY));
	need(chdir("from/sub"));
	links = status_of("../../to").st_nlink;
	works("rename(2): a folder with all that is below", rename("../../from", "../../to/from"));
	check_text("rename(2): a working folder follows", "file", "deep");
	works("rename(2): an open file below follows", pwrite(file, "DEEP", 4, 0));
	works("openat(2): in an open folder below", close(openat(folder, "new", O_CREAT | O_WRONLY, 0644)));
	need(chdir("../../.."));
	check_text("rename(2): what is below is found by its new path", "to/from/sub/file", "DEEP");
	check("rename(2): what was made there meanwhile, too", exists("to/from/sub/new"), "missing");
	need(stat("to", &above));
	need(stat("to/from/..", &below));
	check("rename(2): .. of a folder is where it is now", above.st_ino == below.st_ino, "another");
	equal("rename(2): a folder more is a link more", above.st_nlink, links + 1);
	need(close(file));
	need(close(folder));

	fails("rename(2): EINVAL for a folder into itself", EINVAL, rename("to", "to/below"));
	fails("rename(2): EINVAL for a folder further into itself", EINVAL, rename("to", "to/from/sub/below"));
	fails("rename(2): ENOTEMPTY for a folder over one above", ENOTEMPTY, rename("to/from/sub", "to"));
	need(mkdir("empty", 0755));
	works("rename(2): a folder over an empty one", rename("to", "empty"));
	check_text("rename(2): whose name it then has", "empty/from/sub/file", "DEEP");
	need(mkdir("full", 0755));
	make_file("full/file", "");
	fails("rename(2): ENOTEMPTY for a folder over a full one", ENOTEMPTY, rename("empty", "full"));
}

void renames(void)
{
	int right = 1;

	of_files();
	of_folders();

	make_file("x", "x");
	make_file("y", "y");
	fails("renameat2(2): EEXIST with RENAME_NOREPLACE", EEXIST, renameat2(AT_FDCWD, "x", AT_FDCWD, "y", RENAME_NOREPLACE));
	works("renameat2(2): RENAME_NOREPLACE to a free name", renameat2(AT_FDCWD, "x", AT_FDCWD, "z", RENAME_NOREPLACE));
	works("renameat2(2): RENAME_EXCHANGE", renameat2(AT_FDCWD, "y", AT_FDCWD, "empty", RENAME_EXCHANGE));
	/* As editors and package managers store: whoever looks finds the one or the other, never none. */
	make_file("stored", "0");
	for (int i = 0; i < 100 && right; i++) {
		char text[16];

		snprintf(text, sizeof text, "%d", i);
		make_file("stored.new", text);
		need(rename("stored.new", "stored"));
		right = strcmp(text_of("stored"), text) == 0;
	}
	check("rename(2): a hundred times over one name, each seen at once", right, "an old one");
}
