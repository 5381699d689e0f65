// SPDX-License-Identifier: GPL-2.0-only
/*
 * numa [--stock] [--chunks] [--case NAME]... FILE REFERENCE - pages of a
 * mapping move between two nodes, on every kind of backing (area.h): move_pages(),
 * migrate_pages(), mbind(), automatic balancing.  Page cache and private pages have
 * other frames afterwards, on the node that was asked for.  The zero page has no
 * other frame to go to, and pages that are shared by chunks stay while they are mapped
 * (Documentation/chunk-sharing.md).
 *
 * Would be found: a zero page that is moved, or told to be; a page that does not move;
 * a page that is another's after it was moved.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "../ktap.h"
#include "area.h"
#include "guest.h"

#define MPOL_BIND	2
#define MPOL_MF_STRICT	1
#define MPOL_MF_MOVE	2
#define BALANCING	"/proc/sys/kernel/numa_balancing"
#define SCAN		"/sys/kernel/debug/sched/numa_balancing/scan_"
#define VMSTAT		"/proc/vmstat"
#define MOST_PAGES	64

/* what page @i is */
enum kind { NONE, ZERO, FIXED, MOVABLE };

static enum kind kind_of(const struct area *a, size_t i)
{
	const char *p = a->p + i * file.page;

	if (!is_mapped(p))
		return NONE;
	if (maps_zero_page(p))
		return ZERO;
	/* what the file caches is movable; what the device of a chunk caches is not */
	if (file.fixed && !area_written(a, i) && !file.is_hole[a->index + i])
		return FIXED;
	return MOVABLE;
}

static uint64_t frame(const struct area *a, size_t i)
{
	return PM_PFN(pagemap_entry(a->p + i * file.page));
}

/* the node that page @i is on, or -errno */
static int node_of(const struct area *a, size_t i)
{
	void *address = a->p + i * file.page;
	int status = -EIO;

	return syscall(SYS_move_pages, 0, 1UL, &address, NULL, &status, 0) ? -errno : status;
}

/* have page @i moved; how many could not be, and its new node or -errno */
static long move(const struct area *a, size_t i, int node, int *status)
{
	void *address = a->p + i * file.page;

	*status = -EIO;
	return syscall(SYS_move_pages, 0, 1UL, &address, &node, status, MPOL_MF_MOVE);
}

/* the CPU and the node of the same number */
static int run_on(int node)
{
	cpu_set_t where;

	CPU_ZERO(&where);
	CPU_SET(node, &where);
	expect(!sched_setaffinity(0, sizeof(where), &where), "CPU %d: %s", node,
	       strerror(errno));
	return 0;
}

/* all pages are there, every other one written, and all but zero pages are on @node */
static int begin_on(struct area *a, int node, char value)
{
	int status;
	size_t i;

	expect_ok(run_on(node));
	area_read(a);
	for (i = 1; i < a->nr; i += 2)
		area_write(a, i, value);
	expect_ok(area_kinds(a));
	for (i = 0; i < a->nr; i++) {
		const enum kind kind = kind_of(a, i);

		/* what was cached before this case */
		if (kind == MOVABLE)
			move(a, i, node, &status);
		expect(kind != NONE, "%s: page %zu is not mapped", a->backing, i);
		expect(node_of(a, i) == (kind == ZERO ? -EFAULT : node),
		       "%s: page %zu is at %d", a->backing, i, node_of(a, i));
	}
	return 0;
}

/* each page that can be is moved to @node, and told to be */
static int move_each(struct area *a, int node)
{
	long moved = number_in(VMSTAT, "pgmigrate_success"), want = 0, ret;
	size_t i;

	for (i = 0; i < a->nr; i++) {
		const enum kind kind = kind_of(a, i);
		const uint64_t before = frame(a, i);
		const bool there = node_of(a, i) == node;
		int status;

		ret = move(a, i, node, &status);
		if (kind == FIXED) {
			expect(ret == 1 || (!ret && there), "%s: page %zu: %ld, status %d",
			       a->backing, i, ret, status);
		} else {
			expect(!ret && status == (kind == ZERO ? -EFAULT : node),
			       "%s: page %zu: %ld, status %d", a->backing, i, ret, status);
		}
		/* those of a folio move together */
		if (kind == MOVABLE && !there)
			++want;
		expect((frame(a, i) != before) == (kind == MOVABLE && !there),
		       "%s: the frame of page %zu is %s", a->backing, i,
		       frame(a, i) == before ? "the same" : "another");
		expect(node_of(a, i) == (kind == MOVABLE ? node : kind == ZERO ? -EFAULT : 1),
		       "%s: page %zu is at %d", a->backing, i, node_of(a, i));
	}
	moved = number_in(VMSTAT, "pgmigrate_success") - moved;
	expect(moved >= want, "%ld pages migrated of %ld", moved, want);
	expect_ok(area_check(a));
	return area_kinds(a);
}

static int move_pages_there_and_back(struct area *a)
{
	expect_ok(begin_on(a, 1, 10));
	expect_ok(move_each(a, 0));
	expect_ok(move_each(a, 1));
	/* all that can be moved is */
	expect(!write_string("/proc/sys/vm/compact_memory", "1"), "compaction");
	expect_ok(area_check(a));
	expect_ok(area_kinds(a));
	area_write_all(a, 11);
	return area_check(a);
}

