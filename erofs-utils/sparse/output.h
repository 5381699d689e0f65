/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_OUTPUT_H
#define EROFS_SPARSE_OUTPUT_H

#include <sys/stat.h>

#include "failure.h"

/**
 * struct sparse_signature - what tells a file that may be replaced from one that
 * may not
 * @what: what it is if it has none of it, as "no EROFS image"
 * @name: what it is for short
 * @pos: where it is
 * @bytes: what is there
 * @len: how many
 */
struct sparse_signature {
	const char *what;
	const char *name;
	off_t pos;
	const char *bytes;
	size_t len;
};

/* of an image: EROFS_SUPER_MAGIC_V1 at EROFS_SUPER_OFFSET of erofs_fs.h */
extern const struct sparse_signature sparse_image_signature;

/**
 * struct sparse_output - a file that appears under its name whole or not at all
 * @path: its name as the user gave it
 * @fd: to write it
 * @exists: something has that name already
 * @dev: where that is
 * @ino: which that is
 *
 * Until it is committed the file has no name where the file system can do that,
 * and a temporary one beside @path where not.  Nobody but its owner may use it.
 * SIGINT, SIGTERM and SIGHUP remove it, say so, and end the process with status 1.
 * There may be two at a time.
 */
struct sparse_output {
	const char *path;
	int fd;
	bool exists;
	dev_t dev;
	ino_t ino;
	/* private */
	int dirfd;
	char *target;
	char *name;
	char *temporary;
	bool named;		/* that is in use */
	bool given;		/* @name is this file's */
	bool exchanged;		/* and the temporary one is that of what had it */
	bool acl;
	uid_t uid;
	gid_t gid;
	mode_t mode;
};

/* nothing to close */
#define SPARSE_OUTPUT_NONE	((struct sparse_output) { .fd = -1, .dirfd = -1 })

/**
 * sparse_output_find() - look at what has the file's name already
 * @out: filled in, but for @fd; released by sparse_output_close()
 * @path: the file's name, which is to live as long as @out
 * @signature: of what may be replaced
 * @failure: where a failure is noted; that the name is not that of a regular file is one,
 *	and that this is not empty and has no such signature
 *
 * A symbolic link is followed: it will lead to the file.
 */
int sparse_output_find(struct sparse_output *out, const char *path,
		       const struct sparse_signature *signature,
		       struct sparse_failure *failure);

/**
 * sparse_output_open() - create the file
 * @out: found
 */
int sparse_output_open(struct sparse_output *out, struct sparse_failure *failure);

/** sparse_output_is_same() - whether two that were found have one name */
bool sparse_output_is_same(const struct sparse_output *a,
			   const struct sparse_output *b);

/** sparse_output_exists_as() - whether @st is of what has the file's name already */
bool sparse_output_exists_as(const struct sparse_output *out,
			     const struct stat *st);

/** sparse_output_is_itself() - whether @st is of the file under its temporary name */
bool sparse_output_is_itself(const struct sparse_output *out,
			     const struct stat *st);

/* the permissions of what is replaced, see below */
#define SPARSE_MODE_KEPT	((mode_t)-1)

/**
 * sparse_output_sync() - write the file to disk
 * @out: open
 * @mode: the file's permissions, whatever the umask; or SPARSE_MODE_KEPT
 *
 * What is replaced hands on its group and its permissions if it belongs to us.  A
 * group that we cannot give, and one whose rights an ACL says, gets what others
 * get as well.  What belongs to somebody else says nothing, as he may have put it
 * there to read ours; then, and if nothing is replaced, the owner alone may read
 * and write.
 *
 * Return: 0 or a negative errno, which is noted in @failure.
 */
int sparse_output_sync(struct sparse_output *out, mode_t mode,
		       struct sparse_failure *failure);

/**
 * sparse_output_commit() - give the file its name
 * @out: on disk
 * @with: another one, which gets its name right after @out; or NULL
 *
 * No signal comes in between.  If there are two and one fails, both names are taken
 * back, and what they were of has them again where the file system can exchange
 * two names; where it cannot, what @out has replaced is gone.
 */
int sparse_output_commit(struct sparse_output *out, struct sparse_output *with,
			 struct sparse_failure *failure);

/**
 * sparse_output_close() - remove what was not committed, release the rest
 * @out: in any state; @fd stays open, its owner is who writes the file
 */
void sparse_output_close(struct sparse_output *out);

#endif
