/* SPDX-License-Identifier: MIT */
/* What programs ask of the kernel. Usage: system OPERATION, as root, in the folder of the program `nothing`. It prints the
 * microseconds that each took. */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
/* Pages that the walk goes over; translation caches of a thousand entries do not hold them. */
#define MANY 4096
/* Pages that each of two processes looks at before it leaves the processor to the other. */
#define FEW 64

static void must(int right, const char *what)
{
	if (!right) {
		perror(what);
		exit(1);
	}
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

/* Anonymous memory that nothing has touched. */
static unsigned char *map(long pages, int how)
{
	unsigned char *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | how, -1, 0);

	must(memory != MAP_FAILED, "mmap");
	return memory;
}

static void unmap(unsigned char *memory, long pages)
{
	must(munmap(memory, pages * PAGE) == 0, "munmap");
}

static void wait_for(pid_t child)
{
	int status;

	must(child > 0 && waitpid(child, &status, 0) == child && status == 0, "a child");
}

/* Each of the following returns the seconds that `count` operations took. */

/* The shortest way into the kernel and back: there is no such call. */
static double trap(long count)
{
	double start = now();

	for (long i = 0; i < count; i++) {
		register long result __asm__("a0");
		register long number __asm__("a7") = 4095;

		__asm__ volatile("ecall" : "=r"(result) : "r"(number) : "memory");
	}
	return now() - start;
}

static double ask_parent(long count)
{
	double start = now();

	for (long i = 0; i < count; i++)
		syscall(SYS_getppid);
	return now() - start;
}

static double ping_pong(long count)
{
	int there[2], back[2];
	char byte = 0;
	pid_t child;
	double start;

	must(pipe(there) == 0 && pipe(back) == 0, "pipe");
	child = fork();
	if (child == 0) {
		for (long i = 0; i < count; i++)
			must(read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1, "a pipe");
		_exit(0);
	}
	start = now();
	for (long i = 0; i < count; i++)
		must(write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1, "a pipe");
	start = now() - start;
	wait_for(child);
	for (int end = 0; end < 2; end++) {
		close(there[end]);
		close(back[end]);
	}
	return start;
}

static double fork_and_exit(long count)
{
	double start = now();

	for (long i = 0; i < count; i++) {
		pid_t child = fork();

		if (child == 0)
			_exit(0);
		wait_for(child);
	}
	return now() - start;
}

static double fork_and_exec(long count)
{
	char *const words[] = { "nothing", NULL };
	double start = now();

	for (long i = 0; i < count; i++) {
		pid_t child = fork();

		if (child == 0) {
			execv("./nothing", words);
			_exit(1);
		}
		wait_for(child);
	}
	return now() - start;
}

static double first_touch(long count)
{
	unsigned char *memory = map(count, MAP_PRIVATE);
	double start = now();

	for (long i = 0; i < count; i++)
		memory[i * PAGE] = 1;
	start = now() - start;
	unmap(memory, count);
	return start;
}

/* Looks at `pages` pages, at different places of each: the host's cache has room for them. */
static unsigned walk(const volatile unsigned char *memory, long pages)
{
	unsigned sum = 0;

	for (long i = 0; i < pages; i++)
		sum += memory[i * PAGE + (i * 64 & (PAGE - 1))];
	return sum;
}

/* Two processes that leave each other the processor `count` times in all, and look at `pages` pages each time. In a real-time class
 * every yield goes to the other. */
static double take_turns(long count, long pages)
{
	const struct sched_param highest = { .sched_priority = 1 }, none = { .sched_priority = 0 };
	unsigned char *memory = map(pages + 1, MAP_PRIVATE);
	double start;
	pid_t child;

	for (long i = 0; i < pages; i++)
		memory[i * PAGE] = 1;
	must(sched_setscheduler(0, SCHED_FIFO, &highest) == 0, "sched_setscheduler");
	child = fork();
	if (child != 0)
		start = now();
	for (long i = 0; i < count / 2; i++) {
		walk(memory, pages);
		sched_yield();
	}
	if (child == 0)
		_exit(0);
	start = now() - start;
	must(sched_setscheduler(0, SCHED_OTHER, &none) == 0, "sched_setscheduler");
	wait_for(child);
	unmap(memory, pages + 1);
	return start;
}

static double yield_to_process(long count)
{
	return take_turns(count, 0);
}

static double yield_and_walk(long count)
{
	return take_turns(count, FEW);
}

static double map_and_unmap(long count)
{
	double start = now();

	for (long i = 0; i < count; i++) {
		unsigned char *memory = map(16, MAP_PRIVATE);

		memory[0] = 1;
		unmap(memory, 16);
	}
	return now() - start;
}

static volatile long caught;

static void on_signal(int number)
{
	(void)number;
	caught++;
}

static double deliver_signal(long count)
{
	double start;

	caught = 0;
	must(signal(SIGUSR1, on_signal) != SIG_ERR, "signal");
	start = now();
	for (long i = 0; i < count; i++)
		raise(SIGUSR1);
	start = now() - start;
	must(caught == count, "a signal was lost");
	return start;
}

static double walk_many(long count)
{
	unsigned char *memory = map(MANY, MAP_PRIVATE);
	double start;

	for (long i = 0; i < MANY; i++)
		memory[i * PAGE] = 1;
	start = now();
	for (long i = 0; i < count; i += MANY)
		walk(memory, MANY);
	start = now() - start;
	unmap(memory, MANY);
	return start;
}

static const struct {
	const char *name;
	double (*seconds)(long count);
	long count;
} operations[] = {
	{ "getppid", ask_parent, 100000 },
	{ "pipe", ping_pong, 2000 },
	{ "fork", fork_and_exit, 100 },
	{ "exec", fork_and_exec, 50 },
	{ "fault", first_touch, 8192 },
	{ "switch", yield_to_process, 10000 },
	{ "mmap", map_and_unmap, 2000 },
	{ "trap", trap, 200000 },
	{ "signal", deliver_signal, 2000 },
	{ "spaces", yield_and_walk, 4000 },
	{ "tlb", walk_many, 100 * MANY },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < sizeof operations / sizeof *operations; i++) {
		long count = operations[i].count;

		if (strcmp(operations[i].name, argv[1]))
			continue;
		printf("%.5f\n", operations[i].seconds(count) * 1e6 / count);
		return 0;
	}
	fprintf(stderr, "usage: %s OPERATION\n", argv[0]);
	return 2;
}
