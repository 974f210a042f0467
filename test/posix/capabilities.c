/* SPDX-License-Identifier: MIT */
/* Capabilities of files, capabilities(7): a program loses them when it is changed or given away. */
#include "suite.h"

#include <linux/capability.h>
#include <linux/xattr.h>
#include <sys/xattr.h>

static int give(const char *name)
{
	struct vfs_cap_data some = {
		.magic_etc = VFS_CAP_REVISION_2,
		.data[0].permitted = 1 << CAP_NET_BIND_SERVICE,
	};

	return setxattr(name, XATTR_NAME_CAPS, &some, sizeof some, 0);
}

static int has(const char *name)
{
	return getxattr(name, XATTR_NAME_CAPS, NULL, 0) == (ssize_t)sizeof(struct vfs_cap_data);
}

/* A file with capabilities, or the end of the topic. */
static void make_program(const char *name)
{
	make_file(name, "text");
	need(give(name));
	if (!has(name))
		give_up("getxattr");
}

static void check_lost(const char *rule, const char *name)
{
	errno = 0;
	check_fails(rule, getxattr(name, XATTR_NAME_CAPS, NULL, 0), ENODATA);
}

static void write_to(const char *name, int flags)
{
	int file = need(open(name, O_WRONLY | flags));

	if (write(file, "x", 1) != 1)
		give_up("write");
	need(close(file));
}

void capabilities(void)
{
	int file;

	make_file("kept", "text");
	if (works("setxattr(2): root gives a file capabilities", give("kept")) == -1)
		return;
	need(chmod("kept", 0755));
	need(utimensat(AT_FDCWD, "kept", NULL, 0));
	need(setxattr("kept", "user.x", "x", 1, 0));
	need(rename("kept", "renamed"));
	check_text("read(2): of a file with capabilities", "renamed", "text");
	check("capabilities(7): stay when the data and the owner do", has("renamed"), "none");

	make_program("written");
	need(setxattr("written", "user.x", "x", 1, 0));
	write_to("written", 0);
	check_lost("write(2): takes capabilities, root's too", "written");
	equal("write(2): takes no other attributes", getxattr("written", "user.x", NULL, 0), 1);

	make_program("appended");
	write_to("appended", O_APPEND);
	check_lost("write(2): takes them with O_APPEND", "appended");

	make_program("one");
	need(link("one", "two"));
	need(status_of("two").st_nlink == 2 ? 0 : -1);
	write_to("two", 0);
	check_lost("write(2): takes them by another name", "one");

	make_program("opened");
	file = need(open("opened", O_WRONLY));
	if (write(file, "x", 1) != 1)
		give_up("write");
	need(give("opened"));
	need(close(file));
	check("write(2): leaves what was given afterwards", has("opened"), "none");
	file = need(open("opened", O_WRONLY));
	need(fsync(file));
	need(close(file));
	check("fsync(2): leaves it", has("opened"), "none");

	make_program("cut");
	need(truncate("cut", 1));
	check_lost("truncate(2): takes them", "cut");
	make_program("emptied");
	need(close(need(open("emptied", O_WRONLY | O_TRUNC))));
	check_lost("open(2): O_TRUNC takes them", "emptied");
	make_program("given");
	need(chown("given", ALICE, ALICE));
	check_lost("chown(2): takes them", "given");
}
