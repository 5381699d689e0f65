// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a page of a file is, and how many around it are alike.
 *
 * Faults, reads, read-ahead and fadvise() ask this and nothing else.  The answer is a hole;
 * or data, which is in the page cache of the file or, with chunk_share, in that of its
 * device.  Below it index.c and resolve_zip.c find extents in metadata; those begin and end
 * at any byte, and a page is a hole only if all of it that lies within the file is.
 */
#include <linux/sched.h>
#include "chunkshare.h"
#include "extents.h"

static bool erofs_is_chunk_based(struct inode *inode)
{
	return !IS_ENABLED(CONFIG_EROFS_FS_ZEROPAGE_ZIP) ||
		EROFS_I(inode)->datalayout == EROFS_INODE_CHUNK_BASED;
}

/* find the extent of byte @pos; of those before @from and from @to on nothing matters */
static int erofs_extent_find(struct erofs_extents *ext, u64 pos, u64 from, u64 to)
{
	if (!ext->cached)
		cond_resched();
	if (erofs_is_chunk_based(ext->inode))
		return erofs_index_find(ext, pos, from, to);
	return erofs_zip_find(ext, pos);
}

/*
 * Move *@pos to the end of the hole that ends there or goes on, or to @to.  An error is of
 * the byte that it stands at then.
 */
static int erofs_hole_forward(struct erofs_extents *ext, u64 *pos, u64 to)
{
	int err = 0;

	*pos = ext->end;
	while (*pos < to && !ext->other_after) {
		err = erofs_extent_find(ext, *pos, *pos, to);
		if (err || ext->kind != EROFS_HOLE)
			break;
		*pos = ext->end;
	}
	return err;
}

/* lower *@pos, but not below @from, as long as what is before it is known as a hole */
static void erofs_hole_backward(struct erofs_extents *ext, u64 *pos, u64 from)
{
	while (*pos > from && !ext->other_before &&
	       !erofs_extent_find(ext, *pos - 1, from, *pos) && ext->kind == EROFS_HOLE)
		*pos = ext->start;
	*pos = max(*pos, from);
}

/*
 * The first page behind data, which ext->end is the end of, that is a hole or that nothing
 * is known of, as a byte; or @to.
 */
static u64 erofs_data_end(struct erofs_extents *ext, u64 to)
{
	const u64 size = i_size_read(ext->inode);

	while (ext->end < to) {
		const u64 page = round_up(ext->end, (u64)PAGE_SIZE);
		u64 pos = ext->end;
		int err;

		if (page >= to || ext->other_after)
			return page;
		err = erofs_extent_find(ext, pos, pos, to);
		if (err)
			return round_down(pos, (u64)PAGE_SIZE);
		if (ext->kind == EROFS_DATA)
			continue;
		/* is there a page that all of is in the hole? */
		err = erofs_hole_forward(ext, &pos, min_t(u64, page + PAGE_SIZE, size));
		if (err || pos >= min_t(u64, page + PAGE_SIZE, size))
			return page;
	}
	return to;
}

/* bytes that end with @pos as pages, the last of which may be cut off by the end of the file */
static pgoff_t erofs_end_page(u64 pos, u64 to)
{
	return pos < to ? pos >> PAGE_SHIFT : DIV_ROUND_UP_ULL(to, PAGE_SIZE);
}

static int erofs_resolve_in(struct erofs_extents *ext, pgoff_t index, struct erofs_run *run)
{
	struct inode *inode = ext->inode;
	const u64 size = i_size_read(inode), pos = (u64)index << PAGE_SHIFT;
	const u64 from = (u64)run->first << PAGE_SHIFT;
	u64 to = run->end > size >> PAGE_SHIFT ? size : (u64)run->end << PAGE_SHIFT;
	u64 start, end;
	int err;

	ext->data_to = to;
	if (run->most_data)
		ext->data_to = min_t(u64, to, pos + ((u64)run->most_data << PAGE_SHIFT));

	err = erofs_extent_find(ext, pos, from, to);
	if (err)
		return err;
	run->kind = ext->kind;
	if (ext->kind == EROFS_HOLE) {
		const bool other_before = ext->other_before;

		start = ext->start;
		err = erofs_hole_forward(ext, &end, to);
		if (end >= min_t(u64, pos + PAGE_SIZE, size)) {
			ext->other_before = other_before;
			erofs_hole_backward(ext, &start, from);
			run->first = DIV_ROUND_UP_ULL(start, PAGE_SIZE);
			run->end = erofs_end_page(end, to);
			return 0;
		}
		if (err)
			return err;
		/* a page that holds more than one chunk, or extent */
		run->kind = EROFS_DATA;
	}
	run->first = index;
	to = ext->data_to;
	if (ext->in_places) {
		run->end = erofs_end_page(ext->end, to);
		run->chunk.device_id = ext->device_id;
		run->chunk.pos = ext->pos + (pos - ext->start);
		return erofs_chunk_locate(inode, run);
	}
	run->end = max(erofs_end_page(erofs_data_end(ext, to), to), index + 1);
	run->chunk.cache = NULL;
	return 0;
}

/**
 * erofs_resolve - find what a page of a file is, and those around it
 * @inode: an inode that erofs_may_have_holes()
 * @index: the page, which must lie within the file
 * @cached: look no further than where the chunk index, or the extents, are in memory
 * @run: in: in @first and @end the pages that matter, @index among them; out: of these,
 *	those that are alike, as far as is known: for a hole to both sides, for data from
 *	@index on
 *
 * Context: may sleep; reads metadata, and waits for that, unless @cached.
 * Return: 0; -EAGAIN if @cached and nothing is known of the page; or another negative
 * error if what tells of it could not be read.
 */
int erofs_resolve(struct inode *inode, pgoff_t index, bool cached, struct erofs_run *run)
{
	struct erofs_extents ext;
	int err;

	ext.inode = inode;
	ext.cached = cached;
	ext.in_places = !run->anywhere && erofs_chunk_shared(inode);
	ext.other_before = false;
	ext.other_after = false;
	if (erofs_is_chunk_based(inode)) {
		err = erofs_index_init(&ext);
	} else {
		ext.map = (struct erofs_map_blocks) {};
		err = erofs_zip_init(&ext);
	}
	if (err)
		return err;
	err = erofs_resolve_in(&ext, index, run);
	erofs_put_metabuf(&ext.map.buf);
	return err;
}
