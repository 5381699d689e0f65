// SPDX-License-Identifier: GPL-2.0-only
/*
 * The extents of chunk-based files.
 *
 * A chunk-based inode is followed by one entry for each chunk: a 4-byte block
 * address (block map) or an 8-byte struct erofs_inode_chunk_index.  A chunk whose
 * block address is EROFS_NULL_ADDR is a hole.  erofs_map_blocks() answers for one
 * chunk a call; here a run of entries is compared in place in the metadata page
 * that holds them.
 */
#include <linux/pagemap.h>
#include <linux/string.h>
#include "compat.h"
#include "extents.h"

/* pages of a chunk index that are read at a time, a power of two */
#define EROFS_INDEX_PART	32

static_assert((u32)EROFS_NULL_ADDR == U32_MAX);

/* bytes of an entry */
static unsigned int erofs_index_unit(struct inode *inode)
{
	return EROFS_I(inode)->chunkformat & EROFS_CHUNK_FORMAT_INDEXES ?
		sizeof(struct erofs_inode_chunk_index) : EROFS_BLOCK_MAP_ENTRY_SIZE;
}

/* where the entry of a chunk is on the metadata device, bytes */
static erofs_off_t erofs_index_pos(struct inode *inode, u64 chunk)
{
	struct erofs_inode *vi = EROFS_I(inode);
	const unsigned int unit = erofs_index_unit(inode);

	/* entries are aligned to their size: none crosses a page */
	return ALIGN(erofs_iloc(inode) + vi->inode_isize + vi->xattr_isize, unit) + chunk * unit;
}

/*
 * Metadata is read page by page by those who need one inode of it, but who looks
 * at one page of a chunk index tends to come back for the next: a part is read at a
 * time, and who gets to the second half of it finds the next part on its way.
 */
static void erofs_index_readahead(struct erofs_extents *ext, erofs_off_t pos)
{
	const u64 chunks = (i_size_read(ext->inode) - 1) >> EROFS_I(ext->inode)->chunkbits;
	const pgoff_t last = erofs_index_pos(ext->inode, chunks) >> PAGE_SHIFT;
	struct erofs_buf *buf = &ext->map.buf;
	pgoff_t index = pos >> PAGE_SHIFT;

	if (erofs_inode_meta_cached(buf, pos)) {
		if (index % (EROFS_INDEX_PART / 2))
			return;
		index += EROFS_INDEX_PART / 2;
		pos = (erofs_off_t)index << PAGE_SHIFT;
		if (index > last || erofs_inode_meta_cached(buf, pos))
			return;
	}
	/* the last page is read by who needs it */
	if (index < last)
		erofs_inode_meta_readahead(buf, pos,
					   min_t(pgoff_t, last - index + 1, EROFS_INDEX_PART));
}

static void *erofs_index_entry(struct erofs_extents *ext, erofs_off_t pos)
{
	struct erofs_buf *buf = &ext->map.buf;
	const pgoff_t index = erofs_buf_pos(buf, pos) >> PAGE_SHIFT;
	void *entry;
	bool missing;

	if (buf->page && ext->buf_index == index)
		return erofs_inode_meta(buf, pos);
	erofs_put_metabuf(buf);
	ext->buf_index = index;
	entry = erofs_inode_meta_cached_at(buf, pos);
	if (ext->cached)
		return entry;
	missing = PTR_ERR_OR_ZERO(entry) == -EAGAIN;
	if (missing || (pos >> PAGE_SHIFT) % (EROFS_INDEX_PART / 2) == 0)
		erofs_index_readahead(ext, pos);
	if (!missing)
		return entry;
	/* what gets the page could not be killed while it waits */
	if (erofs_wait_killable(buf->mapping, index))
		return ERR_PTR(-EINTR);
	return erofs_inode_meta(buf, pos);
}

static bool erofs_entry_is_hole(struct inode *inode, unsigned int unit, const void *entry)
{
	if (unit == EROFS_BLOCK_MAP_ENTRY_SIZE)
		return *(const __le32 *)entry == cpu_to_le32(EROFS_NULL_ADDR);
	return erofs_index_is_hole(inode, entry);
}

/* how many of the @nr entries from @entry on, which is a hole, are */
static unsigned int erofs_holes_after(struct inode *inode, unsigned int unit,
				      const void *entry, unsigned int nr)
{
	const u64 *hole = entry;
	unsigned int i;

	if (unit == EROFS_BLOCK_MAP_ENTRY_SIZE) {
		/* it is one, whatever it has become since it was looked at */
		const void *data = memchr_inv(entry + unit, 0xff, (nr - 1) * unit);

		return data ? (data - entry) / unit : nr;
	}
	/* most are equal in all that they have */
	for (i = 1; i < nr; ++i)
		if (hole[i] != *hole && !erofs_index_is_hole(inode, entry + i * unit))
			break;
	return i;
}

