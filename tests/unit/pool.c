// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every job is done once, by as many threads as there are to be, whoever is first;
 * what it wrote can be seen once it was waited for.  Would catch a job that is lost
 * or done twice, a wait that never ends, and a thread that takes a signal.
 */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "ktap.h"
#include "pool.h"
#include "unit.h"

#define JOBS	500

/* ends with the case, also if an expect() fails: its threads would go on in the next one */
#define POOL(name)	struct sparse_pool name __attribute__((cleanup(sparse_pool_stop)))

struct work {
	struct sparse_job job;
	unsigned int number;
	unsigned int delay;
	unsigned int times;
	pthread_t by;
};

static struct work work[JOBS];

static void run(struct sparse_job *job)
{
	struct work *w = container_of(job, struct work, job);

	if (w->delay)
		usleep(w->delay);
	w->times++;
	w->by = pthread_self();
}

static void prepare(unsigned int delay)
{
	unsigned int i;

	memset(work, 0, sizeof(work));
	for (i = 0; i < JOBS; i++) {
		work[i].job.run = run;
		work[i].delay = delay ? unit_random(delay) : 0;
	}
}

/* the last first, so that most of them are done by then */
static int each_once(unsigned int workers, unsigned int delay)
{
	POOL(pool);
	unsigned int i;

	prepare(delay);
	sparse_pool_start(&pool, workers);
	for (i = 0; i < JOBS; i++)
		sparse_pool_submit(&pool, &work[i].job);
	for (i = JOBS; i-- > 0; ) {
		sparse_pool_wait(&pool, &work[i].job);
		expect(work[i].times == 1, "job %u of %u workers: %u times", i,
		       workers, work[i].times);
		expect(sparse_pool_is_done(&pool, &work[i].job), "not done");
	}
	/* again, one at a time */
	for (i = 0; i < JOBS; i++) {
		sparse_pool_submit(&pool, &work[i].job);
		sparse_pool_wait(&pool, &work[i].job);
		expect(work[i].times == 2, "job %u again: %u times", i,
		       work[i].times);
	}
	return 0;
}

static int any_number_of_workers(void)
{
	return each_once(0, 0) || each_once(1, 0) || each_once(2, 0) ||
		each_once(7, 0) || each_once(1000, 0);
}

static int any_order(void)
{
	return each_once(2, 300) || each_once(7, 1000);
}

/* one worker is the caller, and more are more */
static int by_whom(void)
{
	struct sparse_pool pool;
	unsigned int workers, i, by_others = 0;

	for (workers = 1; workers <= 2; workers++) {
		prepare(workers == 2 ? 500 : 0);
		sparse_pool_start(&pool, workers);
		for (i = 0; i < JOBS; i++)
			sparse_pool_submit(&pool, &work[i].job);
		for (i = 0; i < JOBS; i++) {
			sparse_pool_wait(&pool, &work[i].job);
			by_others += !pthread_equal(work[i].by, pthread_self());
		}
		sparse_pool_stop(&pool);
		expect(!by_others == (workers == 1), "%u workers, %u jobs by others",
		       workers, by_others);
	}
	return 0;
}

static int stop_does_what_is_left(void)
{
	struct sparse_pool pool;
	unsigned int i;

	prepare(100);
	sparse_pool_start(&pool, 3);
	for (i = 0; i < JOBS; i++)
		sparse_pool_submit(&pool, &work[i].job);
	sparse_pool_stop(&pool);
	for (i = 0; i < JOBS; i++)
		expect(work[i].times == 1, "job %u: %u times", i, work[i].times);
	return 0;
}

static volatile pthread_t signalled;

static void on_signal(int sig)
{
	(void)sig;
	signalled = pthread_self();
}

/* blocked in the caller, a signal waits, and no other thread takes it */
static int signals_are_the_callers(void)
{
	POOL(pool);
	sigset_t set;

	signal(SIGUSR1, on_signal);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sparse_pool_start(&pool, 4);
	need(!pthread_sigmask(SIG_BLOCK, &set, NULL));
	signalled = 0;
	kill(getpid(), SIGUSR1);
	usleep(20000);
	expect(!signalled, "another thread took it");
	need(!pthread_sigmask(SIG_UNBLOCK, &set, NULL));
	expect(pthread_equal(signalled, pthread_self()), "it is lost");
	return 0;
}

int main(void)
{
	const struct ktap_case cases[] = {
		{ "any-number-of-workers", any_number_of_workers },
		{ "any-order", any_order },
		{ "by-whom", by_whom },
		{ "stop-does-what-is-left", stop_does_what_is_left },
		{ "signals-are-the-callers", signals_are_the_callers },
	};

	return ktap_main(cases);
}
