// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finding the holes of chunk-based files; those of compressed ones are found in
 * hole_zip.c.
 *
 * A chunk-based inode is followed by one entry for each chunk: a 4-byte block
 * address (block map) or an 8-byte struct erofs_inode_chunk_index.  A chunk whose
 * block address is EROFS_NULL_ADDR is a hole.  erofs_map_blocks() answers for one
 * chunk a call; here a run of entries is compared in place in the metadata page
 * that holds them.
 *
 * A page is a hole only if all chunks that it overlaps within the file are: with
 * blocks smaller than a page a chunk may be smaller, too.
 */
#include <linux/pagemap.h>
#include <linux/string.h>
#include "compat.h"
#include "hole.h"

/* pages of a chunk index that are read at a time, a power of two */
#define EROFS_INDEX_PART	32

static_assert((u32)EROFS_NULL_ADDR == U32_MAX);

/* the entries of an inode's chunk index */
struct erofs_chunk_index {
	struct inode *inode;
	struct erofs_buf buf;
	erofs_off_t pos;	/* of the entry of chunk 0 on the metadata device, bytes */
	u64 nr;			/* entries, one a chunk */
	pgoff_t page;		/* of the page cache that @buf is of, if it holds any */
	unsigned int unit;	/* bytes an entry */
	unsigned int bits;	/* chunk size, log2 bytes */
	bool cached;		/* no entries but those in memory are looked at */
};

static int erofs_chunk_index_init(struct erofs_chunk_index *ci,
				  struct inode *inode, bool cached)
{
	struct erofs_inode *vi = EROFS_I(inode);

	ci->inode = inode;
	ci->cached = cached;
	ci->buf = __EROFS_BUF_INITIALIZER;
	ci->unit = vi->chunkformat & EROFS_CHUNK_FORMAT_INDEXES ?
		sizeof(struct erofs_inode_chunk_index) :
		EROFS_BLOCK_MAP_ENTRY_SIZE;
	/* entries are aligned to their size: none crosses a page */
	ci->pos = ALIGN(erofs_iloc(inode) + vi->inode_isize + vi->xattr_isize,
			ci->unit);
	ci->bits = vi->chunkbits;
	ci->nr = round_up((u64)i_size_read(inode), 1ULL << ci->bits) >> ci->bits;
	return erofs_inode_metabuf(&ci->buf, inode);
}

/* the chunk that the first byte of a page lies in */
static u64 erofs_chunk_of_page(struct erofs_chunk_index *ci, pgoff_t index)
{
	return ((u64)index << PAGE_SHIFT) >> ci->bits;
}

/* the first chunk that begins at or after the start of a page, or the last's next */
static u64 erofs_chunk_from_page(struct erofs_chunk_index *ci, pgoff_t index)
{
	return min(round_up((u64)index << PAGE_SHIFT, 1ULL << ci->bits) >> ci->bits,
		   ci->nr);
}

/* the first page that begins at or after the start of a chunk */
static u64 erofs_page_from_chunk(struct erofs_chunk_index *ci, u64 chunk)
{
	return round_up(chunk << ci->bits, (u64)PAGE_SIZE) >> PAGE_SHIFT;
}

/*
 * Metadata is read page by page by those who need one inode of it, but who looks
 * at one page of a chunk index tends to come back for the next: a part is read at a
 * time, and who gets to the second half of it finds the next part on its way.
 */
static void erofs_chunk_index_readahead(struct erofs_chunk_index *ci,
					erofs_off_t pos)
{
	const pgoff_t last = (ci->pos + (ci->nr - 1) * ci->unit) >> PAGE_SHIFT;
	pgoff_t index = pos >> PAGE_SHIFT;

	if (erofs_inode_meta_cached(&ci->buf, pos)) {
		if (index % (EROFS_INDEX_PART / 2))
			return;
		index += EROFS_INDEX_PART / 2;
		pos = (erofs_off_t)index << PAGE_SHIFT;
		if (index > last || erofs_inode_meta_cached(&ci->buf, pos))
			return;
	}
	/* the last page is read by who needs it */
	if (index < last)
		erofs_inode_meta_readahead(&ci->buf, pos,
					   min_t(pgoff_t, last - index + 1, EROFS_INDEX_PART));
}

