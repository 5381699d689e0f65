// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reclaim by who watches what is used: DAMON gives back what a process has mapped and does
 * not look at.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "../ktap.h"
#include "area.h"
#include "guest.h"
#include "memory.h"

#define KDAMONDS	"/sys/kernel/mm/damon/admin/kdamonds/"
#define CONTEXT		KDAMONDS "0/contexts/0/"
#define SCHEME		CONTEXT "schemes/0/"
#define TRIES		300	/* of 0.1 s */

/* what is not used in a fiftieth of a second is given back: of this process, who sleeps */
static int start_damon(void)
{
	static const struct { const char *path, *value; } settings[] = {
		{ KDAMONDS "nr_kdamonds", "1" },
		{ KDAMONDS "0/contexts/nr_contexts", "1" },
		{ CONTEXT "operations", "vaddr" },
		{ CONTEXT "monitoring_attrs/intervals/sample_us", "5000" },
		{ CONTEXT "monitoring_attrs/intervals/aggr_us", "20000" },
		{ CONTEXT "targets/nr_targets", "1" },
		{ CONTEXT "schemes/nr_schemes", "1" },
		{ SCHEME "action", "pageout" },
		{ SCHEME "access_pattern/sz/min", "4096" },
		{ SCHEME "access_pattern/sz/max", "1099511627776" },
		{ SCHEME "access_pattern/nr_accesses/max", "0" },
		{ SCHEME "access_pattern/age/max", "1000000" },
	};
	size_t i;
	int ret;

	/* what Linux 7 has it do by itself would be in the way */
	ret = write_string("/sys/module/damon_stat/parameters/enabled", "N");
	expect(!ret || ret == -ENOENT, "damon_stat: %s", strerror(-ret));
	for (i = 0; i < sizeof(settings) / sizeof(*settings); i++) {
		ret = write_string(settings[i].path, settings[i].value);
		expect(!ret, "%s: %s", settings[i].path, strerror(-ret));
	}
	expect(!write_number(CONTEXT "targets/0/pid_target", getpid()), "pid_target");
	ret = write_string(KDAMONDS "0/state", "on");
	expect(!ret, "DAMON is not started: %s", strerror(-ret));
	return 0;
}

/* bytes to which it has applied the scheme, or tried to */
static long tried(void)
{
	if (write_string(KDAMONDS "0/state", "update_schemes_stats"))
		return -1;
	return number_in(SCHEME "stats/sz_tried", "");
}

static size_t mapped(const char *p, size_t nr)
{
	size_t i, n = 0;

	for (i = 0; i < nr; i++)
		n += is_mapped(p + i * file.page);
	return n;
}

static int wait_for_damon(const char *p, const char *hole)
{
	const long all = 2L * MEMORY_DATA * file.page;
	size_t left;
	int i;

	for (i = 0; i < TRIES && tried() < all; i++)
		usleep(100000);
	expect(i < TRIES, "DAMON has tried %ld of %ld bytes", tried(), all);
	left = mapped(p, MEMORY_DATA);
	/* pages that chunks share are the device's, and MADV_PAGEOUT leaves them alone */
	expect(file.fixed ? left == MEMORY_DATA : left < MEMORY_DATA / 10,
	       "%zu of %d pages are mapped", left, MEMORY_DATA);
	expect(maps_zero_page(hole), "the hole maps something else");
	return 0;
}

int damon_pageout(void)
{
	char *p, *hole;
	int ret;

	if (access(KDAMONDS, F_OK)) {
		ktap_skip_reason = "no DAMON in this kernel";
		return KTAP_SKIP;
	}
	p = memory_map(file.fd, memory_data, MEMORY_DATA);
	hole = memory_map(file.fd, memory_hole, MEMORY_HOLE);
	expect_ok(memory_same(p, memory_data, MEMORY_DATA));
	expect_ok(memory_same(hole, memory_hole, MEMORY_HOLE));
	expect(mapped(p, MEMORY_DATA) == MEMORY_DATA, "not all is mapped");
	ret = start_damon() || wait_for_damon(p, hole);
	write_string(KDAMONDS "0/state", "off");
	write_string(KDAMONDS "nr_kdamonds", "0");
	expect_ok(ret);
	expect_ok(memory_same(p, memory_data, MEMORY_DATA));
	expect_ok(memory_same(hole, memory_hole, MEMORY_HOLE));
	munmap(p, MEMORY_DATA * file.page);
	munmap(hole, MEMORY_HOLE * file.page);
	return 0;
}
