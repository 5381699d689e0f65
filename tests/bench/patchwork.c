// SPDX-License-Identifier: GPL-2.0-only
/*
 * patchwork PASSES FILE - holes without help from the kernel: FILE is mapped
 * privately, and every run of pages of zeros in it is covered by anonymous memory, as
 * FaaSnap does it for restored guests.  Prints, one "NAME PASS..." a line:
 *
 *	mappings	that the process has more than before
 *	set-up		milliseconds to make them
 *	read		nanoseconds a page of a first read pass
 *
 * Where the zeros are is known beforehand and costs nothing here.
 */
#define _GNU_SOURCE
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

struct run { size_t first, nr; };

static size_t size, page;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static size_t zero_runs(int fd, struct run *runs)
{
	static char buf[1 << 20], zeros[1 << 16];
	size_t nr = 0, at = 0, i;
	ssize_t n;

	while ((n = pread(fd, buf, sizeof(buf), at * page)) > 0) {
		for (i = 0; i < (size_t)n / page; i++, at++) {
			if (memcmp(buf + i * page, zeros, page))
				continue;
			if (nr && runs[nr - 1].first + runs[nr - 1].nr == at)
				runs[nr - 1].nr++;
			else
				runs[nr++] = (struct run) { at, 1 };
		}
	}
	return nr;
}

static long mappings(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	long lines = 0;
	int c;

	while (f && (c = getc(f)) != EOF)
		lines += c == '\n';
	if (f)
		fclose(f);
	return lines;
}

static char *set_up(int fd, const struct run *runs, size_t nr)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	size_t i;

	if (p == MAP_FAILED)
		err(1, "mmap");
	for (i = 0; i < nr; i++)
		if (mmap(p + runs[i].first * page, runs[i].nr * page,
			 PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS |
			 MAP_FIXED | MAP_NORESERVE, -1, 0) == MAP_FAILED)
			err(1, "mapping %zu of %zu", i, nr);
	return p;
}

static double read_pass(const char *p)
{
	double start = now();
	size_t i;

	for (i = 0; i < size; i += page)
		(void)*(const volatile char *)(p + i);
	return (now() - start) / (size / page);
}

int main(int argc, char **argv)
{
	double count[MOST_PASSES], setup[MOST_PASSES], ns[MOST_PASSES], start;
	int passes = argc == 3 ? atoi(argv[1]) : 0, fd, i;
	struct run *runs;
	struct stat st;
	size_t nr;
	long before;

	if (passes < 1 || passes > MOST_PASSES) {
		fprintf(stderr, "usage: patchwork PASSES FILE\n");
		return 2;
	}
	page = getpagesize();
	fd = open(argv[2], O_RDONLY);
	if (fd < 0 || fstat(fd, &st))
		err(1, "%s", argv[2]);
	size = st.st_size / page * page;
	runs = calloc(size / page / 2 + 1, sizeof(*runs));
	if (!runs)
		err(1, "runs");
	nr = zero_runs(fd, runs);
	/* two more for each run than are allowed by default, maybe */
	write_string("/proc/sys/vm/max_map_count", "1000000");
	for (i = 0; i < passes; i++) {
		char *p;

		drop_caches();
		before = mappings();
		start = now();
		p = set_up(fd, runs, nr);
		setup[i] = (now() - start) / 1e6;
		count[i] = mappings() - before;
		ns[i] = read_pass(p);
		munmap(p, size);
	}
	report_passes("mappings", count, passes);
	report_passes("set-up", setup, passes);
	report_passes("read", ns, passes);
	return 0;
}
