// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#include "mapstat.h"

void sparse_mapstat_init(struct sparse_mapstat *stat, u64 size)
{
	u64 blocks = sparse_blocks(size);

	*stat = (struct sparse_mapstat) {
		.cell = ((blocks + SPARSE_MAPSTAT_CELLS - 1) /
			 SPARSE_MAPSTAT_CELLS) << SPARSE_BLOCK_BITS,
	};
}

static void paint(struct sparse_mapstat *stat, u64 length)
{
	u64 pos = stat->pos, part;

	for (; length; length -= part, pos += part) {
		part = stat->cell - pos % stat->cell;
		if (part > length)
			part = length;
		stat->data[pos / stat->cell] += part;
	}
}

void sparse_mapstat_end(struct sparse_mapstat *stat)
{
	struct sparse_extents *of = &stat->of[stat->hole];

	if (!stat->length)
		return;
	of->count++;
	of->bytes += stat->length;
	of->classes[63 - __builtin_clzll(sparse_blocks(stat->length))]++;
	stat->length = 0;
}

void sparse_mapstat_add(struct sparse_mapstat *stat, u64 length, bool hole,
			bool follows)
{
	if (stat->hole != hole || !(hole || follows))
		sparse_mapstat_end(stat);
	if (!hole)
		paint(stat, length);
	stat->hole = hole;
	stat->length += length;
	stat->pos += length;
}
