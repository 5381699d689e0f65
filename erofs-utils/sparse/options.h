/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_OPTIONS_H
#define EROFS_SPARSE_OPTIONS_H

#include <getopt.h>

/**
 * erofs_sparse_note_option() - remember an option if --sparse excludes it
 * @table: of upstream's long options
 * @option: from getopt_long()
 * @value: its argument, or NULL
 *
 * Options may come before --sparse, and there be right.
 */
void erofs_sparse_note_option(const struct option *table, int option,
			      const char *value);

/** sparse_options_excluded() - the first of them, as the user knows it; or NULL */
const char *sparse_options_excluded(void);

#endif
