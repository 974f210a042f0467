/* SPDX-License-Identifier: MIT */
#ifndef VM9_BOOT_H
#define VM9_BOOT_H

/* The file systems and modules that the way to the host needs. */
void boot_first(void);

/* What programs expect of a system, done once the host has been greeted. */
void boot_rest(void);

/* The content of a small file, until the next call. Empty when there is no such file. It may be changed. */
char *boot_read_file(const char *path);

#endif
