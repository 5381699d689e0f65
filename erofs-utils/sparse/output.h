/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_OUTPUT_H
#define EROFS_SPARSE_OUTPUT_H

#include <sys/types.h>

#include "types.h"

/**
 * struct sparse_output - an image that appears under its name whole or not at all
 * @path: its name as the user gave it
 * @fd: to write it
 * @exists: something has that name already
 * @dev: where that is
 * @ino: which that is
 *
 * Until it is committed the image has no name where the file system can do that,
 * and a temporary one beside @path where not.  SIGINT, SIGTERM and SIGHUP remove
 * it, say so, and end the process with status 1.
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
	const char *name;
	char *temporary;
	bool named;
};

/* nothing to close */
#define SPARSE_OUTPUT_NONE	((struct sparse_output) { .fd = -1, .dirfd = -1 })

/**
 * sparse_output_find() - look at what has the image's name already
 * @out: filled in, but for @fd; released by sparse_output_close()
 * @path: the image's name, which is to live as long as @out
 *
 * A symbolic link is followed: it will lead to the image.
 *
 * Return: 0; -EISDIR or -ENOTSUP if the name is not that of a regular file,
 * -EEXIST if that is not empty and no EROFS image, or another negative errno.
 */
int sparse_output_find(struct sparse_output *out, const char *path);

/**
 * sparse_output_open() - create the image
 * @out: found
 *
 * Return: 0 or a negative errno.
 */
int sparse_output_open(struct sparse_output *out);

/**
 * sparse_output_commit() - write the image to disk and give it its name
 * @out: open
 * @mode: the image's permissions, of which the umask takes away
 *
 * Return: 0 or a negative errno; the name is then what it was before.
 */
int sparse_output_commit(struct sparse_output *out, mode_t mode);

/**
 * sparse_output_close() - remove what was not committed, release the rest
 * @out: in any state; @fd stays open, its owner is who writes the image
 */
void sparse_output_close(struct sparse_output *out);

#endif
