// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#include <errno.h>

#include "place.h"

int sparse_place_init(struct sparse_place *place, const struct sparse_space *space,
		      u32 start)
{
	*place = (struct sparse_place) { .space = space, .start = start };
	return sparse_dedupe_init(&place->dedupe);
}

void sparse_place_end(struct sparse_place *place)
{
	sparse_dedupe_exit(&place->dedupe);
}

static u64 data_end(const struct sparse_place *place)
{
	u64 limit = sparse_space_limit(place->space);

	return limit < SPARSE_DATA_END ? limit : SPARSE_DATA_END;
}

/* find the chunk among those stored, or store it */
static int place_data(struct sparse_place *place, const u8 *data, unsigned int count,
		      const struct sparse_id *id, struct sparse_run *run, u32 *addr)
{
	u64 stored = place->counts.stored;
	unsigned int i;
	u32 index;
	int err;

	if (sparse_dedupe_find(&place->dedupe, id, &index)) {
		*addr = place->start + index;
		place->counts.duplicate += count;
		return 0;
	}
	if (place->start + stored + count > data_end(place))
		return -ENOSPC;
	err = sparse_dedupe_add(&place->dedupe, id, stored);
	if (err)
		return err;
	if (!run->count)
		run->first = stored;
	for (i = 0; i < count; i++)
		run->block[run->count++] = data + i * SPARSE_BLOCK_SIZE;
	*addr = place->start + stored;
	place->counts.stored += count;
	return 0;
}

static int place_chunk(struct sparse_place *place, const struct sparse_batch *batch,
		       unsigned int first, unsigned int count,
		       struct sparse_chunkmap *map, struct sparse_run *run)
{
	unsigned int holes = 0, zeros = 0, i;
	u32 addr;
	int err;

	for (i = first; i < first + count; i++) {
		holes += batch->hole[i];
		zeros += batch->zero[i];
	}
	if (zeros == count) {
		place->counts.zero += count - holes;
		return 0;
	}
	if (batch->base[first]) {
		place->counts.base++;
		map->addr[batch->block[first]] = batch->base[first];
		return 0;
	}
	err = place_data(place, batch->data + first * SPARSE_BLOCK_SIZE, count,
			 &batch->id[first], run, &addr);
	for (i = 0; i < count && !err; i++)
		map->addr[batch->block[first + i]] = addr + i;
	return err;
}

/* a stream tells how long it is by and by */
static int make_room(const struct sparse_batch *batch,
		     struct sparse_chunkmap **map)
{
	u64 blocks = batch->block[batch->count - 1] + 1;
	struct sparse_chunkmap *longer;

	if (blocks <= (*map)->blocks)
		return 0;
	longer = sparse_chunkmap_extend(*map, blocks);
	if (!longer)
		return -ENOMEM;
	*map = longer;
	return 0;
}

int sparse_place_run(struct sparse_place *place, const struct sparse_batch *batch,
		     struct sparse_chunkmap **map, struct sparse_run *run,
		     struct sparse_failure *failure)
{
	unsigned int i, count;
	int err;

	for (i = 0; i < batch->count; i += sparse_batch_chunk(batch, i))
		if (!batch->base[i])
			sparse_dedupe_prefetch(&place->dedupe, &batch->id[i]);
	err = make_room(batch, map);
	for (i = 0; i < batch->count && !err; i += count) {
		count = sparse_batch_chunk(batch, i);
		err = place_chunk(place, batch, i, count, *map, run);
	}
	if (err == -ENOSPC)
		return sparse_refuse(failure, batch->source->path,
				     ": the image would hold more than 8 TiB of data, or 16 TiB with its bases");
	return err ? sparse_fail(failure, SPARSE_READ, batch->source->path, err) : 0;
}
