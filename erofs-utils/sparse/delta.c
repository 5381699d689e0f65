// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "delta.h"

/* of the block map, read at once */
#define PIECE	65536

/**
 * struct delta - one file of a base, while its block map is read
 * @bases: all
 * @base: has it
 * @space: of the addresses
 * @inode: the file's
 * @path: the file's
 * @unit: bytes in an entry
 * @failure: where a failure is noted
 */
struct delta {
	const struct sparse_bases *bases;
	struct sparse_base *base;
	const struct sparse_space *space;
	struct erofs_inode inode;
	const char *path;
	unsigned int unit;
	struct sparse_failure *failure;
};

/* the rest of the sentence about the base */
#define refuse(delta, fmt, ...)							\
	sparse_refuse((delta)->failure, (delta)->base->source.path, fmt, ##__VA_ARGS__)

static int corrupt(const struct delta *delta)
{
	return refuse(delta, " is corrupt: the block map of '%s' leads to nowhere",
		      delta->path);
}

static int find_file(struct delta *delta, u64 size)
{
	struct erofs_inode *inode = &delta->inode;
	char *path;
	int err;

	if (asprintf(&path, "/%s", delta->path) < 0)
		return sparse_fail(delta->failure, SPARSE_READ, delta->base->source.path,
				   -ENOMEM);
	inode->sbi = &delta->base->sbi;
	err = erofs_ilookup(path, inode);
	free(path);
	if (err == -ENOENT || (!err && !S_ISREG(inode->i_mode)))
		return sparse_refuse(delta->failure, delta->path,
				     " has holes, but there is no such file in the base '%s'",
				     delta->base->source.path);
	if (err)
		return refuse(delta, " is corrupt: could not find '%s'", delta->path);
	if (inode->i_size != size)
		return sparse_refuse(delta->failure, delta->path,
				     " has holes, but another size in the base '%s': %llu bytes, not %llu",
				     delta->base->source.path,
				     (unsigned long long)inode->i_size,
				     (unsigned long long)size);
	if (inode->datalayout != EROFS_INODE_CHUNK_BASED ||
	    inode->u.chunkformat & EROFS_CHUNK_FORMAT_48BIT ||
	    erofs_inode_in_metabox(inode))
		return sparse_refuse(delta->failure, delta->path,
				     " in the base '%s' was not packed by --sparse",
				     delta->base->source.path);
	return 0;
}

/* which device of ours a device of the base is, counted from 0; or a negative errno */
static int find_device(const struct delta *delta, unsigned int id)
{
	const struct sparse_bases *bases = delta->bases;
	const struct erofs_device_info *slot;
	unsigned int i;

	if (!id)
		return delta->base - bases->base;
	if (id > delta->base->sbi.extra_devices)
		return corrupt(delta);
	slot = &delta->base->sbi.devs[id - 1];
	for (i = 0; i < bases->count; i++)
		if (!memcmp(slot->tag, bases->base[i].tag, sizeof(slot->tag)))
			return i;
	return refuse(delta, " needs a base with the fs-verity digest %.64s: it was changed, or not given",
		      slot->tag);
}

/* one chunk: @count blocks from @block of @map on */
static int map_chunk(const struct delta *delta, const u8 *entry,
		     struct sparse_chunkmap *map, u64 block, u64 count)
{
	const struct erofs_inode_chunk_index *idx = (const void *)entry;
	const struct sparse_device *device;
	unsigned int id = 0;
	u32 start;
	u64 i;
	int ret;

	if (delta->unit == sizeof(*idx)) {
		start = le32_to_cpu(idx->startblk_lo);
		id = le16_to_cpu(idx->device_id) &
			delta->base->sbi.device_id_mask;
	} else {
		start = le32_to_cpu(*(const __le32 *)entry);
	}
	if (start == UINT32_MAX)
		return 0;
	ret = find_device(delta, id);
	if (ret < 0)
		return ret;
	device = &delta->space->device[ret];
	if (!start || start >= device->blocks || count > device->blocks - start)
		return corrupt(delta);
	for (i = 0; i < count; i++)
		map->addr[block + i] = device->first + start + i;
	return 0;
}

/* the entries of @count chunks from @chunk on */
static int map_chunks(const struct delta *delta, const u8 *entries, u64 chunk,
		      u64 count, struct sparse_chunkmap *map)
{
	unsigned int shift = delta->inode.u.chunkbits - SPARSE_BLOCK_BITS;
	u64 block, blocks, i;
	int err;

	for (i = 0; i < count; i++) {
		block = (chunk + i) << shift;
		blocks = 1ULL << shift;
		if (blocks > map->blocks - block)
			blocks = map->blocks - block;
		err = map_chunk(delta, entries + i * delta->unit, map, block,
				blocks);
		if (err)
			return err;
	}
	return 0;
}

static int read_map(struct delta *delta, struct sparse_chunkmap *map)
{
	struct erofs_inode *inode = &delta->inode;
	u64 chunks = ((map->blocks - 1) >>
		      (inode->u.chunkbits - SPARSE_BLOCK_BITS)) + 1;
	u64 pos, chunk, count;
	u8 entries[PIECE] __attribute__((aligned(8)));
	int err;

	delta->unit = inode->u.chunkformat & EROFS_CHUNK_FORMAT_INDEXES ?
		sizeof(struct erofs_inode_chunk_index) :
		EROFS_BLOCK_MAP_ENTRY_SIZE;
	pos = roundup(erofs_iloc(inode) + inode->inode_isize +
		      inode->xattr_isize, delta->unit);
	for (chunk = 0; chunk < chunks; chunk += count) {
		count = chunks - chunk;
		if (count > PIECE / delta->unit)
			count = PIECE / delta->unit;
		err = erofs_dev_read(&delta->base->sbi, 0, entries,
				     pos + chunk * delta->unit,
				     count * delta->unit);
		if (err)
			return sparse_fail(delta->failure, SPARSE_READ,
					   delta->base->source.path, err);
		err = map_chunks(delta, entries, chunk, count, map);
		if (err)
			return err;
	}
	return 0;
}

int sparse_delta_map(const struct sparse_bases *bases,
		     const struct sparse_space *space, const char *path,
		     u64 size, struct sparse_chunkmap **map,
		     struct sparse_failure *failure)
{
	struct delta delta = {
		.bases = bases,
		.base = &bases->base[bases->count - 1],
		.space = space,
		.path = path,
		.failure = failure,
	};
	int err;

	err = find_file(&delta, size);
	if (err)
		return err;
	*map = sparse_chunkmap_alloc(sparse_blocks(size));
	if (!*map)
		return sparse_fail(failure, SPARSE_READ, delta.base->source.path, -ENOMEM);
	err = read_map(&delta, *map);
	if (err) {
		free(*map);
		*map = NULL;
	}
	return err;
}
