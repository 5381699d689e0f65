// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is put into the store is in the image in that order, from the block where
 * data starts; comparing works before and after it is written.  Would catch
 * blocks in the wrong place when some of them are not neighbours in memory.
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

#define COUNT	SPARSE_STORE_PENDING
#define START	3

static u8 data[COUNT][SPARSE_BLOCK_SIZE];

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

static int in_order(void)
{
	/* neighbours, backwards, one twice, far apart */
	static const int order[] = { 0, 1, 2, 9, 8, 7, 7, 20, 21, 63, 40 };
	struct sparse_store store = { .fd = unit_file(), .start = START };
	u32 i, count = ARRAY_SIZE(order);
	struct stat st;

	fill();
	for (i = 0; i < count; i++)
		expect(sparse_store_put(&store, data[order[i]]) == i,
		       "number %u", i);
	need(!sparse_store_flush(&store));
	for (i = 0; i < count; i++)
		expect(is_stored(store.fd, i, data[order[i]]), "block %u", i);
	expect(sparse_store_put(&store, data[5]) == count, "after a flush");
	need(!sparse_store_flush(&store));
	expect(is_stored(store.fd, count, data[5]), "after a flush");
	need(!fstat(store.fd, &st));
	expect(st.st_size == (START + count + 1) * SPARSE_BLOCK_SIZE,
	       "%lld bytes", (long long)st.st_size);
	close(store.fd);
	return 0;
}

static int as_many_as_may_wait(void)
{
	struct sparse_store store = { .fd = unit_file(), .start = START };
	u32 i;

	fill();
	for (i = 0; i < COUNT; i++)
		sparse_store_put(&store, data[COUNT - 1 - i]);
	need(!sparse_store_flush(&store));
	for (i = 0; i < COUNT; i++)
		expect(is_stored(store.fd, i, data[COUNT - 1 - i]), "%u", i);
	need(!sparse_store_flush(&store));
	expect(store.written == COUNT, "an empty flush wrote");
	close(store.fd);
	return 0;
}

static int compare(void)
{
	struct sparse_store store = { .fd = unit_file(), .start = START };
	u8 other[SPARSE_BLOCK_SIZE];
	int round;

	fill();
	memcpy(other, data[1], sizeof(other));
	sparse_store_put(&store, data[0]);
	sparse_store_put(&store, data[1]);
	for (round = 0; round < 2; round++) {
		const char *when = round ? "written" : "waiting";

		expect(sparse_store_equal(&store, 1, other) == 1, "%s", when);
		expect(sparse_store_equal(&store, 0, other) == 0, "%s", when);
		other[SPARSE_BLOCK_SIZE - 1] ^= 1;
		expect(sparse_store_equal(&store, 1, other) == 0, "%s", when);
		other[SPARSE_BLOCK_SIZE - 1] ^= 1;
		need(!sparse_store_flush(&store));
	}
	close(store.fd);
	return 0;
}

static int image_cut_short(void)
{
	struct sparse_store store = { .fd = unit_file(), .start = START };
	int ret;

	fill();
	sparse_store_put(&store, data[0]);
	need(!sparse_store_flush(&store));
	need(!ftruncate(store.fd, START * SPARSE_BLOCK_SIZE + 100));
	ret = sparse_store_equal(&store, 0, data[0]);
	expect(ret == -EIO, "%d", ret);
	close(store.fd);
	return 0;
}

static int cannot_write(void)
{
	struct sparse_store store = { .start = START };
	int ret;

	store.fd = open("/dev/null", O_RDONLY);
	sparse_store_put(&store, data[0]);
	ret = sparse_store_flush(&store);
	expect(ret == -EBADF, "%d", ret);
	close(store.fd);
	return 0;
}

/* the kernel writes a part of it first, and only then says why not the rest */
static int limit_within_a_block(void)
{
	struct rlimit limit = { START * SPARSE_BLOCK_SIZE + 5000, RLIM_INFINITY };
	struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY };
	struct sparse_store store = { .fd = unit_file(), .start = START };
	int ret;

	signal(SIGXFSZ, SIG_IGN);
	need(!getrlimit(RLIMIT_FSIZE, &none));
	limit.rlim_max = none.rlim_max;
	need(!setrlimit(RLIMIT_FSIZE, &limit));
	sparse_store_put(&store, data[0]);
	sparse_store_put(&store, data[9]);
	ret = sparse_store_flush(&store);
	need(!setrlimit(RLIMIT_FSIZE, &none));
	expect(ret == -EFBIG, "%d", ret);
	expect(!store.written, "taken for written");
	close(store.fd);
	return 0;
}

int main(void)
{
	const struct ktap_case cases[] = {
		{ "in-order", in_order },
		{ "as-many-as-may-wait", as_many_as_may_wait },
		{ "compare", compare },
		{ "image-cut-short", image_cut_short },
		{ "cannot-write", cannot_write },
		{ "limit-within-a-block", limit_within_a_block },
	};

	return ktap_main(cases);
}
