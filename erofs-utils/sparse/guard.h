/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_GUARD_H
#define EROFS_SPARSE_GUARD_H

#include "erofs/importer.h"

/*
 * What upstream's lib/xattr.c and mkfs/main.c call, with or without --sparse, so
 * that no source says what a fingerprint is: files of equal fingerprints share
 * their page cache, and a tarball is delivered by anybody.
 */

/* what i_xattr_icount of an inode can say: a header and units of 4 bytes */
#define EROFS_GUARD_BODY_MAX	(sizeof(struct erofs_xattr_ibody_header) + \
				 4 * (UINT16_MAX - 1))

/**
 * erofs_guard_drop() - leave out an xattr that the image declares as fingerprint
 * @name: the xattr's, as its source has it
 * @path: the file's for the message; NULL to say nothing
 *
 * Return: whether it is to be left out.
 */
bool erofs_guard_drop(const char *name, const char *path);

/** erofs_guard_drop_of() - the same, of an inode, which may not have a path yet */
bool erofs_guard_drop_of(const struct erofs_inode *inode, const char *name);

/**
 * erofs_guard_item() - refuse an xattr that an entry of the image cannot say
 * @name: the xattr's
 * @infix_len: bytes of it that the entry is to hold
 * @value_size: bytes of its value
 *
 * An entry has 8 bits for the one and 16 for the other.  What is too long would be
 * read as another name, and the rest of a value as entries of their own.
 *
 * Return: 0, or -EINVAL, which has been reported.
 */
int erofs_guard_item(const char *name, unsigned int infix_len,
		     unsigned int value_size);

/**
 * erofs_guard_body() - refuse more xattrs than an inode of the image can say it has
 * @inode: theirs
 * @size: bytes that they take
 *
 * What follows them, a file's data or its index, would be looked for among them.
 *
 * Return: 0, or -EINVAL, which has been reported.
 */
int erofs_guard_body(const struct erofs_inode *inode, unsigned int size);

/**
 * erofs_guard_load_fs() - erofs_mkfs_load_fs(), and that what is there keeps its meaning
 * @sbi: the image that is to be added to, with the command line's options applied
 * @dsunit: for erofs_mkfs_load_fs()
 * @params: what the command line asks for
 *
 * Upstream writes the table of long name prefixes anew from the options, though the
 * entries of all inodes that are there go by it.  Here the options may only add to
 * it, and not declare fingerprints in an image that does not: its files may have any
 * xattrs of that name.  Fragments that are there are not to be replaced by others:
 * the files that they are a part of would get other content.
 *
 * Return: 0 or a negative errno, which has been reported.
 */
int erofs_guard_load_fs(struct erofs_sb_info *sbi, unsigned int dsunit,
			const struct erofs_importer_params *params);

#endif
