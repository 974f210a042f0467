/* SPDX-License-Identifier: MIT */
/* Who may do what: path_resolution(7), chmod(2), chown(2). */
#include "suite.h"

static void as_alice(void)
{
	struct stat status;
	int file;

	become(ALICE);
	fails("open(2): EACCES without the right to read", EACCES, open("roots", O_RDONLY));
	fails("open(2): EACCES without the right to write", EACCES, open("readable", O_WRONLY));
	works("open(2): with the right to read", close(open("readable", O_RDONLY)));
	fails("truncate(2): EACCES without the right to write", EACCES, truncate("readable", 0));
	fails("open(2): EACCES to make a file in another's folder", EACCES, open("new", O_CREAT | O_WRONLY, 0644));
	fails("mkdir(2): EACCES in another's folder", EACCES, mkdir("new", 0755));
	fails("symlink(2): EACCES in another's folder", EACCES, symlink("x", "new"));
	fails("unlink(2): EACCES in another's folder", EACCES, unlink("roots"));
	fails("rename(2): EACCES in another's folder", EACCES, rename("roots", "new"));
	fails("rmdir(2): EACCES in another's folder", EACCES, rmdir("closed"));
	fails("path_resolution(7): EACCES through a folder without the right to search", EACCES, stat("closed/file", &status));
	fails("opendir(3): EACCES without the right to read", EACCES, open("closed", O_RDONLY | O_DIRECTORY));
	works("path_resolution(7): x without r is enough to go through", stat("through/file", &status));
	fails("opendir(3): but not to list", EACCES, open("through", O_RDONLY | O_DIRECTORY));
	fails("chmod(2): EPERM for another's file", EPERM, chmod("readable", 0777));
	fails("chown(2): EPERM for another's file", EPERM, chown("readable", ALICE, ALICE));

	need(chdir("alices"));
	file = works("open(2): makes a file without the right to write, and may write", open("ro", O_CREAT | O_RDWR, 0444));
	works("write(2): to it", write(file, "text", 4));
	need(close(file));
	fails("open(2): EACCES to write the next time", EACCES, open("ro", O_WRONLY));
	equal("open(2): who makes a file owns it", status_of("ro").st_uid, ALICE);
	equal("open(2): and so does its group", status_of("ro").st_gid, ALICE);
	need(mkdir("made", 0750));
	check("mkdir(2): who makes a folder owns it", status_of("made").st_uid == ALICE && status_of("made").st_gid == ALICE,
	      "%d:%d", (int)status_of("made").st_uid, (int)status_of("made").st_gid);
	need(symlink("ro", "link"));
	equal("symlink(2): who makes a link owns it", status_of("link").st_uid, ALICE);
	works("chmod(2): by the owner", chmod("ro", 0640));
	fails("chown(2): EPERM for the owner to give a file away", EPERM, chown("ro", BOB, -1));
	fails("chown(2): EPERM for the owner to a group that they are not in", EPERM, chown("ro", -1, OTHERS));
	works("chown(2): by the owner to their own group", chown("ro", -1, ALICE));

	file = need(open("ro", O_RDWR));
	need(chmod("ro", 0));
	works("open(2): rights count when a file is opened, not later", pwrite(file, "more", 4, 0));
	works("fchmod(2): of an open file", fchmod(file, 0604));
	need(close(file));
	need(chmod("ro", 0077));
	fails("path_resolution(7): EACCES for the owner, whatever others may", EACCES, open("ro", O_RDONLY));
	need(chmod("ro", 0600));
	become(0);
	need(chdir(".."));
}

static void as_group(void)
{
	make_file("groups", "text");
	need(chown("groups", BOB, ALICE));
	need(chmod("groups", 0640));
	become(ALICE);
	works("path_resolution(7): the group's rights let its members read", close(open("groups", O_RDONLY)));
	fails("path_resolution(7): and not write", EACCES, open("groups", O_WRONLY));
	become(0);
	need(chmod("groups", 0604));
	become(ALICE);
	fails("path_resolution(7): EACCES for the group, whatever others may", EACCES, open("groups", O_RDONLY));
	become(OTHERS);
	works("path_resolution(7): others have the last three bits", close(open("groups", O_RDONLY)));
	become(0);
}

static void masks(void)
{
	umask(027);
	make_file("masked", "");
	equal("umask(2): takes bits from a new file", status_of("masked").st_mode & 07777, 0640);
	need(mkdir("masked-folder", 0777));
	equal("umask(2): takes bits from a new folder", status_of("masked-folder").st_mode & 07777, 0750);
	umask(0);
	need(close(open("all", O_CREAT | O_WRONLY, 0777)));
	equal("umask(2): of 0 takes none", status_of("all").st_mode & 07777, 0777);
	umask(022);
	for (int mode = 0; mode < 010000; mode += 0421) {
		need(chmod("all", mode));
		if ((int)(status_of("all").st_mode & 07777) != mode) {
			check("chmod(2): every mode is kept", 0, "%o became %o", mode, status_of("all").st_mode & 07777);
			return;
		}
	}
	check("chmod(2): every mode is kept", 1, " ");
}

void permissions(void)
{
	make_file("roots", "text");
	need(chmod("roots", 0600));
	make_file("readable", "text");
	need(mkdir("closed", 0700));
	make_file("closed/file", "text");
	need(mkdir("through", 0711));
	make_file("through/file", "text");
	need(mkdir("alices", 0755));
	need(chown("alices", ALICE, ALICE));
	as_alice();
	as_group();
	masks();

	make_file("none", "text");
	need(chown("none", ALICE, ALICE));
	need(chmod("none", 0));
	check_text("capabilities(7): root reads without the right", "none", "text");
	works("capabilities(7): root writes without the right", close(open("none", O_WRONLY)));
	need(mkdir("none-folder", 0));
	works("capabilities(7): root makes files in a folder without rights", close(open("none-folder/file", O_CREAT | O_WRONLY, 0)));
	equal("capabilities(7): and lists it", count_names("none-folder"), 1);
	works("chown(2): root gives a file to anybody", chown("none", 12345, 4000000000u));
	check("chown(2): which is remembered", status_of("none").st_uid == 12345 && status_of("none").st_gid == 4000000000u,
	      "%u:%u", status_of("none").st_uid, status_of("none").st_gid);
	need(chown("none", -1, 7));
	check("chown(2): -1 leaves the owner", status_of("none").st_uid == 12345 && status_of("none").st_gid == 7, "%u:%u",
	      status_of("none").st_uid, status_of("none").st_gid);
}
