/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_EXTENT_H
#define EROFS_SPARSE_EXTENT_H

#include <sys/types.h>

#include "types.h"

/**
 * struct sparse_extent - blocks of a file that may hold data
 * @start: number of the first block
 * @end: number of the block after the last one
 * @addr: 0 if they are to be read; else they are known to be on another device, from this
 *	address on
 */
struct sparse_extent {
	u64 start;
	u64 end;
	u32 addr;
};

/**
 * sparse_data_next() - find the next data in a part of a file
 * @fd: a regular file; its offset is moved
 * @pos: the byte to start from
 * @end: the byte to stop at
 * @data: set to where there is data
 * @hole: set to where it ends, @end at most
 *
 * A file system that cannot tell says that all is data.
 *
 * Return: 1 if there is data, 0 if only a hole is left, or a negative errno.
 */
int sparse_data_next(int fd, u64 pos, u64 end, u64 *data, u64 *hole);

/**
 * sparse_data_read() - read a part of a file
 * @fd: open for reading, can seek
 * @buf: where to put it
 * @len: how many bytes
 * @pos: where they are
 *
 * Return: how many bytes that were, less than @len only at the end, or a negative errno.
 */
ssize_t sparse_data_read(int fd, void *buf, size_t len, u64 pos);

/** sparse_data_is_cached() - whether some of a file is in the page cache, or nobody knows */
bool sparse_data_is_cached(int fd);

/*
 * So much is dropped at a time, and as much stays for a while: for a page that has just come
 * all CPUs would be asked whether they hold it, and one that is being written stays.
 */
#define SPARSE_DROP_BLOCKS	2048

/**
 * sparse_data_drop() - have a part of a file leave the page cache
 * @fd: open
 * @pos: where it begins, bytes
 * @len: how many bytes, or 0 for all up to the end
 *
 * What is dirty, or mapped by somebody, stays.
 */
void sparse_data_drop(int fd, u64 pos, u64 len);

/**
 * sparse_extent_next() - find the next data in a file
 * @fd: a regular file; its offset is moved
 * @block: number of the block to start from
 * @blocks: how many blocks the file has
 * @extent: filled in if there is data; a block that is partly data counts
 *
 * Return: 1 if @extent was set, 0 if only a hole is left, or a negative errno.
 */
int sparse_extent_next(int fd, u64 block, u64 blocks,
		       struct sparse_extent *extent);

#endif
