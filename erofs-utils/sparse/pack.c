// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#include <errno.h>
#include <string.h>

#include "pack.h"

int sparse_packer_init(struct sparse_packer *packer, int fd, u32 start)
{
	unsigned int i;
	int err;

	packer->store.fd = fd;
	packer->store.start = start;
	err = sparse_dedupe_init(&packer->dedupe);
	for (i = 0; i < ARRAY_SIZE(packer->key) && !err; i++)
		err = sparse_key_init(&packer->key[i]);
	if (err)
		return err;
	err = sparse_flight_init(&packer->flight, &packer->store, packer->key,
				 packer->workers, packer->want_digest);
	if (err || !packer->want_digest)
		return err;
	err = sparse_hash_init(&packer->hash);
	if (err)
		return err;
	return sparse_verity_init(&packer->verity, &packer->hash);
}

void sparse_packer_finish(struct sparse_packer *packer)
{
	sparse_flight_exit(&packer->flight);
	sparse_hash_exit(&packer->hash);
	sparse_dedupe_exit(&packer->dedupe);
}

void sparse_packer_exit(struct sparse_packer *packer)
{
	sparse_packer_finish(packer);
	sparse_space_exit(&packer->space);
}

struct candidate {
	const struct sparse_packer *packer;
	const u8 *data;
	unsigned int count;
};

static int is_equal_block(const struct sparse_packer *packer, u32 index,
			  const u8 *data)
{
	const u8 *stored = sparse_flight_find(&packer->flight, index);

	if (stored)
		return !memcmp(stored, data, SPARSE_BLOCK_SIZE);
	return sparse_store_equal(&packer->store, index, data);
}

static int is_equal(void *arg, u32 addr)
{
	const struct candidate *candidate = arg;
	const struct sparse_packer *packer = candidate->packer;
	u32 index = addr - packer->store.start;
	unsigned int i;
	int ret = 1;

	if (!sparse_space_is_own(&packer->space, addr))
		return sparse_space_equal(&packer->space, addr, candidate->data);
	/* a hash that is equal by chance: that was the shorter end of a file */
	if (candidate->count > packer->counts.stored - index)
		return 0;
	for (i = 0; i < candidate->count && ret > 0; i++)
		ret = is_equal_block(packer, index + i, candidate->data +
				     i * SPARSE_BLOCK_SIZE);
	return ret;
}

static u64 data_end(const struct sparse_packer *packer)
{
	u64 limit = sparse_space_limit(&packer->space);

	return limit < SPARSE_DATA_END ? limit : SPARSE_DATA_END;
}

static int store_chunk(struct sparse_packer *packer, const u8 *data,
		       unsigned int count, u64 hash, u32 *addr)
{
	u64 index = packer->counts.stored;
	unsigned int i;
	int err;

	if (packer->store.start + index + count > data_end(packer))
		return -EFBIG;
	*addr = packer->store.start + index;
	err = sparse_dedupe_add(&packer->dedupe, hash, *addr);
	if (err)
		return err;
	for (i = 0; i < count; i++)
		sparse_flight_store(&packer->flight, index + i,
				    data + i * SPARSE_BLOCK_SIZE);
	packer->counts.stored += count;
	return 0;
}

/* find the chunk among those stored, or store it */
static int place_data(struct sparse_packer *packer, const u8 *data,
		      unsigned int count, u64 hash, u32 *addr)
{
	struct candidate candidate = { packer, data, count };
	bool own;
	int ret;

	ret = sparse_dedupe_find(&packer->dedupe, hash, is_equal, &candidate,
				 addr);
	if (!ret)
		return store_chunk(packer, data, count, hash, addr);
	own = sparse_space_is_own(&packer->space, *addr);
	if (ret < 0 && own)
		packer->write_failed = true;
	else if (ret < 0)
		packer->base_failed = true;
	else if (own)
		packer->counts.duplicate += count;
	else
		packer->counts.base += count;
	return ret < 0 ? ret : 0;
}

static int add_digests(struct sparse_packer *packer,
		       const struct sparse_batch *batch, u64 *next)
{
	unsigned int i;
	int err;

	for (i = 0; i < batch->count; i++) {
		if (batch->zero[i])
			continue;
		err = sparse_verity_hole(&packer->verity,
					 batch->block[i] - *next);
		if (!err)
			err = sparse_verity_block(&packer->verity,
						  batch->digest[i]);
		if (err)
			return err;
		*next = batch->block[i] + 1;
	}
	return 0;
}

static int place_chunk(struct sparse_packer *packer,
		       const struct sparse_batch *batch, unsigned int first,
		       unsigned int count, struct sparse_chunkmap *map)
{
	unsigned int holes = 0, zeros = 0, i;
	u32 addr;
	int err;

	for (i = first; i < first + count; i++) {
		holes += batch->hole[i];
		zeros += batch->zero[i];
	}
	if (zeros == count) {
		packer->counts.zero += count - holes;
		return 0;
	}
	if (batch->below[first]) {
		packer->counts.base++;
		map->addr[batch->block[first]] = batch->below[first];
		return 0;
	}
	err = place_data(packer, batch->data + first * SPARSE_BLOCK_SIZE, count,
			 batch->hash[first], &addr);
	for (i = 0; i < count && !err; i++)
		map->addr[batch->block[first + i]] = addr + i;
	return err;
}

