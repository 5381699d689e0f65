// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pieces that belong together are one extent, and every byte of data is in one cell.
 * Would catch a last extent that is not counted, and a cell that overflows.
 */
#include "ktap.h"
#include "mapstat.h"
#include "unit.h"

#define BLOCK	((u64)SPARSE_BLOCK_SIZE)

static int extents(void)
{
	struct sparse_mapstat stat;

	sparse_mapstat_init(&stat, 100 * BLOCK - 5);
	sparse_mapstat_add(&stat, BLOCK, true, false);
	sparse_mapstat_add(&stat, 9 * BLOCK, true, false);
	sparse_mapstat_add(&stat, BLOCK, false, false);
	sparse_mapstat_add(&stat, 6 * BLOCK, false, true);
	/* elsewhere in the image: another extent */
	sparse_mapstat_add(&stat, 82 * BLOCK, false, false);
	sparse_mapstat_add(&stat, BLOCK - 5, true, true);
	sparse_mapstat_end(&stat);
	expect(stat.of[0].count == 2 && stat.of[1].count == 2, "%llu of data, %llu holes",
	       (unsigned long long)stat.of[0].count,
	       (unsigned long long)stat.of[1].count);
	expect(stat.of[0].bytes == 89 * BLOCK, "%llu bytes of data",
	       (unsigned long long)stat.of[0].bytes);
	expect(stat.of[1].bytes == 11 * BLOCK - 5, "%llu bytes of holes",
	       (unsigned long long)stat.of[1].bytes);
	expect(stat.of[0].classes[2] == 1 && stat.of[0].classes[6] == 1, "data");
	expect(stat.of[1].classes[3] == 1 && stat.of[1].classes[0] == 1, "holes");
	return 0;
}

static int check_cells(u64 blocks)
{
	struct sparse_mapstat stat;
	u64 data = 0, sum = 0, left, length, i;
	bool hole;

	sparse_mapstat_init(&stat, blocks * BLOCK);
	for (left = blocks; left; left -= length) {
		length = 1 + unit_random(left);
		hole = unit_random(2);
		data += hole ? 0 : length * BLOCK;
		sparse_mapstat_add(&stat, length * BLOCK, hole, false);
	}
	sparse_mapstat_end(&stat);
	for (i = 0; i < SPARSE_MAPSTAT_CELLS; i++) {
		expect(stat.data[i] <= stat.cell, "cell %llu of %llu blocks",
		       (unsigned long long)i, (unsigned long long)blocks);
		sum += stat.data[i];
	}
	expect(sum == data && stat.of[0].bytes == data, "%llu of %llu bytes",
	       (unsigned long long)sum, (unsigned long long)data);
	return 0;
}

static int cells(void)
{
	static const u64 blocks[] = {
		1, 2, SPARSE_MAPSTAT_CELLS - 1, SPARSE_MAPSTAT_CELLS,
		SPARSE_MAPSTAT_CELLS + 1, 1 << 18, 1 << 30,
	};
	unsigned int i, round;

	for (i = 0; i < ARRAY_SIZE(blocks); i++)
		for (round = 0; round < 100; round++)
			if (check_cells(blocks[i]))
				return 1;
	return 0;
}

static int nothing(void)
{
	struct sparse_mapstat stat;

	sparse_mapstat_init(&stat, 0);
	sparse_mapstat_end(&stat);
	expect(!stat.of[0].count && !stat.of[1].count, "extents");
	return 0;
}

int main(void)
{
	const struct ktap_case cases[] = {
		{ "extents", extents },
		{ "cells", cells },
		{ "nothing", nothing },
	};

	return ktap_main(cases);
}
