// SPDX-License-Identifier: GPL-2.0-only
/*
 * Part of zeropage: what a mount that asks for huge pages of zeros has in mappings.
 */
#define _GNU_SOURCE
#include <err.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include "../ktap.h"
#include "guest.h"
#include "zeropage.h"

#define RACE_SECONDS	5

/* a mapping of @fd that begins where a page table does */
static char *map_aligned(int fd, size_t len, size_t offset)
{
	char *p = mmap(NULL, len + table, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	p = (char *)(((uintptr_t)p + table - 1) & ~(table - 1));
	p = mmap(p, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, offset);
	if (p == MAP_FAILED)
		err(1, "mmap");
	return p;
}

/* pages at @p that are the file system's huge page of zeros, from its start */
static size_t maps_huge(const char *p)
{
	uint64_t first = PM_PFN(pagemap_entry(p));
	size_t i;

	if (first == zero_pfn() || first % (table / page))
		return 0;
	for (i = 0; i < table / page; i++)
		if (PM_PFN(pagemap_entry(p + i * page)) != first + i)
			break;
	return i;
}

static long status_kb(const char *field)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	long kb = -1;

	while (f && kb < 0 && fgets(line, sizeof(line), f))
		if (!strncmp(line, field, strlen(field)))
			kb = atol(line + strlen(field) + 1);
	if (f)
		fclose(f);
	return kb;
}

/* one fault, one entry, no page table below it; and back to PTEs at a write */
int huge_hole_is_one_entry(void)
{
	const size_t nr = table / page;
	size_t hole = find_run(0, 2 * nr, true), i;
	char *before = map_aligned(fd, 2 * table, hole * page), *p, *other;
	long long faults, zeros;
	long tables;

	expect(!set_huge(true), "cannot ask for it");
	p = map_aligned(fd, 2 * table, hole * page);
	faults = counter("hole_faults");
	zeros = counter("zero_pages");
	tables = status_kb("VmPTE");
	(void)*(volatile char *)(p + 100 * page);
	expect(maps_huge(p) == nr, "%zu pages are of the huge page", maps_huge(p));
	expect(!is_mapped(p + table), "more than a page table's worth was mapped");
	expect(counter("hole_faults") == faults + 1, "hole_faults");
	expect(counter("zero_pages") == zeros + (long long)nr, "zero_pages");
	expect(status_kb("VmPTE") == tables, "page tables grew from %ld to %ld kB",
	       tables, status_kb("VmPTE"));
	expect(!smaps_kb(p, "Rss") && !smaps_kb(p, "FilePmdMapped"), "Rss %ld kB",
	       smaps_kb(p, "Rss"));

	other = map_aligned(fd, table, hole * page);
	(void)*(volatile char *)other;
	expect(maps_huge(other) == nr, "another mapping");
	p[200 * page + 3] = 5;
	expect(p[200 * page + 3] == 5, "the write is lost");
	for (i = 0; i < nr; i++)
		expect(i == 200 || !memcmp(p + i * page, ref + hole * page, page),
		       "page %zu after the write", i);
	expect(!maps_huge(p), "still the huge page");
	expect(smaps_kb(p, "Rss") == (long)page / 1024, "Rss %ld kB",
	       smaps_kb(p, "Rss"));
	expect(maps_huge(other) == nr && !memchr(other, 5, table), "the other changed");

	/* mappings made before stay as they are, new ones are as the switch says */
	(void)*(volatile char *)before;
	expect(maps_zero_page(before), "a mapping made before is huge");
	expect(!set_huge(false), "cannot turn it off");
	(void)*(volatile char *)(p + table);
	expect(maps_huge(p + table) == nr, "a mapping that had it lost it");
	munmap(other, table);
	other = map_aligned(fd, table, hole * page);
	(void)*(volatile char *)other;
	expect(maps_zero_page(other), "off, and huge");
	munmap(other, table);
	munmap(before, 2 * table);
	munmap(p, 2 * table);
	return 0;
}

/* data, which the page cache may have in folios as large as a page table, has PTEs */
int huge_mapping_maps_data_by_ptes(void)
{
	size_t len = 4 * table, i;
	int huge;
	char *p;

	for (huge = 0; huge < 2; huge++) {
		long kb;

		drop_caches();
		expect(!set_huge(huge), "cannot set it");
		p = map_aligned(dense_fd, len, 0);
		madvise(p, len, MADV_HUGEPAGE);
		for (i = 0; i < len; i += page)
			expect(!*(volatile char *)(p + i) == (i >= 2 * table),
			       "page %zu", i / page);
		kb = smaps_kb(p, "FilePmdMapped");
		expect((kb > 0) == !huge, "huge %d: %ld kB mapped by PMDs", huge, kb);
		expect(!!maps_huge(p + 2 * table) == huge, "the hole behind");
		expect(smaps_kb(p, "Rss") == (long)(2 * table / 1024), "Rss");
		munmap(p, len);
	}
	expect(!set_huge(false), "cannot turn it off");
	return 0;
}

static volatile bool raced;

/* all of it, so that page tables go, and single pages, for which huge entries are split */
static void *zap(void *p)
{
	unsigned int i;

	for (i = 0; !raced; i++)
		madvise((char *)p + table + (i % 2 ? 5 * page : 0), i % 2 ? page : table,
			MADV_DONTNEED);
	return NULL;
}

/* ... also if the page table that a fault has seen goes before the page is mapped */
int huge_mapping_maps_data_by_ptes_in_a_race(void)
{
	const long before = status_kb("RssFile:");
	const time_t end = time(NULL) + RACE_SECONDS;
	unsigned long touched = 0;
	pthread_t zapper;
	char *p;

	drop_caches();
	expect(!set_huge(true), "cannot set it");
	p = map_aligned(dense_fd, 4 * table, 0);
	madvise(p, 4 * table, MADV_HUGEPAGE);
	/* what is known of the index by now lets the core read the second table in one folio */
	(void)*(volatile char *)p;
	expect(!pthread_create(&zapper, NULL, zap, p), "a thread");
	while (time(NULL) < end) {
		(void)*(volatile char *)(p + table);
		if (!(++touched % 65536) && status_kb("RssFile:") - before > 16 * 1024)
			break;
	}
	raced = true;
	pthread_join(zapper, NULL);
	printf("# %lu touched\n", touched);
	munmap(p, 4 * table);
	/* but for some of the program */
	expect(status_kb("RssFile:") < before + 1024, "RssFile is %ld kB, and was %ld",
	       status_kb("RssFile:"), before);
	expect(!set_huge(false), "cannot turn it off");
	return 0;
}

int huge_mapping_pass_is_exact(void)
{
	int ret;
	char *p;

	expect(!set_huge(true), "cannot ask for it");
	p = map_aligned(fd, size, 0);
	drop_caches();
	madvise(p, size, MADV_HUGEPAGE);
	read_pass(p);
	ret = compare(p);
	munmap(p, size);
	expect(!set_huge(false), "cannot turn it off");
	return ret ? ret : expect_data_cached();
}
