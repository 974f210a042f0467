/* SPDX-License-Identifier: MIT */
/* Operations on the files of a share. Usage: files FOLDER, which holds many/0 to many/1999, small/0 to small/299 and big.
 * Run it right after the mount: the first look at a file must be the first. */
#include "share.h"

#define MANY 2000
#define SMALL 300
#define CREATED 100
#define AGAIN 500
#define MIB 8

static void create(const char *path)
{
	int file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);

	must(file >= 0 && write(file, buffer, 100) == 100 && close(file) == 0, path);
}

int main(int argc, char **argv)
{
	struct stat status;

	must(argc == 2 && chdir(argv[1]) == 0, "usage: files FOLDER");

	begin();
	list("many", MANY);
	end("readdir", MANY);

	begin();
	for (int i = 0; i < SMALL / 2; i++)
		must(stat(numbered("small/%d", i), &status) == 0, "stat");
	end("stat-first", SMALL / 2);

	begin();
	for (int i = 0; i < AGAIN; i++)
		must(stat("small/0", &status) == 0, "stat");
	end("stat-again", AGAIN);

	begin();
	for (int i = SMALL / 2; i < SMALL; i++)
		read_through(numbered("small/%d", i), 4096, 1024);
	end("open-read-close", SMALL / 2);

	begin();
	for (int i = SMALL / 2; i < SMALL; i++)
		read_through(numbered("small/%d", i), 4096, 1024);
	end("open-read-close-again", SMALL / 2);

	begin();
	for (int i = 0; i < CREATED; i++)
		create(numbered("new-%d", i));
	end("create", CREATED);

	begin();
	for (int i = 0; i < CREATED; i++)
		must(rename(numbered("new-%d", i), numbered("moved-%d", i)) == 0, "rename");
	end("rename", CREATED);

	begin();
	for (int i = 0; i < CREATED; i++)
		must(unlink(numbered("moved-%d", i)) == 0, "unlink");
	end("unlink", CREATED);

	begin();
	read_through("big", 128 << 10, (long)MIB << 20);
	end("read", MIB);

	begin();
	write_through("written", MIB);
	end("write", MIB);
	must(unlink("written") == 0, "unlink");
	return 0;
}
