/* SPDX-License-Identifier: MIT */
/* Folders like /tmp: inode(7), S_ISVTX. */
#include "suite.h"

void sticky(void)
{
	need(mkdir("tmp", 0755));
	need(chmod("tmp", 01777));
	equal("chmod(2): keeps the sticky bit", status_of("tmp").st_mode & 07777, 01777);
	become(ALICE);
	make_file("tmp/alices", "text");
	make_file("tmp/second", "text");
	need(mkdir("tmp/folder", 0777));
	become(BOB);
	make_file("tmp/bobs", "text");
	fails("unlink(2): EPERM for another's file in a sticky folder", EPERM, unlink("tmp/alices"));
	fails("rename(2): EPERM for another's file in a sticky folder", EPERM, rename("tmp/alices", "tmp/mine"));
	fails("rename(2): EPERM over another's file in a sticky folder", EPERM, rename("tmp/bobs", "tmp/alices"));
	fails("rmdir(2): EPERM for another's folder in a sticky folder", EPERM, rmdir("tmp/folder"));
	works("unlink(2): of one's own file in a sticky folder", unlink("tmp/bobs"));
	become(ALICE);
	works("rename(2): of one's own file in a sticky folder", rename("tmp/alices", "tmp/renamed"));
	become(0);
	need(chown("tmp", BOB, BOB));
	become(BOB);
	works("unlink(2): by the owner of the sticky folder", unlink("tmp/renamed"));
	become(0);
	works("unlink(2): by root in a sticky folder", unlink("tmp/second"));
	need(chmod("tmp", 0777));
	become(OTHERS);
	works("rmdir(2): by anybody where the folder is not sticky", rmdir("tmp/folder"));
	become(0);
}
