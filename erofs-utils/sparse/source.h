/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_SOURCE_H
#define EROFS_SPARSE_SOURCE_H

#include <sys/stat.h>

#include "types.h"

/* what stands for standard input on the command line, and its name in the image */
#define SPARSE_STDIN		"-"
#define SPARSE_STDIN_NAME	"stdin"

/**
 * sparse_source_is_stream() - whether a snapshot is standard input
 * @path: as given on the command line
 */
bool sparse_source_is_stream(const char *path);

/**
 * sparse_source_open() - open a snapshot
 * @path: as given on the command line
 * @st: what it is, or is to be in the image: a block device becomes a regular file
 *	of its size, and so does a stream, whose size is 0: nobody knows it yet.
 *	By st_dev and st_ino two names of one file are found: a device has its own
 *	number and 0, a stream is nothing else and has 0 and 0
 *
 * A FIFO is not waited for.
 *
 * Return: a file descriptor or a negative errno.
 */
int sparse_source_open(const char *path, struct stat *st);

/**
 * sparse_source_stat() - what sparse_source_open() said of it, as it is now
 * @fd: from sparse_source_open()
 * @st: filled in
 *
 * Return: 0 or a negative errno.
 */
int sparse_source_stat(int fd, struct stat *st);

/**
 * sparse_source_read() - read a part of a snapshot, all of it
 * @fd: from sparse_source_open(), of a file that can seek
 * @buf: where to put it
 * @len: how many bytes
 * @pos: where they are
 *
 * Return: 0, -ETXTBSY if the file ends before: somebody writes to it; or another
 * negative errno.
 */
int sparse_source_read(int fd, u8 *buf, size_t len, off_t pos);

/**
 * sparse_source_was_changed() - whether somebody wrote to it in between
 * @was: from sparse_source_open() or lstat()
 * @is: from sparse_source_stat()
 *
 * Of a block device these are the times of the node that it was opened by.
 */
bool sparse_source_was_changed(const struct stat *was, const struct stat *is);

#endif
