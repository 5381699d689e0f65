// SPDX-License-Identifier: GPL-2.0-only
/*
 * measure NAME PASSES [FILE|MIB] - measure one way of touching a file, or anonymous
 * memory (of 1 GiB), PASSES times; prints the passes, nanoseconds a page:
 *
 *	NAME PASS...
 *
 * Caches are dropped before each pass unless the name says "warm".  Mapping and
 * unmapping are not part of a pass.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "../kernel/guest.h"
#include "passes.h"

#define ANON_SIZE	(1UL << 30)
#define WRITE_SIZE	(256UL << 20)	/* written passes need the memory */
#define RANDOM_PAGES	20000

static int fd = -1;
static size_t size, page;

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void open_file(const char *name)
{
	struct stat st;

	fd = open(name, O_RDONLY);
	if (fd < 0 || fstat(fd, &st))
		err(1, "%s", name);
	size = st.st_size / page * page;
}

static char *map(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);

	if (p == MAP_FAILED)
		err(1, "mmap");
	return p;
}

static double read_pass(char *p, size_t len)
{
	long long start = now();
	size_t i;

	for (i = 0; i < len; i += page)
		(void)*(volatile char *)(p + i);
	return (double)(now() - start) / (len / page);
}

static double write_pass(char *p, size_t len)
{
	long long start = now();
	size_t i;

	for (i = 0; i < len; i += page)
		*(volatile char *)(p + i) = 1;
	return (double)(now() - start) / (len / page);
}

static double measure_read(void)
{
	char *p = map(size);
	double ns = read_pass(p, size);

	munmap(p, size);
	return ns;
}

static double measure_warm_read(void)
{
	char *p = map(size);
	double ns;

	read_pass(p, size);
	munmap(p, size);
	p = map(size);
	ns = read_pass(p, size);
	munmap(p, size);
	return ns;
}

/* with what says where data is in memory, but no page of it: nothing is waited for */
static double measure_indexed_read(void)
{
	read_extents(fd);
	return measure_read();
}

/* what faults of single pages cost where there could be huge ones */
static double measure_small_read(void)
{
	char *p = map(size);
	double ns;

	madvise(p, size, MADV_NOHUGEPAGE);
	ns = read_pass(p, size);
	munmap(p, size);
	return ns;
}

static double measure_touched_read(void)
{
	char *p = map(size);
	double ns;

	read_pass(p, size);
	ns = read_pass(p, size);
	munmap(p, size);
	return ns;
}

static double measure_write(void)
{
	size_t len = size < WRITE_SIZE ? size : WRITE_SIZE;
	char *p = map(len);
	double ns;

	madvise(p, len, MADV_NOHUGEPAGE);
	ns = write_pass(p, len);
	munmap(p, len);
	return ns;
}

/* what a zero PTE costs whoever writes to the page after all */
static double measure_write_after_read(void)
{
	size_t len = size < WRITE_SIZE ? size : WRITE_SIZE;
	char *p = map(len);
	double ns;

	madvise(p, len, MADV_NOHUGEPAGE);
	read_pass(p, len);
	ns = write_pass(p, len);
	munmap(p, len);
	return ns;
}

/* go into a memory cgroup that has room for half of the file, for good */
static void enter_half(void)
{
	static const char cgroup[] = "/sys/fs/cgroup/half";
	static bool inside;
	char file[64], limit[32];

	if (inside)
		return;
	inside = true;
	if (mkdir(cgroup, 0755))
		err(1, "%s", cgroup);
	snprintf(limit, sizeof(limit), "%zu", size / 2);
	write_string("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	snprintf(file, sizeof(file), "%s/memory.max", cgroup);
	if (write_string(file, limit))
		err(1, "%s", file);
	snprintf(file, sizeof(file), "%s/cgroup.procs", cgroup);
	if (write_string(file, "0"))
		err(1, "%s", file);
}

/* two passes with half the memory, and 1 MiB that is used all the time */
static double measure_half_read(void)
{
	const size_t part = 64 * page, hot = 256 * page;
	long long start;
	double ns;
	size_t i;
	char *p;

	enter_half();
	p = map(size);
	start = now();
	for (i = 0; i + part <= 2 * size; i += part) {
		read_pass(p + i % size, part);
		read_pass(p, hot);
	}
	ns = (double)(now() - start) / (2 * size / page);
	munmap(p, size);
	return ns;
}

static double measure_random(void)
{
	unsigned long long x = 88172645463325252ULL;
	char *p = map(size);
	long long start = now();
	double ns;
	int i;

	for (i = 0; i < RANDOM_PAGES; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		(void)*(volatile char *)(p + x % (size / page) * page);
	}
	ns = (double)(now() - start) / RANDOM_PAGES;
	munmap(p, size);
	return ns;
}

static double syscall_pass(void)
{
	static char buf[1 << 20];
	long long start = now();
	off_t pos = 0;
	ssize_t n;

	while ((n = pread(fd, buf, sizeof(buf), pos)) > 0)
		pos += n;
	return (double)(now() - start) / (size / page);
}

static double measure_pread(void)
{
	return syscall_pass();
}

static double measure_warm_pread(void)
{
	syscall_pass();
	return syscall_pass();
}

/* not a time: what a read pass leaves in the page cache */
static double measure_cached(void)
{
	measure_read();
	return cached_pages(fd);
}

static const struct {
	const char *name;
	double (*measure)(void);
} measures[] = {
	{ "read", measure_read },
	{ "warm-read", measure_warm_read },
	{ "indexed-read", measure_indexed_read },
	{ "small-read", measure_small_read },
	{ "touched-read", measure_touched_read },
	{ "write", measure_write },
	{ "write-after-read", measure_write_after_read },
	{ "half-read", measure_half_read },
	{ "random-read", measure_random },
	{ "pread", measure_pread },
	{ "warm-pread", measure_warm_pread },
	{ "cached-pages", measure_cached },
};

int main(int argc, char **argv)
{
	const char *file = NULL;
	double ns[MOST_PASSES];
	int passes = argc > 2 ? atoi(argv[2]) : 0, i;
	size_t m;

	for (m = 0; m < sizeof(measures) / sizeof(*measures); m++)
		if (argc > 2 && !strcmp(measures[m].name, argv[1]))
			break;
	if (m == sizeof(measures) / sizeof(*measures) || argc > 4 ||
	    passes < 1 || passes > MOST_PASSES) {
		fprintf(stderr, "usage: measure NAME PASSES [FILE|MIB]\n");
		return 2;
	}
	page = getpagesize();
	if (argc == 4 && !isdigit(argv[3][0]))
		file = argv[3];
	size = argc == 4 ? strtoul(argv[3], NULL, 10) << 20 : ANON_SIZE;
	for (i = 0; i < passes; i++) {
		/* what the kernel learns of who reads ahead ends with the pass */
		if (file)
			open_file(file);
		drop_caches();
		ns[i] = measures[m].measure();
		if (file)
			close(fd);
	}
	report_passes(argv[1], ns, passes);
	return 0;
}
