/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_KEY_H
#define EROFS_SPARSE_KEY_H

#include "types.h"

/* words of 4 bytes in the most that is hashed at once: a block */
#define SPARSE_KEY_WORDS	(SPARSE_BLOCK_SIZE / 4)

/* words of 4 bytes in an identity */
#define SPARSE_ID_WORDS		4

/** struct sparse_id - what a chunk is known by: the keyed hash of its bytes or digests */
struct sparse_id {
	u32 word[SPARSE_ID_WORDS];
};

/**
 * struct sparse_key - random numbers that make a hash which nobody can foresee
 * @start: of each word of the hash, what its sum starts from and how it depends on the
 *	length
 * @word: of each, what goes with the words of the data
 *
 * Chunks with the same hash are taken for the same chunk; nobody compares their bytes.
 * What a snapshot holds is up to its guest, which has all the time that it wants to find
 * pages with the same hash if the hash is known: 2^64 steps for one of 128 bits, be it a
 * part of SHA-256.  So the hash depends on a key, which is drawn anew in each run and is
 * never shown.  Two chunks that were chosen without the key and that differ have the same
 * hash with a probability of 2^-128, whatever their bytes and whatever was computed to
 * choose them.  Of the 2^31 pages that an image can store there are less than 2^61 pairs:
 * in all, a page is lost with a probability below 2^-67.  Disks and memory that report no
 * error are wrong more often.
 *
 * The key decides where a table has a chunk, and never what is found: the image does not
 * depend on it.
 *
 * Source of the algorithm, multilinear hashing with half as many multiplications, and of
 * the proof: Lemire and Kaser, "Strongly universal string hashing is fast", The Computer
 * Journal 57 (2014), section 3.
 */
struct sparse_key {
	u64 start[SPARSE_ID_WORDS][3];
	u64 word[SPARSE_ID_WORDS][SPARSE_KEY_WORDS];
};

/** sparse_key_init() - draw a key.  Return: 0 or a negative errno. */
int sparse_key_init(struct sparse_key *key);

/**
 * sparse_key_hash() - hash some data
 * @key: drawn
 * @data: @len bytes, at any address
 * @len: a multiple of 8, at most SPARSE_BLOCK_SIZE
 */
struct sparse_id sparse_key_hash(const struct sparse_key *key, const void *data,
				 size_t len);

#endif
