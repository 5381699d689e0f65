/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_INDEX_H
#define EROFS_SPARSE_INDEX_H

#include "erofs/internal.h"

/**
 * erofs_sparse_write_indexes() - write an inode's block map
 * @inode: of a file whose chunkindexes are a struct sparse_chunkmap
 * @vf: where the inode goes
 * @off: byte after its xattrs
 *
 * Return: 0 or a negative errno.
 */
int erofs_sparse_write_indexes(struct erofs_inode *inode,
			       struct erofs_vfile *vf, erofs_off_t off);

#endif
