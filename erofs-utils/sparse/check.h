/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_CHECK_H
#define EROFS_SPARSE_CHECK_H

#include "erofs/internal.h"

/*
 * What upstream's fsck/main.c calls for --xattr-inode-digest: it computes the SHA-256 of
 * a whole file, and the digests that --sparse writes are fs-verity's.
 */

/**
 * erofs_sparse_check_digest() - compare a file with its fs-verity digest
 * @inode: of a regular file
 * @name: of the xattr that has the digest
 *
 * All processors take part.
 *
 * Return: 0 if it is right, 1 if it has no digest of this kind, or a negative errno, which
 * has been reported: -EFSCORRUPTED if the digest is another one.
 */
int erofs_sparse_check_digest(struct erofs_inode *inode, const char *name);

/**
 * erofs_sparse_check_bases() - say which devices are not what their slots' tags say
 * @sbi: an image with files whose digests were found to be wrong
 */
void erofs_sparse_check_bases(struct erofs_sb_info *sbi);

#endif
