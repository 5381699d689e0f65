/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_KEY_H
#define EROFS_SPARSE_KEY_H

#include "types.h"

/* words of 4 bytes in the most that is hashed at once: a block */
#define SPARSE_KEY_WORDS	(SPARSE_BLOCK_SIZE / 4)

/**
 * struct sparse_key - random numbers that make a hash which nobody can foresee
 * @start: of each of two sums, what it starts from and how it depends on the length
 * @word: of each, what goes with the words of the data
 *
 * What a snapshot holds is up to its guest.  With a hash that is known, the guest could
 * have many pages with the same hash, all of which would have to be compared with each
 * other.  So the hash depends on a key, which is drawn anew in each run and is never
 * shown: whatever pages there are, as long as they were chosen without the key two that
 * differ have the same hash with a probability of 2^-64.  The key decides what is compared,
 * and never what is found: the image does not depend on it.
 *
 * Source of the algorithm, multilinear hashing with half as many multiplications, and of
 * the proof: Lemire and Kaser, "Strongly universal string hashing is fast", The Computer
 * Journal 57 (2014), section 3.
 */
struct sparse_key {
	u64 start[2][3];
	u64 word[2][SPARSE_KEY_WORDS];
};

/** sparse_key_init() - draw a key.  Return: 0 or a negative errno. */
int sparse_key_init(struct sparse_key *key);

/**
 * sparse_key_hash() - hash some data
 * @key: drawn
 * @data: @len bytes, at any address
 * @len: a multiple of 8, at most SPARSE_BLOCK_SIZE
 */
u64 sparse_key_hash(const struct sparse_key *key, const void *data, size_t len);

#endif