/* 0 if all pages are where they can be after they were asked to go from 1 to 0 */
static int expect_gone(struct area *a, const uint64_t *before)
{
	size_t i;

	for (i = 0; i < a->nr; i++) {
		const enum kind kind = kind_of(a, i);
		const int want = kind == MOVABLE ? 0 : kind == ZERO ? -EFAULT : 1;

		expect(node_of(a, i) == want, "%s: page %zu is at %d, not %d", a->backing, i,
		       node_of(a, i), want);
		expect((frame(a, i) != before[i]) == (kind == MOVABLE),
		       "%s: page %zu has %s frame", a->backing, i,
		       frame(a, i) == before[i] ? "the same" : "another");
	}
	expect_ok(area_check(a));
	return area_kinds(a);
}

static void note_frames(const struct area *a, uint64_t *frames)
{
	size_t i;

	for (i = 0; i < a->nr; i++)
		frames[i] = frame(a, i);
}

/* as a scheduler does it for a whole process */
static int migrate_process(struct area *a)
{
	unsigned long from = 1 << 1, to = 1 << 0;
	uint64_t before[MOST_PAGES];

	expect_ok(begin_on(a, 1, 12));
	note_frames(a, before);
	/* how many pages stay is that of the whole process */
	expect(syscall(SYS_migrate_pages, 0, 8UL, &from, &to) >= 0, "migrate_pages: %s",
	       strerror(errno));
	return expect_gone(a, before);
}

static bool any(const struct area *a, enum kind kind)
{
	size_t i;

	for (i = 0; i < a->nr; i++)
		if (kind_of(a, i) == kind)
			return true;
	return false;
}

/* pages that are there move or are told not to; those to come are where they have to be */
static int bind_to_node(struct area *a)
{
	const size_t bytes = a->nr * file.page;
	uint64_t before[MOST_PAGES];
	unsigned long node = 1 << 0;
	size_t i;
	int err;

	expect_ok(begin_on(a, 1, 13));
	note_frames(a, before);
	err = syscall(SYS_mbind, a->p, bytes, MPOL_BIND, &node, 8UL,
		      MPOL_MF_MOVE | MPOL_MF_STRICT) ? errno : 0;
	expect(err == (any(a, FIXED) ? EIO : 0), "%s: mbind: %s", a->backing,
	       strerror(err));
	expect_ok(expect_gone(a, before));
	for (i = 0; i < a->nr; i += 2)
		area_write(a, i, 14);
	for (i = 0; i < a->nr; i++)
		expect(node_of(a, i) == 0, "%s: page %zu is at %d", a->backing, i,
		       node_of(a, i));
	return area_check(a);
}

/* true when nothing that can move is on node 1 */
static bool all_gone(const struct area *a)
{
	size_t i;

	for (i = 0; i < a->nr; i++)
		if (kind_of(a, i) == MOVABLE && node_of(a, i) == 1)
			return false;
	return true;
}

/* who uses the pages runs on the other node: hints are put, taken, and pages follow */
static int is_balanced(struct area *a)
{
	const long updates = number_in(VMSTAT, "numa_pte_updates"),
		   hints = number_in(VMSTAT, "numa_hint_faults");
	const time_t end = time(NULL) + 60;	/* a scan comes several times a second */
	uint64_t before[MOST_PAGES];
	size_t i;

	expect_ok(begin_on(a, 1, 15));
	note_frames(a, before);
	expect_ok(run_on(0));
	do {
		for (i = 0; i < a->nr; i++)
			area_peek(a, i);
	} while (time(NULL) < end &&
		 (!all_gone(a) ||
		  number_in(VMSTAT, "numa_pte_updates") == updates ||
		  number_in(VMSTAT, "numa_hint_faults") == hints));
	expect(number_in(VMSTAT, "numa_pte_updates") > updates, "no hints were put");
	expect(number_in(VMSTAT, "numa_hint_faults") > hints, "no hint was met");
	return expect_gone(a, before);
}

static int numa_balancing(struct area *a)
{
	int ret;

	/* what a process is scanned by is settled when it begins */
	expect(!write_string(SCAN "delay_ms", "0") &&
	       !write_string(SCAN "period_min_ms", "20") &&
	       !write_string(SCAN "period_max_ms", "20"), SCAN "*");
	expect(!write_string(BALANCING, "1"), BALANCING);
	ret = area_child(a, is_balanced);
	expect(!write_string(BALANCING, "0"), BALANCING);
	expect(!ret, "%s: the child: %x", a->backing, ret);
	return area_check(a);
}

static const struct area_case cases[] = {
	{ .name = "move-pages", .run = move_pages_there_and_back },
	{ .name = "migrate-pages", .run = migrate_process },
	{ .name = "mbind", .run = bind_to_node },
	{ .name = "numa-balancing", .run = numa_balancing },
};

int main(int argc, char **argv)
{
	/* nothing moves but what is moved here */
	if (write_string(BALANCING, "0"))
		return 1;
	return area_main(argc, argv, cases, sizeof(cases) / sizeof(*cases));
}
