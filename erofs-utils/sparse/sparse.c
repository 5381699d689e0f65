// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#include <errno.h>
#include <string.h>

#include "sparse.h"

static int init(struct sparse_packer *packer)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(packer->key) && !err; i++)
		err = sparse_key_init(&packer->key[i]);
	packer->known.space = &packer->space;
	packer->known.key = &packer->key[0];
	if (!err && packer->base_blocks)
		err = sparse_known_init(&packer->known, packer->base_blocks);
	if (!err)
		err = sparse_flight_init(&packer->flight, &packer->store, packer->key,
					 &packer->known, packer->workers,
					 packer->want_digest);
	if (err || !packer->want_digest)
		return err;
	err = sparse_hash_init(&packer->hash);
	if (err)
		return err;
	return sparse_verity_init(&packer->verity, &packer->hash);
}

int sparse_packer_init(struct sparse_packer *packer, int fd, const char *path, u32 start)
{
	int err;

	packer->store = (struct sparse_store) { path, fd, start };
	err = sparse_place_init(&packer->place, &packer->space, start);
	if (!err)
		err = init(packer);
	return err ? sparse_fail(&packer->failure, SPARSE_START, NULL, err) : 0;
}

void sparse_packer_finish(struct sparse_packer *packer)
{
	sparse_flight_exit(&packer->flight);
	sparse_hash_exit(&packer->hash);
	sparse_place_end(&packer->place);
	sparse_known_exit(&packer->known);
}

void sparse_packer_exit(struct sparse_packer *packer)
{
	sparse_packer_finish(packer);
	sparse_space_exit(&packer->space);
	sparse_failure_exit(&packer->failure);
}

static int add_digests(struct sparse_packer *packer, const struct sparse_batch *batch)
{
	unsigned int i;
	int err;

	for (i = 0; i < batch->count; i++) {
		if (batch->zero[i])
			continue;
		err = sparse_verity_hole(&packer->verity,
					 batch->block[i] - packer->next);
		if (!err)
			err = sparse_verity_block(&packer->verity,
						  batch->digest[i]);
		if (err)
			return err;
		packer->next = batch->block[i] + 1;
	}
	return 0;
}

static void begin(struct sparse_packer *packer, struct sparse_source *source,
		  struct sparse_chunkmap **map, struct sparse_leaf *leaves)
{
	sparse_pages_init(&packer->pages, source, packer->shift);
	packer->map = map;
	packer->leaves = leaves;
	packer->next = 0;
	if (packer->want_digest)
		sparse_verity_begin(&packer->verity);
}

void sparse_pack_begin(struct sparse_packer *packer, struct sparse_source *source,
		       struct sparse_chunkmap **map)
{
	begin(packer, source, map, NULL);
}

void sparse_pack_begin_leaves(struct sparse_packer *packer, struct sparse_source *source,
			      struct sparse_leaf *leaves)
{
	begin(packer, source, NULL, leaves);
}

static int take(struct sparse_packer *packer, struct sparse_slot *slot)
{
	const struct sparse_batch *batch = &slot->batch;
	unsigned int i;
	int err = 0;

	if (packer->want_digest)
		err = add_digests(packer, batch);
	if (err)
		return sparse_fail(&packer->failure, SPARSE_READ, batch->source->path, err);
	for (i = 0; packer->leaves && i < batch->count; i++)
		memcpy(&packer->leaves[batch->block[i]], batch->digest[i],
		       SPARSE_DIGEST_SIZE);
	if (!packer->map)
		return 0;
	return sparse_place_run(&packer->place, batch, packer->map, &slot->run,
				&packer->failure);
}

int sparse_pack_run(struct sparse_packer *packer)
{
	struct sparse_failure *failure = &packer->failure;
	struct sparse_slot *slot;
	unsigned int count;
	int err;

	err = sparse_flight_next(&packer->flight, &packer->pages, &slot, failure);
	if (err || !slot)
		return err;
	count = slot->batch.count;
	err = take(packer, slot);
	if (!err)
		err = sparse_flight_write(&packer->flight, failure);
	return err ? err : (int)count;
}

int sparse_pack_end(struct sparse_packer *packer, u8 digest[SPARSE_DIGEST_SIZE])
{
	const struct sparse_source *source = packer->pages.source;
	u64 blocks = sparse_blocks(source->size);
	int err = packer->failure.err;

	sparse_flight_drop(&packer->flight);
	if (packer->map)
		packer->place.counts.blocks += blocks;
	if (err || !packer->want_digest)
		return err;
	err = sparse_verity_hole(&packer->verity, blocks - packer->next);
	if (!err)
		err = sparse_verity_end(&packer->verity, source->size, digest);
	return err ? sparse_fail(&packer->failure, SPARSE_READ, source->path, err) : 0;
}

int sparse_pack_base(struct sparse_packer *packer,
		     const struct sparse_leaf *leaves, u64 blocks)
{
	int err;

	err = sparse_space_add(&packer->space, leaves, blocks);
	if (err)
		return err;
	return sparse_known_add(&packer->known, &packer->flight.pool);
}

bool sparse_packer_has_room(const struct sparse_packer *packer, u64 bytes)
{
	u64 data = (packer->store.start + packer->place.counts.stored) <<
		SPARSE_BLOCK_BITS;

	return bytes <= SPARSE_IMAGE_MAX - data;
}

int sparse_packer_flush(struct sparse_packer *packer)
{
	return sparse_flight_land(&packer->flight, &packer->failure);
}
