/* SPDX-License-Identifier: MIT */
/* A small interpreter: a stack machine with computed goto, as the loops of Python and Lua are made. COUNT times it runs a program
 * of its own that counts the ways to place nine queens. */
#include "bench.h"

/* Words that are pushed or done one after another. L0 is the argument of a function, L1 its variable. Cell 0: the count; from 16
 * on the columns that are taken, from 32 on one diagonal, from 80 on the other. */
static const char source[] =
	"0 call place halt "
	"place: L0 9 = unless try 0 @ 1 + 0 ! return "
	"try: 0 "
	"again: L1 16 + @ L0 L1 + 32 + @ + L0 L1 - 80 + @ + unless free "
	"next: L1 1 + L1! L1 9 < unless done jump again "
	"free: 1 L1 16 + ! 1 L0 L1 + 32 + ! 1 L0 L1 - 80 + ! "
	"L0 1 + call place "
	"0 L1 16 + ! 0 L0 L1 + 32 + ! 0 L0 L1 - 80 + ! jump next "
	"done: return ";

enum { PUSH, L0, L1, SET_L1, FETCH, STORE, ADD, SUBTRACT, EQUAL, LESS, JUMP, UNLESS, CALL, RETURN, HALT, OPERATIONS };

static const char *const names[OPERATIONS] = { "", "L0", "L1", "L1!", "@", "!", "+", "-", "=", "<", "jump", "unless", "call",
					       "return", "halt" };

static long code[256];
static struct {
	char name[16];
	long place;
} labels[16];

static long place_of(const char *name)
{
	for (int i = 0; i < 16; i++)
		if (strcmp(labels[i].name, name) == 0)
			return labels[i].place;
	return 0;
}

/* Twice: the labels are known the second time. */
static void assemble(void)
{
	char text[sizeof source];
	long at = 0, known = 0;

	strcpy(text, source);
	for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
		size_t length = strlen(word);
		int operation = PUSH + 1;

		if (word[length - 1] == ':') {
			word[length - 1] = 0;
			strcpy(labels[known].name, word);
			labels[known++].place = at;
			continue;
		}
		while (operation < OPERATIONS && strcmp(names[operation], word))
			operation++;
		if (operation == OPERATIONS) {
			code[at++] = PUSH;
			code[at++] = atol(word);
			continue;
		}
		code[at++] = operation;
		if (operation == JUMP || operation == UNLESS || operation == CALL)
			code[at++] = place_of(strtok(NULL, " "));
	}
}

static void prepare(void)
{
	assemble();
	assemble();
}

static long run(void)
{
	static const void *const does[OPERATIONS] = { &&push, &&l0, &&l1, &&set_l1, &&fetch, &&store, &&add, &&subtract, &&equal,
						      &&less, &&jump, &&unless, &&call, &&back, &&halt };
	long stack[256], cells[128] = { 0 };
	struct {
		const long *pc;
		long *frame;
	} calls[32], *caller = calls;
	const long *pc = code;
	long *top = stack - 1, *frame = stack;

#define NEXT goto *does[*pc++]
	NEXT;
push:
	*++top = *pc++;
	NEXT;
l0:
	*++top = frame[0];
	NEXT;
l1:
	*++top = frame[1];
	NEXT;
set_l1:
	frame[1] = *top--;
	NEXT;
fetch:
	*top = cells[*top];
	NEXT;
store:
	cells[*top] = top[-1];
	top -= 2;
	NEXT;
add:
	top--;
	*top += top[1];
	NEXT;
subtract:
	top--;
	*top -= top[1];
	NEXT;
equal:
	top--;
	*top = *top == top[1];
	NEXT;
less:
	top--;
	*top = *top < top[1];
	NEXT;
jump:
	pc = code + *pc;
	NEXT;
unless:
	pc = *top-- ? pc + 1 : code + *pc;
	NEXT;
call:
	caller->pc = pc + 1;
	caller++->frame = frame;
	pc = code + *pc;
	frame = top;
	NEXT;
back:
	top = frame - 1;
	pc = (--caller)->pc;
	frame = caller->frame;
	NEXT;
halt:
	return cells[0];
}

static uint64_t work(long count)
{
	uint64_t sum = 0;

	while (count--)
		sum += (uint64_t)run();
	return sum;
}
