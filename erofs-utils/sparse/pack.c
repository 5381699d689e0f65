// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#include <errno.h>
#include <string.h>

#include "pack.h"

int sparse_packer_init(struct sparse_packer *packer, int fd, u32 start)
{
	int err;

	packer->store.fd = fd;
	packer->store.start = start;
	err = sparse_dedupe_init(&packer->dedupe);
	if (err)
		return err;
	err = sparse_flight_init(&packer->flight, &packer->store,
				 packer->workers, packer->want_digest);
	if (err || !packer->want_digest)
		return err;
	err = sparse_hash_init(&packer->hash);
	if (err)
		return err;
	return sparse_verity_init(&packer->verity, &packer->hash);
}

void sparse_packer_exit(struct sparse_packer *packer)
{
	sparse_flight_exit(&packer->flight);
	sparse_hash_exit(&packer->hash);
	sparse_dedupe_exit(&packer->dedupe);
}

struct candidate {
	const struct sparse_packer *packer;
	const u8 *data;
};

static int is_equal(void *arg, u32 index)
{
	const struct candidate *candidate = arg;
	const struct sparse_packer *packer = candidate->packer;
	const u8 *stored = sparse_flight_find(&packer->flight, index);

	if (stored)
		return !memcmp(stored, candidate->data, SPARSE_BLOCK_SIZE);
	return sparse_store_equal(&packer->store, index, candidate->data);
}

/* find the block among those stored, or store it */
static int place_block(struct sparse_packer *packer, const u8 *data, u64 hash,
		       u32 *index)
{
	struct candidate candidate = { packer, data };
	int ret;

	ret = sparse_dedupe_find(&packer->dedupe, hash, is_equal, &candidate,
				 index);
	if (ret < 0) {
		packer->write_failed = true;
		return ret;
	}
	if (ret) {
		packer->counts.duplicate++;
		return 0;
	}
	ret = sparse_dedupe_add(&packer->dedupe, hash);
	if (ret)
		return ret;
	*index = packer->counts.stored++;
	sparse_flight_store(&packer->flight, *index, data);
	return 0;
}

/* the part that has to be done batch by batch in the order of the files */
static int place_batch(struct sparse_packer *packer,
		       const struct sparse_batch *batch,
		       struct sparse_chunkmap *map, u64 *next)
{
	unsigned int i;
	u32 index;
	int err;

	for (i = 0; i < batch->count; i++) {
		u64 block = batch->block[i];

		if (batch->zero[i]) {
			packer->counts.zero++;
			continue;
		}
		if (packer->want_digest) {
			err = sparse_verity_hole(&packer->verity, block - *next);
			if (!err)
				err = sparse_verity_block(&packer->verity,
							  batch->digest[i]);
			if (err)
				return err;
			*next = block + 1;
		}
		err = place_block(packer, batch->data + i * SPARSE_BLOCK_SIZE,
				  batch->hash[i], &index);
		if (err)
			return err;
		if (index >= UINT32_MAX - packer->store.start)
			return -EFBIG;
		map->addr[block] = packer->store.start + index;
	}
	return 0;
}

static int pack_batches(struct sparse_packer *packer, struct sparse_walk *walk,
			struct sparse_chunkmap *map, u64 *next)
{
	struct sparse_slot *slot;
	unsigned int count;
	int err;

	for (;;) {
		err = sparse_flight_next(&packer->flight, walk, &slot);
		if (err || !slot)
			return err;
		err = place_batch(packer, &slot->batch, map, next);
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

int sparse_pack_file(struct sparse_packer *packer, int fd, u64 size,
		     struct sparse_chunkmap *map,
		     u8 digest[SPARSE_DIGEST_SIZE])
{
	struct sparse_walk walk = { .fd = fd, .size = size };
	u64 next = 0;
	int err;

	packer->counts.blocks += map->blocks;
	if (packer->want_digest)
		sparse_verity_begin(&packer->verity, size);
	err = pack_batches(packer, &walk, map, &next);
	/* nobody is to read the file any more */
	sparse_flight_drop(&packer->flight);
	if (err || !packer->want_digest)
		return err;
	err = sparse_verity_hole(&packer->verity, map->blocks - next);
	if (err)
		return err;
	return sparse_verity_end(&packer->verity, digest);
}

int sparse_packer_flush(struct sparse_packer *packer)
{
	int err = sparse_flight_land(&packer->flight);

	if (err)
		packer->write_failed = true;
	return err;
}
