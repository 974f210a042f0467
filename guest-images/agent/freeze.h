/* SPDX-License-Identifier: MIT */
/* Makes all programs stand still without their noticing, while the host takes a snapshot of the machine. */
#ifndef VM9_FREEZE_H
#define VM9_FREEZE_H

#include "frame.h"

const char *request_freeze(__u32 id, struct payload *payload);
const char *request_thaw(__u32 id, struct payload *payload);

/* Nobody is left who would ask for it. */
void freeze_end(void);

#endif
