/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_DEDUPE_H
#define EROFS_SPARSE_DEDUPE_H

#include "key.h"

/**
 * struct sparse_stored - a chunk that has been stored
 * @id: what it is known by
 * @next: number of another one in the same bucket plus 1, or 0
 */
struct sparse_stored {
	struct sparse_id id;
	u32 next;
};

/**
 * struct sparse_dedupe - which chunks have been stored, by what they are known by
 *
 * A hash table that grows by one bucket for each chunk ("linear hashing", Litwin 1980):
 * nobody ever waits until all of it is made anew.  It costs 24 bytes a chunk.
 */
struct sparse_dedupe {
	/* private */
	struct sparse_stored *stored;	/* by the number of a chunk's first block */
	u64 room;			/* there */
	u32 *bucket;			/* as @next */
	u64 buckets;
	u64 bucket_room;
	u64 mask;			/* the least 2^n - 1 that is no less than the last bucket */
};

/** sparse_dedupe_init() - start with no chunks.  Return: 0 or -ENOMEM. */
int sparse_dedupe_init(struct sparse_dedupe *dedupe);

/** sparse_dedupe_exit() - release the memory; again is fine, too */
void sparse_dedupe_exit(struct sparse_dedupe *dedupe);

/** sparse_dedupe_prefetch() - have the processor get what sparse_dedupe_find() looks at */
void sparse_dedupe_prefetch(const struct sparse_dedupe *dedupe,
			    const struct sparse_id *id);

/**
 * sparse_dedupe_find() - look for a stored chunk
 * @dedupe: initialised
 * @id: of the chunk
 * @index: set to the number of its first block if it is found
 */
bool sparse_dedupe_find(const struct sparse_dedupe *dedupe,
			const struct sparse_id *id, u32 *index);

/**
 * sparse_dedupe_add() - note that a chunk has been stored
 * @dedupe: initialised; after -ENOMEM only good for sparse_dedupe_exit()
 * @id: of the chunk, which was not found
 * @index: number of its first block, above those of the chunks before
 *
 * Return: 0 or -ENOMEM.
 */
int sparse_dedupe_add(struct sparse_dedupe *dedupe, const struct sparse_id *id,
		      u32 index);

#endif
