// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "chunkmap.h"
#include "zero.h"

/* 1 GiB: the largest power that kernels of 32 bits can do in a long */
#define MAX_SHIFT	18

/* entries that are looked at together */
#define STRIDE		1024

struct sparse_chunkmap *sparse_chunkmap_alloc(u64 blocks)
{
	struct sparse_chunkmap *map;

	if (blocks > (SIZE_MAX - sizeof(*map)) / sizeof(map->addr[0]))
		return NULL;
	map = calloc(1, sizeof(*map) + blocks * sizeof(map->addr[0]));
	if (map) {
		map->blocks = blocks;
		map->room = blocks;
	}
	return map;
}

struct sparse_chunkmap *sparse_chunkmap_extend(struct sparse_chunkmap *map,
					       u64 blocks)
{
	u64 room = blocks + blocks / 2;

	if (blocks > map->room) {
		if (room > (SIZE_MAX - sizeof(*map)) / sizeof(map->addr[0]))
			return NULL;
		map = realloc(map, sizeof(*map) + room * sizeof(map->addr[0]));
		if (!map)
			return NULL;
		map->room = room;
	}
	memset(map->addr + map->blocks, 0,
	       (blocks - map->blocks) * sizeof(map->addr[0]));
	map->blocks = blocks;
	return map;
}

/* whether a block goes on in the image where the one before it ends */
static bool follows(const struct sparse_chunkmap *map, u64 block)
{
	u32 before = map->addr[block - 1];

	return map->addr[block] == (before ? before + 1 : 0);
}

/* a chunk may begin, but not go on, at a block that does not follow */
static unsigned int find_shift(const struct sparse_chunkmap *map)
{
	unsigned int shift = MAX_SHIFT;
	u64 block;

	for (block = 1; block < map->blocks && shift; block++) {
		/* most of it are long holes */
		while (!map->addr[block - 1] && map->blocks - block >= STRIDE &&
		       sparse_is_zero(&map->addr[block],
				      STRIDE * sizeof(map->addr[0])))
			block += STRIDE;
		if (block < map->blocks && !follows(map, block) &&
		    (block & ((1ULL << shift) - 1)))
			shift = __builtin_ctzll(block);
	}
	return shift;
}

struct sparse_chunkmap *sparse_chunkmap_shift(struct sparse_chunkmap *map,
					      unsigned int shift)
{
	struct sparse_chunkmap *smaller;
	u64 chunks, i;

	map->shift = shift;
	if (!shift)
		return map;
	chunks = sparse_chunkmap_chunks(map);
	for (i = 0; i < chunks; i++)
		map->addr[i] = map->addr[i << shift];
	smaller = realloc(map, sizeof(*map) + chunks * sizeof(map->addr[0]));
	return smaller ? smaller : map;
}

struct sparse_chunkmap *sparse_chunkmap_shrink(struct sparse_chunkmap *map)
{
	unsigned int shift = find_shift(map);

	/* a chunk that reaches beyond the end of the file is of no use */
	while (shift && (map->blocks - 1) >> shift == (map->blocks - 1) >> (shift - 1))
		shift--;
	return sparse_chunkmap_shift(map, shift);
}

void sparse_chunkmap_set_space(struct sparse_chunkmap *map,
			       const struct sparse_space *space)
{
	u64 chunks = sparse_chunkmap_chunks(map), i;

	for (i = 0; i < chunks && space->count && !map->space; i++)
		if (!sparse_space_is_own(space, map->addr[i]))
			map->space = space;
}

/* an entry of struct erofs_inode_chunk_index, as two words */
static void export_index(const struct sparse_space *space, u32 addr, u32 *out)
{
	unsigned int id;
	u32 block;

	if (!addr) {
		/* as upstream: the upper bits of a block's number are set, too */
		out[0] = htole32(0xffff);
		out[1] = UINT32_MAX;
		return;
	}
	id = sparse_space_find(space, addr, &block);
	out[0] = htole32(id << 16);
	out[1] = htole32(block);
}

void sparse_chunkmap_export(const struct sparse_chunkmap *map, u64 first,
			    size_t count, u32 *out)
{
	size_t i;

	for (i = 0; i < count; i++) {
		u32 addr = map->addr[first + i];

		if (map->space)
			export_index(map->space, addr, &out[2 * i]);
		else
			out[i] = htole32(addr ? addr : UINT32_MAX);
	}
}
