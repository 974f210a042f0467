/* SPDX-License-Identifier: MIT */
#include "freeze.h"

#include "port.h"
#include "text.h"

/*
 * By the freezer of control groups (cgroup v2, which every kernel with CONFIG_CGROUPS has): unlike SIGSTOP it shows neither in
 * a shell's job control nor in wait(2). Programs in the root group are moved into a group for the time, as that one cannot
 * be frozen; groups that somebody has made are frozen as they are.
 */
#define ROOT "/sys/fs/cgroup/"
#define OUR_GROUP "vm9.frozen"
#define MAX_GROUPS 64

/* How long programs may take to stand still. Whoever waits in the kernel longer goes back to no program before the thaw. */
#define PATIENCE_MS 1000
/* Rounds in which new processes of the root group may turn up, each fork of one that was not yet moved. */
#define ROUNDS 64

/* What was frozen here; the first is ours. */
static char groups[MAX_GROUPS][64];
static int group_count;
static bool is_mounted;

static void path_of(struct text *path, const char *group, const char *file)
{
	*path = (struct text){ 0 };
	text_add(path, ROOT, group, *group ? "/" : "", file, NULL);
}

static int write_file(const char *group, const char *name, const char *value)
{
	struct text path;
	int file, result;

	path_of(&path, group, name);
	file = sys_open(path.bytes, O_WRONLY | O_CLOEXEC, 0);
	if (file < 0)
		return file;
	result = sys_write(file, value, strlen(value));
	sys_close(file);
	return result < 0 ? result : 0;
}

/* The content, ended with a NUL; as much of it as there is room for. */
static int read_file(const char *group, const char *name, char *into, int size)
{
	struct text path;
	int file, length = 0, count;

	path_of(&path, group, name);
	file = sys_open(path.bytes, O_RDONLY | O_CLOEXEC, 0);
	if (file < 0)
		return file;
	while (length < size - 1 && (count = sys_read(file, into + length, size - 1 - length)) > 0)
		length += count;
	sys_close(file);
	into[length] = 0;
	return length;
}

/* Moves all programs of a group but this one; returns how many could be. */
static int move_processes(const char *group, const char *to)
{
	static char list[65536];
	char *line = list;
	int moved = 0;

	if (read_file(group, "cgroup.procs", list, sizeof list) < 0)
		return 0;
	while (*line) {
		char *end = strchr(line, '\n');

		if (!end)
			break;
		*end = 0;
		/* A thread of the kernel is in no process group. */
		if (strcmp(line, "1") != 0 && sys_getpgid(atoi(line)) > 0 && write_file(to, "cgroup.procs", line) == 0)
			moved++;
		line = end + 1;
	}
	return moved;
}

static bool is_frozen(const char *group)
{
	static const char yes[] = "\nfrozen 1";
	char events[128], *line;

	if (read_file(group, "cgroup.events", events, sizeof events) <= 0)
		return false;
	line = strchr(events, '\n');
	return line && strncmp(line, yes, sizeof yes - 1) == 0;
}

static int freeze_group(const char *group)
{
	char state[8];

	/* What its owner has frozen, its owner thaws. */
	if (read_file(group, "cgroup.freeze", state, sizeof state) > 0 && state[0] == '1')
		return 0;
	if (group_count == MAX_GROUPS || strlen(group) >= sizeof groups[0])
		return -E2BIG;
	strlcpy(groups[group_count++], group, sizeof groups[0]);
	return write_file(group, "cgroup.freeze", "1");
}

/* All groups below the root: what is below them goes with them. */
static int freeze_groups(void)
{
	char buffer[2048];
	int directory = sys_open(ROOT, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	int length, error = directory < 0 ? directory : 0;

	if (directory < 0)
		return error;
	while (!error && (length = sys_getdents64(directory, (void *)buffer, sizeof buffer)) > 0) {
		for (int at = 0; at < length && !error;) {
			const struct linux_dirent64 *entry = (void *)(buffer + at);

			if (entry->d_type == DT_DIR && entry->d_name[0] != '.' && strcmp(entry->d_name, OUR_GROUP) != 0)
				error = freeze_group(entry->d_name);
			at += entry->d_reclen;
		}
	}
	sys_close(directory);
	return error;
}

static void wait_until_frozen(void)
{
	for (int waited = 0; waited < PATIENCE_MS; waited++) {
		bool all = true;

		for (int i = 0; i < group_count; i++)
			all = all && is_frozen(groups[i]);
		if (all)
			return;
		sys_poll(NULL, 0, 1);
	}
}

static int freeze(void)
{
	int error = sys_mount("cgroup2", ROOT, "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);

	if (error < 0)
		return error;
	is_mounted = true;
	error = sys_mkdir(ROOT OUR_GROUP, 0755);
	if (error < 0 && error != -EEXIST)
		return error;
	for (int round = 0; round < ROUNDS && move_processes("", OUR_GROUP) > 0; round++)
		;
	error = freeze_group(OUR_GROUP);
	if (error >= 0)
		error = freeze_groups();
	if (error >= 0)
		wait_until_frozen();
	return error;
}

void freeze_end(void)
{
	if (!is_mounted)
		return;
	while (group_count > 0)
		write_file(groups[--group_count], "cgroup.freeze", "0");
	move_processes(OUR_GROUP, "");
	sys_rmdir(ROOT OUR_GROUP);
	sys_umount2(ROOT, MNT_DETACH);
	is_mounted = false;
}

static void reply(__u32 id, int error, const char *what)
{
	struct text text = { 0 };

	if (error < 0)
		text_add(&text, what, ": ", error_text(-error), NULL);
	port_reply(id, error < 0 ? -error : 0, text.bytes);
}

const char *request_freeze(__u32 id, struct payload *payload)
{
	int error;

	if (!payload_finished(payload) || id == 0 || is_mounted)
		return "a malformed Freeze";
	error = freeze();
	if (error < 0)
		freeze_end();
	reply(id, error, "the programs cannot be frozen (control groups, at " ROOT ")");
	return NULL;
}

const char *request_thaw(__u32 id, struct payload *payload)
{
	if (!payload_finished(payload) || id == 0 || !is_mounted)
		return "a malformed Thaw";
	freeze_end();
	reply(id, 0, "");
	return NULL;
}
