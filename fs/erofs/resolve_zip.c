// SPDX-License-Identifier: GPL-2.0-only
/*
 * The extents of compressed files.
 *
 * A compressed file is a row of extents, each of which a pcluster holds; one whose
 * pcluster has no length is a hole.  What reads the extents is upstream's, and it
 * gives one a call.
 */
#include <linux/overflow.h>
#include "extents.h"

/**
 * erofs_zip_init - begin to look at the extents of a compressed file
 * @ext: zeroed but for the inode, and whether metadata may be read
 *
 * Return: 0, or -EAGAIN if nothing may be read and something would have to be.
 */
int erofs_zip_init(struct erofs_extents *ext)
{
	ext->map.buf.cached = ext->cached;
	/* the first use of a file reads more than its extents */
	if (ext->cached && !test_bit(EROFS_I_Z_INITED_BIT, &EROFS_I(ext->inode)->flags))
		return -EAGAIN;
	return 0;
}

/**
 * erofs_zip_find - find an extent of a compressed file
 * @ext: after erofs_zip_init()
 * @pos: a byte of the file
 *
 * Return: 0, with the extent of @pos in @ext, or a negative error.
 */
int erofs_zip_find(struct erofs_extents *ext, u64 pos)
{
	struct erofs_map_blocks *map = &ext->map;
	int err;

	map->m_la = pos;
	err = z_erofs_map_blocks_iter(ext->inode, map, EROFS_GET_BLOCKS_FIEMAP);
	if (err)
		return err;
	if (check_add_overflow(map->m_la, map->m_llen, &ext->end) ||
	    map->m_la > pos || ext->end <= pos)
		return -EFSCORRUPTED;
	ext->start = map->m_la;
	ext->kind = map->m_flags & (EROFS_MAP_MAPPED | EROFS_MAP_FRAGMENT) ? EROFS_DATA :
		    EROFS_HOLE;
	return 0;
}
