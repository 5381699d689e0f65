// SPDX-License-Identifier: GPL-2.0-only
/*
 * stress [--stock] SECONDS FILE REFERENCE [SEED] - threads that fault the same holes,
 * boundaries and data while others change everything around them.
 *
 * There are two mappings.  In the common one all threads read, write, protect,
 * remap and drop what they like; a page may at any time have the file's bytes, or
 * one stamp, the same for whoever writes it, in one place.  Of the other each thread
 * has a part to itself, and knows every byte of it.  Readers with read() and
 * children after a fork look at all of it.  Meanwhile the switches are turned and
 * the caches dropped.
 *
 * SEED is where the threads' random numbers begin; by default each run has others.  It is
 * printed.
 *
 * Would be found: what only happens if two faults, or a fault and a change of the
 * mapping, meet; the kernel's counters are checked when the process ends.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "../ktap.h"
#include "area.h"
#include "guest.h"

#ifndef MADV_POPULATE_READ	/* Linux 5.14 */
#define MADV_POPULATE_READ	22
#define MADV_POPULATE_WRITE	23
#endif

#define THREADS	4	/* that do a bit of everything */
#define PAGES	1536	/* of the common mapping, the ones with most changes */
#define STAMP	0x5a

static atomic_bool stop, failed;
static char *common;
static size_t first;	/* page of the file that the common mapping begins with */
static _Thread_local sigjmp_buf fault;
static _Thread_local volatile sig_atomic_t guarded;

struct worker {
	pthread_t thread;
	unsigned int seed;
	char *own;		/* mapping of the same pages, of this thread alone */
	unsigned char *stamped;	/* the model: for each page, has it been written? */
	unsigned long done;
};

/* a protected page of the common mapping: a reader or writer tries again later */
static void on_fault(int sig)
{
	if (!guarded) {
		signal(sig, SIG_DFL);
		return;
	}
	siglongjmp(fault, sig);
}

static void __attribute__((format(printf, 1, 2))) fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (!atomic_exchange(&failed, true)) {
		printf("# ");
		vprintf(format, args);
		putchar('\n');
	}
	va_end(args);
	atomic_store(&stop, true);
}

static const char *reference(size_t i)
{
	return file.ref + (first + i) * file.page;
}

/* where page @i of the mappings is stamped */
static size_t place(size_t i)
{
	return 16 + i * 40 % 4000;
}

/* is it the file's page, with a stamp or without? */
static bool page_is_right(size_t i, const char *copy, bool *stamped)
{
	const char *want = reference(i);
	size_t at = place(i);

	*stamped = copy[at] != want[at];
	return !memcmp(copy, want, at) &&
		!memcmp(copy + at + 1, want + at + 1, file.page - at - 1) &&
		(!*stamped || copy[at] == (char)(want[at] ^ STAMP));
}

static void read_common(size_t i)
{
	char copy[4096];
	bool stamped;

	if (!sigsetjmp(fault, 1)) {
		guarded = 1;
		memcpy(copy, common + i * file.page, file.page);
		guarded = 0;
		if (!page_is_right(i, copy, &stamped))
			fail("common page %zu is wrong", i);
	}
	guarded = 0;
}

static void write_common(size_t i)
{
	size_t at = place(i);

	if (!sigsetjmp(fault, 1)) {
		guarded = 1;
		*(volatile char *)(common + i * file.page + at) =
			reference(i)[at] ^ STAMP;
	}
	guarded = 0;
}

