/* SPDX-License-Identifier: MIT */
/* Operations on names and attributes of a share. Usage: metadata FOLDER, which holds many/0 to many/1999 and small/0 to
 * small/299. Run it right after the mount: each file is met for the first time. */
#include "share.h"

#define MANY 2000
#define SMALL 300
#define MADE 200

static void create(const char *path)
{
	int file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);

	must(file >= 0 && close(file) == 0, path);
}

int main(int argc, char **argv)
{
	struct stat status;

	must(argc == 2 && chdir(argv[1]) == 0, "usage: metadata FOLDER");

	begin();
	for (int i = 0; i < SMALL / 2; i++)
		must(stat(numbered("small/%d", i), &status) == 0 && status.st_size == 1024, "stat");
	end("stat", SMALL / 2);

	begin();
	for (int i = SMALL / 2; i < SMALL; i++)
		read_through(numbered("small/%d", i), 4096, 1024);
	end("open", SMALL / 2);

	begin();
	for (int i = 0; i < MADE; i++)
		create(numbered("new-%d", i));
	end("create", MADE);

	begin();
	for (int i = 0; i < MADE; i++)
		must(rename(numbered("new-%d", i), numbered("moved-%d", i)) == 0, "rename");
	end("rename", MADE);

	begin();
	for (int i = 0; i < MADE; i++)
		must(unlink(numbered("moved-%d", i)) == 0, "unlink");
	end("unlink", MADE);

	begin();
	for (int i = 0; i < MADE; i++)
		must(mkdir(numbered("folder-%d", i), 0755) == 0, "mkdir");
	end("mkdir", MADE);
	for (int i = 0; i < MADE; i++)
		must(rmdir(numbered("folder-%d", i)) == 0, "rmdir");

	begin();
	for (int i = 0; i < MADE; i++)
		must(symlink("small/0", numbered("link-%d", i)) == 0, "symlink");
	end("symlink", MADE);
	for (int i = 0; i < MADE; i++)
		must(unlink(numbered("link-%d", i)) == 0, "unlink");

	begin();
	list("many", MANY);
	end("readdir", MANY);
	return 0;
}
