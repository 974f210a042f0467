/* SPDX-License-Identifier: MIT */
/* Like Dhrystone in what it is made of, not in its text: records copied through pointers, strings copied and compared, arrays
 * indexed by one another, small functions called, a switch and branches on what was computed. COUNT rounds. */
#include "bench.h"

#define NOINLINE __attribute__((noinline))

enum kind { SMALL, LARGE, ODD, EVEN, OTHER };

struct record {
	struct record *next;
	enum kind kind;
	int number;
	char name[32];
};

static struct record first, second;
static int row[64], grid[64][64];
static char name[32];

static void prepare(void)
{
	first.next = &second;
	second.next = &first;
	strcpy(first.name, "A NAME OF THIRTY LETTERS: NO 1");
	strcpy(second.name, "A NAME OF THIRTY LETTERS: NO 2");
}

static NOINLINE enum kind classify(int number)
{
	switch (number & 7) {
	case 0:
		return SMALL;
	case 1:
	case 3:
		return ODD;
	case 2:
		return EVEN;
	case 7:
		return LARGE;
	default:
		return OTHER;
	}
}

static NOINLINE int add(int left, int right)
{
	return left + 2 + right;
}

static NOINLINE void advance(struct record *from)
{
	struct record *to = from->next;
	struct record *back = to->next;

	*to = *from;
	to->next = back;
	to->number = add(from->number, 5);
	to->kind = classify(to->number);
	if (to->kind == OTHER)
		to->number = from->number * 3 / 2;
	else
		from->number = to->number & 0xffff;
}

static NOINLINE void fill(int *into, int (*table)[64], int at, int value)
{
	int place = (at + 5) & 63, i;

	into[place] = value;
	into[(place + 1) & 63] = into[place];
	into[(place + 30) & 63] = place;
	for (i = place; i <= place + 1; i++)
		table[place][i & 63] = into[place];
	table[(place + 20) & 63][place] += into[place];
}

static NOINLINE int differ(const char *left, const char *right)
{
	int i = 2;

	while (i < 4 && left[i] == right[i])
		i++;
	return i == 4 && strcmp(left, right) > 0;
}

static uint64_t work(long count)
{
	uint64_t sum = 0;
	long round;

	for (round = 0; round < count; round++) {
		strcpy(name, round & 1 ? "A NAME OF THIRTY LETTERS: NO 2" : "A NAME OF THIRTY LETTERS: NO 1");
		if (differ(name, first.name))
			sum++;
		fill(row, grid, round, add(round, first.number));
		advance(round & 1 ? &first : &second);
		sum = sum * 31 + second.number + row[round & 63] + grid[round & 63][first.number & 63];
	}
	return sum;
}
