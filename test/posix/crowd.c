/* SPDX-License-Identifier: MIT */
/* A folder of very many names. */
#include "suite.h"

void crowd(void)
{
	char *seen = calloc(many, 1), name[32];
	struct dirent *entry;
	DIR *folder;
	int listed = 0, strange = 0, removed = 0;

	if (!seen)
		give_up("calloc");
	for (int i = 0; i < many; i++) {
		snprintf(name, sizeof name, "name %d", i);
		need(close(open(name, O_CREAT | O_EXCL | O_WRONLY, 0644)));
	}
	folder = opendir(".");
	while (folder && (entry = readdir(folder)) != NULL) {
		int number;

		if (entry->d_name[0] == '.')
			continue;
		if (sscanf(entry->d_name, "name %d", &number) != 1 || number < 0 || number >= many || seen[number]++)
			strange++;
		listed++;
	}
	if (folder)
		closedir(folder);
	check("readdir(3): a crowded folder lists each name once", listed == many && strange == 0, "%d listed, %d of them strange",
	      listed, strange);
	snprintf(name, sizeof name, "name %d", many / 2);
	works("stat(2): one of them is found", access(name, F_OK));
	fails("stat(2): ENOENT for one that is none of them", ENOENT, access("name -1", F_OK));
	fails("open(2): EEXIST with O_EXCL for one of them", EEXIST, open(name, O_CREAT | O_EXCL | O_WRONLY, 0644));
	for (int i = 0; i < many; i++) {
		snprintf(name, sizeof name, "name %d", i);
		removed += unlink(name) == 0;
	}
	equal("unlink(2): all of them can be removed", removed, many);
	equal("readdir(3): then there is none", count_names("."), 0);
	free(seen);
}
