// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#include <endian.h>
#include <stdlib.h>

#include "chunkmap.h"

struct sparse_chunkmap *sparse_chunkmap_alloc(u64 blocks)
{
	struct sparse_chunkmap *map;

	if (blocks > (SIZE_MAX - sizeof(*map)) / sizeof(map->addr[0]))
		return NULL;
	map = calloc(1, sizeof(*map) + blocks * sizeof(map->addr[0]));
	if (map)
		map->blocks = blocks;
	return map;
}

void sparse_chunkmap_export(const struct sparse_chunkmap *map, u64 first,
			    size_t count, u32 *out)
{
	size_t i;

	for (i = 0; i < count; i++) {
		u32 addr = map->addr[first + i];

		out[i] = htole32(addr ? addr : UINT32_MAX);
	}
}
