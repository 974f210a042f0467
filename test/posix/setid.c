/* SPDX-License-Identifier: MIT */
/* SUID and SGID: who keeps them, and who loses them. */
#include "suite.h"

#include <sys/sendfile.h>

static int mode_of(const char *name)
{
	return (int)(status_of(name).st_mode & 07777);
}

static void make_program(const char *name, int mode)
{
	make_file(name, "text");
	need(chown(name, ALICE, ALICE));
	need(chmod(name, mode));
}

void setid(void)
{
	int file;

	make_program("program", 06777);
	equal("chmod(2): root sets SUID and SGID", mode_of("program"), 06777);
	become(BOB);
	file = need(open("program", O_WRONLY));
	need(write(file, "x", 1));
	need(close(file));
	equal("write(2): takes SUID and SGID when another writes", mode_of("program"), 0777);
	become(0);

	make_program("owners", 06755);
	become(ALICE);
	file = need(open("owners", O_WRONLY));
	need(write(file, "x", 1));
	equal("write(2): takes them when the owner writes, at once", mode_of("owners"), 0755);
	need(close(file));
	become(0);

	make_program("cut", 06777);
	become(BOB);
	need(truncate("cut", 1));
	equal("truncate(2): takes them", mode_of("cut"), 0777);
	become(0);

	make_program("emptied", 06777);
	become(BOB);
	need(close(open("emptied", O_WRONLY | O_TRUNC)));
	equal("open(2): O_TRUNC takes them", mode_of("emptied"), 0777);
	become(0);

	make_program("given", 06755);
	need(chown("given", BOB, BOB));
	equal("chown(2): takes them, by root, too", mode_of("given"), 0755);
	make_program("locks", 02745);
	need(chown("locks", BOB, BOB));
	equal("chown(2): leaves SGID where the group may not run the file", mode_of("locks"), 02745);

	make_program("roots", 06755);
	file = need(open("roots", O_WRONLY));
	need(write(file, "x", 1));
	need(close(file));
	equal("capabilities(7): CAP_FSETID keeps them when root writes", mode_of("roots"), 06755);

	make_program("others", 0755);
	need(chown("others", ALICE, OTHERS));
	become(ALICE);
	need(chmod("others", 02755));
	equal("chmod(2): takes SGID from who is not in the group", mode_of("others"), 0755);
	need(chmod("others", 04755));
	equal("chmod(2): leaves SUID to the owner", mode_of("others"), 04755);
	become(0);

	need(mkdir("team", 0755));
	need(chown("team", ALICE, OTHERS));
	need(chmod("team", 02777));
	equal("chmod(2): a folder has SGID", mode_of("team"), 02777);
	become(BOB);
	make_file("team/file", "");
	need(mkdir("team/below", 0755));
	need(symlink("x", "team/link"));
	become(0);
	equal("inode(7): a file in an SGID folder has its group", status_of("team/file").st_gid, OTHERS);
	equal("inode(7): a folder in an SGID folder has its group", status_of("team/below").st_gid, OTHERS);
	equal("inode(7): a link in an SGID folder has its group", status_of("team/link").st_gid, OTHERS);
	equal("inode(7): a folder in an SGID folder has SGID", mode_of("team/below"), 02755);
	equal("inode(7): a file in an SGID folder has no SGID", mode_of("team/file"), 0644);
}
