/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_BATCH_H
#define EROFS_SPARSE_BATCH_H

#include "extent.h"
#include "hash.h"
#include "store.h"

/* what a step works on: as much as the inner cache of one core holds */
#define SPARSE_BATCH_BLOCKS	SPARSE_RUN_BLOCKS

/**
 * struct sparse_batch - some blocks of one file on their way into the image
 * @fd: the file
 * @size: its size in bytes
 * @count: how many blocks
 * @block: their numbers in the file, rising
 * @data: their bytes; the last of the file is padded with zeros
 * @zero: whether they hold nothing but zeros; the rest is for those that do not
 * @hash: what finds an equal block
 * @digest: SHA-256
 *
 * What is done to a batch from sparse_batch_read() to sparse_batch_scan()
 * touches nothing else.
 */
struct sparse_batch {
	int fd;
	u64 size;
	unsigned int count;
	u64 block[SPARSE_BATCH_BLOCKS];
	u8 *data;
	bool zero[SPARSE_BATCH_BLOCKS];
	u64 hash[SPARSE_BATCH_BLOCKS];
	u8 digest[SPARSE_BATCH_BLOCKS][SPARSE_DIGEST_SIZE];
};

/**
 * struct sparse_walk - where in a file the next batch comes from
 * @fd: the file
 * @size: its size in bytes
 * @extent: what is left of the data found last; start with all zeros
 */
struct sparse_walk {
	int fd;
	u64 size;
	struct sparse_extent extent;
};

/** sparse_batch_init() - get memory for the data.  Return: 0 or -ENOMEM. */
int sparse_batch_init(struct sparse_batch *batch);

/** sparse_batch_exit() - release it */
void sparse_batch_exit(struct sparse_batch *batch);

/**
 * sparse_batch_plan() - choose the next blocks of the file that may hold data
 * @batch: @fd, @size, @count and @block are set; @count is 0 at the end of the file
 * @walk: moved on
 *
 * Return: 0 or the negative errno of a failed seek.
 */
int sparse_batch_plan(struct sparse_batch *batch, struct sparse_walk *walk);

/**
 * sparse_batch_read() - read the planned blocks
 * @batch: planned
 *
 * Return: 0, -ETXTBSY if the file ends before its size: somebody writes to it; or
 * the negative errno of a failed read.
 */
int sparse_batch_read(struct sparse_batch *batch);

/**
 * sparse_batch_scan() - find zeros, hash and digest
 * @batch: read
 * @hash: for the digests, or NULL if they are not wanted
 *
 * Return: 0 or -EIO.
 */
int sparse_batch_scan(struct sparse_batch *batch, struct sparse_hash *hash);

#endif
