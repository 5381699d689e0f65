/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_LAYOUT_H
#define EROFS_SPARSE_LAYOUT_H

#include "source.h"

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
 * @differ: they were compared, and not the same; else that would have been too much
 */
struct sparse_conflict {
	u32 a;
	u32 b;
	u64 start;
	bool differ;
};

/**
 * sparse_layout_arrange() - make a layout of pieces in any order
 * @layout: its pieces may overlap; they are sorted, cut and joined
 * @source: what the pieces are of; what two of them hold has to be the same bytes
 * @conflict: filled in if that is not so, or if it is more than SPARSE_OVERLAP_MAX
 *
 * sparse_source_layout then is the file.
 *
 * Return: 0, 1 with @conflict, or a negative errno.
 */
int sparse_layout_arrange(struct sparse_layout *layout,
			  const struct sparse_source *source,
			  struct sparse_conflict *conflict,
			  struct sparse_failure *failure);

#endif
