/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_TREE_H
#define EROFS_SPARSE_TREE_H

#include "erofs/importer.h"
#include "output.h"

/**
 * struct sparse_file - a file whose data is to be packed, a regular one in the image
 * @inode: its inode in the image; i_srcpath is where the data comes from
 * @name: its name in the image, without the leading slash; a part of i_srcpath
 * @st: what it was when it was found
 */
struct sparse_file {
	struct erofs_inode *inode;
	const char *name;
	struct stat st;
};

/**
 * struct sparse_tree - the image's files, as found below the snapshots
 * @im: upstream's importer, whose root the snapshots go to
 * @out: the image, which must not be among them
 * @report: nor must the report, if there is one; or NULL
 * @failure: where failures are noted
 * @file: the regular files in the order in which their data goes to the image
 * @count: how many
 * @bytes: about how much data there is to read
 * @metadata: no less than what inodes and names take in the image
 */
struct sparse_tree {
	struct erofs_importer *im;
	const struct sparse_output *out;
	const struct sparse_output *report;
	struct sparse_failure *failure;
	struct sparse_file *file;
	size_t count;
	u64 bytes;
	u64 metadata;
	/* private: room in @file; what of a path is not a part of the image's */
	size_t room;
	size_t prefix;
};

/**
 * sparse_tree_add() - add snapshots to the image's root
 * @tree: with @im, @out, @report and @failure set
 * @paths: regular files, block devices, directories, or SPARSE_STDIN
 * @count: how many
 *
 * Each keeps the last part of its path as its name.  A directory that is alone
 * becomes the root itself.
 *
 * Return: 0 or a negative errno.
 */
int sparse_tree_add(struct sparse_tree *tree, char *const *paths, int count);

/** sparse_tree_exit() - release the list; the inodes are upstream's */
void sparse_tree_exit(struct sparse_tree *tree);

#endif
