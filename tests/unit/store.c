// SPDX-License-Identifier: GPL-2.0-only
/*
 * A run is in the image block by block, from the block where data starts, whichever
 * run is written first.  Would catch blocks in the wrong place when some of them are
 * not neighbours in memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "ktap.h"
#include "store.h"
#include "unit.h"

#define COUNT	SPARSE_RUN_BLOCKS
#define START	3

static u8 data[COUNT][SPARSE_BLOCK_SIZE];
static struct sparse_failure failure;

static void fill(void)
{
	int i;

	for (i = 0; i < COUNT; i++)
		memset(data[i], i + 1, sizeof(data[i]));
}

static bool is_stored(int fd, u32 index, const u8 *block)
{
	u8 got[SPARSE_BLOCK_SIZE];

	need(pread(fd, got, sizeof(got), (START + index) * SPARSE_BLOCK_SIZE) ==
	     sizeof(got));
	return !memcmp(got, block, sizeof(got));
}

static void add(struct sparse_run *run, int n)
{
	run->block[run->count++] = data[n];
}

static int in_order(void)
{
	/* neighbours, backwards, one twice, far apart */
	static const int order[] = { 0, 1, 2, 9, 8, 7, 7, 20, 21, 63, 40 };
	struct sparse_store store = { .fd = unit_file(), .start = START };
	u32 i, count = ARRAY_SIZE(order);
	struct sparse_run run = { 0 }, next = { .first = count };
	struct stat st;

	fill();
	for (i = 0; i < count; i++)
		add(&run, order[i]);
	add(&next, 5);
	/* whoever is first */
	need(!sparse_store_write(&store, &next, &failure));
	need(!sparse_store_write(&store, &run, &failure));
	for (i = 0; i < count; i++)
		expect(is_stored(store.fd, i, data[order[i]]), "block %u", i);
	expect(is_stored(store.fd, count, data[5]), "the next run");
	need(!fstat(store.fd, &st));
	expect(st.st_size == (START + count + 1) * SPARSE_BLOCK_SIZE,
	       "%lld bytes", (long long)st.st_size);
	close(store.fd);
	return 0;
}

static int none_and_as_many_as_can_be(void)
{
	struct sparse_store store = { .fd = unit_file(), .start = START };
	struct sparse_run run = { 0 };
	struct stat st;
	u32 i;

	fill();
	need(!sparse_store_write(&store, &run, &failure));
	need(!fstat(store.fd, &st));
	expect(!st.st_size, "wrote nothing, and %lld bytes", (long long)st.st_size);
	for (i = 0; i < COUNT; i++)
		add(&run, COUNT - 1 - i);
	need(!sparse_store_write(&store, &run, &failure));
	for (i = 0; i < COUNT; i++)
		expect(is_stored(store.fd, i, data[COUNT - 1 - i]), "%u", i);
	close(store.fd);
	return 0;
}

static int synced(void)
{
	struct sparse_store store = { .fd = unit_file(), .start = START };
	struct sparse_run run = { 0 };

	fill();
	add(&run, 0);
	add(&run, 1);
	need(!sparse_store_write(&store, &run, &failure));
	sparse_store_sync(&store, 0, 2);
	expect(is_stored(store.fd, 0, data[0]) && is_stored(store.fd, 1, data[1]),
	       "content changed on its way to disk");
	close(store.fd);
	return 0;
}

static int cannot_write(void)
{
	struct sparse_store store = { .start = START };
	struct sparse_run run = { 0 };
	int ret;

	store.fd = open("/dev/null", O_RDONLY);
	add(&run, 0);
	ret = sparse_store_write(&store, &run, &failure);
	expect(ret == -EBADF && failure.stage == SPARSE_WRITE, "%d", ret);
	sparse_failure_exit(&failure);
	close(store.fd);
	return 0;
}

/* the kernel writes a part of it first, and only then says why not the rest */
static int limit_within_a_block(void)
{
	struct rlimit limit = { START * SPARSE_BLOCK_SIZE + 5000, RLIM_INFINITY };
	struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY };
	struct sparse_store store = { .fd = unit_file(), .start = START };
	struct sparse_run run = { 0 };
	int ret;

	signal(SIGXFSZ, SIG_IGN);
	need(!getrlimit(RLIMIT_FSIZE, &none));
	limit.rlim_max = none.rlim_max;
	need(!setrlimit(RLIMIT_FSIZE, &limit));
	add(&run, 0);
	add(&run, 9);
	ret = sparse_store_write(&store, &run, &failure);
	need(!setrlimit(RLIMIT_FSIZE, &none));
	expect(ret == -EFBIG, "%d", ret);
	sparse_failure_exit(&failure);
	close(store.fd);
	return 0;
}

int main(void)
{
	const struct ktap_case cases[] = {
		{ "in-order", in_order },
		{ "none-and-as-many-as-can-be", none_and_as_many_as_can_be },
		{ "synced", synced },
		{ "cannot-write", cannot_write },
		{ "limit-within-a-block", limit_within_a_block },
	};

	return ktap_main(cases);
}
