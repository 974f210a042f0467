/* SPDX-License-Identifier: MIT */
/* FIPS 180-4: SHA-256's compression function over COUNT MiB; rotations, additions and few loads. */
#include "bench.h"

static uint32_t constant[64], state[8];
static unsigned char data[1 << 20];

/* §4.2.2 and §5.3.3: the first 32 bits of the fractional parts of the primes' cube and square roots. */
static uint32_t root_fraction(int prime, int power)
{
	unsigned __int128 low = 0, high = (unsigned __int128)32 << 32;

	/* The largest root, times 2^32, whose power does not exceed prime, times 2^(32 * power). */
	while (high - low > 1) {
		unsigned __int128 middle = (low + high) / 2;

		if ((power == 2 ? middle * middle : middle * middle * middle) <= (unsigned __int128)prime << 32 * power)
			low = middle;
		else
			high = middle;
	}
	return (uint32_t)low;
}

static void prepare(void)
{
	int found = 0;

	for (int number = 2; found < 64; number++) {
		int divisor = 2;

		while (number % divisor)
			divisor++;
		if (divisor < number)
			continue;
		constant[found] = root_fraction(number, 3);
		if (found < 8)
			state[found] = root_fraction(number, 2);
		found++;
	}
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = next_number();
}

static uint32_t rotate(uint32_t word, int by)
{
	return word >> by | word << (32 - by);
}

static void compress(const unsigned char *block)
{
	uint32_t w[64], v[8];

	for (int t = 0; t < 16; t++)
		w[t] = (uint32_t)block[4 * t] << 24 | block[4 * t + 1] << 16 | block[4 * t + 2] << 8 | block[4 * t + 3];
	for (int t = 16; t < 64; t++) {
		uint32_t s0 = rotate(w[t - 15], 7) ^ rotate(w[t - 15], 18) ^ w[t - 15] >> 3;
		uint32_t s1 = rotate(w[t - 2], 17) ^ rotate(w[t - 2], 19) ^ w[t - 2] >> 10;

		w[t] = w[t - 16] + s0 + w[t - 7] + s1;
	}
	memcpy(v, state, sizeof v);
	for (int t = 0; t < 64; t++) {
		uint32_t S1 = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25);
		uint32_t T1 = v[7] + S1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + constant[t] + w[t];
		uint32_t S0 = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22);
		uint32_t T2 = S0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));

		memmove(v + 1, v, 7 * sizeof *v);
		v[4] += T1;
		v[0] = T1 + T2;
	}
	for (int i = 0; i < 8; i++)
		state[i] += v[i];
}

static uint64_t work(long count)
{
	while (count--)
		for (size_t at = 0; at < sizeof data; at += 64)
			compress(data + at);
	return (uint64_t)state[0] << 32 | state[1];
}
