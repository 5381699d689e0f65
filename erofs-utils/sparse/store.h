/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_STORE_H
#define EROFS_SPARSE_STORE_H

#include <sys/uio.h>

#include "types.h"

/* how many blocks may wait to be written */
#define SPARSE_STORE_PENDING	64

/**
 * struct sparse_store - the image's data: one block after the other, written once
 * @fd: the image, open for reading and writing
 * @start: number of the image's block that the first stored block goes to
 * @written: how many blocks have been written
 * @pending: how many wait
 * @block: those that wait; their memory is the caller's until they are flushed
 *
 * Stored blocks are numbered from 0.
 */
struct sparse_store {
	int fd;
	u32 start;
	u32 written;
	unsigned int pending;
	const u8 *block[SPARSE_STORE_PENDING];
};

/**
 * sparse_store_put() - append a block
 * @store: with @fd and @start set, the rest zero
 * @block: SPARSE_BLOCK_SIZE bytes, to be left alone until they are flushed
 *
 * No more than SPARSE_STORE_PENDING between two flushes.
 *
 * Return: number of the stored block.
 */
u32 sparse_store_put(struct sparse_store *store, const u8 *block);

/**
 * sparse_store_flush() - write all that waits
 * @store: as above
 *
 * Return: 0 or the negative errno of the write that failed.
 */
int sparse_store_flush(struct sparse_store *store);

/**
 * sparse_store_equal() - compare a block with a stored one
 * @store: as above
 * @index: number of the stored block, written or waiting
 * @block: SPARSE_BLOCK_SIZE bytes
 *
 * Return: 1 if they are equal, 0 if not, or a negative errno of reading.
 */
int sparse_store_equal(const struct sparse_store *store, u32 index,
		       const u8 *block);

#endif
