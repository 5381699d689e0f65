/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __EROFS_HOLE_H
#define __EROFS_HOLE_H

#include "internal.h"

/* pages that are stored in a row */
struct erofs_chunk_place {
	pgoff_t nr;
	unsigned int device_id;
	u64 block;		/* of the device */
};

int erofs_chunk_place(struct inode *inode, pgoff_t index, bool cached,
		      struct erofs_chunk_place *place);
int erofs_hole_run(struct inode *inode, pgoff_t index, pgoff_t *end);
int erofs_hole_around(struct inode *inode, pgoff_t index, pgoff_t *first,
		      pgoff_t *end);

#endif	/* __EROFS_HOLE_H */
