/* SPDX-License-Identifier: MIT */
/* What a name may be, and what a path leads to. */
#include "suite.h"

static void lengths(void)
{
	char name[NAME_MAX + 2], path[PATH_MAX + 1];
	DIR *folder;
	struct dirent *entry;
	int found = 0;

	memset(name, 'n', sizeof name);
	name[NAME_MAX + 1] = 0;
	fails("open(2): ENAMETOOLONG for a name of 256 bytes", ENAMETOOLONG, open(name, O_CREAT | O_WRONLY, 0644));
	fails("mkdir(2): ENAMETOOLONG for a name of 256 bytes", ENAMETOOLONG, mkdir(name, 0755));
	fails("stat(2): ENAMETOOLONG for a name of 256 bytes", ENAMETOOLONG, access(name, F_OK));
	name[NAME_MAX] = 0;
	need(mkdir("long", 0755));
	need(chdir("long"));
	works("mkdir(2): a name of 255 bytes is none too long", mkdir(name, 0755));
	folder = opendir(".");
	while (folder && (entry = readdir(folder)) != NULL)
		found += strcmp(entry->d_name, name) == 0;
	if (folder)
		closedir(folder);
	equal("readdir(3): a name of 255 bytes is listed whole", found, 1);
	works("rename(2): a name of 255 bytes can be changed", rename(name, "short"));
	works("rename(2): a name of 255 bytes can be given", rename("short", name));
	works("symlink(2): a target of 4,095 bytes is none too long", ({
		      memset(path, 't', PATH_MAX - 1);
		      path[PATH_MAX - 1] = 0;
		      symlink(path, "link");
	      }));
	equal("readlink(2): a target of 4,095 bytes is read whole", readlink("link", path, sizeof path), PATH_MAX - 1);

	/* "./././file", as long as a path may be. */
	make_file("f", "found");
	for (int i = 0; i < PATH_MAX; i += 2)
		memcpy(path + i, "./", 2);
	strcpy(path + PATH_MAX - 2, "f");
	check_text("path_resolution(7): a path of 4,095 bytes is none too long", path, "found");
	memmove(path + 1, path, PATH_MAX);
	path[0] = '.';
	path[1] = '/';
	strcpy(path + PATH_MAX - 1, "f");
	fails("path_resolution(7): ENAMETOOLONG for a path of 4,096 bytes", ENAMETOOLONG, open(path, O_RDONLY));
	need(chdir(".."));
}

/* A file of each one-byte name but "." and "/". */
static void bytes(void)
{
	char name[2] = { 0 }, seen[256] = { 0 };
	int made = 0, listed = 0, strange = 0;
	DIR *folder;
	struct dirent *entry;

	need(mkdir("bytes", 0755));
	need(chdir("bytes"));
	for (int byte = 1; byte < 256; byte++) {
		int file;

		name[0] = (char)byte;
		if (byte == '/' || byte == '.')
			continue;
		file = open(name, O_CREAT | O_EXCL | O_WRONLY, 0644);
		if (file == -1)
			continue;
		made += write(file, name, 1) == 1;
		close(file);
	}
	equal("path_resolution(7): every byte but / and NUL may be in a name", made, 253);
	folder = opendir(".");
	while (folder && (entry = readdir(folder)) != NULL) {
		unsigned char byte = (unsigned char)entry->d_name[0];

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (entry->d_name[1] || seen[byte]++ || text_of(entry->d_name)[0] != (char)byte)
			strange++;
		listed++;
	}
	if (folder)
		closedir(folder);
	check("readdir(3): names are bytes, and come back as they were given", listed == 253 && strange == 0,
	      "%d listed, %d of them others", listed, strange);
	need(chdir(".."));
}

static void kinds(void)
{
	static const char *const names[] = {
		"case", "CASE", "Case", "caf\xc3\xa9", "cafe\xcc\x81", "\xe2\x84\xab", "\xc3\x85", "A\xcc\x8a", "\xf0\x9f\x90\xa7",
		"\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d", "CON", "nul.txt", "trailing ", "trailing.", " leading", "back\\slash", "co:lon",
		"new\nline", "tab\t", "*?\"<>|", "\xff\xfe", "\xed\xa0\x80", "...", "..a", "-rf", "~", "$HOME", "\xef\xbb\xbf" "bom",
	};
	const int count = sizeof names / sizeof *names;
	int right = 0;

	need(mkdir("kinds", 0755));
	need(chdir("kinds"));
	for (int i = 0; i < count; i++)
		make_file(names[i], names[i]);
	equal("path_resolution(7): names that look alike are different files", count_names("."), count);
	for (int i = 0; i < count; i++)
		right += strcmp(text_of(names[i]), names[i]) == 0;
	equal("open(2): each of them has its own content", right, count);
	need(chdir(".."));
}

void names(void)
{
	lengths();
	bytes();
	kinds();

	make_file("file", "text");
	need(mkdir("folder", 0755));
	make_file("folder/inner", "inner");
	fails("path_resolution(7): ENOENT for the empty path", ENOENT, open("", O_RDONLY));
	fails("path_resolution(7): ENOTDIR for a file with a slash behind it", ENOTDIR, open("file/", O_RDONLY));
	fails("path_resolution(7): ENOTDIR below a file", ENOTDIR, open("file/below", O_RDONLY));
	fails("path_resolution(7): ENOTDIR for .. of a file", ENOTDIR, open("file/..", O_RDONLY));
	fails("path_resolution(7): ENOENT below what is missing", ENOENT, open("missing/below", O_RDONLY));
	check_text("path_resolution(7): many slashes are one, and . is nothing", ".//folder///./inner", "inner");
	check_text("path_resolution(7): .. leads back", "folder/../folder/inner", "inner");
	works("mkdir(2): a slash behind the new name is allowed", mkdir("slash/", 0755));
	fails("mkdir(2): EEXIST for .", EEXIST, mkdir(".", 0755));
	fails("mkdir(2): EEXIST for ..", EEXIST, mkdir("..", 0755));
	fails("rmdir(2): EINVAL for .", EINVAL, rmdir("folder/."));
	fails("rmdir(2): ENOTEMPTY for ..", ENOTEMPTY, rmdir("folder/.."));
	fails("rename(2): EBUSY for .", EBUSY, rename("folder/.", "other"));
	fails("rename(2): EBUSY for ..", EBUSY, rename("folder/..", "other"));
	fails("open(2): EISDIR for a new file with a slash behind it", EISDIR, open("new/", O_CREAT | O_WRONLY, 0644));
	check("path_resolution(7): .. of the root is the root", status_of("/..").st_ino == status_of("/").st_ino, "another");
}
