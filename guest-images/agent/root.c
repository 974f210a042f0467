/* SPDX-License-Identifier: MIT */
/* A share in place of the initramfs, whose files stay where they are, out of sight: the agent runs from them. */
#include "root.h"

#include "boot.h"
#include "mount.h"
#include "spawn.h"

#define NEW_ROOT "/newroot"

static bool entered;

static const char *const kept[] = { "/dev", "/proc", "/sys" };

static const struct {
	const char *path;
	mode_t mode;
	const char *options;
} in_memory[] = {
	{ "/run", 0755, "mode=0755" },
	{ "/tmp", 01777, "mode=1777" },
};

static int fail(struct text *failure, const char *path, const char *what, int error)
{
	text_add(failure, "the folder ", path, " of the root cannot ", what, ": ", error_text(error), NULL);
	return error;
}

/* The folder of this path in the new root, made if it is not there. */
static void find_folder(const char *path, char *found, size_t size)
{
	strlcpy(found, NEW_ROOT, size);
	strlcat(found, path, size);
	sys_mkdir(found, 0755);
}

/* As the tree calls itself. */
static void set_host_name(void)
{
	char *name = boot_read_file(NEW_ROOT "/etc/hostname");
	char *end = strchr(name, '\n');

	if (end)
		*end = 0;
	if (*name)
		sys_sethostname(name, strlen(name));
}

int root_prepare(const char *tag, char *options, struct text *failure)
{
	char path[64] = NEW_ROOT;
	int error;

	if (entered) {
		text_add(failure, "the root is a share already", NULL);
		return EBUSY;
	}
	error = mount_share(tag, path, options, failure);
	if (error)
		return error;
	for (size_t i = 0; i < sizeof in_memory / sizeof *in_memory; i++) {
		find_folder(in_memory[i].path, path, sizeof path);
		error = -sys_mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, in_memory[i].options);
		if (error)
			return fail(failure, in_memory[i].path, "be mounted", error);
	}
	sys_mkdir(NEW_ROOT "/run/lock", 0755);
	sys_chmod(NEW_ROOT "/run/lock", 01777);
	set_host_name();
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
		find_folder(kept[i], path, sizeof path);
		error = -sys_mount(kept[i], path, NULL, MS_MOVE, NULL);
		if (error)
			return fail(failure, kept[i], "be mounted", error);
	}
	return 0;
}

int root_enter(struct text *failure)
{
	/* The order of switch_root(8). A rootfs cannot be pivoted. */
	int error = -sys_chdir(NEW_ROOT);

	if (!error)
		error = -sys_mount(".", "/", NULL, MS_MOVE, NULL);
	if (!error)
		error = -sys_chroot(".");
	if (!error)
		error = -sys_chdir("/");
	if (error)
		return fail(failure, "/", "be entered", error);
	entered = true;
	spawn_find_shell();
	return 0;
}
