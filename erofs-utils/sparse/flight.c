// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#include <errno.h>
#include <stdlib.h>

#include "flight.h"

/* enough that nobody waits for the one that places, few enough for the cache */
#define SLOTS_PER_WORKER	4

/* blocks: large requests for the disk, and little left at the end */
#define SYNC_BLOCKS		2048

static struct sparse_slot *slot_of(const struct sparse_flight *flight, u64 n)
{
	return &flight->slot[n % flight->slots];
}

int sparse_flight_init(struct sparse_flight *flight,
		       const struct sparse_store *store,
		       const struct sparse_key key[2],
		       const struct sparse_known *known, unsigned int workers,
		       bool want_digest)
{
	struct sparse_slot *slot;
	unsigned int slots;
	int err;

	if (workers < 1)
		workers = 1;
	if (workers > SPARSE_FLIGHT_MAX / SLOTS_PER_WORKER)
		workers = SPARSE_FLIGHT_MAX / SLOTS_PER_WORKER;
	slots = workers * SLOTS_PER_WORKER;
	flight->slot = calloc(slots, sizeof(*flight->slot));
	if (!flight->slot)
		return -ENOMEM;
	flight->store = store;
	sparse_pool_start(&flight->pool, workers);
	while (flight->slots < slots) {
		slot = &flight->slot[flight->slots++];
		slot->flight = flight;
		err = sparse_batch_init(&slot->batch);
		if (!err)
			err = sparse_digest_init(&slot->digest, key, known, want_digest);
		if (err)
			return err;
	}
	return 0;
}

void sparse_flight_exit(struct sparse_flight *flight)
{
	unsigned int i;

	if (!flight->slot)
		return;
	sparse_pool_stop(&flight->pool);
	for (i = 0; i < flight->slots; i++) {
		sparse_failure_exit(&flight->slot[i].failure);
		sparse_digest_end(&flight->slot[i].digest);
		sparse_batch_exit(&flight->slot[i].batch);
	}
	free(flight->slot);
	flight->slot = NULL;
}

static void run_read(struct sparse_job *job)
{
	struct sparse_slot *slot = container_of(job, struct sparse_slot, job);
	struct sparse_batch *batch = &slot->batch;
	int err;

	if (sparse_pages_read(batch, &slot->failure))
		return;
	err = sparse_digest_run(&slot->digest, batch);
	if (err)
		sparse_fail(&slot->failure, SPARSE_READ, batch->source->path, err);
}

static void run_write(struct sparse_job *job)
{
	struct sparse_slot *slot = container_of(job, struct sparse_slot, job);
	const struct sparse_store *store = slot->flight->store;

	sparse_store_write(store, &slot->run, &slot->failure);
	if (slot->sync_first != slot->sync_end)
		sparse_store_sync(store, slot->sync_first, slot->sync_end);
}

static int read_ahead(struct sparse_flight *flight, struct sparse_pages *pages,
		      struct sparse_failure *failure)
{
	struct sparse_slot *slot;
	int err;

	while (flight->head - flight->tail < flight->slots) {
		slot = slot_of(flight, flight->head);
		err = sparse_pages_run(pages, &slot->batch, failure);
		if (err || !slot->batch.count)
			return err;
		slot->run.count = 0;
		slot->job.run = run_read;
		flight->head++;
		sparse_pool_submit(&flight->pool, &slot->job);
	}
	return 0;
}

int sparse_flight_next(struct sparse_flight *flight, struct sparse_pages *pages,
		       struct sparse_slot **slotp, struct sparse_failure *failure)
{
	struct sparse_slot *slot;
	int err;

	*slotp = NULL;
	err = read_ahead(flight, pages, failure);
	if (err || flight->mid == flight->head)
		return err;
	slot = slot_of(flight, flight->mid);
	sparse_pool_wait(&flight->pool, &slot->job);
	sparse_source_used(pages->source, slot->batch.block[0], slot->batch.count);
	*slotp = slot;
	return sparse_failure_take(failure, &slot->failure);
}

/* the oldest batch that is being written leaves the ring */
static int retire(struct sparse_flight *flight, struct sparse_failure *failure)
{
	struct sparse_slot *slot = slot_of(flight, flight->tail++);

	sparse_pool_wait(&flight->pool, &slot->job);
	if (slot->run.count)
		flight->written = slot->run.first + slot->run.count;
	return sparse_failure_take(failure, &slot->failure);
}

int sparse_flight_write(struct sparse_flight *flight, struct sparse_failure *failure)
{
	struct sparse_slot *slot = slot_of(flight, flight->mid++);
	int err;

	slot->sync_first = flight->synced;
	if (flight->written - flight->synced >= SYNC_BLOCKS)
		flight->synced = flight->written;
	slot->sync_end = flight->synced;
	slot->job.run = run_write;
	sparse_pool_submit(&flight->pool, &slot->job);

	/* half of the ring is for reading */
	while (flight->tail < flight->mid &&
	       (flight->mid - flight->tail > flight->slots / 2 ||
		sparse_pool_is_done(&flight->pool,
				    &slot_of(flight, flight->tail)->job))) {
		err = retire(flight, failure);
		if (err)
			return err;
	}
	return 0;
}

void sparse_flight_drop(struct sparse_flight *flight)
{
	struct sparse_slot *slot;

	while (flight->head > flight->mid) {
		slot = slot_of(flight, --flight->head);
		sparse_pool_wait(&flight->pool, &slot->job);
		sparse_failure_exit(&slot->failure);
	}
}

int sparse_flight_land(struct sparse_flight *flight, struct sparse_failure *failure)
{
	while (flight->tail < flight->mid)
		retire(flight, failure);
	return failure->err;
}
