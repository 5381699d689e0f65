/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_VERITY_H
#define EROFS_SPARSE_VERITY_H

#include "hash.h"

/*
 * What a fingerprint is: a label and an fs-verity digest.  Stock writes "sha256:" before
 * the SHA-256 of a file's content.  An fs-verity digest is also the SHA-256 of 256 bytes
 * that somebody may put into a file: under stock's label that file would pass for this
 * one.
 */
#define SPARSE_FINGERPRINT_LABEL	"fsverity-sha256:"
#define SPARSE_FINGERPRINT_SIZE		\
	(sizeof(SPARSE_FINGERPRINT_LABEL) - 1 + SPARSE_DIGEST_SIZE)

/* enough for 2^63 bytes in blocks of 4 KiB with 128 digests a block */
#define SPARSE_VERITY_LEVELS	8

/**
 * struct sparse_leaf - what is known of a block of a file
 * @digest: its SHA-256, or all zero if it holds nothing but zeros
 */
struct sparse_leaf {
	u8 digest[SPARSE_DIGEST_SIZE];
};

/**
 * struct sparse_verity - the fs-verity digest of a file, computed front to back
 *
 * The Merkle tree is never held: of each level only the block being filled is.
 * Level 0 holds the digests of the file's blocks, level n + 1 those of level n's
 * blocks.  All subtrees of zeros of one height are equal, so a hole costs a few
 * digests a level, however long it is.
 *
 * Source of the format: Documentation/filesystems/fsverity.rst of Linux, with
 * SHA-256, blocks of 4096 bytes and no salt.
 */
struct sparse_verity {
	struct sparse_hash *hash;
	/* zero[0]: a block of zeros; zero[n + 1]: a block of 128 times zero[n] */
	u8 zero[SPARSE_VERITY_LEVELS + 1][SPARSE_DIGEST_SIZE];
	/* digests in each level's block; the level above the last has the root */
	unsigned int fill[SPARSE_VERITY_LEVELS + 1];
	u8 block[SPARSE_VERITY_LEVELS + 1][SPARSE_BLOCK_SIZE];
};

/**
 * sparse_verity_init() - compute the digests of zeros
 * @verity: many files can be digested with it, one after the other
 * @hash: used, not owned
 *
 * Return: 0 or -EIO.
 */
int sparse_verity_init(struct sparse_verity *verity, struct sparse_hash *hash);

/** sparse_verity_begin() - start with a file */
void sparse_verity_begin(struct sparse_verity *verity);

/**
 * sparse_verity_block() - add the file's next block
 * @verity: begun
 * @digest: SHA-256 of the block; the last one is padded with zeros
 *
 * Return: 0 or -EIO.
 */
int sparse_verity_block(struct sparse_verity *verity,
			const u8 digest[SPARSE_DIGEST_SIZE]);

/**
 * sparse_verity_add() - add the file's next blocks
 * @verity: begun
 * @leaves: of each of them
 * @blocks: how many
 *
 * Return: 0 or -EIO.
 */
int sparse_verity_add(struct sparse_verity *verity, const struct sparse_leaf *leaves,
		      u64 blocks);

/**
 * sparse_verity_leaves() - the digest of a file of whole blocks
 * @verity: not begun
 * @leaves: of each block
 * @blocks: how many
 * @digest: where to put the file's, as "fsverity digest" prints it
 *
 * Return: 0 or -EIO.
 */
int sparse_verity_leaves(struct sparse_verity *verity,
			 const struct sparse_leaf *leaves, u64 blocks,
			 u8 digest[SPARSE_DIGEST_SIZE]);

/**
 * sparse_verity_hole() - add blocks of zeros
 * @verity: begun
 * @blocks: how many
 *
 * Return: 0 or -EIO.
 */
int sparse_verity_hole(struct sparse_verity *verity, u64 blocks);

/**
 * sparse_verity_end() - the file's digest, as "fsverity digest" prints it
 * @verity: every block of the file has been added
 * @size: the file's size in bytes
 * @digest: where to put it
 *
 * Return: 0 or -EIO.
 */
int sparse_verity_end(struct sparse_verity *verity, u64 size,
		      u8 digest[SPARSE_DIGEST_SIZE]);

/* bytes that a digest takes in hexadecimal, with a null byte */
#define SPARSE_DIGEST_TEXT	(2 * SPARSE_DIGEST_SIZE + 1)

/** sparse_verity_text() - write a digest in hexadecimal */
void sparse_verity_text(const u8 digest[SPARSE_DIGEST_SIZE],
			char text[SPARSE_DIGEST_TEXT]);

/** sparse_verity_fingerprint() - write a digest as the value of the xattr */
void sparse_verity_fingerprint(const u8 digest[SPARSE_DIGEST_SIZE],
			       u8 value[SPARSE_FINGERPRINT_SIZE]);

#endif
