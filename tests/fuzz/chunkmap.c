// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz the block map: whatever is in it, large chunks and what goes to the disk say of
 * each block what the map said before.
 */
#include <stdlib.h>
#include <string.h>

#include "chunkmap.h"

#define BLOCKS	4096
#define DEVICES	3

static u32 before[BLOCKS];

/* two bytes a block: a hole, one more than the block before, or some address */
static u32 address(const struct sparse_space *space, const u8 *data, u32 last)
{
	unsigned int kind = data[0] & 3, id = data[0] >> 2 & 3;
	u32 block = data[0] >> 4 | data[1] << 4;

	if (kind == 0)
		return 0;
	if (kind < 3)
		return last ? last + 1 : 1;
	if (!id)
		return 1 + block;
	return space->device[id - 1].first + block % space->device[id - 1].blocks;
}

/* a run may not leave its device */
static bool is_address(const struct sparse_space *space, u32 addr)
{
	u32 block;
	unsigned int id;

	if (addr == sparse_space_limit(space) || addr == UINT32_MAX)
		return false;
	id = sparse_space_find(space, addr, &block);
	return !id || block < space->device[id - 1].blocks;
}

static void check(const struct sparse_space *space,
		  const struct sparse_chunkmap *map)
{
	u64 n, first;

	for (n = 0; n < map->blocks; n++) {
		unsigned int words = sparse_chunkmap_words(map);
		u32 entry[2], block, id;

		first = n >> map->shift << map->shift;
		sparse_chunkmap_export(map, n >> map->shift, 1, entry);
		if (entry[words - 1] == UINT32_MAX) {
			if (before[n])
				abort();
			continue;
		}
		id = sparse_space_find(space, before[n], &block);
		if (!before[n] || block != entry[words - 1] + (n - first) ||
		    id != (words == 2 ? entry[0] >> 16 : 0))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct sparse_space space = { 0 };
	struct sparse_chunkmap *map;
	u64 blocks = size / 2, n;
	u32 last = 0;

	if (!blocks || blocks > BLOCKS)
		return 0;
	for (n = 1; n <= DEVICES; n++)
		if (sparse_space_add(&space, NULL, n * 100))
			abort();
	map = sparse_chunkmap_alloc(blocks);
	if (!map)
		abort();
	for (n = 0; n < blocks; n++) {
		last = address(&space, data + 2 * n, last);
		if (!is_address(&space, last))
			last = 0;
		map->addr[n] = last;
	}
	memcpy(before, map->addr, blocks * sizeof(before[0]));
	map = sparse_chunkmap_shrink(map);
	sparse_chunkmap_set_space(map, &space);
	check(&space, map);
	free(map);
	sparse_space_exit(&space);
	return 0;
}
