// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#include <signal.h>
#include <stdlib.h>

#include "pool.h"

/* buffers of a page or two are all that a job keeps there */
#define STACK_SIZE	(256 * 1024)

/*
 * So many jobs wait until somebody waits for them: of small files there are two at a time,
 * one to write and one to read, and waking a thread costs more than doing them.
 */
#define FEW		2

/* do the job that has waited longest; called and left with the lock held */
static void run_first(struct sparse_pool *pool)
{
	struct sparse_job *job = pool->first;

	pool->first = job->next;
	pool->waiting--;
	if (!pool->first)
		pool->last = &pool->first;
	pthread_mutex_unlock(&pool->lock);
	job->run(job);
	pthread_mutex_lock(&pool->lock);
	job->done = true;
	pthread_cond_signal(&pool->done);
}

static void *work(void *arg)
{
	struct sparse_pool *pool = arg;

	pthread_mutex_lock(&pool->lock);
	while (pool->first || !pool->stop) {
		if (pool->first)
			run_first(pool);
		else
			pthread_cond_wait(&pool->work, &pool->lock);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

void sparse_pool_start(struct sparse_pool *pool, unsigned int workers)
{
	pthread_attr_t attr;
	sigset_t all, old;

	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->work, NULL);
	pthread_cond_init(&pool->done, NULL);
	pool->first = NULL;
	pool->last = &pool->first;
	pool->threads = 0;
	pool->waiting = 0;
	pool->stop = false;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	/* new threads inherit it: there is no moment in which they take one */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (pool->threads + 1 < workers && pool->threads < SPARSE_POOL_MAX &&
	       !pthread_create(&pool->thread[pool->threads], &attr, work, pool))
		pool->threads++;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
}

void sparse_pool_stop(struct sparse_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	while (pool->first)
		run_first(pool);
	pool->stop = true;
	pthread_cond_broadcast(&pool->work);
	pthread_mutex_unlock(&pool->lock);
	while (pool->threads)
		pthread_join(pool->thread[--pool->threads], NULL);
	pthread_cond_destroy(&pool->done);
	pthread_cond_destroy(&pool->work);
	pthread_mutex_destroy(&pool->lock);
}

void sparse_pool_submit(struct sparse_pool *pool, struct sparse_job *job)
{
	pthread_mutex_lock(&pool->lock);
	job->done = false;
	job->next = NULL;
	*pool->last = job;
	pool->last = &job->next;
	if (++pool->waiting > FEW)
		pthread_cond_signal(&pool->work);
	pthread_mutex_unlock(&pool->lock);
}

void sparse_pool_wait(struct sparse_pool *pool, struct sparse_job *job)
{
	pthread_mutex_lock(&pool->lock);
	while (!job->done) {
		if (pool->first)
			run_first(pool);
		else
			pthread_cond_wait(&pool->done, &pool->lock);
	}
	pthread_mutex_unlock(&pool->lock);
}

bool sparse_pool_is_done(struct sparse_pool *pool, const struct sparse_job *job)
{
	bool done;

	pthread_mutex_lock(&pool->lock);
	done = job->done;
	pthread_mutex_unlock(&pool->lock);
	return done;
}
