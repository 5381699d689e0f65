/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_FLIGHT_H
#define EROFS_SPARSE_FLIGHT_H

#include "digest.h"
#include "pool.h"

/* 32 MiB of data */
#define SPARSE_FLIGHT_MAX	128

/**
 * struct sparse_slot - one batch between its file and the image
 * @batch: read and scanned
 * @failure: what that came to, then what writing came to
 * @run: its blocks that are to be stored: set by whoever places them
 */
struct sparse_slot {
	struct sparse_batch batch;
	struct sparse_failure failure;
	struct sparse_run run;
	/* private */
	struct sparse_job job;
	struct sparse_flight *flight;
	struct sparse_digest digest;
	u32 sync_first;
	u32 sync_end;
};

/**
 * struct sparse_flight - batches in flight: read ahead, placed in order, written
 * behind
 *
 * A ring.  From @tail to @mid batches are being written, from @mid to @head they are
 * being read and scanned, both by all threads in any order.  What is between,
 * placing blocks, is up to the caller and is done at @mid, batch by batch in the
 * order of the file: that is why the image does not depend on the threads.
 *
 * @pool: the threads, for other work when nothing is in flight
 */
struct sparse_flight {
	struct sparse_pool pool;
	/* private */
	const struct sparse_store *store;
	struct sparse_slot *slot;
	unsigned int slots;
	u64 tail;
	u64 mid;
	u64 head;
	u32 written;		/* all blocks before this one are */
	u32 synced;		/* and before this one are on their way to disk */
};

/**
 * sparse_flight_init() - get memory, start threads
 * @flight: all zero
 * @store: where to write, to live as long
 * @key: of the batches' hashes, to live as long
 * @known: what other devices have, to live as long, and to change only when nothing is
 *	read ahead
 * @workers: how many threads work, the caller being one of them
 * @want_digest: whether digests are wanted
 *
 * Return: 0, -ENOMEM, or -ENOTSUP if there is no SHA-256.
 */
int sparse_flight_init(struct sparse_flight *flight,
		       const struct sparse_store *store,
		       const struct sparse_key key[2],
		       const struct sparse_known *known, unsigned int workers,
		       bool want_digest);

/** sparse_flight_exit() - end all work, release all memory; again is fine, too */
void sparse_flight_exit(struct sparse_flight *flight);

/**
 * sparse_flight_next() - the next batch of a file, read and scanned
 * @flight: initialised
 * @pages: where batches to be read ahead come from
 * @slotp: set to the batch, with an empty run, or to NULL at the end of the file
 */
int sparse_flight_next(struct sparse_flight *flight, struct sparse_pages *pages,
		       struct sparse_slot **slotp, struct sparse_failure *failure);

/**
 * sparse_flight_write() - have the run of the batch that was next written
 * @flight: initialised
 * @failure: where the failure of an earlier batch is noted
 */
int sparse_flight_write(struct sparse_flight *flight, struct sparse_failure *failure);

/**
 * sparse_flight_drop() - forget the batches that were read ahead
 * @flight: initialised; no longer reads the file
 */
void sparse_flight_drop(struct sparse_flight *flight);

/**
 * sparse_flight_land() - wait until everything is written
 * @flight: initialised; nothing read ahead
 */
int sparse_flight_land(struct sparse_flight *flight, struct sparse_failure *failure);

#endif
