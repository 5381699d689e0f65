/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_PAGES_H
#define EROFS_SPARSE_PAGES_H

#include "chunkmap.h"
#include "hash.h"
#include "key.h"
#include "source.h"
#include "store.h"

/* what a step works on: as much as the inner cache of one core holds */
#define SPARSE_BATCH_BLOCKS	SPARSE_RUN_BLOCKS

/* log2 of the blocks in the largest chunk that may be asked for: a batch */
#define SPARSE_SHIFT_MAX	6

/**
 * struct sparse_batch - some chunks of one file on their way into the image
 * @source: the file
 * @shift: log2 of the blocks in a chunk, at most SPARSE_SHIFT_MAX
 * @loaded: their bytes are here already: a stream cannot be read out of order
 * @count: how many blocks: those of whole chunks, but for the end of the file
 * @block: their numbers in the file, rising
 * @hole: whether they are holes of the file, in a chunk that is not
 * @base: where on another device they are, or 0.  What lies below a hole is known to be
 *	there and is not read; the rest is looked for
 * @data: the bytes of what is read; the last block of the file is padded with zeros
 * @zero: whether they hold nothing but zeros
 * @id: at a chunk's first block, if any is not zeros: what the chunk is known by
 * @digest: SHA-256 of those that are not zeros, and of those zeros
 *
 * What is done to a batch from sparse_pages_read() to sparse_digest_run() touches nothing
 * else.
 */
struct sparse_batch {
	const struct sparse_source *source;
	unsigned int shift;
	bool loaded;
	unsigned int count;
	u64 block[SPARSE_BATCH_BLOCKS];
	bool hole[SPARSE_BATCH_BLOCKS];
	u32 base[SPARSE_BATCH_BLOCKS];
	u8 *data;
	bool zero[SPARSE_BATCH_BLOCKS];
	struct sparse_id id[SPARSE_BATCH_BLOCKS];
	u8 digest[SPARSE_BATCH_BLOCKS][SPARSE_DIGEST_SIZE];
};

/** sparse_batch_chunk() - how many blocks the chunk has whose first is @i */
static inline unsigned int sparse_batch_chunk(const struct sparse_batch *batch,
					      unsigned int i)
{
	unsigned int blocks = 1U << batch->shift;

	return blocks < batch->count - i ? blocks : batch->count - i;
}

/** sparse_batch_init() - get memory for the data.  Return: 0 or -ENOMEM. */
int sparse_batch_init(struct sparse_batch *batch);

/** sparse_batch_exit() - release it */
void sparse_batch_exit(struct sparse_batch *batch);

/**
 * struct sparse_pages - where in a file the next batch comes from
 * @source: the file
 * @shift: log2 of the blocks in a chunk; 0 if the source is a delta
 */
struct sparse_pages {
	struct sparse_source *source;
	unsigned int shift;
	/* private: what is left of the data found last */
	struct sparse_extent extent;
};

/** sparse_pages_init() - begin with a file, as above */
void sparse_pages_init(struct sparse_pages *pages, struct sparse_source *source,
		       unsigned int shift);

/**
 * sparse_pages_run() - choose the next chunks of the file that may hold data
 * @pages: moved on
 * @batch: all up to @base is set; @count is 0 at the end of the file
 */
int sparse_pages_run(struct sparse_pages *pages, struct sparse_batch *batch,
		     struct sparse_failure *failure);

/**
 * sparse_pages_read() - read the chosen blocks; by any thread
 * @batch: from sparse_pages_run()
 */
int sparse_pages_read(struct sparse_batch *batch, struct sparse_failure *failure);

#endif
