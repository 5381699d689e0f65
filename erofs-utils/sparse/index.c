// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#include <errno.h>

#include "chunkmap.h"
#include "index.h"

#define WORDS	16384

int erofs_sparse_write_indexes(struct erofs_inode *inode,
			       struct erofs_vfile *vf, erofs_off_t off)
{
	const struct sparse_chunkmap *map = inode->chunkindexes;
	unsigned int words = sparse_chunkmap_words(map);
	u32 entry[WORDS];
	u64 chunks = sparse_chunkmap_chunks(map);
	u64 first, count;
	size_t size;
	ssize_t ret;

	/* xattrs end at a multiple of 4 */
	off = roundup(off, words * sizeof(entry[0]));
	for (first = 0; first < chunks; first += count) {
		count = chunks - first;
		if (count > WORDS / words)
			count = WORDS / words;
		size = count * words * sizeof(entry[0]);
		sparse_chunkmap_export(map, first, count, entry);
		ret = erofs_io_pwrite(vf, entry, off, size);
		if (ret < 0)
			return ret;
		if ((size_t)ret != size)
			return -EIO;
		off += ret;
	}
	return 0;
}
