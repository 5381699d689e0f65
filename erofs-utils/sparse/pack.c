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
	err = sparse_batch_init(&packer->batch);
	if (err || !packer->want_digest)
		return err;
	err = sparse_hash_init(&packer->hash);
	if (err)
		return err;
	return sparse_verity_init(&packer->verity, &packer->hash);
}

void sparse_packer_exit(struct sparse_packer *packer)
{
	sparse_hash_exit(&packer->hash);
	sparse_batch_exit(&packer->batch);
	sparse_dedupe_exit(&packer->dedupe);
}

struct candidate {
	const struct sparse_store *store;
	const u8 *data;
};

static int is_equal(void *arg, u32 index)
{
	const struct candidate *candidate = arg;

	return sparse_store_equal(candidate->store, index, candidate->data);
}

/* find the block among those stored, or store it */
static int place_block(struct sparse_packer *packer, const u8 *data, u64 hash,
		       u32 *index)
{
	struct candidate candidate = { &packer->store, data };
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
	*index = sparse_store_put(&packer->store, data);
	packer->counts.stored++;
	return 0;
}

/* the part that has to be done batch by batch in the order of the files */
static int commit(struct sparse_packer *packer, struct sparse_chunkmap *map,
		  u64 *next)
{
	const struct sparse_batch *batch = &packer->batch;
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
	err = sparse_store_flush(&packer->store);
	if (err)
		packer->write_failed = true;
	return err;
}

int sparse_pack_file(struct sparse_packer *packer, int fd, u64 size,
		     struct sparse_chunkmap *map,
		     u8 digest[SPARSE_DIGEST_SIZE])
{
	struct sparse_walk walk = { .fd = fd, .size = size };
	struct sparse_batch *batch = &packer->batch;
	u64 next = 0;
	int err;

	packer->counts.blocks += map->blocks;
	if (packer->want_digest)
		sparse_verity_begin(&packer->verity, size);
	for (;;) {
		err = sparse_batch_plan(batch, &walk);
		if (err)
			return err;
		if (!batch->count)
			break;
		err = sparse_batch_read(batch, fd, size);
		if (err)
			return err;
		err = sparse_batch_scan(batch, packer->want_digest ?
					&packer->hash : NULL);
		if (err)
			return err;
		err = commit(packer, map, &next);
		if (err)
			return err;
		if (packer->progress)
			packer->progress(packer->progress_arg, batch->count);
	}
	if (!packer->want_digest)
		return 0;
	err = sparse_verity_hole(&packer->verity, map->blocks - next);
	if (err)
		return err;
	return sparse_verity_end(&packer->verity, digest);
}
