/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_STORE_H
#define EROFS_SPARSE_STORE_H

#include "failure.h"

/* the most blocks of one run */
#define SPARSE_RUN_BLOCKS	64

/**
 * struct sparse_run - blocks that are stored one after the other
 * @first: number of the first
 * @count: how many
 * @block: SPARSE_BLOCK_SIZE bytes each, owned by somebody else
 */
struct sparse_run {
	u32 first;
	unsigned int count;
	const u8 *block[SPARSE_RUN_BLOCKS];
};

/**
 * struct sparse_store - the image's data: one block after the other, written once
 * @path: the image's name
 * @fd: the image, open for writing
 * @start: number of the image's block that the first stored block goes to
 *
 * Stored blocks are numbered from 0.  Runs are written in any order by any thread.
 */
struct sparse_store {
	const char *path;
	int fd;
	u32 start;
};

/**
 * sparse_store_write() - write a run
 * @store: as above
 * @run: a run, perhaps of no blocks
 */
int sparse_store_write(const struct sparse_store *store, const struct sparse_run *run,
		       struct sparse_failure *failure);

/**
 * sparse_store_sync() - have the kernel start to write to disk, without waiting, and forget
 * what it has written
 * @store: as above
 * @first: number of the first stored block
 * @end: number of the block after the last one
 *
 * What the disk says to it is what fsync() will say in the end.
 */
void sparse_store_sync(const struct sparse_store *store, u32 first, u32 end);

#endif
