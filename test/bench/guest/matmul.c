/* SPDX-License-Identifier: MIT */
/* COUNT products of two 128 x 128 matrices of doubles, with fused multiply-add. */
#include "bench.h"

#define SIZE 128

static double left[SIZE][SIZE], right[SIZE][SIZE], product[SIZE][SIZE];

static void prepare(void)
{
	for (int row = 0; row < SIZE; row++)
		for (int column = 0; column < SIZE; column++) {
			left[row][column] = next_number() / 1e9;
			right[row][column] = next_number() / 1e9;
		}
}

static uint64_t work(long count)
{
	uint64_t sum = 0, bits;

	while (count--) {
		left[count % SIZE][0] += 1;
		for (int row = 0; row < SIZE; row++)
			for (int column = 0; column < SIZE; column++) {
				double cell = 0;

				for (int i = 0; i < SIZE; i++)
					cell = __builtin_fma(left[row][i], right[i][column], cell);
				product[row][column] = cell;
			}
		memcpy(&bits, &product[count % SIZE][count * 7 % SIZE], sizeof bits);
		sum = sum * 31 + bits;
	}
	return sum;
}
