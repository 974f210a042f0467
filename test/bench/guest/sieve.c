/* SPDX-License-Identifier: MIT */
/* The primes below a million by Eratosthenes, COUNT times: byte stores with strides. */
#include "bench.h"

#define LIMIT 1000000

static unsigned char composite[LIMIT];

static void prepare(void)
{
}

static uint64_t work(long count)
{
	uint64_t primes = 0;

	while (count--) {
		memset(composite, 0, LIMIT);
		for (long i = 2; i < LIMIT; i++) {
			if (composite[i])
				continue;
			primes++;
			for (long k = i * 2; k < LIMIT; k += i)
				composite[k] = 1;
		}
	}
	return primes;
}
