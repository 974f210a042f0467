/* SPDX-License-Identifier: MIT */
/* What the topics of the suite use. A topic is a function that starts as root in an empty folder of its own, in a process of
 * its own; each case has the rule that it checks as its name, which begins with the manual page that states it. */
#ifndef SUITE_H
#define SUITE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* Two who are not root, and a group that the first is not in. */
#define ALICE 1000
#define BOB 1001
#define OTHERS 2000

/* How many files the topic of large folders makes, and how deep the one of deep trees goes. */
extern int many, deep;

/* One case: whether the rule holds, and what was seen. */
void check(const char *rule, int holds, const char *seen, ...) __attribute__((format(printf, 3, 4)));
void check_works(const char *rule, long result);
void check_fails(const char *rule, long result, int error);
void check_equal(const char *rule, long long seen, long long wanted);
/* Ends the topic: what is left of it can not be checked. */
void give_up(const char *what) __attribute__((noreturn));

/* A call that must not return -1. Its result. */
#define works(rule, call) ({ errno = 0; long result_ = (long)(call); check_works(rule, result_); result_; })
/* A call that must return -1 with this error. */
#define fails(rule, error, call) ({ errno = 0; long result_ = (long)(call); check_fails(rule, result_, error); })
#define equal(rule, seen, wanted) ({ errno = 0; check_equal(rule, (long long)(seen), (long long)(wanted)); })
/* A call that is no case but without which there is none. Its result. */
#define need(call) ({ errno = 0; long result_ = (long)(call); if (result_ == -1) give_up(#call); result_; })

/* Makes a file of this text, or gives up. */
void make_file(const char *name, const char *text);
/* The first 64 KiB of a file as a string; "?" and an error's name where it can not be read. Valid until the next call. */
const char *text_of(const char *name);
void check_text(const char *rule, const char *name, const char *text);
/* What the file system says of a file, links not followed; zeros where it says nothing. */
struct stat status_of(const char *name);
int exists(const char *name);
/* How many names a folder has without . and .., or -1. */
int count_names(const char *folder);

/* Who the calls that follow are made by; a group of the same number, and no others. */
void become(uid_t user);
/* Runs a part in a process of its own, which nothing of it outlives, and returns its exit status; -signal if that ended it. */
int in_process(int (*part)(void *), void *argument);
pid_t start_process(int (*part)(void *), void *argument);
int end_of(pid_t process);

#endif
