// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#include <stdio.h>
#include <string.h>

#include "verity.h"
#include "zero.h"

#define DIGESTS_PER_BLOCK	(SPARSE_BLOCK_SIZE / SPARSE_DIGEST_SIZE)

/* what fs-verity hashes in the end; see fsverity.rst, "fs-verity descriptor" */
struct verity_descriptor {
	u8 version;		/* 1 */
	u8 hash_algorithm;	/* 1: SHA-256 */
	u8 log_blocksize;
	u8 salt_size;
	u8 reserved1[4];
	u8 data_size[8];	/* little endian */
	u8 root_hash[64];	/* padded with zeros */
	u8 salt[32];
	u8 reserved2[144];
};

_Static_assert(sizeof(struct verity_descriptor) == 256, "format");

int sparse_verity_init(struct sparse_verity *verity, struct sparse_hash *hash)
{
	u8 block[SPARSE_BLOCK_SIZE] = { 0 };
	unsigned int level, i;
	int err;

	verity->hash = hash;
	for (level = 0; ; level++) {
		err = sparse_hash_data(hash, block, sizeof(block),
				       verity->zero[level]);
		if (err || level == SPARSE_VERITY_LEVELS)
			return err;
		for (i = 0; i < DIGESTS_PER_BLOCK; i++)
			memcpy(block + i * SPARSE_DIGEST_SIZE,
			       verity->zero[level], SPARSE_DIGEST_SIZE);
	}
}

void sparse_verity_begin(struct sparse_verity *verity)
{
	memset(verity->fill, 0, sizeof(verity->fill));
}

/* add one digest to a level, and what that completes to the levels above it */
static int add_digest(struct sparse_verity *verity, unsigned int level,
		      const u8 *digest)
{
	u8 above[SPARSE_DIGEST_SIZE];
	int err;

	for (;; level++) {
		memcpy(verity->block[level] +
		       verity->fill[level] * SPARSE_DIGEST_SIZE,
		       digest, SPARSE_DIGEST_SIZE);
		if (++verity->fill[level] < DIGESTS_PER_BLOCK)
			return 0;
		verity->fill[level] = 0;
		err = sparse_hash_data(verity->hash, verity->block[level],
				       SPARSE_BLOCK_SIZE, above);
		if (err)
			return err;
		digest = above;
	}
}

int sparse_verity_block(struct sparse_verity *verity,
			const u8 digest[SPARSE_DIGEST_SIZE])
{
	return add_digest(verity, 0, digest);
}

int sparse_verity_hole(struct sparse_verity *verity, u64 blocks)
{
	unsigned int level;
	int err = 0;

	/*
	 * Climb while a whole block of a level is left to add: a subtree of
	 * zeros goes in by its root.  Before that, and on the way back down,
	 * fill the block that is begun.
	 */
	while (blocks && !err) {
		u64 span = 1;

		for (level = 0; level < SPARSE_VERITY_LEVELS; level++) {
			if (verity->fill[level] ||
			    blocks / DIGESTS_PER_BLOCK < span)
				break;
			span *= DIGESTS_PER_BLOCK;
		}
		err = add_digest(verity, level, verity->zero[level]);
		blocks -= span;
	}
	return err;
}

/* levels of a file; 0 if it has one block, or none */
static unsigned int count_levels(u64 blocks)
{
	unsigned int levels;

	for (levels = 0; blocks > 1; levels++)
		blocks = (blocks + DIGESTS_PER_BLOCK - 1) / DIGESTS_PER_BLOCK;
	return levels;
}

/* complete the levels' last blocks, which are padded with zeros, bottom up */
static int finish_tree(struct sparse_verity *verity, unsigned int levels)
{
	u8 digest[SPARSE_DIGEST_SIZE];
	unsigned int level, used;
	int err;

	for (level = 0; level < levels; level++) {
		used = verity->fill[level] * SPARSE_DIGEST_SIZE;
		if (!used)
			continue;
		memset(verity->block[level] + used, 0, SPARSE_BLOCK_SIZE - used);
		verity->fill[level] = 0;
		err = sparse_hash_data(verity->hash, verity->block[level],
				       SPARSE_BLOCK_SIZE, digest);
		if (!err)
			err = add_digest(verity, level + 1, digest);
		if (err)
			return err;
	}
	return 0;
}

int sparse_verity_end(struct sparse_verity *verity, u64 size,
		      u8 digest[SPARSE_DIGEST_SIZE])
{
	struct verity_descriptor desc = {
		.version = 1,
		.hash_algorithm = 1,
		.log_blocksize = SPARSE_BLOCK_BITS,
	};
	unsigned int levels = count_levels(sparse_blocks(size)), i;
	int err;

	err = finish_tree(verity, levels);
	if (err)
		return err;
	for (i = 0; i < sizeof(desc.data_size); i++)
		desc.data_size[i] = size >> (8 * i);
	/* fs-verity's root of an empty file is all zeros, not a hash */
	if (size)
		memcpy(desc.root_hash, verity->block[levels], SPARSE_DIGEST_SIZE);
	return sparse_hash_data(verity->hash, &desc, sizeof(desc), digest);
}

int sparse_verity_add(struct sparse_verity *verity, const struct sparse_leaf *leaves,
		      u64 blocks)
{
	int err = 0;
	u64 i;

	for (i = 0; i < blocks && !err; i++)
		err = sparse_is_zero(&leaves[i], sizeof(leaves[i])) ?
			sparse_verity_hole(verity, 1) :
			sparse_verity_block(verity, leaves[i].digest);
	return err;
}

int sparse_verity_leaves(struct sparse_verity *verity,
			 const struct sparse_leaf *leaves, u64 blocks,
			 u8 digest[SPARSE_DIGEST_SIZE])
{
	int err;

	sparse_verity_begin(verity);
	err = sparse_verity_add(verity, leaves, blocks);
	if (err)
		return err;
	return sparse_verity_end(verity, blocks << SPARSE_BLOCK_BITS, digest);
}

void sparse_verity_text(const u8 digest[SPARSE_DIGEST_SIZE],
			char text[SPARSE_DIGEST_TEXT])
{
	unsigned int i;

	for (i = 0; i < SPARSE_DIGEST_SIZE; i++)
		sprintf(text + 2 * i, "%02x", digest[i]);
}

void sparse_verity_fingerprint(const u8 digest[SPARSE_DIGEST_SIZE],
			       u8 value[SPARSE_FINGERPRINT_SIZE])
{
	const size_t len = sizeof(SPARSE_FINGERPRINT_LABEL) - 1;

	memcpy(value, SPARSE_FINGERPRINT_LABEL, len);
	memcpy(value + len, digest, SPARSE_DIGEST_SIZE);
}
