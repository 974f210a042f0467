/* SPDX-License-Identifier: MIT */
/* COUNT thousand steps along one random cycle through 8 MiB: each load waits for the one before, and few pages stay mapped. */
#include "bench.h"

#define LENGTH (1 << 20)

static uint64_t next[LENGTH];

static void prepare(void)
{
	for (uint64_t i = 0; i < LENGTH; i++)
		next[i] = i;
	/* Sattolo's shuffle leaves a single cycle. */
	for (uint64_t i = LENGTH - 1; i > 0; i--) {
		uint64_t other = next_number() % i, kept = next[i];

		next[i] = next[other];
		next[other] = kept;
	}
}

static uint64_t work(long count)
{
	uint64_t at = 0, sum = 0;

	for (long step = 0; step < count * 1000; step++) {
		at = next[at];
		sum += at;
	}
	return sum;
}
