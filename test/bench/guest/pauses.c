/* SPDX-License-Identifier: MIT */
/* Pauses, as a program in the guest sees them. Usage: pauses spin|wake SECONDS. `spin` reads the clock again and again: a pause is
 * what lies between two readings. `wake` asks, before all other programs, to be woken every millisecond: a pause is what lies between
 * a time that it asked for and the time when it runs. It prints the longest pause in each window of 10 ms, one that reaches over
 * several windows in each of them ("window MICROSECONDS"), and each pause of more than 1 ms ("pause MICROSECONDS"). */
#define _GNU_SOURCE
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define MILLISECOND 1000000
#define WINDOW (10 * MILLISECOND)
#define MOST_SECONDS 600
#define MOST_PAUSES 100000

/* Nanoseconds. */
static int64_t start, longest[MOST_SECONDS * 100], pauses[MOST_PAUSES];
static int count, windows;

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ll + time.tv_nsec;
}

static void note(int64_t from, int64_t to)
{
	for (int64_t window = (from - start) / WINDOW; window <= (to - start) / WINDOW && window < windows; window++)
		if (longest[window] < to - from)
			longest[window] = to - from;
	if (to - from > MILLISECOND && count < MOST_PAUSES)
		pauses[count++] = to - from;
}

static void spin(int64_t end)
{
	for (int64_t last = start, time; last < end; last = time) {
		time = now();
		note(last, time);
	}
}

static void wake(int64_t end)
{
	const struct sched_param first = { .sched_priority = 50 };

	if (sched_setscheduler(0, SCHED_FIFO, &first) != 0) {
		perror("sched_setscheduler");
		exit(1);
	}
	for (int64_t due = start + MILLISECOND, time; due < end; due += MILLISECOND) {
		struct timespec at = { due / 1000000000, due % 1000000000 };

		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) != 0)
			;
		time = now();
		note(due, time);
		/* Those that have passed meanwhile lie within this pause. */
		due += (time - due) / MILLISECOND * MILLISECOND;
	}
}

int main(int argc, char **argv)
{
	int seconds = argc == 3 ? atoi(argv[2]) : 0;

	if (seconds < 1 || seconds > MOST_SECONDS || (strcmp(argv[1], "spin") && strcmp(argv[1], "wake"))) {
		fprintf(stderr, "usage: %s spin|wake SECONDS\n", argv[0]);
		return 2;
	}
	windows = seconds * 100;
	/* No page fault while it measures. */
	memset(longest, 0, windows * sizeof *longest);
	memset(pauses, 0, sizeof pauses);
	mlockall(MCL_CURRENT | MCL_FUTURE);
	start = now();
	(argv[1][0] == 's' ? spin : wake)(start + seconds * 1000000000ll);
	for (int i = 0; i < windows; i++)
		printf("window %.1f\n", longest[i] / 1e3);
	for (int i = 0; i < count; i++)
		printf("pause %.1f\n", pauses[i] / 1e3);
	return 0;
}
