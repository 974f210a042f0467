/* SPDX-License-Identifier: MIT */
#ifndef VM9_ROOT_H
#define VM9_ROOT_H

#include "text.h"

/*
 * Mounts a share as what is to be the root, with /dev, /proc and /sys moved into it, and /run and /tmp in memory. The 9P server
 * may take its time: for a process that can wait. `options` is changed. Returns 0, or an errno with a sentence in `failure`.
 */
int root_prepare(const char *tag, char *options, struct text *failure);

/* Makes the prepared share the root of this process, and of all that it starts from then on. Returns as root_prepare does. */
int root_enter(struct text *failure);

#endif