static void *erofs_chunk_entry_at(struct erofs_chunk_index *ci, erofs_off_t pos)
{
	const pgoff_t index = erofs_buf_pos(&ci->buf, pos) >> PAGE_SHIFT;

	if (!ci->buf.page || ci->page != index) {
		ci->page = index;
		if (ci->cached) {
			erofs_put_metabuf(&ci->buf);
			return erofs_inode_meta_cached_at(&ci->buf, pos);
		}
		/* a run is often asked for that ends in the next page of the index */
		erofs_chunk_index_readahead(ci, pos);
		/* what gets the page could not be killed while it waits */
		if (erofs_wait_killable(ci->buf.mapping, index)) {
			erofs_put_metabuf(&ci->buf);
			return ERR_PTR(-EINTR);
		}
	}
	return erofs_inode_meta(&ci->buf, pos);
}

/*
 * The entry of a chunk.  *@nr is lowered to how many there are from it on, in its page
 * and before the end of the device, which may have become smaller.
 */
static void *erofs_chunk_entry(struct erofs_chunk_index *ci, u64 chunk, u64 *nr)
{
	erofs_off_t pos = ci->pos + chunk * ci->unit;
	void *entry = erofs_chunk_entry_at(ci, pos);
	erofs_off_t end;

	if (IS_ERR(entry))
		return entry;
	pos = erofs_buf_pos(&ci->buf, pos);
	end = min_t(erofs_off_t, i_size_read(ci->buf.mapping->host),
		    round_up(pos + 1, (erofs_off_t)PAGE_SIZE));
	if (end < pos + ci->unit) {
		erofs_put_metabuf(&ci->buf);
		return ERR_PTR(-EIO);
	}
	*nr = min_t(u64, *nr, (end - pos) / ci->unit);
	return entry;
}

static bool erofs_entry_is_hole(struct erofs_chunk_index *ci, const void *entry)
{
	if (ci->unit == EROFS_BLOCK_MAP_ENTRY_SIZE)
		return *(const __le32 *)entry == cpu_to_le32(EROFS_NULL_ADDR);
	return erofs_index_is_hole(ci->inode, entry);
}

/* how many of the @nr entries from @entry on are like @hole before the first that is not */
static unsigned int erofs_entries_run(struct erofs_chunk_index *ci,
				      const void *entry, unsigned int nr, bool hole)
{
	const unsigned int unit = ci->unit;
	unsigned int i;

	if (hole && unit == EROFS_BLOCK_MAP_ENTRY_SIZE) {
		const void *data = memchr_inv(entry, 0xff, nr * unit);

		return data ? (data - entry) / unit : nr;
	}
	for (i = 0; i < nr; ++i)
		if (erofs_entry_is_hole(ci, entry + i * unit) != hole)
			break;
	return i;
}

/*
 * Move *@chunk up to the first chunk below @end that is not like @hole, or to @end.  An
 * error is of the chunk that it stands at then, -EAGAIN if its entry is not in memory.
 */
static int erofs_chunks_forward(struct erofs_chunk_index *ci, u64 *chunk,
				u64 end, bool hole)
{
	while (*chunk < end) {
		u64 nr = end - *chunk;
		void *entry = erofs_chunk_entry(ci, *chunk, &nr);
		unsigned int run;

		if (IS_ERR(entry))
			return PTR_ERR(entry);
		run = erofs_entries_run(ci, entry, nr, hole);
		*chunk += run;
		if (run < nr)
			break;
	}
	return 0;
}

/* lower *@chunk, but not below @first, as long as the chunk before it is known as a hole */
static void erofs_chunks_backward(struct erofs_chunk_index *ci, u64 *chunk,
				  u64 first)
{
	while (*chunk > first) {
		u64 nr = 1;
		void *entry = erofs_chunk_entry(ci, *chunk - 1, &nr);

		if (IS_ERR(entry) || !erofs_entry_is_hole(ci, entry))
			break;
		--*chunk;
	}
}

/*
 * Set *@end to the end of the hole that page @index lies in, or to @index if it does not;
 * *@end never grows.  An error is one of that page: where one follows, the hole ends.
 */
