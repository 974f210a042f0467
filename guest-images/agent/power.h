/* SPDX-License-Identifier: MIT */
#ifndef VM9_POWER_H
#define VM9_POWER_H

enum power { POWER_OFF, POWER_REBOOT };

/* Ends all processes, writes files back and unmounts, and switches the machine off or resets it. Never returns. */
void power(enum power action);

#endif
