/* SPDX-License-Identifier: MIT */
/* Plain C in which a compiler finds the instructions of Zba, Zbb and Zbs where it may use them. Usage: PROGRAM ROUNDS. It
 * prints a line for each kind of work, with a checksum that is the same whatever instructions did it. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { length = 1024 };

static uint64_t numbers[length];

/* Knuth's MMIX constants; few high bits, often, so that counts differ. */
static uint64_t next_number(void)
{
	static uint64_t state = 1;

	state = state * 6364136223846793005u + 1442695040888963407u;
	return (state ^ state >> 29) >> (state >> 58);
}

static uint64_t mix(uint64_t sum, uint64_t value)
{
	return (sum << 7 | sum >> 57) * 0x9e3779b97f4a7c15u + value;
}

static uint64_t counts(uint64_t sum, uint64_t n)
{
	uint32_t word = n;

	sum = mix(sum, n ? __builtin_clzll(n) : 64);
	sum = mix(sum, n ? __builtin_ctzll(n) : 64);
	sum = mix(sum, __builtin_popcountll(n));
	sum = mix(sum, word ? __builtin_clz(word) : 32);
	sum = mix(sum, word ? __builtin_ctz(word) : 32);
	return mix(sum, __builtin_popcount(word));
}

static uint64_t rotations(uint64_t sum, uint64_t n)
{
	uint32_t word = n, by = sum;

	sum = mix(sum, n << (by & 63) | n >> (-by & 63));
	sum = mix(sum, n >> (by & 63) | n << (-by & 63));
	sum = mix(sum, (int32_t)(word << (by & 31) | word >> (-by & 31)));
	sum = mix(sum, (int32_t)(word >> (by & 31) | word << (-by & 31)));
	sum = mix(sum, n >> 13 | n << 51);
	return mix(sum, (int32_t)(word >> 13 | word << 19));
}

static uint64_t bytes(uint64_t sum, uint64_t n)
{
	sum = mix(sum, __builtin_bswap64(n));
	sum = mix(sum, __builtin_bswap32(n));
	sum = mix(sum, __builtin_bswap16(n));
	sum = mix(sum, (int64_t)(int8_t)n);
	sum = mix(sum, (int64_t)(int16_t)n);
	return mix(sum, (uint16_t)n);
}

static uint64_t logic(uint64_t sum, uint64_t n)
{
	sum = mix(sum, n & ~sum);
	sum = mix(sum, n | ~sum);
	return mix(sum, ~(n ^ sum));
}

static uint64_t order(uint64_t sum, uint64_t n)
{
	int64_t a = n, b = sum;

	sum = mix(sum, a < b ? a : b);
	sum = mix(sum, a > b ? a : b);
	sum = mix(sum, n < (uint64_t)b ? n : (uint64_t)b);
	return mix(sum, n > (uint64_t)b ? n : (uint64_t)b);
}

/* Elements of two, four and eight bytes by their index, and what addresses are made of where that has 32 bits. */
static uint64_t addresses(uint64_t sum, uint64_t n)
{
	static uint16_t halves[length];
	static uint32_t words[length];
	static uint64_t longs[length];
	uint64_t index = n % length, word = (uint32_t)n;

	halves[index] += n;
	words[index] += n;
	longs[index] += n;
	sum = mix(sum, halves[sum % length] + words[sum % length] + longs[sum % length]);
	sum = mix(sum, sum + word);
	sum = mix(sum, sum + (word << 1));
	sum = mix(sum, sum + (word << 2));
	sum = mix(sum, sum + (word << 3));
	return mix(sum, word << 11);
}

static uint64_t bits(uint64_t sum, uint64_t n)
{
	unsigned index = sum & 63;

	sum = mix(sum, n | 1ull << index);
	sum = mix(sum, n & ~(1ull << index));
	sum = mix(sum, n ^ 1ull << index);
	sum = mix(sum, n >> index & 1);
	sum = mix(sum, n | 1ull << 40);
	sum = mix(sum, n & ~(1ull << 41));
	sum = mix(sum, n ^ 1ull << 42);
	return mix(sum, n >> 43 & 1);
}

/* The place of the first byte that is 0: what orc.b was made for. No compiler finds it. */
static uint64_t strings(uint64_t sum, uint64_t n)
{
	uint64_t marks;

	n &= ~(0xffull << (sum & 56));
#ifdef __riscv_zbb
	__asm__("orc.b %0, %1" : "=r"(marks) : "r"(n));
	marks = ~marks;
#else
	marks = 0;
	for (int at = 0; at < 64; at += 8)
		if (!(n >> at & 0xff))
			marks |= 0xffull << at;
#endif
	return mix(sum, marks);
}

static const struct {
	const char *name;
	uint64_t (*work)(uint64_t sum, uint64_t n);
} kinds[] = {
	{ "counts", counts }, { "rotations", rotations }, { "bytes", bytes }, { "logic", logic }, { "order", order },
	{ "addresses", addresses }, { "bits", bits }, { "strings", strings },
};

int main(int argc, char **argv)
{
	long rounds = argc == 2 ? atol(argv[1]) : 0;

	if (rounds < 1) {
		fprintf(stderr, "usage: %s ROUNDS\n", argv[0]);
		return 2;
	}
	for (int i = 0; i < length; i++)
		numbers[i] = next_number();
	numbers[1] = 0;
	for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
		uint64_t sum = kind;

		for (long round = 0; round < rounds; round++)
			for (int i = 0; i < length; i++)
				sum = kinds[kind].work(sum, numbers[i]);
		printf("%s %016llx\n", kinds[kind].name, (unsigned long long)sum);
	}
	return 0;
}
