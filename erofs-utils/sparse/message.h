/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_MESSAGE_H
#define EROFS_SPARSE_MESSAGE_H

#include "failure.h"

#ifndef __printf
#define __printf(a, b)	__attribute__((__format__(printf, a, b)))
#endif

/* who says it */
extern const char *sparse_program;

/**
 * sparse_error() - say in one line on standard error what went wrong
 * @err: a negative errno, whose meaning is added, or 0
 * @fmt: what was being done, and to which file
 *
 * A control character, as in a file's name, is shown as "?", and so is a byte
 * that is one where a terminal does not expect UTF-8.
 *
 * Return: @err, or -EINVAL if that is 0.
 */
int sparse_error(int err, const char *fmt, ...)
	__printf(2, 3);

/** sparse_failure_print() - say the same of what was noted */
void sparse_failure_print(const struct sparse_failure *failure);

/**
 * sparse_warning() - say in one line on standard error what is not as it was asked
 * @fmt: what was done instead, and to which file
 */
void sparse_warning(const char *fmt, ...)
	__printf(1, 2);

#endif
