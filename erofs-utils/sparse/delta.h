/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_DELTA_H
#define EROFS_SPARSE_DELTA_H

#include "base.h"

/**
 * sparse_delta_map() - where the blocks of a base's file are
 * @bases: read; the last one has the file
 * @space: of the addresses that the bases have got
 * @path: the file's, without a leading slash
 * @size: the file's, in bytes
 * @map: set to addresses in @space; its chunks are single blocks
 *
 * The file may have chunks on devices of the base: those are bases, too.
 */
int sparse_delta_map(const struct sparse_bases *bases,
		     const struct sparse_space *space, const char *path,
		     u64 size, struct sparse_chunkmap **map,
		     struct sparse_failure *failure);

#endif