/* how many of the @nr entries before @entry are holes */
static unsigned int erofs_holes_before(struct inode *inode, unsigned int unit,
				       const void *entry, unsigned int nr)
{
	unsigned int i;

	if (nr && unit == EROFS_BLOCK_MAP_ENTRY_SIZE && !memchr_inv(entry - nr * unit, 0xff,
								    nr * unit))
		return nr;
	for (i = 0; i < nr; ++i)
		if (!erofs_entry_is_hole(inode, unit, entry - (i + 1) * unit))
			break;
	return i;
}

/* how many of the @nr entries from @entry on, which is none, are no holes */
static unsigned int erofs_data_after(struct inode *inode, unsigned int unit,
				     const void *entry, unsigned int nr)
{
	unsigned int i;

	for (i = 1; i < nr; ++i)
		if (erofs_entry_is_hole(inode, unit, entry + i * unit))
			break;
	return i;
}

/* where the chunk of an entry is that is not a hole */
static u64 erofs_entry_block(struct inode *inode, unsigned int unit, const void *entry,
			     unsigned int *device_id)
{
	*device_id = 0;
	if (unit == EROFS_BLOCK_MAP_ENTRY_SIZE)
		return le32_to_cpu(*(const __le32 *)entry);
	return erofs_index_place(inode, entry, device_id);
}

/* as erofs_data_after(), but of chunks stored in a row */
static unsigned int erofs_stored_after(struct erofs_extents *ext, unsigned int unit,
				       const void *entry, unsigned int nr)
{
	struct inode *inode = ext->inode;
	const unsigned int blocks = 1U << (EROFS_I(inode)->chunkbits - inode->i_blkbits);
	u64 block = erofs_entry_block(inode, unit, entry, &ext->device_id);
	unsigned int i, id;

	ext->pos = block << inode->i_blkbits;
	for (i = 1; i < nr; ++i) {
		entry += unit;
		block += blocks;
		if (erofs_entry_block(inode, unit, entry, &id) != block || id != ext->device_id ||
		    erofs_entry_is_hole(inode, unit, entry))
			break;
	}
	return i;
}

/**
 * erofs_index_init - begin to look at the extents of a chunk-based file
 * @ext: its inode, whether metadata may be read, and whether data is in_places
 *
 * Return: 0 or a negative error.
 */
int erofs_index_init(struct erofs_extents *ext)
{
	ext->map.buf = __EROFS_BUF_INITIALIZER;
	return erofs_inode_metabuf(&ext->map.buf, ext->inode);
}

/**
 * erofs_index_find - find an extent of a chunk-based file
 * @ext: after erofs_index_init()
 * @pos: a byte of the file
 * @from: the first byte that matters
 * @to: the byte after the last that matters
 *
 * Return: 0, with the extent of @pos in @ext, or a negative error.
 */
int erofs_index_find(struct erofs_extents *ext, u64 pos, u64 from, u64 to)
{
	struct inode *inode = ext->inode;
	const unsigned int unit = erofs_index_unit(inode), bits = EROFS_I(inode)->chunkbits;
	const u64 chunk = pos >> bits;
	erofs_off_t at = erofs_index_pos(inode, chunk), end;
	unsigned int before, after, nr_before = 0, nr;
	void *entry;

	entry = erofs_index_entry(ext, at);
	if (IS_ERR(entry))
		return PTR_ERR(entry);
	/* those of this page, and before the end of the device, which may have become smaller */
	at = erofs_buf_pos(&ext->map.buf, at);
	end = min_t(erofs_off_t, i_size_read(ext->map.buf.mapping->host),
		    round_up(at + 1, (erofs_off_t)PAGE_SIZE));
	if (end < at + unit)
		return -EIO;
	after = min_t(u64, ((to - 1) >> bits) + 1 - chunk, (end - at) / unit);
	before = min_t(u64, chunk - (from >> bits), offset_in_page(at) / unit);

	if (erofs_entry_is_hole(inode, unit, entry)) {
		ext->kind = EROFS_HOLE;
		nr = erofs_holes_after(inode, unit, entry, after);
		nr_before = erofs_holes_before(inode, unit, entry, before);
	} else {
		ext->kind = EROFS_DATA;
		after = min_t(u64, after, ((max(ext->data_to, pos + 1) - 1) >> bits) + 1 - chunk);
		nr = ext->in_places ? erofs_stored_after(ext, unit, entry, after) :
		     erofs_data_after(inode, unit, entry, after);
	}
	ext->start = (chunk - nr_before) << bits;
	ext->end = (chunk + nr) << bits;
	ext->other_before = bits >= PAGE_SHIFT && nr_before < before;
	ext->other_after = bits >= PAGE_SHIFT && nr < after;
	return 0;
}
