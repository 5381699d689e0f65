/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_TYPES_H
#define EROFS_SPARSE_TYPES_H

#include "erofs/defs.h"

/*
 * Everything here works in units of this size: it is the block of the image, the
 * chunk of a file and the block of fs-verity all at once.
 */
#define SPARSE_BLOCK_BITS	12
#define SPARSE_BLOCK_SIZE	4096U

/**
 * sparse_blocks() - how many blocks hold so many bytes
 * @bytes: any number up to 2^63
 */
static inline u64 sparse_blocks(u64 bytes)
{
	return (bytes >> SPARSE_BLOCK_BITS) +
		!!(bytes & (SPARSE_BLOCK_SIZE - 1));
}

#endif
