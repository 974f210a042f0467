/* SPDX-License-Identifier: MIT */
/* For programs that do a thing on two sides and compare: a seeded dice, and the telling of differences, at most ten of them. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST_DIFFERENCES 10

/* The seed, not 0. */
static uint64_t state;
static unsigned long operation;
static int differences;
/* What is being done. */
static char action[256];

/* xorshift64*: Vigna, An experimental exploration of Marsaglia's xorshift generators, scrambled. */
static unsigned dice(unsigned sides)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (unsigned)((state * 0x2545F4914F6CDD1D) >> 33) % sides;
}

static void differ(const char *format, ...)
{
	va_list values;

	va_start(values, format);
	printf("differs at %lu: %s: ", operation, action);
	vprintf(format, values);
	putchar('\n');
	va_end(values);
	if (++differences == MOST_DIFFERENCES)
		exit(EXIT_FAILURE);
}
