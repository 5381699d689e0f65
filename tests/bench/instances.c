// SPDX-License-Identifier: GPL-2.0-only
/*
 * instances FILE COUNT PERCENT - what instances of a template cost.
 *
 * Starts COUNT processes one after the other.  Each maps FILE privately, as a
 * virtual machine that is restored from it does, reads one byte of every page,
 * then writes to PERCENT of the pages, spread evenly, and stays.  Prints CSV, a
 * line after each instance:
 *
 *	instance   1, 2, ...
 *	read_ns    nanoseconds of the read pass
 *	write_ns   nanoseconds of the write pass
 *	cached_kb  page cache of FILE (cachestat)
 *	taken_kb   memory no longer free (MemFree), page cache included
 *	rss_kb     of this instance, after its passes
 *	private_kb of this instance: pages that no other process maps
 *	tables_kb  of this instance: page tables
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "../kernel/guest.h"

struct passes { long long read_ns, write_ns; };

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* the number after @field in a file of "Field: number kB" lines */
static long field_kb(const char *path, const char *field)
{
	FILE *f = fopen(path, "r");
	char line[256];
	long kb = 0;

	if (!f)
		err(1, "%s", path);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, field, strlen(field)))
			kb += atol(strchr(line, ':') + 1);
	fclose(f);
	return kb;
}

static void __attribute__((noreturn)) instance(int fd, size_t size, int percent,
					       int report)
{
	size_t page = getpagesize(), step = percent ? 100 * page / percent : size;
	struct passes p;
	size_t i, sum = 0;
	long long t;
	char *mem;

	mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (mem == MAP_FAILED)
		err(1, "mmap");
	t = now();
	for (i = 0; i < size; i += page)
		sum += *(volatile char *)(mem + i);
	p.read_ns = now() - t;
	t = now();
	for (i = 0; i < size; i += step)
		mem[i / page * page] = sum;
	p.write_ns = now() - t;
	if (write(report, &p, sizeof(p)) != sizeof(p))
		err(1, "write");
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	char smaps[64], status[64];
	int fd, count, percent, i;
	int report[2];
	struct stat st;
	pid_t *pids;
	long before;

	if (argc != 4) {
		fprintf(stderr, "usage: instances FILE COUNT PERCENT\n");
		return 2;
	}
	count = atoi(argv[2]);
	percent = atoi(argv[3]);
	pids = calloc(count, sizeof(*pids));
	fd = open(argv[1], O_RDONLY);
	if (fd < 0 || fstat(fd, &st) || !pids)
		err(1, "%s", argv[1]);
	drop_caches();
	before = field_kb("/proc/meminfo", "MemFree:");
	puts("instance,read_ns,write_ns,cached_kb,taken_kb,rss_kb,private_kb,tables_kb");
	for (i = 0; i < count; i++) {
		struct passes p;

		if (pipe(report))
			err(1, "pipe");
		pids[i] = fork();
		if (!pids[i])
			instance(fd, st.st_size, percent, report[1]);
		close(report[1]);
		if (pids[i] < 0 || read(report[0], &p, sizeof(p)) != sizeof(p))
			errx(1, "instance %d ended early", i + 1);
		close(report[0]);
		snprintf(smaps, sizeof(smaps), "/proc/%d/smaps_rollup", pids[i]);
		snprintf(status, sizeof(status), "/proc/%d/status", pids[i]);
		printf("%d,%lld,%lld,%ld,%ld,%ld,%ld,%ld\n", i + 1,
		       p.read_ns, p.write_ns,
		       cached_pages(fd) * (getpagesize() / 1024),
		       before - field_kb("/proc/meminfo", "MemFree:"),
		       field_kb(smaps, "Rss:"), field_kb(smaps, "Private_"),
		       field_kb(status, "VmPTE:"));
		fflush(stdout);
	}
	for (i = 0; i < count; i++)
		kill(pids[i], SIGKILL);
	while (wait(NULL) > 0)
		;
	return 0;
}
