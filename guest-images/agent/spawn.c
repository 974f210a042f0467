/* SPDX-License-Identifier: MIT */
#include "spawn.h"

#include "boot.h"

#define HOME "/root"
#define PATH "PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"

#define SHELL_NAME "SHELL="
static char shell_variable[256] = SHELL_NAME "/bin/sh";
/* An absolute path. */
static char *const login_shell = shell_variable + sizeof SHELL_NAME - 1;

static char *const own_environment[] = {
	PATH,
	"HOME=" HOME,
	"USER=root",
	"LOGNAME=root",
	shell_variable,
	"LANG=C.UTF-8",
};
#define OWN_VARIABLES (sizeof own_environment / sizeof *own_environment)

/* What the child tells its parent when it cannot become the program. */
struct mishap {
	int error;
	enum { AT_TERMINAL, AT_FOLDER, AT_PROGRAM } step;
};

static bool same_variable(const char *a, const char *b)
{
	while (*a && *a == *b && *a != '=')
		a++, b++;
	return *a == '=' && *b == '=';
}

static char *variable(char **env, const char *name_and_equals)
{
	for (; *env; env++) {
		if (same_variable(*env, name_and_equals))
			return *env + strlen(name_and_equals);
	}
	return "";
}

/* Looks argv[0] up as a shell does. Returns only on failure. */
static int execute(char **argv, char **env, const char *file)
{
	const char *directory = variable(env, "PATH=");
	int error = ENOENT;

	if (strchr(file, '/'))
		return -sys_execve(file, argv, env);
	while (*directory) {
		char path[512];
		const char *end = strchr(directory, ':');
		size_t length = end ? (size_t)(end - directory) : strlen(directory);

		if (length + strlen(file) + 2 <= sizeof path) {
			int result;

			memcpy(path, directory, length);
			path[length] = '/';
			strcpy(path + length + 1, file);
			result = -sys_execve(path, argv, env);
			if (result != ENOENT && result != ENOTDIR)
				error = result;
		}
		directory += length + (end != NULL);
	}
	return error;
}

/* The agent blocks signals and stands back in the scheduler; nothing that it starts may inherit that. */
static void become(const struct spawn *spawn, char **env, int report)
{
	char shell_name[sizeof shell_variable] = "-";
	char *shell_argv[] = { shell_name, NULL };
	static const signal_set none = 0;
	struct mishap mishap = { 0, AT_TERMINAL };

	strlcat(shell_name, strrchr(login_shell, '/') + 1, sizeof shell_name);
	sys_sigprocmask(SIG_SETMASK, &none);
	sys_set_scheduler(SCHED_NORMAL);
	sys_setsid();
	for (int i = 0; i < 3; i++)
		sys_dup2(spawn->stdio[i], i);
	if (spawn->terminal)
		mishap.error = -sys_ioctl_number(0, TIOCSCTTY, 1);
	if (!mishap.error) {
		mishap.step = AT_FOLDER;
		mishap.error = -sys_chdir(*spawn->cwd ? spawn->cwd : HOME);
	}
	if (!mishap.error) {
		mishap.step = AT_PROGRAM;
		mishap.error = *spawn->argv ? execute(spawn->argv, env, *spawn->argv) : execute(shell_argv, env, login_shell);
	}
	sys_write(report, &mishap, sizeof mishap);
	sys_exit(127);
}

/* The agent's own variables, then the host's: a variable that the host sets takes the place of ours. */
static char **merge(char **wanted)
{
	/* A list of MAX_PAYLOAD bytes has fewer items than this. */
	static char *merged[65536 + OWN_VARIABLES + 1];
	size_t count = 0;

	for (size_t i = 0; i < OWN_VARIABLES; i++) {
		char **override = wanted;

		while (*override && !same_variable(*override, own_environment[i]))
			override++;
		if (!*override)
			merged[count++] = own_environment[i];
	}
	while (*wanted)
		merged[count++] = *wanted++;
	merged[count] = NULL;
	return merged;
}

static int explain(const struct spawn *spawn, const struct mishap *mishap, struct text *failure)
{
	switch (mishap->step) {
	case AT_TERMINAL:
		text_add(failure, "the terminal cannot be taken", NULL);
		break;
	case AT_FOLDER:
		text_add(failure, "the working directory ", *spawn->cwd ? spawn->cwd : HOME, NULL);
		break;
	case AT_PROGRAM:
		text_add(failure, "the program ", *spawn->argv ? *spawn->argv : login_shell, NULL);
		break;
	}
	text_add(failure, ": ", error_text(mishap->error), NULL);
	return -mishap->error;
}

int spawn(const struct spawn *spawn, struct text *failure)
{
	char **env = merge(spawn->env);
	struct mishap mishap;
	int report[2], pid, length;

	/* A successful execve closes the child's end, which the agent sees as the end of the file. */
	pid = sys_pipe2(report, O_CLOEXEC);
	if (pid < 0) {
		text_add(failure, "no pipe: ", error_text(-pid), NULL);
		return pid;
	}
	pid = sys_fork();
	if (pid == 0)
		become(spawn, env, report[1]);
	sys_close(report[1]);
	if (pid < 0) {
		sys_close(report[0]);
		text_add(failure, "no new process: ", error_text(-pid), NULL);
		return pid;
	}
	length = sys_read(report[0], &mishap, sizeof mishap);
	sys_close(report[0]);
	return length == sizeof mishap ? explain(spawn, &mishap, failure) : pid;
}

void spawn_find_shell(void)
{
	/* passwd(5): the last of seven fields. */
	char *line = boot_read_file("/etc/passwd"), *end, *shell;

	while (*line && strncmp(line, "root:", 5) != 0) {
		end = strchr(line, '\n');
		line = end ? end + 1 : line + strlen(line);
	}
	end = strchr(line, '\n');
	if (end)
		*end = 0;
	shell = strrchr(line, ':');
	if (!shell || *++shell != '/' || strlen(shell) >= sizeof shell_variable - (login_shell - shell_variable))
		return;
	if (sys_executable(shell))
		strcpy(login_shell, shell);
}
