// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory cgroups: pages of data are charged to who has read them first, can be had back
 * when the cgroup has too many although they are mapped, stay where the cgroup is
 * protected or the memory is locked, and outlive their cgroup for no longer than they
 * are cached.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../ktap.h"
#include "area.h"
#include "guest.h"
#include "memory.h"

#define ROOT	"/sys/fs/cgroup"
#define TOP	ROOT "/memory"
#define CALM	TOP "/calm"	/* has its memory, and does not use it just now */
#define GREEDY	TOP "/greedy"	/* uses all there is */
#define MB	(1L << 20)

static const char *const groups[] = { TOP, CALM, GREEDY };

static void remove_groups(void)
{
	size_t i;

	for (i = sizeof(groups) / sizeof(*groups); i--; )
		rmdir(groups[i]);
}

static int make_groups(void)
{
	size_t i;

	write_string(ROOT "/cgroup.subtree_control", "+memory");
	remove_groups();
	for (i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
		expect(!mkdir(groups[i], 0755), "%s: %s", groups[i], strerror(errno));
		if (!i)
			expect(!write_string(TOP "/cgroup.subtree_control", "+memory"),
			       "no memory controller");
	}
	return 0;
}

static long file_bytes(const char *stat)
{
	return number_in(stat, "file");
}

static const size_t half = MEMORY_DATA / 2;

/* what the greedy do: several times all of the second half of the data */
static int use_much(void)
{
	int pass;

	for (pass = 0; pass < 4; pass++) {
		char *p = memory_map(file.fd, memory_data + half, half);

		expect_ok(memory_same(p, memory_data + half, half));
		munmap(p, half * file.page);
	}
	return 0;
}

/* or, if they are more so: keep memory of their own, which nobody has back without swap */
static int keep_much(void)
{
	const size_t len = half * file.page;
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	expect(p != MAP_FAILED, "mmap: %s", strerror(errno));
	madvise(p, len, MADV_NOHUGEPAGE);
	memset(p, 1, len);
	munmap(p, len);
	return 0;
}

static int keep_much_or_die(void)
{
	expect(!write_string("/proc/self/oom_score_adj", "1000"), "oom_score_adj");
	return keep_much();
}

/* a process of the calm that maps pages of data, and stays until it is ended */
static int ready[2], go[2];
static size_t calm_pages;
static bool calm_locks;

/* those of the process: a module cannot count them for its cgroup */
static long major_faults(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_SELF, &usage) ? -1 : usage.ru_majflt;
}

static int map_and_wait(void)
{
	/* what may be written would become private where it is locked */
	char *p = mmap(NULL, calm_pages * file.page, PROT_READ, MAP_PRIVATE, file.fd,
		       memory_data * file.page), byte;

	expect(p != MAP_FAILED, "mmap");
	/* what is read ahead would be charged, and is what can be had back first */
	madvise(p, calm_pages * file.page, MADV_RANDOM);
	expect_ok(memory_same(p, memory_data, calm_pages));
	expect(!calm_locks || !mlock(p, calm_pages * file.page), "mlock: %s", strerror(errno));
	expect(write(ready[1], "", 1) == 1, "pipe");
	while (read(go[0], &byte, 1) == 1) {
		long faults = major_faults();

		expect_ok(memory_same(p, memory_data, calm_pages));
		faults = major_faults() - faults;
		expect(write(ready[1], &faults, sizeof(faults)) == sizeof(faults), "pipe");
	}
	return 0;
}

static int calm_start(pid_t *pid, size_t nr, bool locks)
{
	char byte;

	calm_pages = nr;
	calm_locks = locks;
	expect(!pipe(ready) && !pipe(go), "pipe");
	fflush(stdout);
	*pid = fork();
	if (!*pid) {
		close(go[1]);
		close(ready[0]);
		_exit(run_in_cgroup(CALM, map_and_wait));
	}
	close(ready[1]);
	close(go[0]);
	expect(read(ready[0], &byte, 1) == 1, "the calm one is gone");
	return 0;
}

/* have it look at all of its pages once more: how often it had to wait for the disk */
static int calm_looks(long *faults)
{
	expect(write(go[1], "", 1) == 1 && read(ready[0], faults, sizeof(*faults)) ==
	       sizeof(*faults), "the calm one is gone");
	return 0;
}

static int calm_end(pid_t pid)
{
	int status;

	close(go[1]);
	close(ready[0]);
	expect(waitpid(pid, &status, 0) == pid && !status, "the calm one: %x", status);
	return 0;
}

/* over memory.high nobody is killed: the cgroup gives back what it has mapped */
static int read_all(void)
{
	char *p = memory_map(file.fd, memory_data, MEMORY_DATA);

	expect_ok(memory_same(p, memory_data, MEMORY_DATA));
	expect_ok(memory_same(p, memory_data, MEMORY_DATA));
	expect(number_in(CALM "/memory.current", "") < 8 * MB, "it has %ld bytes",
	       number_in(CALM "/memory.current", ""));
	return 0;
}

int memcg_high(void)
{
	int status;

	expect_ok(make_groups());
	expect(!write_number(CALM "/memory.high", 6 * MB), "memory.high");
	status = run_in_cgroup(CALM, read_all);
	expect(!status, "status %x", status);
	expect(number_in(CALM "/memory.events", "high") > 0, "it was never too much");
	expect(!number_in(CALM "/memory.events", "oom_kill"), "killed");
	expect(!number_in(CALM "/memory.events", "max"), "memory.max");
	remove_groups();
	return 0;
}

