/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For "ld --wrap": what the program under test calls stat(), for instance, is __wrap_stat()
 * here, and that of libc is __real_stat().
 */
#ifndef CALLS_H
#define CALLS_H

#include <dirent.h>
#include <sys/stat.h>

int __real_stat(const char *path, struct stat *st);
int __wrap_stat(const char *path, struct stat *st);
DIR *__real_opendir(const char *path);
DIR *__wrap_opendir(const char *path);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
void *__real_reallocarray(void *array, size_t nr, size_t size);
void *__wrap_reallocarray(void *array, size_t nr, size_t size);

#endif
