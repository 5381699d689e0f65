// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#include <string.h>

#include "digest.h"
#include "zero.h"

int sparse_digest_init(struct sparse_digest *digest, const struct sparse_key key[2],
		       const struct sparse_known *known, bool wanted)
{
	*digest = (struct sparse_digest) { .key = key, .known = known, .wanted = wanted };
	return wanted ? sparse_hash_init(&digest->hash) : 0;
}

void sparse_digest_end(struct sparse_digest *digest)
{
	sparse_hash_exit(&digest->hash);
}

static int digest_block(struct sparse_digest *digest, struct sparse_batch *batch,
			unsigned int i)
{
	const u8 *data = batch->data + i * SPARSE_BLOCK_SIZE;
	u8 *result = batch->digest[i];

	if (batch->base[i]) {
		memcpy(result, sparse_space_leaf(digest->known->space, batch->base[i]),
		       SPARSE_DIGEST_SIZE);
		batch->zero[i] = sparse_is_zero(result, SPARSE_DIGEST_SIZE);
		return 0;
	}
	batch->zero[i] = batch->hole[i] || sparse_is_zero(data, SPARSE_BLOCK_SIZE);
	if (batch->zero[i])
		memset(result, 0, SPARSE_DIGEST_SIZE);
	else if (digest->wanted)
		return sparse_hash_data(&digest->hash, data, SPARSE_BLOCK_SIZE, result);
	return 0;
}

/* of the digests if there are any: they are shorter than the bytes */
static struct sparse_id hash_chunk(const struct sparse_digest *digest,
				   const struct sparse_batch *batch, unsigned int first,
				   unsigned int count)
{
	const u8 *data = batch->data + first * SPARSE_BLOCK_SIZE;
	struct sparse_id id[SPARSE_BATCH_BLOCKS] = { 0 };
	const struct sparse_key *key = digest->key;
	unsigned int i;

	if (digest->wanted)
		return sparse_key_hash(&key[0], batch->digest[first],
				       count * SPARSE_DIGEST_SIZE);
	for (i = 0; i < count; i++)
		if (!batch->zero[first + i])
			id[i] = sparse_key_hash(&key[0], data + i * SPARSE_BLOCK_SIZE,
						SPARSE_BLOCK_SIZE);
	if (count == 1)
		return id[0];
	return sparse_key_hash(&key[1], id, count * sizeof(id[0]));
}

int sparse_digest_run(struct sparse_digest *digest, struct sparse_batch *batch)
{
	unsigned int first, count, i;
	bool zero;
	int err;

	for (first = 0; first < batch->count; first += count) {
		count = sparse_batch_chunk(batch, first);
		zero = true;
		for (i = first; i < first + count; i++) {
			err = digest_block(digest, batch, i);
			if (err)
				return err;
			zero &= batch->zero[i];
		}
		if (zero || batch->base[first])
			continue;
		batch->id[first] = hash_chunk(digest, batch, first, count);
		batch->base[first] = sparse_known_find(digest->known, batch->digest[first],
						       &batch->id[first]);
	}
	return 0;
}
