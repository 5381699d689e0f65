/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_PLACE_H
#define EROFS_SPARSE_PLACE_H

#include "dedupe.h"
#include "pages.h"

/*
 * The block that an image's data has to end at.  Metadata is next, and upstream keeps its
 * place in a signed number of 32 bits: beyond, the kernel does not find it.
 */
#define SPARSE_DATA_END		((u64)1 << 31)

/* what a superblock can say of the blocks of an image */
#define SPARSE_IMAGE_MAX	((u64)UINT32_MAX << SPARSE_BLOCK_BITS)

/**
 * struct sparse_counts - what became of the blocks
 * @blocks: of all files
 * @zero: stored as data where they came from, but in a chunk that is all zeros
 * @duplicate: in a chunk that is equal to one that was stored before
 * @base: equal to one of another device
 * @stored: in the image's data
 *
 * The rest of @blocks were holes already.
 */
struct sparse_counts {
	u64 blocks;
	u64 zero;
	u64 duplicate;
	u64 base;
	u64 stored;
};

/** sparse_counts_holes() - how many blocks were holes */
static inline u64 sparse_counts_holes(const struct sparse_counts *counts)
{
	return counts->blocks - counts->zero - counts->duplicate -
		counts->base - counts->stored;
}

/** sparse_counts_since() - what came to @before until @after */
static inline struct sparse_counts
sparse_counts_since(const struct sparse_counts *before,
		    const struct sparse_counts *after)
{
	return (struct sparse_counts) {
		.blocks = after->blocks - before->blocks,
		.zero = after->zero - before->zero,
		.duplicate = after->duplicate - before->duplicate,
		.base = after->base - before->base,
		.stored = after->stored - before->stored,
	};
}

/**
 * struct sparse_place - decides where in the image each chunk is
 * @space: of all addresses
 * @start: number of the image's block that data starts from
 * @counts: of the blocks so far
 *
 * The part that is done batch by batch in the order of the files.
 */
struct sparse_place {
	const struct sparse_space *space;
	u32 start;
	struct sparse_counts counts;
	/* private */
	struct sparse_dedupe dedupe;
};

/** sparse_place_init() - begin with an image, as above.  Return: 0 or -ENOMEM. */
int sparse_place_init(struct sparse_place *place, const struct sparse_space *space,
		      u32 start);

/**
 * sparse_place_run() - place the chunks of a batch
 * @place: initialised
 * @batch: digested
 * @map: of its file, which may become longer and so move; filled in for each block
 * @run: empty; set to the blocks that are to be stored
 */
int sparse_place_run(struct sparse_place *place, const struct sparse_batch *batch,
		     struct sparse_chunkmap **map, struct sparse_run *run,
		     struct sparse_failure *failure);

/** sparse_place_end() - release the memory; again is fine, too.  @counts stay good. */
void sparse_place_end(struct sparse_place *place);

#endif
