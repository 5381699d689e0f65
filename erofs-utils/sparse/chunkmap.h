/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_CHUNKMAP_H
#define EROFS_SPARSE_CHUNKMAP_H

#include "types.h"

/**
 * struct sparse_chunkmap - where a file's blocks are in the image
 * @blocks: how many blocks the file has
 * @addr: for each the number of the block in the image that holds it, or 0 if it
 *	is a hole: block 0 is the superblock's.  Fresh from the kernel, and so
 *	without cost until something is stored near it.
 */
struct sparse_chunkmap {
	u64 blocks;
	u32 addr[];
};

/**
 * sparse_chunkmap_alloc() - a map of nothing but holes
 * @blocks: how many blocks the file has
 *
 * Return: the map, to be released with free(), or NULL if there is no memory.
 */
struct sparse_chunkmap *sparse_chunkmap_alloc(u64 blocks);

/**
 * sparse_chunkmap_export() - write a part of the on-disk block map
 * @map: the map
 * @first: number of the first block
 * @count: how many blocks
 * @out: @count entries of 4 bytes: little endian, all ones for a hole
 *
 * Source of the format: EROFS_BLOCK_MAP_ENTRY_SIZE and EROFS_NULL_ADDR in
 * erofs_fs.h.
 */
void sparse_chunkmap_export(const struct sparse_chunkmap *map, u64 first,
			    size_t count, u32 *out);

#endif
