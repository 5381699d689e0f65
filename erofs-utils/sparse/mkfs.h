/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_MKFS_H
#define EROFS_SPARSE_MKFS_H

#include "erofs/importer.h"

/*
 * What upstream's mkfs/main.c and lib/inode.c call: "mkfs.erofs --sparse" in the
 * order of its steps.  They return 0 or a negative errno; upstream's way out then ends in
 * erofs_sparse_finish(), which prints what went wrong.
 */

struct erofs_sparse;

/* values of getopt_long() for the options that go with --sparse */
enum erofs_sparse_argument {
	EROFS_SPARSE_REPORT = 1025,
	EROFS_SPARSE_BASE,
	EROFS_SPARSE_DELTA,
	EROFS_SPARSE_FORMAT,
	EROFS_SPARSE_STREAM_SIZE,
	EROFS_SPARSE_MODE,
	EROFS_SPARSE_DRY_RUN,
};

/**
 * erofs_sparse_option() - --sparse was given, perhaps again
 * @sparse: the state, made if it is NULL
 * @alone: no option before it asked for another source
 */
int erofs_sparse_option(struct erofs_sparse **sparse, bool alone);

/**
 * erofs_sparse_argument() - an option that goes with --sparse was given
 * @sparse: the state, made if it is NULL
 * @option: which
 * @value: its argument, or NULL
 */
int erofs_sparse_argument(struct erofs_sparse **sparse,
			  enum erofs_sparse_argument option, const char *value);

/**
 * erofs_sparse_operands() - take the operands
 * @sparse: from erofs_sparse_option()
 * @alone: no option after it asks for another source, or for adding to an image
 * @count: how many operands, at least one
 * @operands: OUT and snapshots, or one snapshot whose name OUT is made of
 */
int erofs_sparse_operands(struct erofs_sparse *sparse, bool alone, int count,
			  char **operands);

/**
 * erofs_sparse_open() - check the snapshots, create the image
 * @sparse: with operands
 * @sbi: gets the image's descriptor, and the fingerprint's name
 * @xattrs: whether xattrs, and with them fingerprints, are wanted
 */
int erofs_sparse_open(struct erofs_sparse *sparse, struct erofs_sb_info *sbi,
		      bool xattrs);

/**
 * erofs_sparse_build() - make the inodes, and write their data
 * @sparse: open
 * @im: initialised, with an empty root
 */
int erofs_sparse_build(struct erofs_sparse *sparse, struct erofs_importer *im);

/**
 * erofs_sparse_finish() - give the image its name, or remove it
 * @sparse: in any state; released
 * @sbi: the image
 * @err: what went wrong, or 0
 *
 * Return: the exit status if that is 0.  After a failure it ends the process.
 */
int erofs_sparse_finish(struct erofs_sparse *sparse, struct erofs_sb_info *sbi,
			int err);

#endif
