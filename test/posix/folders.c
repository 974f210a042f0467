/* SPDX-License-Identifier: MIT */
/* Folders: making, removing and listing them, also while they change. */
#include "suite.h"

#define NAMES 300

/* Marks the listed names "fNNN" from where the stream is, and returns how many came twice. */
static int mark(DIR *folder, char *seen)
{
	struct dirent *entry;
	int twice = 0;

	while ((entry = readdir(folder)) != NULL)
		if (entry->d_name[0] == 'f')
			twice += seen[atoi(entry->d_name + 1)]++ != 0;
	return twice;
}

static const char *numbered(int number)
{
	static char name[16];

	snprintf(name, sizeof name, "f%d", number);
	return name;
}

static void while_they_change(void)
{
	char seen[2 * NAMES] = { 0 };
	struct dirent *entry;
	DIR *folder;
	int missing = 0, removed = 0, twice;

	need(mkdir("changing", 0755));
	need(chdir("changing"));
	for (int i = 0; i < NAMES; i++)
		make_file(numbered(i), "");
	folder = opendir(".");
	if (!folder || !readdir(folder) || !readdir(folder) || !readdir(folder))
		give_up("readdir");
	rewinddir(folder);
	/* Every third goes when the listing has begun; those that were not listed yet may come or not. */
	for (int i = 0; i < NAMES; i += 3)
		need(unlink(numbered(i)));
	for (int i = NAMES; i < NAMES + 50; i++)
		make_file(numbered(i), "");
	twice = mark(folder, seen);
	for (int i = 0; i < NAMES; i++)
		missing += i % 3 != 0 && !seen[i];
	check("readdir(3): what stays while others come and go is listed once", missing == 0 && twice == 0,
	      "%d missing, %d twice", missing, twice);
	memset(seen, 0, sizeof seen);
	rewinddir(folder);
	twice = mark(folder, seen);
	missing = 0;
	for (int i = 0; i < NAMES + 50; i++)
		missing += seen[i] != (i >= NAMES || i % 3 != 0);
	check("rewinddir(3): lists what is there now", missing == 0 && twice == 0, "%d wrong, %d twice", missing, twice);
	rewinddir(folder);
	while ((entry = readdir(folder)) != NULL)
		if (entry->d_name[0] == 'f')
			removed += unlink(entry->d_name) == 0;
	closedir(folder);
	equal("readdir(3): removing each name that it lists removes all", removed, NAMES - NAMES / 3 + 50);
	need(chdir(".."));
	works("rmdir(2): the folder is empty then", rmdir("changing"));
}

static void places(void)
{
	char names[64][NAME_MAX + 1];
	long place[64];
	struct dirent *entry;
	DIR *folder;
	int count = 0, wrong = 0, kinds = 0;

	need(mkdir("places", 0755));
	need(chdir("places"));
	for (int i = 0; i < 60; i++)
		make_file(numbered(i), "");
	folder = opendir(".");
	if (!folder)
		give_up("opendir");
	for (;;) {
		place[count] = telldir(folder);
		entry = readdir(folder);
		if (!entry || count == 63)
			break;
		strcpy(names[count++], entry->d_name);
		if (entry->d_name[0] == 'f') {
			kinds += entry->d_type != DT_REG && entry->d_type != DT_UNKNOWN;
			wrong += entry->d_ino != status_of(entry->d_name).st_ino;
		}
	}
	equal("readdir(3): lists . and .. and every name", count, 62);
	equal("readdir(3): d_ino is the file's", wrong, 0);
	equal("readdir(3): d_type is a file's", kinds, 0);
	wrong = 0;
	for (int i = count - 1; i >= 0; i -= 7) {
		seekdir(folder, place[i]);
		entry = readdir(folder);
		wrong += !entry || strcmp(entry->d_name, names[i]) != 0;
	}
	equal("seekdir(3): leads back to each place that telldir told", wrong, 0);
	closedir(folder);
	need(chdir(".."));
}

void folders(void)
{
	struct stat here, above;
	char byte;
	int folder, links = status_of(".").st_nlink;

	works("mkdir(2): makes a folder", mkdir("folder", 0755));
	check("stat(2): which is one", S_ISDIR(status_of("folder").st_mode), "mode %o", status_of("folder").st_mode);
	equal("inode(7): an empty folder has two links", status_of("folder").st_nlink, 2);
	equal("inode(7): the folder above has one more", status_of(".").st_nlink, links + 1);
	equal("readdir(3): a new folder is empty", count_names("folder"), 0);
	fails("mkdir(2): EEXIST for a name that is taken", EEXIST, mkdir("folder", 0755));
	make_file("file", "");
	fails("mkdir(2): EEXIST for a file's name", EEXIST, mkdir("file", 0755));
	fails("mkdir(2): ENOENT in a folder that is missing", ENOENT, mkdir("missing/new", 0755));
	fails("mkdir(2): ENOTDIR below a file", ENOTDIR, mkdir("file/new", 0755));
	make_file("folder/inner", "");
	fails("rmdir(2): ENOTEMPTY for a folder with a file", ENOTEMPTY, rmdir("folder"));
	fails("rmdir(2): ENOTDIR for a file", ENOTDIR, rmdir("file"));
	fails("rmdir(2): ENOENT for what is missing", ENOENT, rmdir("missing"));
	fails("unlink(2): EISDIR for a folder", EISDIR, unlink("folder"));
	fails("open(2): EISDIR for a folder to write", EISDIR, open("folder", O_WRONLY));
	fails("open(2): EISDIR for a folder with O_CREAT", EISDIR, open("folder", O_CREAT | O_RDONLY, 0644));
	fails("open(2): ENOTDIR for a file with O_DIRECTORY", ENOTDIR, open("file", O_RDONLY | O_DIRECTORY));
	fails("truncate(2): EISDIR for a folder", EISDIR, truncate("folder", 0));
	folder = need(open("folder", O_RDONLY));
	fails("read(2): EISDIR for a folder", EISDIR, read(folder, &byte, 1));
	works("fchdir(2): into an open folder", fchdir(folder));
	check("fchdir(2): where its files are", exists("inner"), "missing");
	need(stat("..", &above));
	need(chdir(".."));
	need(stat(".", &here));
	check("path_resolution(7): .. is the folder above", here.st_ino == above.st_ino, "another");
	works("unlinkat(2): below an open folder", unlinkat(folder, "inner", 0));
	works("unlinkat(2): AT_REMOVEDIR removes a folder", unlinkat(AT_FDCWD, "folder", AT_REMOVEDIR));
	equal("inode(7): a folder less is a link less", status_of(".").st_nlink, links);
	need(close(folder));
	for (int i = 0; i < 20; i++) {
		char name[16];

		snprintf(name, sizeof name, "sub%d", i);
		need(mkdir(name, 0755));
	}
	equal("inode(7): twenty folders are twenty links", status_of(".").st_nlink, links + 20);
	places();
	while_they_change();
}
