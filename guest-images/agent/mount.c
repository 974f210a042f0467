/* SPDX-License-Identifier: MIT */
#include "mount.h"

#define DEVICES "/sys/bus/platform/devices"
#define RESCAN "/sys/bus/pci/rescan"
#define BIND "/sys/bus/platform/drivers/virtio-mmio/bind"
#define TRANSPORT "trans=virtio,version=9p2000.L"

static const struct {
	const char *name;
	unsigned long set, clear;
} flags[] = {
	{ "ro", MS_RDONLY, 0 },
	{ "rw", 0, MS_RDONLY },
	{ "nosuid", MS_NOSUID, 0 },
	{ "suid", 0, MS_NOSUID },
	{ "nodev", MS_NODEV, 0 },
	{ "dev", 0, MS_NODEV },
	{ "noexec", MS_NOEXEC, 0 },
	{ "exec", 0, MS_NOEXEC },
	{ "sync", MS_SYNCHRONOUS, 0 },
	{ "noatime", MS_NOATIME, 0 },
	{ "nodiratime", MS_NODIRATIME, 0 },
	{ "relatime", MS_RELATIME, 0 },
};

/* Takes an option that is a mount flag. */
static bool take_flag(const char *option, unsigned long *mount_flags)
{
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		if (strcmp(option, flags[i].name) == 0) {
			*mount_flags = (*mount_flags & ~flags[i].clear) | flags[i].set;
			return true;
		}
	}
	return false;
}

/* Parts the options into flags and the file system's own, which come after ours: the last of a name counts. */
static bool part_options(char *options, unsigned long *mount_flags, char *own, size_t size)
{
	strlcpy(own, TRANSPORT, size);
	while (*options) {
		char *end = strchr(options, ',');
		char *next = end ? end + 1 : options + strlen(options);

		if (end)
			*end = 0;
		if (*options && !take_flag(options, mount_flags)) {
			if (strlen(own) + strlen(options) + 2 > size)
				return false;
			strlcat(own, ",", size);
			strlcat(own, options, size);
		}
		options = next;
	}
	return true;
}

int make_folders(char *path)
{
	char *slash = path;
	int error;

	for (;;) {
		slash = strchr(slash + 1, '/');
		if (slash)
			*slash = 0;
		error = -sys_mkdir(path, 0755);
		if (slash)
			*slash = '/';
		if (!slash)
			return error == EEXIST ? 0 : error;
		if (error && error != EEXIST)
			return error;
	}
}

static void write_to(const char *path, const char *text)
{
	int file = sys_open(path, O_WRONLY | O_CLOEXEC, 0);

	if (file < 0)
		return;
	sys_write(file, text, strlen(text));
	sys_close(file);
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), tail = strlen(end);

	return length >= tail && strcmp(text + length - tail, end) == 0;
}

/*
 * Has the kernel look again at slots that were empty when it booted: a machine that went on from a snapshot may have more
 * shares than it had. Slots that have their driver refuse another one; of a PCI bus nothing is asked but to look.
 */
static void look_for_devices(void)
{
	char buffer[2048];
	int directory = sys_open(DEVICES, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	int length;

	write_to(RESCAN, "1");
	if (directory < 0)
		return;
	while ((length = sys_getdents64(directory, (void *)buffer, sizeof buffer)) > 0) {
		for (int at = 0; at < length;) {
			const struct linux_dirent64 *entry = (void *)(buffer + at);

			if (ends_with(entry->d_name, ".virtio_mmio"))
				write_to(BIND, entry->d_name);
			at += entry->d_reclen;
		}
	}
	sys_close(directory);
}

int mount_share(const char *tag, char *path, char *options, struct text *failure)
{
	/* The kernel takes one page. */
	char own[4096];
	unsigned long mount_flags = 0;
	int error;

	if (path[0] != '/') {
		text_add(failure, "the mount path is not absolute: ", path, NULL);
		return EINVAL;
	}
	error = make_folders(path);
	if (error) {
		text_add(failure, "the folder ", path, " cannot be made: ", error_text(error), NULL);
		return error;
	}
	if (!part_options(options, &mount_flags, own, sizeof own)) {
		text_add(failure, "the mount options are longer than 4096 bytes", NULL);
		return E2BIG;
	}
	error = -sys_mount(tag, path, "9p", mount_flags, own);
	if (error == ENOENT) {
		look_for_devices();
		error = -sys_mount(tag, path, "9p", mount_flags, own);
	}
	if (error == 0)
		return 0;
	text_add(failure, "share ", tag, " at ", path, ": ", NULL);
	switch (error) {
	case ENOENT:
		text_add(failure, "no virtio-9p device has this tag", NULL);
		break;
	case EBUSY:
		text_add(failure, "it is mounted already, and a tag mounts once", NULL);
		break;
	case EINVAL:
		text_add(failure, "the file system does not take the options ", own, NULL);
		break;
	case ENODEV:
		text_add(failure, "the kernel has no 9P file system", NULL);
		break;
	default:
		text_add(failure, error_text(error), NULL);
	}
	return error;
}
