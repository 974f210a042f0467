/* SPDX-License-Identifier: MIT */
/* 250,000 random integers sorted by quicksort, COUNT times: compares, swaps and branches that nobody can foretell. */
#include "bench.h"

#define LENGTH 250000
#define SHORT 12

static int32_t numbers[LENGTH];

static void prepare(void)
{
}

/* What is short is left to the insertion sort that follows over everything. */
static void quicksort(int32_t *first, int32_t *last)
{
	while (last - first > SHORT) {
		int32_t pivot = first[(last - first) / 2], *left = first - 1, *right = last + 1;

		for (;;) {
			while (*++left < pivot)
				;
			while (*--right > pivot)
				;
			if (left >= right)
				break;

			int32_t kept = *left;

			*left = *right;
			*right = kept;
		}
		quicksort(first, right);
		first = right + 1;
	}
}

static void insertion_sort(int32_t *from, long length)
{
	for (long i = 1; i < length; i++) {
		int32_t number = from[i];
		long at = i;

		for (; at > 0 && from[at - 1] > number; at--)
			from[at] = from[at - 1];
		from[at] = number;
	}
}

static uint64_t work(long count)
{
	uint64_t sum = 0;

	while (count--) {
		for (long i = 0; i < LENGTH; i++)
			numbers[i] = (int32_t)next_number() - (1 << 30);
		quicksort(numbers, numbers + LENGTH - 1);
		insertion_sort(numbers, LENGTH);
		for (long i = 0; i < LENGTH; i++) {
			if (i > 0 && numbers[i] < numbers[i - 1]) {
				fprintf(stderr, "not sorted\n");
				exit(1);
			}
			sum = sum * 31 + (uint64_t)numbers[i];
		}
	}
	return sum;
}
