/* SPDX-License-Identifier: MIT */
#ifndef VM9_TERMINAL_H
#define VM9_TERMINAL_H

#include "sys.h"

/* Returns the master of a new pseudo-terminal, not blocking, and its slave. Or a negative errno. */
int terminal_open_pty(int *slave);

/* Opens the virtio console, or the machine's console if there is none. Returns a descriptor or a negative errno. */
int terminal_open_console(void);

void terminal_resize(int terminal, __u16 rows, __u16 cols);

/* Types the character that a program in line mode sees as the end of its input. -EAGAIN: no room yet. */
int terminal_type_end(int terminal);

#endif
