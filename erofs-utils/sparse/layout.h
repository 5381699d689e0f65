/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_LAYOUT_H
#define EROFS_SPARSE_LAYOUT_H

#include "extent.h"

/* how much may be held twice by different bytes of a source: a kernel's text and data */
#define SPARSE_OVERLAP_MAX	((u64)1 << 30)

/**
 * struct sparse_piece - bytes of a file that are elsewhere in its source
 * @start: the first byte's place in the file
 * @end: that of the byte after the last one
 * @offset: where in the source the first one is
 * @id: what whoever made it calls it
 */
struct sparse_piece {
	u64 start;
	u64 end;
	u64 offset;
	u32 id;
};

/**
 * struct sparse_layout - a file that is not its source byte by byte
 * @size: of the file in bytes
 * @count: how many pieces it has
 * @piece: they, by @start, none empty, none before the end of the one before it; the
 *	rest of the file is holes, and so is what is a hole of the source
 */
struct sparse_layout {
	u64 size;
	size_t count;
	struct sparse_piece piece[];
};

/**
 * struct sparse_conflict - two pieces that hold the same part of a file
 * @a: the @id of one
 * @b: the @id of the other
 * @start: where in the file it is that they do
 */
struct sparse_conflict {
	u32 a;
	u32 b;
	u64 start;
};

/**
 * sparse_layout_arrange() - make a layout of pieces in any order
 * @layout: its pieces may overlap; they are sorted, cut and joined
 * @fd: the source; what two pieces hold has to be the same bytes
 * @conflict: filled in if that is not so
 *
 * Return: 0, -EEXIST if two pieces differ, -E2BIG if they hold more than
 * SPARSE_OVERLAP_MAX from two places, both with @conflict set, -ETXTBSY if the source
 * is shorter than they say, or the negative errno of a failed read.
 */
int sparse_layout_arrange(struct sparse_layout *layout, int fd,
			  struct sparse_conflict *conflict);

/**
 * sparse_layout_next() - sparse_extent_next() for a file with a layout
 * @layout: arranged
 * @fd: the source; its offset is moved
 * @block: number of the block to start from
 * @extent: filled in if there is data
 *
 * Return: as sparse_extent_next().
 */
int sparse_layout_next(const struct sparse_layout *layout, int fd, u64 block,
		       struct sparse_extent *extent);

/**
 * sparse_layout_read() - read a part of a file with a layout
 * @layout: arranged
 * @fd: the source
 * @buf: where to put it
 * @len: how many bytes, none beyond the end of the file
 * @pos: place of the first one in the file
 *
 * Return: as sparse_source_read().
 */
int sparse_layout_read(const struct sparse_layout *layout, int fd, u8 *buf,
		       size_t len, u64 pos);

#endif
