/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_DEDUPE_H
#define EROFS_SPARSE_DEDUPE_H

#include "types.h"

/* the most chunks that can be told apart: 16 TiB of pages */
#define SPARSE_DEDUPE_MAX	0xfffffff0U

/**
 * struct sparse_dedupe - which chunks have been stored, and where, by their hash
 *
 * Costs 12 bytes a chunk, and 5.4 to 10.7 for the table that finds it.
 */
struct sparse_dedupe {
	u64 *hash;		/* of each stored chunk */
	u32 *addr;		/* where it is: number of its first block */
	u32 count;		/* of stored chunks */
	u32 room;		/* in @hash and @addr */
	u32 *slot;		/* open addressing: number of a chunk plus 1, or 0 */
	u64 mask;		/* number of slots minus 1 */
};

/**
 * typedef sparse_dedupe_equal - compare the bytes of a chunk with a stored one
 * @arg: as given to sparse_dedupe_find()
 * @addr: where the stored one is
 *
 * Return: 1 if they are equal, 0 if not, or a negative errno.
 */
typedef int (*sparse_dedupe_equal)(void *arg, u32 addr);

/** sparse_dedupe_init() - start with no chunks.  Return: 0 or -ENOMEM. */
int sparse_dedupe_init(struct sparse_dedupe *dedupe);

/** sparse_dedupe_exit() - release the memory; again is fine, too */
void sparse_dedupe_exit(struct sparse_dedupe *dedupe);

/**
 * sparse_dedupe_find() - look for a stored chunk with the same bytes
 * @dedupe: initialised
 * @hash: of the chunk
 * @equal: asked for each stored chunk that has the same hash
 * @arg: for @equal
 * @addr: set to where the stored chunk is, or to where one is that could not be
 *	compared
 *
 * Return: 1 if found, 0 if not, or the negative errno that @equal returned.
 */
int sparse_dedupe_find(const struct sparse_dedupe *dedupe, u64 hash,
		       sparse_dedupe_equal equal, void *arg, u32 *addr);

/**
 * sparse_dedupe_add() - note that a chunk has been stored
 * @dedupe: initialised; after -ENOMEM only good for sparse_dedupe_exit()
 * @hash: of the chunk
 * @addr: where it is
 *
 * Return: 0, -ENOMEM, or -EFBIG if there are SPARSE_DEDUPE_MAX chunks already.
 */
int sparse_dedupe_add(struct sparse_dedupe *dedupe, u64 hash, u32 addr);

/**
 * sparse_dedupe_more_room() - how many chunks to have memory for next
 * @room: how many there is memory for
 *
 * Return: more than that, but for SPARSE_DEDUPE_MAX.
 */
u32 sparse_dedupe_more_room(u32 room);

#endif
