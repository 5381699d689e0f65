// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "known.h"
#include "zero.h"

/* blocks that a job adds: few enough that all threads end at about the same time */
#define JOB_BLOCKS	((u64)65536)

struct add_job {
	struct sparse_job job;
	struct sparse_known *known;
	const struct sparse_device *device;
	u64 first;
};

int sparse_known_init(struct sparse_known *known, u64 blocks)
{
	/* three quarters full at most: a fruitless search then looks at 8.5 slots */
	known->slots = blocks + blocks / 3 + 1;
	known->slot = calloc(known->slots, sizeof(*known->slot));
	return known->slot ? 0 : -ENOMEM;
}

void sparse_known_exit(struct sparse_known *known)
{
	free(known->slot);
	known->slot = NULL;
	known->slots = 0;
}

static u64 first_slot(const struct sparse_known *known, const struct sparse_id *id)
{
	/* 1.3 times all addresses are more than 32 bits */
	return (u64)id->word[0] * (known->slots >> 1) >> 31;
}

static bool is_digest(const struct sparse_known *known, u64 slot,
		      const u8 *digest, const struct sparse_id *id)
{
	return slot >> 32 == id->word[1] &&
		!memcmp(sparse_space_leaf(known->space, slot), digest,
			SPARSE_DIGEST_SIZE);
}

u32 sparse_known_find(const struct sparse_known *known,
		      const u8 digest[SPARSE_DIGEST_SIZE],
		      const struct sparse_id *id)
{
	u64 i, slot;

	if (!known->slots)
		return 0;
	for (i = first_slot(known, id); (slot = known->slot[i]);
	     i = i + 1 < known->slots ? i + 1 : 0)
		if (is_digest(known, slot, digest, id))
			return slot;
	return 0;
}

/* whether of two equal blocks, the one of @device, @other is the first */
static bool is_first(const struct sparse_device *device, u32 addr, u32 other)
{
	/* devices that were added before lie above */
	return other < addr || other - device->first >= device->blocks;
}

/*
 * Other threads add blocks, too.  A slot that is taken stays that of its digest: who finds
 * the digest there, or loses a race for the slot, goes by what is there now.
 */
static void add_block(struct sparse_known *known, const struct sparse_device *device,
		      u32 block)
{
	const u8 *digest = device->leaf[block].digest;
	struct sparse_id id = sparse_key_hash(known->key, digest, SPARSE_DIGEST_SIZE);
	u32 addr = device->first + block;
	u64 new = (u64)id.word[1] << 32 | addr;
	u64 i = first_slot(known, &id), old;

	for (;; i = i + 1 < known->slots ? i + 1 : 0) {
		old = __atomic_load_n(&known->slot[i], __ATOMIC_RELAXED);
		while (!old || is_digest(known, old, digest, &id)) {
			if (old && is_first(device, addr, old))
				return;
			if (__atomic_compare_exchange_n(&known->slot[i], &old, new, false,
							__ATOMIC_RELAXED, __ATOMIC_RELAXED))
				return;
		}
	}
}

static void run_add(struct sparse_job *job)
{
	struct add_job *add = container_of(job, struct add_job, job);
	u64 end = add->first + JOB_BLOCKS, block;

	if (end > add->device->blocks)
		end = add->device->blocks;
	for (block = add->first; block < end; block++)
		if (!sparse_is_zero(&add->device->leaf[block], SPARSE_DIGEST_SIZE))
			add_block(add->known, add->device, block);
}

int sparse_known_add(struct sparse_known *known, struct sparse_pool *pool)
{
	const struct sparse_device *device =
		&known->space->device[known->space->count - 1];
	u64 jobs = (device->blocks + JOB_BLOCKS - 1) / JOB_BLOCKS, i;
	struct add_job *add = calloc(jobs, sizeof(*add));

	if (!add && jobs)
		return -ENOMEM;
	for (i = 0; i < jobs; i++) {
		add[i].job.run = run_add;
		add[i].known = known;
		add[i].device = device;
		add[i].first = i * JOB_BLOCKS;
		sparse_pool_submit(pool, &add[i].job);
	}
	for (i = 0; i < jobs; i++)
		sparse_pool_wait(pool, &add[i].job);
	free(add);
	return 0;
}