/* the part that has to be done batch by batch in the order of the files */
static int place_batch(struct sparse_packer *packer,
		       const struct sparse_batch *batch,
		       struct sparse_chunkmap *map, u64 *next)
{
	unsigned int i, count;
	int err = 0;

	if (packer->want_digest)
		err = add_digests(packer, batch, next);
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

static int pack_batches(struct sparse_packer *packer, struct sparse_walk *walk,
			struct sparse_chunkmap **map, u64 *next)
{
	struct sparse_slot *slot;
	unsigned int count;
	int err;

	for (;;) {
		err = sparse_flight_next(&packer->flight, walk, &slot);
		if (err && slot && slot->batch.device_failed)
			packer->base_failed = true;
		if (err || !slot)
			return err;
		err = make_room(&slot->batch, map);
		if (!err)
			err = place_batch(packer, &slot->batch, *map, next);
		if (err)
			return err;
		count = slot->batch.count;
		err = sparse_flight_write(&packer->flight);
		if (err) {
			packer->write_failed = true;
			return err;
		}
		if (packer->progress)
			packer->progress(packer->progress_arg, count);
	}
}

static int pack(struct sparse_packer *packer, struct sparse_walk *walk,
		struct sparse_chunkmap **map, u8 digest[SPARSE_DIGEST_SIZE])
{
	u64 next = 0;
	int err;

	if (packer->want_digest)
		sparse_verity_begin(&packer->verity);
	err = pack_batches(packer, walk, map, &next);
	/* nobody is to read the file any more */
	sparse_flight_drop(&packer->flight);
	packer->counts.blocks += (*map)->blocks;
	if (err || !packer->want_digest)
		return err;
	err = sparse_verity_hole(&packer->verity, (*map)->blocks - next);
	if (err)
		return err;
	return sparse_verity_end(&packer->verity, walk->size, digest);
}

/*
 * Its blocks are stored where they are.  Of those that are equal the first is enough, and
 * all of them under one hash would be searched one after the other.
 */
static int note_block(struct sparse_packer *packer,
		      const struct sparse_batch *batch, unsigned int i, u32 first)
{
	struct candidate candidate = {
		packer, batch->data + i * SPARSE_BLOCK_SIZE, 1,
	};
	u32 addr;
	int ret;

	ret = sparse_dedupe_find(&packer->dedupe, batch->hash[i], is_equal,
				 &candidate, &addr);
	if (ret)
		return ret < 0 ? ret : 0;
	return sparse_dedupe_add(&packer->dedupe, batch->hash[i],
				 first + batch->block[i]);
}

static int note_blocks(struct sparse_packer *packer,
		       const struct sparse_batch *batch, u32 first)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < batch->count && !err; i++)
		if (!batch->zero[i])
			err = note_block(packer, batch, i, first);
	return err;
}

static int note_batches(struct sparse_packer *packer, struct sparse_walk *walk,
			u32 first, u64 *next)
{
	struct sparse_slot *slot;
	unsigned int count;
	int err;

	for (;;) {
		err = sparse_flight_next(&packer->flight, walk, &slot);
		if (err || !slot)
			return err;
		count = slot->batch.count;
		if (packer->want_digest)
			err = add_digests(packer, &slot->batch, next);
		if (!err)
			err = note_blocks(packer, &slot->batch, first);
		if (!err)
			err = sparse_flight_write(&packer->flight);
		if (err)
			return err;
		if (packer->progress)
			packer->progress(packer->progress_arg, count);
	}
}

int sparse_pack_base(struct sparse_packer *packer, int fd, u64 blocks,
		     u8 digest[SPARSE_DIGEST_SIZE])
{
	struct sparse_walk walk = {
		.fd = fd, .size = blocks << SPARSE_BLOCK_BITS,
	};
	u64 next = 0;
	int err;

	err = sparse_space_add(&packer->space, fd, blocks);
	if (err)
		return err;
	sparse_verity_begin(&packer->verity);
	err = note_batches(packer, &walk, sparse_space_limit(&packer->space) + 1,
			   &next);
	sparse_flight_drop(&packer->flight);
	if (err || !packer->want_digest)
		return err;
	err = sparse_verity_hole(&packer->verity, blocks - next);
	if (err)
		return err;
	return sparse_verity_end(&packer->verity, walk.size, digest);
}

int sparse_pack_file(struct sparse_packer *packer, struct sparse_walk *walk,
		     struct sparse_chunkmap *map,
		     u8 digest[SPARSE_DIGEST_SIZE])
{
	walk->shift = packer->shift;
	return pack(packer, walk, &map, digest);
}

int sparse_pack_stream(struct sparse_packer *packer, int fd, u64 *size,
		       struct sparse_chunkmap **map,
		       u8 digest[SPARSE_DIGEST_SIZE])
{
	struct sparse_walk walk = {
		.fd = fd, .stream = true, .shift = packer->shift,
	};
	int err;

	err = pack(packer, &walk, map, digest);
	*size = walk.size;
	return err;
}

bool sparse_packer_has_room(const struct sparse_packer *packer, u64 bytes)
{
	u64 data = (packer->store.start + packer->counts.stored) <<
		SPARSE_BLOCK_BITS;

	return bytes <= SPARSE_IMAGE_MAX - data;
}

int sparse_packer_flush(struct sparse_packer *packer)
{
	int err = sparse_flight_land(&packer->flight);

	if (err)
		packer->write_failed = true;
	return err;
}
