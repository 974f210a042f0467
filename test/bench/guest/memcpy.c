/* SPDX-License-Identifier: MIT */
/* The C library's memcpy of 1 MiB, COUNT times. */
#include "bench.h"

static unsigned char from[1 << 20], into[1 << 20];

static void prepare(void)
{
	for (size_t i = 0; i < sizeof from; i++)
		from[i] = next_number();
}

static uint64_t work(long count)
{
	uint64_t sum = 0;

	while (count--) {
		from[count & 0xfffff] ^= count;
		memcpy(into, from, sizeof into);
		sum = sum * 31 + into[(count * 4099) & 0xfffff];
	}
	return sum;
}
