/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_DEDUPE_H
#define EROFS_SPARSE_DEDUPE_H

#include "types.h"

/* the most blocks that can be told apart, and stored: 16 TiB of them */
#define SPARSE_DEDUPE_MAX	0xfffffff0U

/**
 * struct sparse_dedupe - which blocks have been stored, by their hash
 *
 * Stored blocks are numbered from 0 in the order in which they are added.  Costs 8
 * bytes a block for the hashes and 5.4 to 10.7 for the table that finds them.
 */
struct sparse_dedupe {
	u64 *hash;		/* of each stored block */
	u32 count;		/* of stored blocks */
	u32 room;		/* in @hash */
	u32 *slot;		/* open addressing: number of a block plus 1, or 0 */
	u64 mask;		/* number of slots minus 1 */
};

/**
 * typedef sparse_dedupe_equal - compare the bytes of a block with a stored one
 * @arg: as given to sparse_dedupe_find()
 * @index: number of the stored block
 *
 * Return: 1 if they are equal, 0 if not, or a negative errno.
 */
typedef int (*sparse_dedupe_equal)(void *arg, u32 index);

/** sparse_dedupe_init() - start with no blocks.  Return: 0 or -ENOMEM. */
int sparse_dedupe_init(struct sparse_dedupe *dedupe);

/** sparse_dedupe_exit() - release the memory */
void sparse_dedupe_exit(struct sparse_dedupe *dedupe);

/**
 * sparse_dedupe_find() - look for a stored block with the same bytes
 * @dedupe: initialised
 * @hash: of the block
 * @equal: asked for each stored block that has the same hash
 * @arg: for @equal
 * @index: set to the number of the stored block if there is one
 *
 * Return: 1 if found, 0 if not, or the negative errno that @equal returned.
 */
int sparse_dedupe_find(const struct sparse_dedupe *dedupe, u64 hash,
		       sparse_dedupe_equal equal, void *arg, u32 *index);

/**
 * sparse_dedupe_add() - note that a block has been stored
 * @dedupe: initialised; after -ENOMEM only good for sparse_dedupe_exit()
 * @hash: of the block
 *
 * Return: 0, -ENOMEM, or -EFBIG if there are SPARSE_DEDUPE_MAX blocks already.
 */
int sparse_dedupe_add(struct sparse_dedupe *dedupe, u64 hash);

#endif
