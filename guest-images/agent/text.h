/* SPDX-License-Identifier: MIT */
/* Text for people, put together in a buffer that is always terminated and never overrun. */
#ifndef VM9_TEXT_H
#define VM9_TEXT_H

#include "sys.h"

struct text {
	size_t length;
	char bytes[480];
};

/* Appends each string up to the NULL that ends the list; what does not fit is left out. */
void text_add(struct text *text, ...);

/* Linux's words for an error number, or "error N". */
const char *error_text(int error);

/* A line on the console, for what nobody else can be told. */
void complain(const char *what, int error);

#endif
