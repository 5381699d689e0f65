/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_HASH_H
#define EROFS_SPARSE_HASH_H

#include "types.h"

#define SPARSE_DIGEST_SIZE	32

/* SHA-256 by libcrypto, which uses the processor's instructions for it */
struct sparse_hash {
	void *md;
	void *ctx;
};

/**
 * sparse_hash_init() - get ready to hash
 * @hash: filled in
 *
 * One of these serves one thread at a time.
 *
 * Return: 0, -ENOMEM, or -ENOTSUP if libcrypto does not provide SHA-256.
 */
int sparse_hash_init(struct sparse_hash *hash);

/** sparse_hash_exit() - release it; all zero is fine, too */
void sparse_hash_exit(struct sparse_hash *hash);

/**
 * sparse_hash_data() - the SHA-256 of a buffer
 * @hash: from sparse_hash_init()
 * @data: @len bytes
 * @len: any length
 * @digest: where to put the result
 *
 * Return: 0, or -EIO if libcrypto failed.
 */
int sparse_hash_data(struct sparse_hash *hash, const void *data, size_t len,
		     u8 digest[SPARSE_DIGEST_SIZE]);

#endif
