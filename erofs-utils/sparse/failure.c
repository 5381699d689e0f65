// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failure.h"

/* what is said of it if there is no hint */
static const char * const doing[] = {
	[SPARSE_USAGE] = "understand",
	[SPARSE_CHECK] = "check",
	[SPARSE_START] = "start",
	[SPARSE_READ] = "read",
	[SPARSE_LIST] = "read directory",
	[SPARSE_IMPORT] = "import",
	[SPARSE_CREATE] = "create",
	[SPARSE_WRITE] = "write",
};

int sparse_fail_at(struct sparse_failure *failure, enum sparse_stage stage,
		   const char *path, u64 offset, int err)
{
	if (failure->err)
		return failure->err;
	*failure = (struct sparse_failure) {
		.stage = stage,
		.path = path ? strdup(path) : NULL,
		.offset = offset,
		.err = err,
	};
	return err;
}

int sparse_fail(struct sparse_failure *failure, enum sparse_stage stage,
		const char *path, int err)
{
	return sparse_fail_at(failure, stage, path, SPARSE_ANYWHERE, err);
}

int sparse_refuse(struct sparse_failure *failure, const char *path, const char *fmt, ...)
{
	bool first = !failure->err;
	va_list args;

	sparse_fail(failure, path ? SPARSE_CHECK : SPARSE_USAGE, path, -EINVAL);
	if (!first)
		return failure->err;
	va_start(args, fmt);
	if (vasprintf(&failure->hint, fmt, args) < 0)
		failure->hint = NULL;
	va_end(args);
	return failure->err;
}

int sparse_failure_take(struct sparse_failure *failure, struct sparse_failure *from)
{
	if (failure->err)
		sparse_failure_exit(from);
	else
		*failure = *from;
	*from = (struct sparse_failure) { 0 };
	return failure->err;
}

char *sparse_failure_text(const struct sparse_failure *failure)
{
	const char *path = failure->path, *quote = path ? "'" : "";
	char *text, place[40] = "";
	int ret;

	if (failure->offset != SPARSE_ANYWHERE)
		snprintf(place, sizeof(place), " (at byte %llu)",
			 (unsigned long long)failure->offset);
	if (failure->hint)
		ret = asprintf(&text, "%s%s%s%s", quote, path ?: "", quote, failure->hint);
	else
		ret = asprintf(&text, "could not %s%s%s%s%s: %s%s", doing[failure->stage],
			       path ? " " : "", quote, path ?: "", quote,
			       strerror(-failure->err), place);
	return ret < 0 ? NULL : text;
}

void sparse_failure_exit(struct sparse_failure *failure)
{
	free(failure->path);
	free(failure->hint);
	*failure = (struct sparse_failure) { 0 };
}
