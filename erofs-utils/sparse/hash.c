// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#include <errno.h>
#include <openssl/evp.h>

#include "hash.h"

void sparse_hash_exit(struct sparse_hash *hash)
{
	EVP_MD_CTX_free(hash->ctx);
	EVP_MD_free(hash->md);
	*hash = (struct sparse_hash) { 0 };
}

int sparse_hash_init(struct sparse_hash *hash)
{
	int err;

	/* fetched once: an implicit fetch for every block costs more than it */
	hash->md = EVP_MD_fetch(NULL, "SHA256", NULL);
	hash->ctx = EVP_MD_CTX_new();
	if (hash->md && hash->ctx)
		return 0;
	err = hash->md ? -ENOMEM : -ENOTSUP;
	sparse_hash_exit(hash);
	return err;
}

int sparse_hash_data(struct sparse_hash *hash, const void *data, size_t len,
		     u8 digest[SPARSE_DIGEST_SIZE])
{
	if (!EVP_DigestInit_ex2(hash->ctx, hash->md, NULL) ||
	    !EVP_DigestUpdate(hash->ctx, data, len) ||
	    !EVP_DigestFinal_ex(hash->ctx, digest, NULL))
		return -EIO;
	return 0;
}