static int erofs_hole_end(struct erofs_chunk_index *ci, pgoff_t index,
			  pgoff_t *end)
{
	u64 chunk = erofs_chunk_of_page(ci, index);
	int err;

	err = erofs_chunks_forward(ci, &chunk, erofs_chunk_from_page(ci, *end),
				   true);
	/* past the last chunk the rest of its page is past the end of the file */
	if (chunk < ci->nr)
		*end = clamp_t(u64, (chunk << ci->bits) >> PAGE_SHIFT, index, *end);
	return *end > index ? 0 : err;
}

/*
 * set *@end to the first page from @index on that is a hole, or that nothing can be said
 * of; *@end never grows
 */
static void erofs_data_end(struct erofs_chunk_index *ci, pgoff_t index,
			   pgoff_t *end)
{
	u64 chunk = erofs_chunk_of_page(ci, index);

	while (index < *end) {
		pgoff_t hole_end;

		erofs_chunks_forward(ci, &chunk, erofs_chunk_from_page(ci, *end), false);
		index = erofs_page_from_chunk(ci, chunk);
		if (index >= *end)
			break;
		/* this chunk is a hole, but are all of the page? */
		hole_end = index + 1;
		if (erofs_hole_end(ci, index, &hole_end) || hole_end > index) {
			*end = index;
			break;
		}
		chunk = max(chunk + 1, erofs_chunk_of_page(ci, index));
	}
}

/* where the chunk of an entry is that is not a hole */
static void erofs_entry_place(struct erofs_chunk_index *ci, const void *entry,
			      unsigned int *device_id, u64 *block)
{
	*device_id = 0;
	if (ci->unit == EROFS_BLOCK_MAP_ENTRY_SIZE)
		*block = le32_to_cpu(*(const __le32 *)entry);
	else
		*block = erofs_index_place(ci->inode, entry, device_id);
}

/* how many of the @nr entries from @entry on are of chunks of @pages stored in a row */
static unsigned int erofs_entries_stored(struct erofs_chunk_index *ci,
					 const void *entry, unsigned int nr,
					 pgoff_t pages)
{
	unsigned int first_id, id, i;
	u64 first, block;

	erofs_entry_place(ci, entry, &first_id, &first);
	for (i = 1; i < nr; ++i) {
		const void *next = entry + i * ci->unit;

		if (erofs_entry_is_hole(ci, next))
			break;
		erofs_entry_place(ci, next, &id, &block);
		if (id != first_id || block != first + i * pages)
			break;
	}
	return i;
}

/**
 * erofs_chunk_place - find where a page and those that follow it are stored
 * @inode: a chunk-based inode, with blocks of a page
 * @index: the page, which must lie within the file
 * @cached: look no further than where the chunk index is in memory
 * @place: in: pages that matter, at least 1; out: those that are there in a row, or
 *	that are a hole in a row, which may be fewer than there are
 *
 * Context: may sleep and read metadata, unless @cached.
 * Return: 1 if the page is stored, 0 for a hole, -EAGAIN if @cached and the index is
 * not, another negative error if the chunk index could not be read.
 */
int erofs_chunk_place(struct inode *inode, pgoff_t index, bool cached,
		      struct erofs_chunk_place *place)
{
	const pgoff_t eof = DIV_ROUND_UP_ULL(i_size_read(inode), PAGE_SIZE);
	struct erofs_chunk_index ci;
	pgoff_t pages, skip, run;
	unsigned int i;
	u64 chunk, nr;
	void *entry;
	int ret;

	ret = erofs_chunk_index_init(&ci, inode, cached);
	if (ret)
		return ret;
	pages = 1UL << (ci.bits - PAGE_SHIFT);
	chunk = erofs_chunk_of_page(&ci, index);
	skip = index & (pages - 1);
	nr = min_t(u64, ci.nr - chunk, DIV_ROUND_UP(skip + place->nr, pages));
	entry = erofs_chunk_entry(&ci, chunk, &nr);
	if (IS_ERR(entry))
		return PTR_ERR(entry);

	ret = !erofs_entry_is_hole(&ci, entry);
	if (ret) {
		erofs_entry_place(&ci, entry, &place->device_id, &place->block);
		i = erofs_entries_stored(&ci, entry, nr, pages);
		place->block += skip;
	} else {
		i = erofs_entries_run(&ci, entry, nr, true);
	}
	run = min_t(pgoff_t, i * pages - skip, eof - index);
	place->nr = min(place->nr, run);
	erofs_put_metabuf(&ci.buf);
	return ret;
}