/* change the state of a few pages of the common mapping */
static void change_common(unsigned int *seed, size_t i)
{
	size_t nr = 1 + rand_r(seed) % 24;
	char *p = common + i * file.page;

	if (nr > PAGES - i)
		nr = PAGES - i;
	switch (rand_r(seed) % 8) {
	case 0:
		mprotect(p, nr * file.page, PROT_READ);
		mprotect(p, nr * file.page, PROT_READ | PROT_WRITE);
		break;
	case 1:
		mprotect(p, nr * file.page, PROT_NONE);
		mprotect(p, nr * file.page, PROT_READ | PROT_WRITE);
		break;
	case 2:
		/* unmapped and mapped in one go: nobody else's memory gets there */
		if (mmap(p, nr * file.page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_FIXED, file.fd,
			 (first + i) * file.page) == MAP_FAILED)
			fail("mmap: %s", strerror(errno));
		break;
	case 3:
		madvise(p, nr * file.page, MADV_POPULATE_READ);
		break;
	case 4:
		madvise(p, nr * file.page, MADV_POPULATE_WRITE);
		break;
	case 5:
		madvise(p, nr * file.page, MADV_PAGEOUT);
		break;
	default:
		madvise(p, nr * file.page, MADV_DONTNEED);
	}
}

static void check_own(struct worker *w, size_t i)
{
	bool stamped;

	if (!page_is_right(i, w->own + i * file.page, &stamped) ||
	    stamped != w->stamped[i])
		fail("own page %zu is wrong (stamped %d, should be %d)", i, stamped,
		     w->stamped[i]);
}

static void use_own(struct worker *w, size_t i)
{
	size_t at = place(i);
	int pid, status;

	switch (rand_r(&w->seed) % 64) {
	case 0:
		pid = fork();
		if (!pid) {
			/* only this thread is there: all of it stands still */
			for (i = 0; i < PAGES; i += 7)
				check_own(w, i);
			w->own[0] ^= 1;
			_exit(atomic_load(&failed));
		}
		if (pid > 0 && (waitpid(pid, &status, 0) != pid || status))
			fail("a child found something else: %x", status);
		break;
	case 1 ... 8:
		madvise(w->own + i * file.page, file.page, MADV_DONTNEED);
		w->stamped[i] = 0;
		break;
	case 9 ... 24:
		*(volatile char *)(w->own + i * file.page + at) =
			reference(i)[at] ^ STAMP;
		w->stamped[i] = 1;
		break;
	default:
		check_own(w, i);
	}
}

static void read_file(size_t i)
{
	char copy[3 * 4096];
	ssize_t n = pread(file.fd, copy, sizeof(copy), (first + i) * file.page);

	if (n <= 0 || memcmp(copy, reference(i), n))
		fail("read of page %zu: %zd", i, n);
}

static void *work(void *arg)
{
	struct worker *w = arg;

	while (!atomic_load(&stop)) {
		size_t i = rand_r(&w->seed) % PAGES;

		switch (rand_r(&w->seed) % 16) {
		case 0:
			change_common(&w->seed, i);
			break;
		case 1:
			read_file(i);
			break;
		case 2 ... 4:
			write_common(i);
			break;
		case 5 ... 9:
			use_own(w, i);
			break;
		default:
			read_common(i);
		}
		w->done++;
	}
	return NULL;
}

/* turn the switches, of the module and of each mount, and drop the caches */
static void *disturb(void *arg)
{
	static const char module[] = "/sys/module/erofs/parameters/zeropage";
	const bool *stock = arg;
	unsigned long i;
	glob_t mounts;
	size_t n;

	glob("/sys/fs/erofs/*/zeropage/enabled", 0, NULL, &mounts);
	if (!*stock && !mounts.gl_pathc)
		fail("no mount has a switch");
	for (i = 0; !atomic_load(&stop); i++) {
		if (!*stock)
			write_string(module, i & 1 ? "Y" : "N");
		usleep(3000);
		for (n = 0; n < mounts.gl_pathc; n++)
			write_string(mounts.gl_pathv[n], i & 2 ? "1" : "0");
		usleep(3000);
		if (i % 4 == 0)
			posix_fadvise(file.fd, 0, 0, POSIX_FADV_DONTNEED);
		if (i % 32 == 0)
			write_string("/proc/sys/vm/drop_caches", "3");
		if (i % 64 == 0)
			write_string("/proc/sys/vm/compact_memory", "1");
	}
	if (!*stock)
		write_string(module, "Y");
	for (n = 0; n < mounts.gl_pathc; n++)
		write_string(mounts.gl_pathv[n], "1");
	globfree(&mounts);
	return NULL;
}