/*
 * Bytes that the calm lose to the greedy, who share a limit with them: all that the calm
 * have, which is what @protection covers if it is not NULL, and half of what the greedy
 * want.  One of the greedy is killed if @dies, and nobody else.
 */
static int lost_to_greedy(const char *protection, int (*greedy)(void), bool dies, long *lost,
			  long *faults)
{
	long before, current;
	pid_t pid;
	int status;

	expect_ok(make_groups());
	drop_caches();
	expect_ok(calm_start(&pid, half, false));
	before = file_bytes(CALM "/memory.stat");
	/* a little may be cached from before, and others pay for it */
	expect(before >= (long)(half * file.page * 9 / 10), "%ld bytes charged", before);
	current = number_in(CALM "/memory.current", "");
	if (protection)
		expect(!write_number(protection, current + MB), "%s", protection);
	expect(!write_number(TOP "/memory.max", current + 4 * MB), "memory.max");
	status = run_in_cgroup(GREEDY, greedy);
	expect(dies ? WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL : !status,
	       "the greedy one: %x", status);
	*lost = before - file_bytes(CALM "/memory.stat");
	expect_ok(calm_looks(faults));
	expect_ok(calm_end(pid));
	expect(number_in(TOP "/memory.events", "oom_kill") == dies, "killed");
	remove_groups();
	return 0;
}

/* what is protected is kept although somebody has to die for it */
int memcg_min(void)
{
	long lost, faults;

	/* pages of files would not do: on Linux 7 the greedy lose their own first */
	expect_ok(lost_to_greedy(NULL, keep_much, false, &lost, &faults));
	expect(lost > MB && faults > 0, "without protection %ld bytes are lost, %ld faults",
	       lost, faults);
	/* the calm, who have more mapped, inherit this; the greedy do not keep it */
	expect(!write_string("/proc/self/oom_score_adj", "-1000"), "oom_score_adj");
	expect_ok(lost_to_greedy(CALM "/memory.min", keep_much_or_die, true, &lost, &faults));
	expect(lost <= 0 && !faults, "%ld bytes are lost, %ld faults", lost, faults);
	return 0;
}

/*
 * What is protected as far as can be is given before somebody has to die.  How much of it
 * is kept from the greedy who have pages of files to lose is up to the kernel: all of it on
 * Linux 6.12, and on 7 what comes of it.
 */
int memcg_low(void)
{
	long lost, faults;

	expect_ok(lost_to_greedy(CALM "/memory.low", keep_much, false, &lost, &faults));
	expect(lost > MB && faults > 0, "%ld bytes are lost, %ld faults", lost, faults);
	return 0;
}

/* what nobody uses just now is given back when it is asked for, mapped or not */
int memcg_reclaim(void)
{
	long before, lost, faults;
	pid_t pid;
	int err;

	expect_ok(make_groups());
	expect_ok(calm_start(&pid, MEMORY_DATA, false));
	before = file_bytes(CALM "/memory.stat");
	err = write_number(CALM "/memory.reclaim", 8 * MB);
	lost = before - file_bytes(CALM "/memory.stat");
	expect(!err, "memory.reclaim: %s, %ld bytes", strerror(-err), lost);
	expect(lost >= 7 * MB, "%ld of %ld bytes are gone", lost, before);
	expect_ok(calm_looks(&faults));
	expect(faults > 0, "what is gone came back without a fault");
	expect_ok(calm_end(pid));
	remove_groups();
	return 0;
}

/* locked pages stay, for whoever asks */
int memcg_reclaim_of_locked(void)
{
	long before, lost, faults;
	pid_t pid;
	int err;

	expect_ok(make_groups());
	expect_ok(calm_start(&pid, MEMORY_DATA, true));
	before = file_bytes(CALM "/memory.stat");
	err = write_number(CALM "/memory.reclaim", 8 * MB);
	lost = before - file_bytes(CALM "/memory.stat");
	expect(err == -EAGAIN, "memory.reclaim: %s", strerror(-err));
	expect(lost < MB, "%ld of %ld bytes are gone", lost, before);
	expect_ok(calm_looks(&faults));
	expect(!faults, "locked pages were lost: %ld faults", faults);
	expect_ok(calm_end(pid));
	remove_groups();
	return 0;
}

static long dying(void)
{
	return number_in(ROOT "/cgroup.stat", "nr_dying_descendants");
}

/*
 * A cgroup that is removed while its pages are cached, and mapped by somebody else, is
 * gone when they are: nothing of the file system's keeps it.
 */
int memcg_removed(void)
{
	char *p = memory_map(file.fd, memory_data, MEMORY_DATA);
	long before;
	int status, i;

	drop_caches();
	before = dying();
	for (i = 0; i < 8; i++) {
		expect_ok(make_groups());
		status = run_in_cgroup(GREEDY, use_much);
		expect(!status, "status %x", status);
		if (!i)
			expect_ok(memory_same(p, memory_data, MEMORY_DATA));
		/* what the first has read, the others find */
		expect(i || file_bytes(GREEDY "/memory.stat") > MB, "%ld bytes charged",
		       file_bytes(GREEDY "/memory.stat"));
		remove_groups();
		expect(access(TOP, F_OK), "the cgroup stays");
	}
	expect_ok(memory_same(p, memory_data, MEMORY_DATA));
	munmap(p, MEMORY_DATA * file.page);
	/* they are freed by work that comes later */
	for (i = 0; i < 300 && dying() > before; i++) {
		drop_caches();
		usleep(100000);
	}
	expect(dying() <= before, "%ld cgroups stay, %ld were there", dying(), before);
	return 0;
}
