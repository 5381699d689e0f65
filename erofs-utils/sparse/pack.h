/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_PACK_H
#define EROFS_SPARSE_PACK_H

#include "chunkmap.h"
#include "dedupe.h"
#include "flight.h"
#include "known.h"
#include "space.h"
#include "verity.h"

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
 * struct sparse_packer - puts the data of files into an image
 * @want_digest: whether to compute fs-verity digests
 * @shift: log2 of the blocks in a chunk: what is a hole, or a duplicate, as a whole
 * @workers: how many threads work, the caller being one of them
 * @base_blocks: how many blocks all bases have
 * @failure: what went wrong first, if something did; all that is below notes it there
 */
struct sparse_packer {
	bool want_digest;
	unsigned int shift;
	unsigned int workers;
	u64 base_blocks;
	struct sparse_failure failure;
	struct sparse_counts counts;
	struct sparse_space space;
	struct sparse_store store;
	struct sparse_key key[2];
	struct sparse_dedupe dedupe;
	struct sparse_known known;
	struct sparse_flight flight;
	struct sparse_hash hash;
	struct sparse_verity verity;
	/* private: the file */
	struct sparse_walk walk;
	struct sparse_chunkmap **map;
	struct sparse_leaf *leaves;
	u64 next;		/* the block after the last one that was digested */
};

/**
 * sparse_packer_init() - get ready
 * @packer: all zero but for @want_digest, @shift, @workers and @base_blocks
 * @fd: the image, open for writing
 * @path: its name
 * @start: number of the image's block that data may start from
 *
 * Return: 0 or a negative errno.
 */
int sparse_packer_init(struct sparse_packer *packer, int fd, const char *path, u32 start);

/**
 * sparse_packer_finish() - end all threads, release all memory but that of @space
 * @packer: after any result of the above; @counts, @space and @failure stay good
 */
void sparse_packer_finish(struct sparse_packer *packer);

/** sparse_packer_exit() - release the rest as well, after any result of the above */
void sparse_packer_exit(struct sparse_packer *packer);

/**
 * sparse_pack_begin() - begin with a file
 * @packer: initialised, with no other file begun
 * @source: the file; a delta's addresses are those of @space, and then @shift is 0
 * @map: of as many bytes, or of none if that is a stream; extended, by which it may move,
 *	and filled in for each block
 */
void sparse_pack_begin(struct sparse_packer *packer, struct sparse_source *source,
		       struct sparse_chunkmap **map);

/**
 * sparse_pack_begin_leaves() - begin with another image, whose blocks are only digested
 * @packer: initialised, without a file yet, with @want_digest
 * @source: that image
 * @leaves: of each block, all zero; set to the digest of those that are not zeros
 */
void sparse_pack_begin_leaves(struct sparse_packer *packer, struct sparse_source *source,
			      struct sparse_leaf *leaves);

/**
 * sparse_pack_run() - go on with it
 * @packer: with a file begun
 *
 * The data may still be on its way into the image; its place there is settled, and the
 * same for any number of workers.
 *
 * Return: how many blocks were read, 0 if there are no more, or a negative errno.
 */
int sparse_pack_run(struct sparse_packer *packer);

/**
 * sparse_pack_end() - no longer read the file, wherever that was interrupted
 * @packer: with a file begun
 * @digest: set to the fs-verity digest, if that is wanted and nothing has failed
 *
 * Return: 0 or a negative errno.
 */
int sparse_pack_end(struct sparse_packer *packer, u8 digest[SPARSE_DIGEST_SIZE]);

/**
 * sparse_pack_base() - have blocks of another image referenced, not stored
 * @packer: initialised, without a file yet, with @want_digest and a @shift of 0
 * @leaves: the digest of each block, all zero for one of zeros; to live as long as @packer
 * @blocks: how many it has
 *
 * Return: 0, -EFBIG if there are not so many addresses, or another negative errno; none of
 * them is noted.
 */
int sparse_pack_base(struct sparse_packer *packer,
		     const struct sparse_leaf *leaves, u64 blocks);

/**
 * sparse_packer_has_room() - whether the image can hold what comes after the data
 * @packer: initialised
 * @bytes: how much that is
 */
bool sparse_packer_has_room(const struct sparse_packer *packer, u64 bytes);

/**
 * sparse_packer_flush() - wait until the data of all files is in the image
 * @packer: initialised
 *
 * Return: 0 or a negative errno.
 */
int sparse_packer_flush(struct sparse_packer *packer);

#endif
