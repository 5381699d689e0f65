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
/* can this file have holes that we know how to find? */
static inline bool erofs_may_have_holes(struct inode *inode)
{
	const unsigned int layout = EROFS_I(inode)->datalayout;

	return layout == EROFS_INODE_CHUNK_BASED ||
		(IS_ENABLED(CONFIG_EROFS_FS_ZEROPAGE_ZIP) &&
		 erofs_inode_is_data_compressed(layout));
}

int erofs_hole_run_at(struct inode *inode, pgoff_t index, pgoff_t *end, bool cached);
int erofs_hole_around(struct inode *inode, pgoff_t index, pgoff_t *first,
		      pgoff_t *end, bool cached);
int erofs_zip_hole_run(struct inode *inode, pgoff_t index, pgoff_t *end, bool cached);
int erofs_zip_hole_around(struct inode *inode, pgoff_t index, pgoff_t *first,
			  pgoff_t *end, bool cached);

/* erofs_hole_run_at() by who may wait */
static inline int erofs_hole_run(struct inode *inode, pgoff_t index, pgoff_t *end)
{
	return erofs_hole_run_at(inode, index, end, false);
}

#endif	/* __EROFS_HOLE_H */