static char *map_part(void)
{
	char *p = mmap(NULL, PAGES * file.page, PROT_READ | PROT_WRITE, MAP_PRIVATE,
		       file.fd, first * file.page);

	if (p == MAP_FAILED)
		err(1, "mmap");
	return p;
}

/* the part of the file in which hole and data change most often */
static size_t most_changes(void)
{
	size_t changes = 0, best = 0, at = 0, i;

	for (i = 1; i + 1 < file.pages; i++) {
		changes += file.is_hole[i] != file.is_hole[i - 1];
		if (i > PAGES)
			changes -= file.is_hole[i - PAGES] != file.is_hole[i - PAGES - 1];
		if (i >= PAGES && changes > best) {
			best = changes;
			at = i - PAGES;
		}
	}
	printf("# pages from %zu on, with %zu changes between hole and data\n", at, best);
	return at;
}

static unsigned long seconds;
static unsigned int seed;
static bool stock;

static int contents_hold(void)
{
	struct worker workers[THREADS] = { 0 };
	unsigned long done = 0;
	pthread_t disturber;
	struct timespec end, now;
	size_t i, n;

	signal(SIGSEGV, on_fault);
	common = map_part();
	expect(!pthread_create(&disturber, NULL, disturb, &stock), "thread");
	for (n = 0; n < THREADS; n++) {
		struct worker *w = &workers[n];

		w->seed = seed + n;
		w->own = map_part();
		w->stamped = calloc(PAGES, 1);
		expect(!pthread_create(&w->thread, NULL, work, w), "thread");
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += seconds;
	do {
		usleep(100000);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (!atomic_load(&stop) && now.tv_sec < end.tv_sec);
	atomic_store(&stop, true);
	pthread_join(disturber, NULL);
	for (n = 0; n < THREADS; n++) {
		pthread_join(workers[n].thread, NULL);
		for (i = 0; i < PAGES; i++)
			check_own(&workers[n], i);
		done += workers[n].done;
		munmap(workers[n].own, PAGES * file.page);
	}
	munmap(common, PAGES * file.page);
	printf("# %lu steps in %lu s from seed %u\n", done, seconds, seed);
	expect(!atomic_load(&failed), "see above");
	expect(done > seconds, "nothing was done");
	return 0;
}

/* all that was mapped is gone: what is cached of holes can go, and does */
static int nothing_is_left(void)
{
	size_t i;

	posix_fadvise(file.fd, 0, 0, POSIX_FADV_DONTNEED);
	drop_caches();
	expect(cached_pages(file.fd) == 0, "%ld pages are held", cached_pages(file.fd));
	first = 0;
	for (i = 0; i + 3 < file.pages; i++)
		read_file(i);
	expect(!atomic_load(&failed), "see above");
	return 0;
}

static const struct ktap_case cases[] = {
	{ "contents-hold", contents_hold },
	{ "nothing-is-left", nothing_is_left },
};

int main(int argc, char **argv)
{
	stock = argc > 1 && !strcmp(argv[1], "--stock");
	if (argc < 4 + stock || argc > 5 + stock) {
		fprintf(stderr, "usage: stress [--stock] SECONDS FILE REFERENCE [SEED]\n");
		return 2;
	}
	seconds = strtoul(argv[1 + stock], NULL, 10);
	seed = time(NULL);
	if (argc > 4 + stock)
		seed = strtoul(argv[4 + stock], NULL, 10);
	area_load(argv[2 + stock], argv[3 + stock]);
	first = most_changes();
	return ktap_main(cases);
}
