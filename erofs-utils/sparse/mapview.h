/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_MAPVIEW_H
#define EROFS_SPARSE_MAPVIEW_H

#include "erofs/internal.h"

/* values of getopt_long() for the options of dump.erofs */
enum erofs_sparse_dump_argument {
	EROFS_SPARSE_MAP = 1024,
	EROFS_SPARSE_MAP_SVG,
};

/**
 * erofs_sparse_show_map() - print, and draw, what a file's map looks like
 * @sbi: an image that was opened
 * @nid: the file
 * @path: the file if it is not NULL
 * @svg: where to draw it, or NULL
 *
 * Return: 0, or the exit status after an error, which has been reported.
 */
int erofs_sparse_show_map(struct erofs_sb_info *sbi, erofs_nid_t nid,
			  const char *path, const char *svg);

#endif
