/* SPDX-License-Identifier: MIT */
#ifndef VM9_MOUNT_H
#define VM9_MOUNT_H

#include "text.h"

/* Mounts a 9P share. `options` is changed. Returns 0, or an errno with a sentence in `failure`. */
int mount_share(const char *tag, char *path, char *options, struct text *failure);

/* Makes a folder and its parents. Returns 0 or an errno. `path` is changed and restored. */
int make_folders(char *path);

#endif
