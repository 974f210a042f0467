/* SPDX-License-Identifier: MIT */
/* The C library's functions for memory and strings: COUNT times every word of a text is found, measured, copied and compared,
 * and 1 MiB is filled, copied, moved and compared. */
#include "bench.h"

#define TEXT (1 << 16)

static char text[TEXT + 1];
static unsigned char from[1 << 20], into[1 << 20];

static void prepare(void)
{
	for (size_t i = 0; i < sizeof from; i++)
		from[i] = next_number();
	for (size_t i = 0; i < TEXT; i++)
		text[i] = next_number() % 8 ? 'a' + next_number() % 3 : ' ';
}

static uint64_t words(void)
{
	char line[TEXT + 1], word[64], last[64] = "";
	uint64_t sum = 0;
	char *at = line, *end;

	strcpy(line, text);
	while ((end = strchr(at, ' ')) != NULL) {
		size_t length;

		*end = 0;
		length = strlen(at);
		if (length < sizeof word) {
			memset(word, 0, sizeof word);
			strcpy(word, at);
			sum = sum * 31 + length + (strcmp(word, last) < 0) + (strstr(word, "abca") != NULL);
			memcpy(last, word, sizeof last);
		}
		at = end + 1;
	}
	return sum;
}

static uint64_t work(long count)
{
	uint64_t sum = 0;

	while (count--) {
		from[count & 0xfffff] ^= count;
		text[count * 4099 % TEXT] = 'd';
		sum = sum * 31 + words();
		memset(into, (int)count, sizeof into);
		memcpy(into, from, sizeof into);
		memmove(into + 8, into, sizeof into / 2);
		sum = sum * 31 + (memcmp(into + 8, from, sizeof into / 2) == 0) + into[(count * 4099) & 0xfffff];
	}
	return sum;
}
