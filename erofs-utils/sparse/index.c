// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#include <errno.h>

#include "erofs/internal.h"
#include "chunkmap.h"
#include "sparse.h"

#define ENTRIES	16384

int erofs_sparse_write_indexes(struct erofs_inode *inode,
			       struct erofs_vfile *vf, erofs_off_t off)
{
	const struct sparse_chunkmap *map = inode->chunkindexes;
	u32 entry[ENTRIES];
	u64 chunks = sparse_chunkmap_chunks(map);
	u64 first, count;
	ssize_t ret;

	/* xattrs end at a multiple of an entry's size: no padding is needed */
	for (first = 0; first < chunks; first += count) {
		count = chunks - first;
		if (count > ENTRIES)
			count = ENTRIES;
		sparse_chunkmap_export(map, first, count, entry);
		ret = erofs_io_pwrite(vf, entry, off, count * sizeof(entry[0]));
		if (ret < 0)
			return ret;
		if ((u64)ret != count * sizeof(entry[0]))
			return -EIO;
		off += ret;
	}
	return inode->extent_isize;
}
