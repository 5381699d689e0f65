// SPDX-License-Identifier: GPL-2.0-only
/*
 * sparse_extent_next() finds all data of a file, in order, in whole blocks, and
 * says so when there is none left.  Would catch data lost at an edge that is no
 * multiple of a block, and an endless walk.
 */
#include <errno.h>
#include <string.h>

#include "extent.h"
#include "ktap.h"
#include "unit.h"

#define BLOCKS	64

/* walk the file; a block is true in @found if some extent has it */
static int walk(int fd, u64 size, bool *found)
{
	struct sparse_extent extent = { 0 };
	u64 blocks = sparse_blocks(size), last = 0, i;
	int ret, count = 0;

	memset(found, 0, BLOCKS);
	while ((ret = sparse_extent_next(fd, extent.end, blocks, &extent)) > 0) {
		if (extent.start < last || extent.end <= extent.start ||
		    extent.end > blocks)
			return -1;
		last = extent.end;
		for (i = extent.start; i < extent.end; i++)
			found[i] = true;
		count++;
	}
	return ret < 0 ? ret : count;
}

static void put(int fd, u64 pos, size_t len)
{
	static const char data[8 * SPARSE_BLOCK_SIZE] = { [0] = 1 };

	need(pwrite(fd, data, len, pos) == (ssize_t)len);
}

static int nothing_but_a_hole(void)
{
	bool found[BLOCKS];
	int fd = unit_file();

	need(!ftruncate(fd, 10 * SPARSE_BLOCK_SIZE + 5));
	expect(walk(fd, 10 * SPARSE_BLOCK_SIZE + 5, found) == 0, "data found");
	close(fd);
	return 0;
}

static int data_between_holes(void)
{
	bool found[BLOCKS];
	int fd = unit_file(), ret;

	put(fd, 3 * SPARSE_BLOCK_SIZE, 2 * SPARSE_BLOCK_SIZE);
	put(fd, 20 * SPARSE_BLOCK_SIZE, SPARSE_BLOCK_SIZE);
	need(!ftruncate(fd, BLOCKS * SPARSE_BLOCK_SIZE));
	ret = walk(fd, BLOCKS * SPARSE_BLOCK_SIZE, found);
	expect(ret == 2, "%d", ret);
	expect(found[3] && found[4] && found[20], "data is missing");
	/* this file system has blocks of 4 KiB or less, or the test says little */
	expect(!found[2] && !found[5] && !found[19] && !found[21],
	       "a hole is taken for data");
	close(fd);
	return 0;
}

static int not_aligned(void)
{
	u64 size = 30 * SPARSE_BLOCK_SIZE + 7;
	bool found[BLOCKS];
	int fd = unit_file(), ret;

	need(!ftruncate(fd, size));
	put(fd, 3 * SPARSE_BLOCK_SIZE - 1, 2);
	put(fd, size - 1, 1);
	ret = walk(fd, size, found);
	expect(ret >= 2, "%d", ret);
	expect(found[2] && found[3] && found[30], "data is missing");
	close(fd);
	return 0;
}

static int data_to_the_end(void)
{
	bool found[BLOCKS];
	int fd = unit_file(), ret;

	put(fd, 0, 4 * SPARSE_BLOCK_SIZE + 1);
	ret = walk(fd, 4 * SPARSE_BLOCK_SIZE + 1, found);
	expect(ret == 1, "%d", ret);
	expect(found[0] && found[4] && !found[5], "data is missing");
	close(fd);
	return 0;
}

/* a size from before the file grew is what counts */
static int beyond_the_size(void)
{
	bool found[BLOCKS];
	int fd = unit_file(), ret;

	put(fd, 6 * SPARSE_BLOCK_SIZE, SPARSE_BLOCK_SIZE);
	ret = walk(fd, 5 * SPARSE_BLOCK_SIZE, found);
	expect(ret == 0, "%d", ret);
	close(fd);
	return 0;
}

static int across_the_size(void)
{
	bool found[BLOCKS];
	int fd = unit_file(), ret;

	put(fd, 4 * SPARSE_BLOCK_SIZE, 4 * SPARSE_BLOCK_SIZE);
	ret = walk(fd, 6 * SPARSE_BLOCK_SIZE, found);
	expect(ret == 1, "%d", ret);
	expect(found[5] && !found[6], "not cut at the size");
	close(fd);
	return 0;
}

static int nothing_of_nothing(void)
{
	bool found[BLOCKS];
	int fd = unit_file();

	expect(walk(fd, 0, found) == 0, "data found");
	close(fd);
	return 0;
}

static int bad_descriptor(void)
{
	struct sparse_extent extent;
	int ret = sparse_extent_next(-1, 0, 5, &extent);

	expect(ret == -EBADF, "%d", ret);
	return 0;
}

int main(void)
{
	const struct ktap_case cases[] = {
		{ "nothing-but-a-hole", nothing_but_a_hole },
		{ "data-between-holes", data_between_holes },
		{ "not-aligned", not_aligned },
		{ "data-to-the-end", data_to_the_end },
		{ "beyond-the-size", beyond_the_size },
		{ "across-the-size", across_the_size },
		{ "nothing-of-nothing", nothing_of_nothing },
		{ "bad-descriptor", bad_descriptor },
	};

	return ktap_main(cases);
}
