/* SPDX-License-Identifier: MIT */
/* Requests that have one Reply. */
#ifndef VM9_REQUEST_H
#define VM9_REQUEST_H

#include "frame.h"
#include "text.h"

#define MAX_MOUNTS 32

/* NULL, or why the connection must end. */
const char *request_mount(__u32 id, struct payload *payload);
const char *request_set_clock(__u32 id, struct payload *payload);
const char *request_reseed(__u32 id, struct payload *payload);

/* Mounts run in processes of their own, so that a slow share stops nothing else. As program_poll() and program_move(). */
int request_poll(struct pollfd *poll);
void request_move(const struct pollfd *poll, int count);
void request_forget_all(void);

#endif
