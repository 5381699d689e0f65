/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_DIGEST_H
#define EROFS_SPARSE_DIGEST_H

#include "known.h"
#include "pages.h"

/**
 * struct sparse_digest - finds zeros, digests, and finds what is on other devices
 * @key: of the hashes: of blocks or their digests, and of what is made of blocks' hashes
 * @known: what other devices have, by the hashes of @key[0]
 * @wanted: whether digests are; if not there are no other devices
 */
struct sparse_digest {
	const struct sparse_key *key;
	const struct sparse_known *known;
	bool wanted;
	/* private: for one thread at a time */
	struct sparse_hash hash;
};

/** sparse_digest_init() - get ready, as above.  Return: as sparse_hash_init(). */
int sparse_digest_init(struct sparse_digest *digest, const struct sparse_key key[2],
		       const struct sparse_known *known, bool wanted);

/**
 * sparse_digest_run() - set what the bytes of a batch say
 * @digest: initialised
 * @batch: read
 *
 * Return: 0 or -EIO.
 */
int sparse_digest_run(struct sparse_digest *digest, struct sparse_batch *batch);

/** sparse_digest_end() - release it; all zero is fine, too */
void sparse_digest_end(struct sparse_digest *digest);

#endif
