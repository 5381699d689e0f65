/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_TYPES_H
#define EROFS_SPARSE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint32_t u32;
typedef uint64_t u64;

/*
 * Everything here works in units of this size: it is the block of the image, the
 * chunk of a file and the block of fs-verity all at once.
 */
#define SPARSE_BLOCK_BITS	12
#define SPARSE_BLOCK_SIZE	(1U << SPARSE_BLOCK_BITS)

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
