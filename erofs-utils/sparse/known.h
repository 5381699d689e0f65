/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_KNOWN_H
#define EROFS_SPARSE_KNOWN_H

#include "key.h"
#include "pool.h"
#include "space.h"

/**
 * struct sparse_known - which blocks other devices have, by their digests
 * @space: of their addresses
 * @key: of the hash that places them: of digests, so that nobody can choose many that
 *	are looked for in one place
 *
 * A hash table with open addressing.  It costs 10.7 bytes a block.  What is found is
 * decided by the digest of the block, all 32 bytes of it, which is where @space has it.
 */
struct sparse_known {
	const struct sparse_space *space;
	const struct sparse_key *key;
	/* private: an address, and above it 32 bits of the hash; or 0 */
	u64 *slot;
	u64 slots;
};

/**
 * sparse_known_init() - start with no blocks
 * @known: with @space and @key set, the rest zero
 * @blocks: how many all devices will have, at most
 *
 * Return: 0 or -ENOMEM.
 */
int sparse_known_init(struct sparse_known *known, u64 blocks);

/** sparse_known_exit() - release the memory; again is fine, too */
void sparse_known_exit(struct sparse_known *known);

/**
 * sparse_known_add() - add the blocks of the device that was last added to @space
 * @known: initialised
 * @pool: to do it, with nothing else to do
 *
 * Of blocks that are equal the first one of the first device is the one that is found.
 *
 * Return: 0 or -ENOMEM.
 */
int sparse_known_add(struct sparse_known *known, struct sparse_pool *pool);

/**
 * sparse_known_find() - look for a block
 * @known: initialised, or all zero
 * @digest: of the block, not of zeros
 * @id: its hash
 *
 * May be called by several threads, but not during sparse_known_add().
 *
 * Return: the address of an equal block, or 0.
 */
u32 sparse_known_find(const struct sparse_known *known,
		      const u8 digest[SPARSE_DIGEST_SIZE],
		      const struct sparse_id *id);

#endif
