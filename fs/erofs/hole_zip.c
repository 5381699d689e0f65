// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finding the holes of compressed files.
 *
 * A compressed file is a row of extents, each of which a pcluster holds; one whose
 * pcluster has no length is a hole.  What reads the extents is upstream's, and it
 * gives one a call.
 *
 * Extents begin and end at any byte.  A page is a hole only if all of it that lies
 * within the file is.
 */
#include <linux/overflow.h>
#include <linux/sched.h>
#include "hole.h"

struct erofs_extents {
	struct inode *inode;
	struct erofs_map_blocks map;	/* the extent that was found last ... */
	u64 end;			/* ... and its end, bytes */
	bool missing;			/* an extent is not in memory, see erofs_hole_run_at() */
};

/* the first use of a file reads more than its extents: not if @cached */
static int erofs_extents_init(struct erofs_extents *ext, struct inode *inode, bool cached)
{
	*ext = (struct erofs_extents) { .inode = inode };
	ext->map.buf.cached = cached;
	if (cached && !test_bit(EROFS_I_Z_INITED_BIT, &EROFS_I(inode)->flags))
		return -EAGAIN;
	return 0;
}

/* find the extent of @pos; returns 1 for a hole, 0 for data, or an error */
static int erofs_extent_find(struct erofs_extents *ext, u64 pos)
{
	struct erofs_map_blocks *map = &ext->map;
	int err;

	map->m_la = pos;
	err = z_erofs_map_blocks_iter(ext->inode, map, EROFS_GET_BLOCKS_FIEMAP);
	ext->missing = err == -EAGAIN && map->buf.cached;
	if (err)
		return err;
	if (check_add_overflow(map->m_la, map->m_llen, &ext->end) ||
	    map->m_la > pos || ext->end <= pos)
		return -EFSCORRUPTED;
	return !(map->m_flags & (EROFS_MAP_MAPPED | EROFS_MAP_FRAGMENT));
}

/*
 * Move *@pos up to the first byte below @end that is not like @hole, or to @end, or to
 * the first that nothing is known of.
 */
static int erofs_extents_forward(struct erofs_extents *ext, u64 *pos, u64 end,
				 bool hole)
{
	while (*pos < end) {
		int ret = erofs_extent_find(ext, *pos);

		if (ext->missing)
			break;
		if (ret < 0)
			return ret;
		if (ret != hole)
			break;
		*pos = min(ext->end, end);
		cond_resched();
	}
	return 0;
}

/* lower *@pos, but not below @first, as long as the byte before it is known as a hole's */
static int erofs_extents_backward(struct erofs_extents *ext, u64 *pos, u64 first)
{
	while (*pos > first) {
		int ret = erofs_extent_find(ext, *pos - 1);

		if (ext->missing)
			break;
		if (ret <= 0)
			return ret;
		*pos = max(ext->map.m_la, first);
	}
	return 0;
}

/* the end of page @end, or of the file */
static u64 erofs_extents_end(struct erofs_extents *ext, pgoff_t end)
{
	return min_t(u64, i_size_read(ext->inode), (u64)end << PAGE_SHIFT);
}

/* as erofs_hole_end() of chunk-based files */
static int erofs_extents_hole_end(struct erofs_extents *ext, pgoff_t index,
				  pgoff_t *end)
{
	const u64 last = erofs_extents_end(ext, *end);
	u64 pos = (u64)index << PAGE_SHIFT;
	int err = erofs_extents_forward(ext, &pos, last, true);

	if (!err && pos < last)
		*end = pos >> PAGE_SHIFT;
	return err;
}

/* set *@end to the first page from @index on that is a hole; *@end never grows */
static int erofs_extents_data_end(struct erofs_extents *ext, pgoff_t index,
				  pgoff_t *end)
{
	const u64 last = erofs_extents_end(ext, *end);
	u64 pos = (u64)index << PAGE_SHIFT;

	while (pos < last) {
		int err = erofs_extents_forward(ext, &pos, last, false);
		pgoff_t hole_end;

		if (err || pos == last)
			return err;
		/* this byte is of a hole, but is there a page that all of is? */
		index = DIV_ROUND_UP_ULL(pos, PAGE_SIZE);
		if (index >= *end)
			break;
		hole_end = index + 1;
		err = erofs_extents_hole_end(ext, index, &hole_end);
		if (err)
			return err;
		if (hole_end > index || ext->missing) {
			*end = index;
			break;
		}
		err = erofs_extents_forward(ext, &pos, last, true);
		if (err)
			return err;
	}
	return 0;
}

/**
 * erofs_zip_hole_run - erofs_hole_run_at() of compressed files
 * @inode: a compressed inode
 * @index: the page to start from, which must lie within the file
 * @end: in: the page after the last that matters; out: that after the run
 * @cached: look no further than where the extents are in memory
 *
 * Context: may sleep; reads metadata, and waits for that, unless @cached.
 * Return: as erofs_hole_run_at().
 */
int erofs_zip_hole_run(struct inode *inode, pgoff_t index, pgoff_t *end, bool cached)
{
	pgoff_t hole_end = *end;
	struct erofs_extents ext;
	int ret = erofs_extents_init(&ext, inode, cached);

	if (ret)
		return ret;
	ret = erofs_extents_hole_end(&ext, index, &hole_end);
	if (!ret && hole_end > index) {
		*end = hole_end;
		ret = 1;
	} else if (ext.missing) {
		ret = -EAGAIN;
	} else if (!ret) {
		ret = erofs_extents_data_end(&ext, index + 1, end);
	}
	erofs_put_metabuf(&ext.map.buf);
	return ret;
}

/**
 * erofs_zip_hole_around - erofs_hole_around() of compressed files
 * @inode: a compressed inode
 * @index: the page, which must lie within the file
 * @first: in: the first page that matters; out: the first of the hole
 * @end: in: the page after the last that matters; out: that after the hole
 * @cached: look no further than where the extents are in memory
 *
 * Context: may sleep; reads metadata, and waits for that, unless @cached.
 * Return: as erofs_hole_around().
 */
int erofs_zip_hole_around(struct inode *inode, pgoff_t index, pgoff_t *first,
			  pgoff_t *end, bool cached)
{
	u64 pos = (u64)index << PAGE_SHIFT;
	struct erofs_extents ext;
	int err = erofs_extents_init(&ext, inode, cached);

	if (err)
		return err;
	err = erofs_extents_hole_end(&ext, index, end);
	if (ext.missing && *end == index) {
		err = -EAGAIN;
	} else if (!err && *end > index) {
		err = erofs_extents_backward(&ext, &pos, (u64)*first << PAGE_SHIFT);
		*first = DIV_ROUND_UP_ULL(pos, PAGE_SIZE);
	}
	erofs_put_metabuf(&ext.map.buf);
	return err ? err : *end > index;
}
