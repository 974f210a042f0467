/* SPDX-License-Identifier: MIT */
/* Folders in folders. */
#include "suite.h"

void depth(void)
{
	char name[201], path[PATH_MAX + 1];
	struct stat top, status;
	int made = 0, back = 0, top_folder = need(open(".", O_RDONLY | O_DIRECTORY)), removed = 0;

	need(fstat(top_folder, &top));
	for (; made < deep; made++)
		if (mkdir("d", 0755) == -1 || chdir("d") == -1)
			break;
	check("mkdir(2): a tree as deep as wanted", made == deep, "%d: %s", made, strerrorname_np(errno));
	make_file("bottom", "bottom");
	check_text("open(2): a file at its bottom", "bottom", "bottom");
	need(unlink("bottom"));
	/* One by one: .. of each is the one above. */
	for (; back < made && chdir("..") == 0; back++)
		removed += rmdir("d") == 0;
	need(stat(".", &status));
	check("path_resolution(7): as many .. lead back to its top", back == made && status.st_ino == top.st_ino, "%d of %d", back,
	      made);
	equal("rmdir(2): removes them from below", removed, made);

	/* Twenty-five names of 200 bytes: longer than PATH_MAX allows in one path. */
	memset(name, 'd', 200);
	name[200] = 0;
	for (made = 0; made < 25; made++)
		if (mkdir(name, 0755) == -1 || chdir(name) == -1)
			break;
	check("mkdir(2): below where a path would be longer than PATH_MAX", made == 25, "%d: %s", made, strerrorname_np(errno));
	if (made == 25) {
		make_file("far", "far");
		check_text("open(2): a file there", "far", "far");
		fails("getcwd(3): ERANGE where its room is too small", ERANGE, getcwd(path, 100) ? 0 : -1);
		works("rename(2): there", rename("far", "further"));
		check("stat(2): there", exists("further"), "missing");
		need(unlink("further"));
	}
	need(fchdir(top_folder));
	if (made == 25) {
		works("rename(2): a tree of long paths", rename(name, "short"));
		need(chdir("short"));
		for (int i = 1; i < 25; i++)
			need(chdir(name));
		for (int i = 24; i > 0; i--) {
			need(chdir(".."));
			need(rmdir(name));
		}
	}
	need(fchdir(top_folder));
}
