/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_H
#define EROFS_SPARSE_H

/*
 * The packer as a library: it puts the data of files into an image.  It has no state but
 * what its caller holds, prints nothing, takes no signal and ends no process.  What fails
 * is noted in the context, see failure.h; what is left to call then is sparse_pack_end(), if
 * a file was begun, and sparse_packer_exit().
 *
 * What a page goes through, each stage a file that calls none before it:
 *
 *	source	where bytes come from: a file, a stream, an ELF core, a delta (source.h)
 *	pages	which chunks may hold data: batches of them, read by all threads (pages.h)
 *	digest	zeros, SHA-256, what a chunk is known by and which base has it (digest.h)
 *	place	where in the image it is, in the order of the files (place.h)
 *	store	written there, by all threads (store.h)
 *	index	the file's map, as the image has it (chunkmap.h, index.h)
 *
 * flight.h moves batches along it.  A call:
 *
 *	struct sparse_packer packer = { .want_digest = true, .workers = 2 };
 *
 *	sparse_packer_init(&packer, image_fd, "image", first_block);
 *	sparse_source_open(&source, "snapshot");
 *	map = sparse_chunkmap_alloc(sparse_blocks(source.size));
 *	sparse_pack_begin(&packer, &source, &map);
 *	while (sparse_pack_run(&packer) > 0)
 *		show_progress();
 *	sparse_pack_end(&packer, digest);
 *	sparse_packer_flush(&packer);
 *	sparse_packer_exit(&packer);
 *
 * Before the first file, images whose blocks are to be referenced are read in the same way
 * (sparse_pack_begin_leaves()) and handed over (sparse_pack_base()); base.h does that.
 */

#include "flight.h"
#include "known.h"
#include "place.h"
#include "verity.h"

/**
 * struct sparse_packer - puts the data of files into an image
 * @want_digest: whether to compute fs-verity digests
 * @shift: log2 of the blocks in a chunk: what is a hole, or a duplicate, as a whole
 * @workers: how many threads work, the caller being one of them
 * @base_blocks: how many blocks all bases have
 * @failure: what went wrong first, if something did; all that is below notes it there
 * @place: where the next block goes, and what became of all blocks so far
 * @space: the addresses that maps have
 */
struct sparse_packer {
	bool want_digest;
	unsigned int shift;
	unsigned int workers;
	u64 base_blocks;
	struct sparse_failure failure;
	struct sparse_place place;
	struct sparse_space space;
	struct sparse_store store;
	struct sparse_key key[2];
	struct sparse_known known;
	struct sparse_flight flight;
	struct sparse_hash hash;
	struct sparse_verity verity;
	/* private: the file */
	struct sparse_pages pages;
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
 * @packer: after any result of the above; the counts of @place, @space and @failure stay good
 */
void sparse_packer_finish(struct sparse_packer *packer);

/** sparse_packer_exit() - release the rest as well, after any result of the above */
void sparse_packer_exit(struct sparse_packer *packer);

/**
 * sparse_pack_begin() - begin with a file
 * @packer: initialised, with no other file begun
 * @source: the file; a delta's addresses are those of @space, and then @shift is 0
 * @map: of as many bytes, or of none if that is a stream; extended, by which it may move,
 *	and filled in for each block; NULL if only the digest is wanted
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
