/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_FAILURE_H
#define EROFS_SPARSE_FAILURE_H

#include "types.h"

/* what was being done */
enum sparse_stage {
	SPARSE_USAGE,	/* the command line was read */
	SPARSE_CHECK,	/* a file was looked at: is it what it has to be? */
	SPARSE_START,
	SPARSE_READ,
	SPARSE_LIST,
	SPARSE_IMPORT,
	SPARSE_CREATE,
	SPARSE_WRITE,
};

/* not at one place of the file */
#define SPARSE_ANYWHERE		UINT64_MAX

/**
 * struct sparse_failure - what went wrong, if something did
 * @stage: what was being done
 * @path: to which file, or NULL
 * @offset: at which byte of it, or SPARSE_ANYWHERE
 * @err: a negative errno; 0 if nothing went wrong
 * @hint: what is the matter with the file and what to do, if @err does not say it; or NULL
 *
 * All zero to begin with.  Whoever finds the failure notes it, and its callers only return
 * its errno: what is noted first stays.  So who calls something that may have noted it or
 * not notes what he knows in any case.  The strings are copies.
 *
 * A function that is given one notes there whatever fails, and if it does not say otherwise
 * returns 0 or a negative errno.
 */
struct sparse_failure {
	enum sparse_stage stage;
	char *path;
	u64 offset;
	int err;
	char *hint;
};

/**
 * sparse_fail() - note that something failed with an errno
 * @failure: as above
 * @stage: what was being done
 * @path: to which file, or NULL
 * @err: a negative errno
 *
 * Return: the errno that was noted first.
 */
int sparse_fail(struct sparse_failure *failure, enum sparse_stage stage,
		const char *path, int err);

/** sparse_fail_at() - the same, at byte @offset of the file */
int sparse_fail_at(struct sparse_failure *failure, enum sparse_stage stage,
		   const char *path, u64 offset, int err);

/**
 * sparse_refuse() - note that a file is not what it has to be
 * @failure: as above
 * @path: the file's, or NULL if it is the command line (SPARSE_USAGE)
 * @fmt: why, and what to do; it follows the quoted path, and begins with a space or a colon
 *
 * Return: -EINVAL, or the errno that was noted first.
 */
int sparse_refuse(struct sparse_failure *failure, const char *path, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** sparse_failure_take() - note what was noted elsewhere.  Return: as sparse_fail(). */
int sparse_failure_take(struct sparse_failure *failure, struct sparse_failure *from);

/** sparse_failure_text() - the failure in one line.  Return: to be freed, or NULL. */
char *sparse_failure_text(const struct sparse_failure *failure);

/** sparse_failure_exit() - release the strings; nothing is noted any more */
void sparse_failure_exit(struct sparse_failure *failure);

#endif
