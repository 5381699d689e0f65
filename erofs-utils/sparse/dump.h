/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_DUMP_H
#define EROFS_SPARSE_DUMP_H

#include "erofs/internal.h"

/* value of getopt_long() for the option of dump.erofs */
#define EROFS_SPARSE_MAP	1024

/**
 * erofs_sparse_show_map() - print a file's map as JSON
 * @sbi: an image that was opened
 * @nid: the file
 * @path: the file if it is not NULL
 *
 * Nothing of the map is kept, be it as large as it may.
 *
 * Return: 0, or the exit status after an error, which has been reported.
 */
int erofs_sparse_show_map(struct erofs_sb_info *sbi, erofs_nid_t nid,
			  const char *path);

#endif
