// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#include <errno.h>
#include <string.h>

#include "pack.h"

static int init(struct sparse_packer *packer)
{
	unsigned int i;
	int err;

	err = sparse_dedupe_init(&packer->dedupe);
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
	err = init(packer);
	return err ? sparse_fail(&packer->failure, SPARSE_START, NULL, err) : 0;
}

void sparse_packer_finish(struct sparse_packer *packer)
{
	sparse_flight_exit(&packer->flight);
	sparse_hash_exit(&packer->hash);
	sparse_dedupe_exit(&packer->dedupe);
	sparse_known_exit(&packer->known);
}

void sparse_packer_exit(struct sparse_packer *packer)
{
	sparse_packer_finish(packer);
	sparse_space_exit(&packer->space);
	sparse_failure_exit(&packer->failure);
}

static u64 data_end(const struct sparse_packer *packer)
{
	u64 limit = sparse_space_limit(&packer->space);

	return limit < SPARSE_DATA_END ? limit : SPARSE_DATA_END;
}

static int store_chunk(struct sparse_packer *packer, const u8 *data,
		       unsigned int count, const struct sparse_id *id, u32 *addr)
{
	u64 index = packer->counts.stored;
	unsigned int i;
	int err;

	if (packer->store.start + index + count > data_end(packer))
		return sparse_refuse(&packer->failure, packer->walk.source->path,
				     ": the image would hold more than 8 TiB of data, or 16 TiB with its bases");
	err = sparse_dedupe_add(&packer->dedupe, id, index);
	if (err)
		return err;
	for (i = 0; i < count; i++)
		sparse_flight_store(&packer->flight, index + i,
				    data + i * SPARSE_BLOCK_SIZE);
	*addr = packer->store.start + index;
	packer->counts.stored += count;
	return 0;
}

/* find the chunk among those stored, or store it */
static int place_data(struct sparse_packer *packer, const u8 *data,
		      unsigned int count, const struct sparse_id *id, u32 *addr)
{
	u32 index;

	if (!sparse_dedupe_find(&packer->dedupe, id, &index))
		return store_chunk(packer, data, count, id, addr);
	*addr = packer->store.start + index;
	packer->counts.duplicate += count;
	return 0;
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

static int place_chunk(struct sparse_packer *packer,
		       const struct sparse_batch *batch, unsigned int first,
		       unsigned int count, struct sparse_chunkmap *map)
{
	unsigned int holes = 0, zeros = 0, i;
	u32 addr = 0;
	int err;

	for (i = first; i < first + count; i++) {
		holes += batch->hole[i];
		zeros += batch->zero[i];
	}
	if (zeros == count) {
		packer->counts.zero += count - holes;
		return 0;
	}
	if (batch->base[first]) {
		packer->counts.base++;
		map->addr[batch->block[first]] = batch->base[first];
		return 0;
	}
	err = place_data(packer, batch->data + first * SPARSE_BLOCK_SIZE, count,
			 &batch->id[first], &addr);
	for (i = 0; i < count && !err; i++)
		map->addr[batch->block[first + i]] = addr + i;
	return err;
}

/* the part that has to be done batch by batch in the order of the files */
static int place_batch(struct sparse_packer *packer,
		       const struct sparse_batch *batch,
		       struct sparse_chunkmap *map)
{
	unsigned int i, count;
	int err = 0;

	for (i = 0; i < batch->count; i += sparse_batch_chunk(batch, i))
		if (!batch->base[i])
			sparse_dedupe_prefetch(&packer->dedupe, &batch->id[i]);
	if (packer->want_digest)
		err = add_digests(packer, batch);
	for (i = 0; i < batch->count && !err; i += count) {
		count = sparse_batch_chunk(batch, i);
		err = place_chunk(packer, batch, i, count, map);
	}
	return err;
}

/* a stream tells how long it is by and by */
static int make_room(const struct sparse_batch *batch,
		     struct sparse_chunkmap **map)
{
	u64 blocks = batch->block[batch->count - 1] + 1;
	struct sparse_chunkmap *longer;

	if (blocks <= (*map)->blocks)
		return 0;
	longer = sparse_chunkmap_extend(*map, blocks);
	if (!longer)
		return -ENOMEM;
	*map = longer;
	return 0;
}

static void begin(struct sparse_packer *packer, struct sparse_source *source)
{
	packer->walk = (struct sparse_walk) { .source = source, .shift = packer->shift };
	packer->next = 0;
	if (packer->want_digest)
		sparse_verity_begin(&packer->verity);
}

void sparse_pack_begin(struct sparse_packer *packer, struct sparse_source *source,
		       struct sparse_chunkmap **map)
{
	begin(packer, source);
	packer->map = map;
	packer->leaves = NULL;
}

void sparse_pack_begin_leaves(struct sparse_packer *packer, struct sparse_source *source,
			      struct sparse_leaf *leaves)
{
	begin(packer, source);
	packer->map = NULL;
	packer->leaves = leaves;
}

static int place(struct sparse_packer *packer, const struct sparse_batch *batch)
{
	int err = make_room(batch, packer->map);

	return err ? err : place_batch(packer, batch, *packer->map);
}

static void copy_leaves(struct sparse_packer *packer, const struct sparse_batch *batch)
{
	unsigned int i;

	for (i = 0; i < batch->count; i++)
		memcpy(&packer->leaves[batch->block[i]], batch->digest[i],
		       SPARSE_DIGEST_SIZE);
}

int sparse_pack_run(struct sparse_packer *packer)
{
	struct sparse_failure *failure = &packer->failure;
	struct sparse_slot *slot;
	unsigned int count;
	int err;

	err = sparse_flight_next(&packer->flight, &packer->walk, &slot, failure);
	if (err || !slot)
		return err;
	count = slot->batch.count;
	if (packer->leaves)
		copy_leaves(packer, &slot->batch);
	else
		err = place(packer, &slot->batch);
	if (err)
		return sparse_fail(failure, SPARSE_READ, packer->walk.source->path, err);
	err = sparse_flight_write(&packer->flight, failure);
	return err ? err : (int)count;
}

int sparse_pack_end(struct sparse_packer *packer, u8 digest[SPARSE_DIGEST_SIZE])
{
	const struct sparse_source *source = packer->walk.source;
	u64 blocks = sparse_blocks(source->size);
	int err = packer->failure.err;

	sparse_flight_drop(&packer->flight);
	if (packer->map)
		packer->counts.blocks += blocks;
	if (err || !packer->want_digest)
		return err;
	if (packer->leaves)
		err = sparse_verity_leaves(&packer->verity, packer->leaves, blocks, digest);
	else
		err = sparse_verity_hole(&packer->verity, blocks - packer->next);
	if (!err && !packer->leaves)
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
	u64 data = (packer->store.start + packer->counts.stored) <<
		SPARSE_BLOCK_BITS;

	return bytes <= SPARSE_IMAGE_MAX - data;
}

int sparse_packer_flush(struct sparse_packer *packer)
{
	return sparse_flight_land(&packer->flight, &packer->failure);
}
