// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#define _GNU_SOURCE
#include <errno.h>
#include <unistd.h>

#include "extent.h"

int sparse_extent_next(int fd, u64 block, u64 blocks,
		       struct sparse_extent *extent)
{
	off_t data, hole;

	if (block >= blocks)
		return 0;
	data = lseek(fd, block << SPARSE_BLOCK_BITS, SEEK_DATA);
	if (data < 0 && errno == ENXIO)
		return 0;
	if (data < 0 && (errno == EINVAL || errno == EOPNOTSUPP)) {
		extent->start = block;
		extent->end = blocks;
		return 1;
	}
	if (data < 0)
		return -errno;
	hole = lseek(fd, data, SEEK_HOLE);
	if (hole < 0) {
		/* the file shrank in between, which whoever reads it will see */
		if (errno != ENXIO)
			return -errno;
		hole = blocks << SPARSE_BLOCK_BITS;
	}
	extent->start = data >> SPARSE_BLOCK_BITS;
	extent->end = sparse_blocks(hole);
	if (extent->end > blocks)
		extent->end = blocks;
	return extent->start < blocks;
}
