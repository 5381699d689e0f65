// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that is taken away, a block of it at a time.
 *
 * What a block in ZONE_MOVABLE holds can be moved, or is not there: pages that are shared
 * by chunks are allocated elsewhere, as they cannot be moved while they are mapped
 * (Documentation/chunk-sharing.md).  So such a block goes, always.  One elsewhere goes, or
 * is refused, at once or when a signal comes, as the kernel documents it; bytes are right
 * in any case.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "../ktap.h"
#include "area.h"
#include "guest.h"
#include "memory.h"

#define BLOCKS	"/sys/devices/system/memory/"
#define SECONDS	60	/* for one block; a try takes far less, and one that cannot end is cut */

static uint64_t block_pages;
static long nr_blocks;

static int find_blocks(void)
{
	char text[32], path[128];
	int fd = open(BLOCKS "block_size_bytes", O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	expect(n > 0, "memory cannot be taken away here");
	close(fd);
	text[n] = 0;
	block_pages = strtoull(text, NULL, 16) / file.page;
	do
		snprintf(path, sizeof(path), BLOCKS "memory%ld", ++nr_blocks);
	while (!access(path, F_OK) || nr_blocks < 64);
	return 0;
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* 0 or an error; EINTR if it did not end in time */
static int set_state(long block, const char *state, unsigned int seconds)
{
	const struct sigaction cut = { .sa_handler = on_alarm };
	const unsigned int rest = alarm(0);
	char path[128];
	int ret;

	snprintf(path, sizeof(path), BLOCKS "memory%ld/state", block);
	sigaction(SIGALRM, &cut, NULL);
	alarm(seconds);
	ret = -write_string(path, state);
	signal(SIGALRM, SIG_DFL);
	alarm(rest);
	return ret;
}

/* pages of the mapping that are in a block */
static size_t in_block(const char *p, size_t nr, long block)
{
	size_t i, n = 0;

	for (i = 0; i < nr; i++)
		n += is_mapped(p + i * file.page) &&
			PM_PFN(pagemap_entry(p + i * file.page)) / block_pages ==
			(uint64_t)block;
	return n;
}

/* make one of the last blocks movable that can be; a few have what cannot be moved */
static long make_movable(void)
{
	long block;

	drop_caches();
	for (block = nr_blocks; block-- > 0; ) {
		if (set_state(block, "offline", SECONDS))
			continue;
		if (!set_state(block, "online_movable", SECONDS))
			return block;
		break;
	}
	return -1;
}

/* run on the node of a block, of which memory is taken first */
static void run_beside(long block)
{
	cpu_set_t where;
	char path[128];
	int node;

	CPU_ZERO(&where);
	for (node = 0; node < 2; node++) {
		snprintf(path, sizeof(path), BLOCKS "memory%ld/node%d", block, node);
		if (!access(path, F_OK))
			CPU_SET(node, &where);
	}
	sched_setaffinity(0, sizeof(where), &where);
}

int movable_block_goes(void)
{
	char *p = memory_map(file.fd, memory_data, MEMORY_DATA);
	char *q = memory_map(file.fd, memory_hole, MEMORY_HOLE);
	size_t there, written, i;
	long block;
	int err;

	expect_ok(find_blocks());
	block = make_movable();
	expect(block >= 0, "no block can be made movable");
	run_beside(block);
	expect_ok(memory_same(p, memory_data, MEMORY_DATA));
	expect_ok(memory_same(q, memory_hole, MEMORY_HOLE));
	there = in_block(p, MEMORY_DATA, block);
	expect(file.fixed ? !there : there > MEMORY_DATA / 2,
	       "%zu pages of data in the movable block", there);
	for (i = 0; i < MEMORY_HOLE; i += 2)
		q[i * file.page] = 1;
	written = in_block(q, MEMORY_HOLE, block);
	expect(written >= MEMORY_HOLE / 4, "%zu written pages in the movable block", written);

	err = set_state(block, "offline", SECONDS);
	expect(!err, "the block stays: %s", strerror(err));
	expect(!in_block(p, MEMORY_DATA, block) && !in_block(q, MEMORY_HOLE, block),
	       "pages are where no memory is");
	expect_ok(memory_same(p, memory_data, MEMORY_DATA));
	for (i = 0; i < MEMORY_HOLE; i++)
		expect(q[i * file.page] == !(i % 2), "page %zu of the hole", i);
	expect(!set_state(block, "online_kernel", SECONDS), "online");
	return 0;
}

/* the block that most of the mapping is in */
static long busiest(const char *p, size_t nr)
{
	size_t most = 0, i;
	long block = -1;

	for (i = 0; i < nr; i += 16) {
		const long b = PM_PFN(pagemap_entry(p + i * file.page)) / block_pages;
		const size_t n = b == block ? 0 : in_block(p, nr, b);

		if (n > most) {
			most = n;
			block = b;
		}
	}
	return block;
}

int any_block_ends(void)
{
	char *p = memory_map(file.fd, memory_data, MEMORY_DATA);
	long block;
	int err;

	expect_ok(find_blocks());
	expect_ok(memory_same(p, memory_data, MEMORY_DATA));
	block = busiest(p, MEMORY_DATA);
	expect(block >= 0, "nothing is mapped");
	err = set_state(block, "offline", 5);
	printf("# block %ld: %s\n", block, strerror(err));
	/* what is refused at once has holes, or the kernel's own pages */
	expect(!err || err == EBUSY || err == EINTR || err == EINVAL, "%s", strerror(err));
	expect(err || !in_block(p, MEMORY_DATA, block), "pages are where no memory is");
	expect_ok(memory_same(p, memory_data, MEMORY_DATA));
	munmap(p, MEMORY_DATA * file.page);
	p = memory_map(file.fd, memory_data, MEMORY_DATA);
	expect_ok(memory_same(p, memory_data, MEMORY_DATA));
	/* if it is gone, it stays so: there is enough */
	return 0;
}
