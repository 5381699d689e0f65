/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For "ld --wrap": what the program under test calls stat() and opendir() is __wrap_stat()
 * and __wrap_opendir() here, and those of libc are __real_stat() and __real_opendir().
 */
#ifndef CALLS_H
#define CALLS_H

#include <dirent.h>
#include <sys/stat.h>

int __real_stat(const char *path, struct stat *st);
int __wrap_stat(const char *path, struct stat *st);
DIR *__real_opendir(const char *path);
DIR *__wrap_opendir(const char *path);

#endif
