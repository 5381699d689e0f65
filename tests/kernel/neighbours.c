// SPDX-License-Identifier: GPL-2.0-only
/*
 * neighbours [--record FILE | --against FILE] FOLDER OPTIONS - memory cgroups
 * that use the same image: what one of them does costs the others no more than it does
 * with the stock module.
 *
 * FOLDER has the mount of /disk1; /disk2 is another image, and both have their data in /disk0.
 * OPTIONS are those of the mounts.  Each attacker meets each victim, a process that has
 * touched 48 of the 64 MiB of a file in a cgroup that may have 64:
 *
 * grows	takes 32 MiB of its own, and looks at its pages of the file again; no swap
 * swaps	the same, with swap
 * returns	sleeps, and looks at its pages again
 * works	looks at 16 MiB of them all the time
 *
 * Would be found: a victim that is killed, and one that has to fetch from the disk, or to map
 * anew, what it has not with the stock module.  --record writes how it went with that,
 * --against compares.  Without either nobody may be killed.  The figures are printed.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "../ktap.h"
#include "guest.h"

#define ROOT	"/sys/fs/cgroup"
#define TOP	ROOT "/neighbours"
#define VICTIM	TOP "/victim"
#define ATTACKER TOP "/attacker"

#define MB	(1L << 20)
#define SIZE	(64 * MB)		/* of the file */
#define LIMIT	(64 * MB)		/* of the victim's cgroup */
#define TOUCHED	(48 * MB)		/* of the file, by the victim */
#define WORK	(16 * MB)		/* of it, all the time */
#define GROWTH	(32 * MB)		/* memory of its own */
#define REGION	(2 * MB)		/* that one page table maps */
#define SECONDS	1			/* that an attack goes on */

#define expect_ok(call)	do { if (call) return 1; } while (0)

static const char *options;
static char path[256];
static size_t page;

static char *map_all(int fd)
{
	char *p = mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE, fd, 0);

	if (p == MAP_FAILED)
		err(1, "mmap");
	return p;
}

static void touch(const char *p, size_t from, size_t to)
{
	for (; from < to; from += page)
		(void)*(const volatile char *)(p + from);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* ---- attackers: they return when they have done it, and may go on for SECONDS ---- */

static void nothing(int fd)
{
	(void)fd;
}

static void willneed(int fd)
{
	posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED);
	sleep(1);
}

static void reads_ahead(int fd)
{
	readahead(fd, 0, SIZE);
	sleep(1);
}

static void reads(int fd)
{
	static char buf[1 << 20];
	double end = now() + SECONDS;

	while (now() < end) {
		off_t at;

		for (at = 0; at < SIZE; at += sizeof(buf))
			if (pread(fd, buf, sizeof(buf), at) < 0)
				err(1, "pread");
	}
}

/* a page of each region, for as long as the process lives */
static void locks_some(int fd)
{
	char *p = map_all(fd);
	size_t at;

	for (at = 0; at < SIZE; at += REGION)
		if (mlock(p + at, page))
			err(1, "mlock");
}

/* all of the file, of which it has no page: nobody else's are locked by that */
static void locks_nothing(int fd)
{
	char *p = map_all(fd);

	if (mprotect(p, SIZE / 2, PROT_NONE) ||
	    (mlock(p, SIZE / 2) && errno != ENOMEM) ||
	    mlock2(p + SIZE / 2, SIZE / 2, MLOCK_ONFAULT))
		err(1, "mlock");
}

/* what others have besides */
static void locks_all(int fd)
{
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		err(1, "mlockall");
	map_all(fd);
}

static void maps_at_random(int fd)
{
	double end = now() + SECONDS;
	char *p = map_all(fd);

	while (now() < end) {
		(void)*(volatile char *)(p + (rand() % (SIZE / page)) * page);
		if (rand() % 10000 == 0)
			madvise(p, SIZE, MADV_DONTNEED);
	}
}

/* whatever is given back is mapped again at once, much of it by each fault */
static void maps_in_a_row(int fd)
{
	int i;

	for (i = 0; i < 4; i++)
		if (!fork()) {
			char *p = map_all(fd);

			for (;;)
				touch(p, 0, TOUCHED);
		}
	sleep(SECONDS);
}

static void drops(int fd)
{
	double end = now() + SECONDS;

	while (now() < end)
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

/* another image with the same data comes, is read, and goes */
static void mounts(int fd)
{
	char text[256];
	int i, other;

	(void)fd;
	snprintf(text, sizeof(text), "device=/disk0%s%s", *options ? "," : "", options);
	mkdir("/tmp/other", 0755);
	for (i = 0; i < 3; i++) {
		if (mount("/disk2", "/tmp/other", "erofs", MS_RDONLY, text))
			err(1, "mount");
		other = open("/tmp/other/dense.img", O_RDONLY);
		touch(map_all(other), 0, SIZE);
		close(other);
		if (umount2("/tmp/other", MNT_DETACH))
			err(1, "umount");
	}
}

/* all the memory that its cgroup may have, again and again */
static void hogs(int fd)
{
	double end = now() + SECONDS;
	const size_t size = LIMIT - 8 * MB;
	char *p = map_all(fd);

	while (now() < end) {
		char *own = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				 -1, 0);

		memset(own, 1, size);
		touch(p, 0, SIZE);
		munmap(own, size);
	}
}