/* erofs_hole_run_at() where no page holds more than one chunk */
static int erofs_whole_chunks_run(struct erofs_chunk_index *ci, pgoff_t index,
				  pgoff_t *end)
{
	const u64 first = erofs_chunk_of_page(ci, index);
	u64 chunk = first, nr = 1;
	void *entry = erofs_chunk_entry(ci, first, &nr);
	bool hole;
	int err;

	if (IS_ERR(entry))
		return PTR_ERR(entry);
	hole = erofs_entry_is_hole(ci, entry);
	err = erofs_chunks_forward(ci, &chunk, erofs_chunk_from_page(ci, *end), hole);
	if (chunk == first)
		return err;
	if (chunk < ci->nr)
		*end = min(*end, erofs_page_from_chunk(ci, chunk));
	return hole;
}

static bool erofs_in_extents(struct inode *inode)
{
	return IS_ENABLED(CONFIG_EROFS_FS_ZEROPAGE_ZIP) &&
		EROFS_I(inode)->datalayout != EROFS_INODE_CHUNK_BASED;
}

/**
 * erofs_hole_run_at - find how far a hole, or data, goes on from a page
 * @inode: an inode that erofs_may_have_holes()
 * @index: the page to start from, which must lie within the file
 * @end: in: the page after the last that matters; out: that after the run
 * @cached: look no further than where the chunk index, or the extents, are in memory
 *
 * Context: may sleep; reads metadata, and waits for that, unless @cached.
 * Return: 1 for a hole, 0 for data, -EAGAIN if @cached and nothing is known of the page,
 * another negative error if the chunk index could not be read.
 */
int erofs_hole_run_at(struct inode *inode, pgoff_t index, pgoff_t *end, bool cached)
{
	struct erofs_chunk_index ci;
	pgoff_t hole_end = *end;
	int ret;

	if (erofs_in_extents(inode))
		return erofs_zip_hole_run(inode, index, end, cached);
	ret = erofs_chunk_index_init(&ci, inode, cached);
	if (!ret && ci.bits >= PAGE_SHIFT) {
		ret = erofs_whole_chunks_run(&ci, index, end);
		erofs_put_metabuf(&ci.buf);
		return ret;
	}
	if (!ret)
		ret = erofs_hole_end(&ci, index, &hole_end);
	if (!ret && hole_end > index) {
		*end = hole_end;
		ret = 1;
	} else if (!ret) {
		erofs_data_end(&ci, index + 1, end);
	}
	erofs_put_metabuf(&ci.buf);
	return ret;
}

/**
 * erofs_hole_around - find the hole around a page
 * @inode: an inode that erofs_may_have_holes()
 * @index: the page, which must lie within the file
 * @first: in: the first page that matters; out: the first of the hole
 * @end: in: the page after the last that matters; out: that after the hole
 * @cached: look no further than where the chunk index, or the extents, are in memory
 *
 * *@first and *@end are undefined unless 1 is returned.
 *
 * Context: may sleep; reads metadata, and waits for that, unless @cached.
 * Return: 1 if the page lies in a hole; 0 if it does not; -EAGAIN if @cached and nothing
 * is known of the page; another negative error if the chunk index could not be read.
 */
int erofs_hole_around(struct inode *inode, pgoff_t index, pgoff_t *first,
		      pgoff_t *end, bool cached)
{
	struct erofs_chunk_index ci;
	u64 chunk;
	int err;

	if (erofs_in_extents(inode))
		return erofs_zip_hole_around(inode, index, first, end, cached);
	err = erofs_chunk_index_init(&ci, inode, cached);
	if (err)
		return err;
	chunk = erofs_chunk_of_page(&ci, index);
	err = erofs_hole_end(&ci, index, end);
	if (!err && *end > index) {
		erofs_chunks_backward(&ci, &chunk, erofs_chunk_of_page(&ci, *first));
		*first = max_t(u64, *first, erofs_page_from_chunk(&ci, chunk));
	}
	erofs_put_metabuf(&ci.buf);
	return err ? err : *end > index;
}
