/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __EROFS_HOLE_H
#define __EROFS_HOLE_H

#include "internal.h"

int erofs_hole_run(struct inode *inode, pgoff_t index, pgoff_t *end);
int erofs_hole_around(struct inode *inode, pgoff_t index, pgoff_t *first,
		      pgoff_t *end);

#endif	/* __EROFS_HOLE_H */
