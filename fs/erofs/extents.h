/* SPDX-License-Identifier: GPL-2.0-only */
/* Between resolve.c and what looks at metadata for it, index.c and resolve_zip.c. */
#ifndef __EROFS_EXTENTS_H
#define __EROFS_EXTENTS_H

#include "resolve.h"

/* the extents of a file, of which one is found at a time */
struct erofs_extents {
	struct inode *inode;
	bool cached;		/* nothing is read: -EAGAIN for what is not in memory */
	bool in_places;		/* data that is not stored in a row is not one extent */
	u64 data_to;		/* byte from which on data does not matter */
	struct erofs_map_blocks map;	/* index.c has its buffer, of this page of the cache */
	pgoff_t buf_index;
	/* what was found: bytes that are alike, as far as the page of metadata tells */
	enum erofs_kind kind;
	u64 start, end;
	bool other_before, other_after;	/* known to be of the other kind, whole pages of it */
	unsigned int device_id;	/* of data of a chunk-based file ... */
	u64 pos;		/* ... the byte of the device that @start is at */
};

int erofs_index_init(struct erofs_extents *ext);
int erofs_index_find(struct erofs_extents *ext, u64 pos, u64 from, u64 to);
int erofs_zip_init(struct erofs_extents *ext);
int erofs_zip_find(struct erofs_extents *ext, u64 pos);

#endif	/* __EROFS_EXTENTS_H */
