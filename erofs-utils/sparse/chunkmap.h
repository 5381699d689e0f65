/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_CHUNKMAP_H
#define EROFS_SPARSE_CHUNKMAP_H

#include "space.h"

/**
 * struct sparse_chunkmap - where a file's blocks are in the image
 * @blocks: how many blocks the file has
 * @room: how many there is memory for
 * @shift: log2 of the blocks in a chunk: 0 until the map is shrunk
 * @space: of the addresses, if some are those of other devices, or NULL
 * @addr: for the first block of each chunk the address of the block that holds it,
 *	or 0 if it is a hole: block 0 is the superblock's.  Fresh from the kernel,
 *	and so without cost until something is stored near it.
 */
struct sparse_chunkmap {
	u64 blocks;
	u64 room;
	unsigned int shift;
	const struct sparse_space *space;
	u32 addr[];
};

/** sparse_chunkmap_chunks() - how many chunks the file has */
static inline u64 sparse_chunkmap_chunks(const struct sparse_chunkmap *map)
{
	return (map->blocks + (1ULL << map->shift) - 1) >> map->shift;
}

/**
 * sparse_chunkmap_alloc() - a map of nothing but holes
 * @blocks: how many blocks the file has
 *
 * Return: the map, to be released with free(), or NULL if there is no memory.
 */
struct sparse_chunkmap *sparse_chunkmap_alloc(u64 blocks);

/**
 * sparse_chunkmap_extend() - add holes at the end
 * @map: of a file that turns out to be longer; its chunks are single blocks
 * @blocks: how many blocks the file has now, no less than before
 *
 * Return: the map, which may have moved, or NULL if there is no memory; the map is
 * then what it was.
 */
struct sparse_chunkmap *sparse_chunkmap_extend(struct sparse_chunkmap *map,
					       u64 blocks);

/**
 * sparse_chunkmap_shift() - set the size of chunks
 * @map: filled in, chunk by chunk: of each the first block tells where the rest is
 * @shift: log2 of the blocks in a chunk
 *
 * Return: the map, which may have moved.
 */
struct sparse_chunkmap *sparse_chunkmap_shift(struct sparse_chunkmap *map,
					      unsigned int shift);

/**
 * sparse_chunkmap_shrink() - make chunks as large as they can be
 * @map: filled in
 *
 * A chunk is either a hole, or blocks that follow each other in the image.  No block
 * moves, and no hole is lost.
 *
 * Return: the map, which may have moved.
 */
struct sparse_chunkmap *sparse_chunkmap_shrink(struct sparse_chunkmap *map);

/**
 * sparse_chunkmap_set_space() - say which space a map's addresses are from
 * @map: filled in
 * @space: that; only remembered if there is need for it
 */
void sparse_chunkmap_set_space(struct sparse_chunkmap *map,
			       const struct sparse_space *space);

/* words of 4 bytes in an entry of the on-disk block map */
static inline unsigned int sparse_chunkmap_words(const struct sparse_chunkmap *map)
{
	return map->space ? 2 : 1;
}

/** sparse_chunkmap_bytes() - size of the on-disk block map */
static inline u64 sparse_chunkmap_bytes(const struct sparse_chunkmap *map)
{
	return sparse_chunkmap_chunks(map) * sparse_chunkmap_words(map) *
		sizeof(map->addr[0]);
}

/**
 * sparse_chunkmap_export() - write a part of the on-disk block map
 * @map: the map
 * @first: number of the first chunk
 * @count: how many chunks
 * @out: @count entries, little endian
 *
 * An entry is a block's number, or all ones for a hole.  If the map has addresses of
 * other devices, 2 bytes that are no part of it and 2 for the device come before.
 *
 * Source of the format: EROFS_BLOCK_MAP_ENTRY_SIZE, EROFS_NULL_ADDR and struct
 * erofs_inode_chunk_index in erofs_fs.h.
 */
void sparse_chunkmap_export(const struct sparse_chunkmap *map, u64 first,
			    size_t count, u32 *out);

#endif
