/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_POOL_H
#define EROFS_SPARSE_POOL_H

#include <pthread.h>

#include "types.h"

/* the most threads; more than that would wait for the one that places blocks */
#define SPARSE_POOL_MAX		64

/**
 * struct sparse_job - something to be done by any thread
 * @run: does it
 *
 * Embedded in what it is about.  From sparse_pool_submit() to sparse_pool_wait()
 * that belongs to @run, which sees all that was written before the former; after
 * the latter all that it wrote can be seen.
 */
struct sparse_job {
	void (*run)(struct sparse_job *job);
	/* private */
	struct sparse_job *next;
	bool done;
};

/**
 * struct sparse_pool - threads that do jobs, first come, first served
 *
 * Whoever submits the jobs is one of the threads while it waits, so one worker
 * means no other thread.  It is the only one to call what is below.
 *
 * Not upstream's workqueue: that has no way to wait for one job, whoever submits does none
 * of them, and its threads take signals.
 */
struct sparse_pool {
	/* private */
	pthread_mutex_t lock;	/* of all that follows, and of the jobs' state */
	pthread_cond_t work;
	pthread_cond_t done;
	struct sparse_job *first;
	struct sparse_job **last;
	pthread_t thread[SPARSE_POOL_MAX];
	unsigned int threads;
	unsigned int waiting;	/* jobs that nobody has begun */
	bool stop;
};

/**
 * sparse_pool_start() - start the threads
 * @pool: filled in
 * @workers: how many threads in all; fewer if the system has no more
 *
 * They take no signals: those are for the caller.
 */
void sparse_pool_start(struct sparse_pool *pool, unsigned int workers);

/**
 * sparse_pool_stop() - do what was submitted, end the threads
 * @pool: started
 */
void sparse_pool_stop(struct sparse_pool *pool);

/**
 * sparse_pool_submit() - have a job done: at the latest by who waits for it
 * @pool: started
 * @job: with @run set; not to be submitted again before it was waited for
 */
void sparse_pool_submit(struct sparse_pool *pool, struct sparse_job *job);

/**
 * sparse_pool_wait() - do jobs until a certain one is done
 * @pool: started
 * @job: submitted
 */
void sparse_pool_wait(struct sparse_pool *pool, struct sparse_job *job);

/** sparse_pool_is_done() - whether sparse_pool_wait() would return at once */
bool sparse_pool_is_done(struct sparse_pool *pool, const struct sparse_job *job);

#endif