static void forks(int fd)
{
	double end = now() + SECONDS;

	while (now() < end) {
		if (!fork()) {
			touch(map_all(fd), 0, TOUCHED);
			_exit(0);
		}
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}

static const struct attacker {
	const char *name;
	void (*run)(int fd);
} attackers[] = {
	{ "nobody", nothing },
	{ "willneed", willneed },
	{ "readahead", reads_ahead },
	{ "read", reads },
	{ "mlock", locks_some },
	{ "mlock-nothing", locks_nothing },
	{ "mlockall", locks_all },
	{ "random", maps_at_random },
	{ "row", maps_in_a_row },
	{ "dontneed", drops },
	{ "unmount", mounts },
	{ "hog", hogs },
	{ "forks", forks },
};

/* ---- victims ---- */

struct result {
	int killed;
	long major, minor;	/* faults after the attack began */
};

static int to_victim[2], from_victim[2];

static void wait_for_attack(void)
{
	char byte;

	if (write(from_victim[1], "", 1) != 1 || read(to_victim[0], &byte, 1) != 1)
		_exit(1);
}

static void grows(char *p)
{
	char *own = mmap(NULL, GROWTH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	madvise(own, GROWTH, MADV_NOHUGEPAGE);
	memset(own, 1, GROWTH);
	touch(p, 0, TOUCHED);
	touch(own, 0, GROWTH);
}

static void returns(char *p)
{
	touch(p, 0, TOUCHED);
}

/* what it has is asked for after the attack, and what it does is done during it */
static void works(char *p)
{
	double end = now() + SECONDS;

	while (now() < end)
		touch(p, 0, WORK);
}

static const struct victim {
	const char *name;
	void (*run)(char *p);
	bool meanwhile;		/* while it is attacked, not then */
	bool swap;
} victims[] = {
	{ "grows", grows, false, false },
	{ "swaps", grows, false, true },
	{ "returns", returns, false, false },
	{ "works", works, true, false },
};

static void be_victim(const struct victim *victim)
{
	struct result result = {};
	struct rusage before, after;
	char *p;

	if (write_string(VICTIM "/cgroup.procs", "0"))
		_exit(1);
	p = map_all(open(path, O_RDONLY));
	touch(p, 0, TOUCHED);
	wait_for_attack();
	getrusage(RUSAGE_SELF, &before);
	victim->run(p);
	getrusage(RUSAGE_SELF, &after);
	result.major = after.ru_majflt - before.ru_majflt;
	result.minor = after.ru_minflt - before.ru_minflt;
	_exit(write(from_victim[1], &result, sizeof(result)) != sizeof(result));
}

/* it stays until it is killed: what it has locked is locked that long */
static pid_t be_attacker(const struct attacker *attacker, int done)
{
	pid_t pid = fork();
	int fd;

	if (pid)
		return pid;
	fd = open(path, O_RDONLY);
	if (fd < 0 || setpgid(0, 0) || write_string(ATTACKER "/cgroup.procs", "0"))
		_exit(1);
	attacker->run(fd);
	if (write(done, "", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static int make_groups(const struct victim *victim)
{
	static const char *const all[] = { TOP, VICTIM, ATTACKER };
	size_t i;

	write_string(ROOT "/cgroup.subtree_control", "+memory +pids");
	for (i = 3; i--; )
		rmdir(all[i]);
	for (i = 0; i < 3; i++) {
		expect(!mkdir(all[i], 0755), "%s: %s", all[i], strerror(errno));
		if (!i)
			expect(!write_string(TOP "/cgroup.subtree_control", "+memory +pids"),
			       "controllers");
	}
	expect(!write_number(VICTIM "/memory.max", LIMIT) &&
	       !write_number(ATTACKER "/memory.max", 2 * LIMIT) &&
	       !write_number(ATTACKER "/pids.max", 32), "limits");
	expect(!write_number(VICTIM "/memory.swap.max", victim->swap ? LIMIT : 0), "memory.swap.max");
	return 0;
}

static void end_attacker(pid_t pid)
{
	kill(-pid, SIGKILL);
	waitpid(pid, NULL, 0);
	while (number_in(ATTACKER "/pids.current", "") > 0)
		usleep(10000);
}

/* what comes of it for the victim @pid, who has touched what it is to touch */
static int attack(pid_t pid, const struct attacker *attacker, const struct victim *victim,
		  struct result *result)
{
	int status, done[2], attacked;
	pid_t other;
	char byte;

	expect(!pipe(done), "pipe");
	other = be_attacker(attacker, done[1]);
	close(done[1]);
	attacked = victim->meanwhile || read(done[0], &byte, 1) == 1;
	if (!attacked || write(to_victim[1], "", 1) != 1)
		kill(pid, SIGTERM);
	waitpid(pid, &status, 0);
	if (victim->meanwhile)
		attacked = read(done[0], &byte, 1) == 1;
	close(done[0]);
	end_attacker(other);
	expect(attacked, "the attacker failed");
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		result->killed = 1;
	else
		expect(!status && read(from_victim[0], result, sizeof(*result)) == sizeof(*result),
		       "the victim: %x", status);
	return 0;
}

static int meet(const struct attacker *attacker, const struct victim *victim,
		struct result *result)
{
	int failed;
	pid_t pid;
	char byte;

	*result = (struct result) {};
	expect_ok(make_groups(victim));
	drop_caches();
	expect(!pipe(to_victim) && !pipe(from_victim), "pipe");
	fflush(stdout);
	pid = fork();
	if (!pid)
		be_victim(victim);
	close(to_victim[0]);
	close(from_victim[1]);
	failed = read(from_victim[0], &byte, 1) != 1;
	if (failed) {
		printf("# the victim did not get so far\n");
		kill(pid, SIGTERM);
		waitpid(pid, NULL, 0);
	} else {
		failed = attack(pid, attacker, victim, result);
	}
	close(to_victim[1]);
	close(from_victim[0]);
	return failed;
}

/* ---- all of them ---- */

#define NR_ATTACKERS	(sizeof(attackers) / sizeof(*attackers))
#define NR_VICTIMS	(sizeof(victims) / sizeof(*victims))

static struct result stock[NR_ATTACKERS][NR_VICTIMS];
static bool compares;

/* with the stock module, attacked, or left alone: it may even be better off attacked */
static long most(long attacked, long alone)
{
	return attacked > alone ? attacked : alone;
}

/*
 * Faults that the victim may have: what was looked at once is as old as what was not when
 * it is unmapped by the file, so some more is fetched, or mapped, again.
 */
static bool too_many(long faults, long stock_faults, long granted)
{
	return faults > stock_faults * 5 / 4 + granted;
}

static int judge(const struct result *result, const struct result *was,
		 const struct result *alone)
{
	const long pages = TOUCHED / page;
	const long major = most(was->major, alone->major);
	const long minor = most(was->minor, alone->minor);

	expect(result->killed <= was->killed, "it is killed");
	if (!compares || result->killed || was->killed)
		return 0;
	expect(!too_many(result->major, major, pages / 128),
	       "%ld major faults, %ld with the stock module", result->major, major);
	expect(!too_many(result->minor, minor, pages / 8),
	       "%ld minor faults, %ld with the stock module", result->minor, minor);
	return 0;
}

static void read_stock(const char *name)
{
	FILE *f = fopen(name, "r");
	size_t i, k;

	if (!f)
		err(1, "%s", name);
	for (i = 0; i < NR_ATTACKERS; i++)
		for (k = 0; k < NR_VICTIMS; k++) {
			struct result *r = &stock[i][k];

			if (fscanf(f, "%d %ld %ld", &r->killed, &r->major, &r->minor) != 3)
				errx(1, "%s ends too soon", name);
		}
	fclose(f);
	compares = true;
}

int main(int argc, char **argv)
{
	FILE *record = NULL;
	size_t i, k;

	for (; argc > 1 && !strncmp(argv[1], "--", 2); argc--, argv++) {
		if (argc < 3)
			break;
		if (!strcmp(argv[1], "--record"))
			record = fopen(argv[2], "w");
		else if (!strcmp(argv[1], "--against"))
			read_stock(argv[2]);
		argc--, argv++;
	}
	if (argc != 3)
		errx(2, "usage: neighbours [--record FILE | --against FILE] FOLDER OPTIONS");
	options = argv[2];
	page = sysconf(_SC_PAGESIZE);
	snprintf(path, sizeof(path), "%s/dense.img", argv[1]);
	if (swap_on(256))
		errx(1, "no swap");
	ktap_begin(NR_ATTACKERS * NR_VICTIMS);
	for (i = 0; i < NR_ATTACKERS; i++)
		for (k = 0; k < NR_VICTIMS; k++) {
			struct result result;
			int failed = meet(&attackers[i], &victims[k], &result);
			char name[64];

			snprintf(name, sizeof(name), "%s-%s", attackers[i].name, victims[k].name);
			printf("# %-20s %s, %ld major and %ld minor faults\n", name,
			       result.killed ? "killed" : "lives", result.major, result.minor);
			if (!failed && !record)
				failed = judge(&result, &stock[i][k], &stock[0][k]);
			if (record)
				fprintf(record, "%d %ld %ld\n", result.killed, result.major,
					result.minor);
			ktap_result(failed, name);
		}
	if (record)
		fclose(record);
	return ktap_end();
}
