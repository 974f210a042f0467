/* SPDX-License-Identifier: MIT */
/* Extended attributes: xattr(7). */
#include "suite.h"

#include <sys/xattr.h>

static int has_name(const char *list, ssize_t length, const char *name)
{
	for (ssize_t i = 0; i < length; i += strlen(list + i) + 1)
		if (strcmp(list + i, name) == 0)
			return 1;
	return 0;
}

void xattrs(void)
{
	char value[1000], list[1000], large[3000];
	ssize_t length;
	int file;

	make_file("file", "text");
	works("setxattr(2): sets one", setxattr("file", "user.one", "first", 5, 0));
	equal("getxattr(2): reads it", getxattr("file", "user.one", value, sizeof value), 5);
	check("getxattr(2): as it was set", memcmp(value, "first", 5) == 0, "%.5s", value);
	equal("getxattr(2): tells its length where there is no room", getxattr("file", "user.one", NULL, 0), 5);
	fails("getxattr(2): ERANGE where there is too little", ERANGE, getxattr("file", "user.one", value, 3));
	fails("getxattr(2): ENODATA for one that is not set", ENODATA, getxattr("file", "user.none", value, sizeof value));
	fails("setxattr(2): EEXIST with XATTR_CREATE", EEXIST, setxattr("file", "user.one", "x", 1, XATTR_CREATE));
	fails("setxattr(2): ENODATA with XATTR_REPLACE", ENODATA, setxattr("file", "user.none", "x", 1, XATTR_REPLACE));
	works("setxattr(2): XATTR_REPLACE", setxattr("file", "user.one", "second value", 12, XATTR_REPLACE));
	equal("setxattr(2): a longer value", getxattr("file", "user.one", value, sizeof value), 12);
	works("setxattr(2): an empty value", setxattr("file", "user.empty", "", 0, 0));
	equal("getxattr(2): which is one", getxattr("file", "user.empty", value, sizeof value), 0);
	memset(large, 'l', sizeof large);
	works("setxattr(2): 3,000 bytes", setxattr("file", "user.large", large, sizeof large, 0));
	memset(large, 0, sizeof large);
	equal("getxattr(2): 3,000 bytes", getxattr("file", "user.large", large, sizeof large), sizeof large);
	equal("getxattr(2): which are those", large[0] == 'l' && large[2999] == 'l', 1);
	length = listxattr("file", list, sizeof list);
	check("listxattr(2): lists all", length > 0 && has_name(list, length, "user.one") && has_name(list, length, "user.empty") &&
	      has_name(list, length, "user.large"), "%zd bytes", length);
	equal("listxattr(2): tells its length where there is no room", listxattr("file", NULL, 0), length);
	fails("listxattr(2): ERANGE where there is too little", ERANGE, listxattr("file", list, 5));
	works("removexattr(2): removes one", removexattr("file", "user.one"));
	fails("removexattr(2): ENODATA for one that is not set", ENODATA, removexattr("file", "user.one"));
	fails("getxattr(2): which is gone", ENODATA, getxattr("file", "user.one", value, sizeof value));
	fails("setxattr(2): EOPNOTSUPP for a name of no namespace", EOPNOTSUPP, setxattr("file", "strange", "x", 1, 0));
	works("rename(2): of a file with attributes", rename("file", "renamed"));
	equal("rename(2): keeps them", getxattr("renamed", "user.large", NULL, 0), sizeof large);
	need(mkdir("folder", 0755));
	works("setxattr(2): of a folder", setxattr("folder", "user.of", "folder", 6, 0));
	equal("getxattr(2): of a folder", getxattr("folder", "user.of", value, sizeof value), 6);
	need(symlink("renamed", "link"));
	equal("getxattr(2): follows links", getxattr("link", "user.large", NULL, 0), sizeof large);
	fails("xattr(7): EPERM for a link's own, of users", EPERM, lsetxattr("link", "user.x", "x", 1, 0));
	file = need(open("renamed", O_RDONLY));
	equal("fgetxattr(2): by an open file", fgetxattr(file, "user.large", NULL, 0), sizeof large);
	works("fsetxattr(2): by a file that is open to read", fsetxattr(file, "user.open", "x", 1, 0));
	need(close(file));
	need(chmod("renamed", 0644));
	become(BOB);
	works("xattr(7): who may read a file may read them", getxattr("renamed", "user.open", value, sizeof value));
	fails("xattr(7): EACCES to set one without the right to write", EACCES, setxattr("renamed", "user.x", "x", 1, 0));
	become(0);
	works("setxattr(2): root sets trusted ones", setxattr("renamed", "trusted.x", "x", 1, 0));
	equal("getxattr(2): and reads them", getxattr("renamed", "trusted.x", value, sizeof value), 1);
}
