/* SPDX-License-Identifier: MIT */
/* What the programs of the bench share: each defines prepare(), which is not timed, and work(), which is. Usage of each:
 * PROGRAM COUNT. It prints the seconds that work(COUNT) took, and a checksum of what it computed. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void prepare(void);
static uint64_t work(long count);

/* Numbers that look random and are the same everywhere: Knuth's MMIX constants. */
static inline uint64_t next_number(void)
{
	static uint64_t state = 1;

	state = state * 6364136223846793005u + 1442695040888963407u;
	return state >> 33;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	long count = argc == 2 ? atol(argv[1]) : 0;
	double start;
	uint64_t checksum;

	if (count < 1) {
		fprintf(stderr, "usage: %s COUNT\n", argv[0]);
		return 2;
	}
	prepare();
	start = now();
	checksum = work(count);
	printf("%.6f %016llx\n", now() - start, (unsigned long long)checksum);
	return 0;
}
