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
 * @write_failed: it was the image that could not be written, not the file that could not
 *	be read
 * @progress: called for every batch with the number of blocks in it, or NULL
 * @progress_arg: for @progress
 */
struct sparse_packer {
	bool want_digest;
	unsigned int shift;
	unsigned int workers;
	u64 base_blocks;
	bool write_failed;
	struct sparse_counts counts;
	struct sparse_space space;
	struct sparse_store store;
	struct sparse_key key[2];
	struct sparse_dedupe dedupe;
	struct sparse_known known;
	struct sparse_flight flight;
	struct sparse_hash hash;
	struct sparse_verity verity;
	void (*progress)(void *arg, unsigned int blocks);
	void *progress_arg;
};

/**
 * sparse_packer_init() - get ready
 * @packer: all zero but for @want_digest, @shift, @workers, @base_blocks, @progress and
 *	@progress_arg
 * @fd: the image, open for writing
 * @start: number of the image's block that data may start from
 *
 * Return: 0 or a negative errno.
 */
int sparse_packer_init(struct sparse_packer *packer, int fd, u32 start);

/**
 * sparse_packer_finish() - end all threads, release all memory but that of @space
 * @packer: after any result of the above; @counts and @space stay good
 */
void sparse_packer_finish(struct sparse_packer *packer);

/** sparse_packer_exit() - release the rest as well, after any result of the above */
void sparse_packer_exit(struct sparse_packer *packer);

/**
 * sparse_pack_leaves() - digest the blocks of another image
 * @packer: initialised, without a file yet, with @want_digest
 * @fd: that image, open for reading
 * @blocks: how many it has
 * @leaves: of each block, all zero; set to the digest of those that are not zeros
 *
 * Return: 0, -ETXTBSY if it has fewer blocks, or another negative errno.
 */
int sparse_pack_leaves(struct sparse_packer *packer, int fd, u64 blocks,
		       struct sparse_leaf *leaves);

/**
 * sparse_pack_base() - have blocks of another image referenced, not stored
 * @packer: initialised, without a file yet, with @want_digest and a @shift of 0
 * @leaves: the digest of each block, all zero for one of zeros; to live as long as @packer
 * @blocks: how many it has
 *
 * Return: 0, -EFBIG if there are not so many addresses, or another negative errno.
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
 * sparse_pack_file() - put a file's data into the image
 * @packer: initialised
 * @walk: its @fd and its @size, its @layout or NULL; its @delta, with addresses in
 *	@space of @packer, or NULL if holes are zeros; the rest zero
 * @map: of that many bytes, all holes; filled in for each block
 * @digest: where to put the fs-verity digest, if that is wanted
 *
 * Return: 0, -ETXTBSY if the file ends before @size, -EFBIG if the data would reach
 * SPARSE_DATA_END or the addresses of the bases, or another negative errno.  The data
 * may still be on its way into the image; its place there is settled, and the same
 * for any number of workers.
 */
int sparse_pack_file(struct sparse_packer *packer, struct sparse_walk *walk,
		     struct sparse_chunkmap *map,
		     u8 digest[SPARSE_DIGEST_SIZE]);

/**
 * sparse_pack_stream() - put the data of a file that cannot seek into an image
 * @packer: initialised
 * @fd: the file, open for reading, read from where it is to its end
 * @size: set to how many bytes that were
 * @map: of no blocks; extended, by which it may move, and filled in for each block
 * @digest: where to put the fs-verity digest, if that is wanted
 *
 * Return: as sparse_pack_file(), and -EFBIG, with @size set to SPARSE_FILE_MAX or
 * more, if there are so many bytes.
 */
int sparse_pack_stream(struct sparse_packer *packer, int fd, u64 *size,
		       struct sparse_chunkmap **map,
		       u8 digest[SPARSE_DIGEST_SIZE]);

/**
 * sparse_packer_flush() - wait until the data of all files is in the image
 * @packer: initialised
 *
 * Return: 0 or the negative errno of writing.
 */
int sparse_packer_flush(struct sparse_packer *packer);

#endif
