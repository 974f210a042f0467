/* SPDX-License-Identifier: MIT */
/* Rules of POSIX and of Linux's manual pages, checked on a file system. Usage: posix FOLDER MANY DEEP [TOPIC ...], as root;
 * FOLDER is empty and stays so. It prints "ok TOPIC: RULE" or "not ok TOPIC: RULE: WHAT WAS SEEN" for each case. */
#include "suite.h"

#include <grp.h>
#include <stdarg.h>

#define TOPICS(each) \
	each(names) each(links) each(symlinks) each(renames) each(permissions) each(sticky) each(setid) each(times) \
	each(locks) each(mmaps) each(sparse) each(append) each(writers) each(unlinked) each(folders) each(crowd) each(depth) \
	each(errnos) each(opening) each(xattrs) each(capabilities) each(statfs_of) each(syncing) each(data) each(specials) \
	each(programs)

#define DECLARE(name) void name(void);
TOPICS(DECLARE)

#define ENTRY(name) { #name, name },
static const struct {
	const char *name;
	void (*run)(void);
} topics[] = { TOPICS(ENTRY) };

/* Seconds after which a topic hangs. */
#define PATIENCE 1200

int many, deep;
static const char *topic;

static void begin_line(const char *rule, int holds)
{
	printf("%s %s: %s", holds ? "ok" : "not ok", topic, rule);
}

void check(const char *rule, int holds, const char *seen, ...)
{
	va_list values;

	begin_line(rule, holds);
	if (!holds) {
		va_start(values, seen);
		printf(": ");
		vprintf(seen, values);
		va_end(values);
	}
	putchar('\n');
	fflush(stdout);
}

static const char *outcome(long result, int error)
{
	static char text[64];

	if (result == -1)
		return strerrorname_np(error) ? strerrorname_np(error) : "success";
	snprintf(text, sizeof text, "%ld", result);
	return text;
}

void check_works(const char *rule, long result)
{
	int error = errno;

	check(rule, result != -1, "%s", outcome(result, error));
	errno = error;
}

void check_fails(const char *rule, long result, int error)
{
	check(rule, result == -1 && errno == error, "%s", outcome(result, errno));
}

void check_equal(const char *rule, long long seen, long long wanted)
{
	check(rule, seen == wanted, "%lld instead of %lld", seen, wanted);
}

void give_up(const char *what)
{
	printf("not ok %s: has what it needs: %s: %s\n", topic, what, outcome(-1, errno));
	fflush(stdout);
	_exit(EXIT_FAILURE);
}

void make_file(const char *name, const char *text)
{
	int file = need(open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644));

	if (write(file, text, strlen(text)) != (ssize_t)strlen(text))
		give_up("write");
	need(close(file));
}

const char *text_of(const char *name)
{
	static char text[1 << 16];
	int file = open(name, O_RDONLY);
	ssize_t length = file == -1 ? -1 : read(file, text, sizeof text - 1);

	if (length == -1)
		snprintf(text, sizeof text, "?%s", strerrorname_np(errno));
	else
		text[length] = 0;
	if (file != -1)
		close(file);
	return text;
}

void check_text(const char *rule, const char *name, const char *text)
{
	char *seen = strdup(text_of(name));
	int same = strcmp(seen, text) == 0;

	/* One line. */
	for (char *byte = seen; *byte; byte++)
		if (*byte == '\n')
			*byte = '|';
	check(rule, same, "\"%.60s\"", seen);
	free(seen);
}

struct stat status_of(const char *name)
{
	struct stat status;

	if (lstat(name, &status) == -1)
		memset(&status, 0, sizeof status);
	return status;
}

int exists(const char *name)
{
	struct stat status;

	return lstat(name, &status) == 0;
}

int count_names(const char *folder)
{
	DIR *open_folder = opendir(folder);
	struct dirent *entry;
	int count = 0;

	if (!open_folder)
		return -1;
	while ((entry = readdir(open_folder)) != NULL)
		count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	closedir(open_folder);
	return count;
}

void become(uid_t user)
{
	if (seteuid(0) == -1 || setegid(user) == -1 || setgroups(0, NULL) == -1 || seteuid(user) == -1)
		give_up("become");
}

pid_t start_process(int (*part)(void *), void *argument)
{
	pid_t process;

	fflush(stdout);
	process = need(fork());
	if (process == 0) {
		alarm(PATIENCE);
		_exit(part(argument));
	}
	return process;
}

int end_of(pid_t process)
{
	int status;

	need(waitpid(process, &status, 0));
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int in_process(int (*part)(void *), void *argument)
{
	return end_of(start_process(part, argument));
}

static int run_topic(void *run)
{
	umask(022);
	(*(void (**)(void))run)();
	return EXIT_SUCCESS;
}

/* Removes what is in the current folder, however deep: by names of one element, because a path may be too long. */
static void remove_all(void)
{
	DIR *folder = opendir(".");
	struct dirent *entry;
	char name[NAME_MAX + 1];

	if (!folder)
		return;
	while ((entry = readdir(folder)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (unlink(entry->d_name) == 0)
			continue;
		/* One stream at a time, however deep it is; so the name is kept, and the folder read from its beginning again. */
		snprintf(name, sizeof name, "%s", entry->d_name);
		closedir(folder);
		if (chdir(name) == -1)
			return;
		remove_all();
		if (chdir("..") == -1 || rmdir(name) == -1)
			return;
		folder = opendir(".");
		if (!folder)
			return;
	}
	closedir(folder);
}

static int is_wanted(const char *name, char **names)
{
	if (!*names)
		return 1;
	for (; *names; names++)
		if (strcmp(*names, name) == 0)
			return 1;
	return 0;
}

int main(int count, char **words)
{
	if (count < 4) {
		fprintf(stderr, "usage: posix FOLDER MANY DEEP [TOPIC ...]\n");
		return 2;
	}
	many = atoi(words[2]);
	deep = atoi(words[3]);
	topic = "main";
	need(chdir(words[1]));
	for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) {
		int status;

		topic = topics[i].name;
		if (!is_wanted(topic, words + 4))
			continue;
		need(mkdir(topic, 0755));
		need(chmod(topic, 0755));
		need(chdir(topic));
		status = in_process(run_topic, (void *)&topics[i].run);
		check("runs to its end", status == 0, "status %d", status);
		remove_all();
		need(chdir(".."));
		works("rmdir(2): all that it made can be removed", rmdir(topic));
	}
	return EXIT_SUCCESS;
}
