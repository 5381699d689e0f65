/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_MAPSTAT_H
#define EROFS_SPARSE_MAPSTAT_H

#include "types.h"

/* an extent's class is log2 of its size in blocks, rounded down */
#define SPARSE_MAPSTAT_CLASSES	53

/* cells of the picture */
#define SPARSE_MAPSTAT_COLUMNS	64
#define SPARSE_MAPSTAT_ROWS	32
#define SPARSE_MAPSTAT_CELLS	(SPARSE_MAPSTAT_COLUMNS * SPARSE_MAPSTAT_ROWS)

/**
 * struct sparse_extents - extents of one kind
 * @count: how many
 * @bytes: their sizes added up
 * @classes: how many there are of each class
 */
struct sparse_extents {
	u64 count;
	u64 bytes;
	u64 classes[SPARSE_MAPSTAT_CLASSES];
};

/**
 * struct sparse_mapstat - what a file's map looks like
 * @cell: bytes of the file in a cell
 * @data: bytes of data in each cell
 * @of: extents of data, and, at 1, of holes
 */
struct sparse_mapstat {
	u64 cell;
	u64 data[SPARSE_MAPSTAT_CELLS];
	struct sparse_extents of[2];
	/* private: the extent that is not complete, and where the next one starts */
	bool hole;
	u64 length;
	u64 pos;
};

/**
 * sparse_mapstat_init() - start with a file
 * @stat: filled in
 * @size: the file's size in bytes
 */
void sparse_mapstat_init(struct sparse_mapstat *stat, u64 size);

/**
 * sparse_mapstat_add() - add the next piece of the file
 * @stat: initialised
 * @length: its bytes
 * @hole: what it is
 * @follows: data that goes on in the image where the piece before it ended
 */
void sparse_mapstat_add(struct sparse_mapstat *stat, u64 length, bool hole,
			bool follows);

/** sparse_mapstat_end() - complete the last extent */
void sparse_mapstat_end(struct sparse_mapstat *stat);

#endif
