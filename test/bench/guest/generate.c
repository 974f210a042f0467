/* SPDX-License-Identifier: MIT */
/* A compiler that runs what it compiles, as Java and JavaScript are run: COUNT rounds, in each of which random expressions become
 * RISC-V code in memory of its own, run in loops, and are compared with what a plain interpreter makes of the same expressions. */
#include <sys/mman.h>
#include "bench.h"

#define FUNCTIONS 24
/* Steps of an expression, and how often it is computed in a loop. */
#define LENGTH 24
#define LOOPS 6000
#define PAGE 4096

/* register[to] = register[left] OPERATION register[right] */
struct step {
	int operation, to, left, right;
};

/* Registers that a step may name: a0, the result, to a5. */
#define REGISTERS 6

/* RISC-V Unprivileged ISA, ch. 24: funct7 and funct3 of the OP instructions. */
static const struct {
	uint32_t funct7, funct3;
} encoding[] = { { 0, 0 }, { 0x20, 0 }, { 0, 4 }, { 0, 6 }, { 0, 7 }, { 1, 0 }, { 0, 3 }, { 1, 3 } };

static uint64_t compute(int operation, uint64_t left, uint64_t right)
{
	switch (operation) {
	case 0:
		return left + right;
	case 1:
		return left - right;
	case 2:
		return left ^ right;
	case 3:
		return left | right;
	case 4:
		return left & right;
	case 5:
		return left * right;
	case 6:
		return left < right;
	default:
		return (unsigned __int128)left * right >> 64;
	}
}

static void make_steps(struct step *steps)
{
	for (int i = 0; i < LENGTH; i++)
		steps[i] = (struct step){ next_number() % 8, next_number() % REGISTERS, next_number() % REGISTERS,
					  next_number() % REGISTERS };
}

static uint64_t interpret(const struct step *steps, uint64_t seed)
{
	uint64_t a[REGISTERS] = { seed, 1, 2, 3, 5, 8 };

	for (int loop = 0; loop < LOOPS; loop++) {
		for (int i = 0; i < LENGTH; i++)
			a[steps[i].to] = compute(steps[i].operation, a[steps[i].left], a[steps[i].right]);
		a[0] += 1;
	}
	return a[0];
}

enum { T0 = 5, A0 = 10 };

static uint32_t add_immediate(int to, int from, int value)
{
	return (uint32_t)value << 20 | from << 15 | to << 7 | 0x13;
}

/* Returns where it ends. */
static uint32_t *compile(uint32_t *at, const struct step *steps)
{
	static const int initial[REGISTERS] = { 0, 1, 2, 3, 5, 8 };
	uint32_t *loop;
	int32_t back;

	for (int i = 1; i < REGISTERS; i++)
		*at++ = add_immediate(A0 + i, 0, initial[i]);
	/* lui and addi: t0 = LOOPS */
	*at++ = (LOOPS + 0x800) >> 12 << 12 | T0 << 7 | 0x37;
	*at++ = add_immediate(T0, T0, LOOPS & 0xfff);
	loop = at;
	for (int i = 0; i < LENGTH; i++)
		*at++ = encoding[steps[i].operation].funct7 << 25 | (A0 + steps[i].right) << 20 | (A0 + steps[i].left) << 15 |
			encoding[steps[i].operation].funct3 << 12 | (A0 + steps[i].to) << 7 | 0x33;
	*at++ = add_immediate(A0, A0, 1);
	*at++ = add_immediate(T0, T0, -1);
	/* bne t0, x0, loop */
	back = (int32_t)((loop - at) * 4);
	*at++ = (uint32_t)(back >> 12 & 1) << 31 | (back >> 5 & 0x3f) << 25 | T0 << 15 | 1 << 12 | (back >> 1 & 0xf) << 8 |
		(back >> 11 & 1) << 7 | 0x63;
	/* ret */
	*at++ = 0x00008067;
	return at;
}

static void prepare(void)
{
}

static uint64_t work(long count)
{
	uint64_t sum = 0;

	while (count--) {
		uint32_t *code = mmap(NULL, FUNCTIONS * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (code == MAP_FAILED) {
			perror("mmap");
			exit(1);
		}
		for (int function = 0; function < FUNCTIONS; function++) {
			struct step steps[LENGTH];
			uint32_t *entry = code + function * (PAGE / 4);
			uint64_t seed = next_number(), result;

			make_steps(steps);
			__builtin___clear_cache((char *)entry, (char *)compile(entry, steps));
			result = ((uint64_t(*)(uint64_t))entry)(seed);
			if (result != interpret(steps, seed)) {
				fprintf(stderr, "what was compiled computes otherwise\n");
				exit(1);
			}
			sum = sum * 31 + result;
		}
		munmap(code, FUNCTIONS * PAGE);
	}
	return sum;
}
