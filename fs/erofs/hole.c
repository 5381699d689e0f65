// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finding the holes of chunk-based files.
 *
 * A chunk-based inode is followed by one entry for each chunk: a 4-byte block
 * address (block map) or an 8-byte struct erofs_inode_chunk_index.  A chunk whose
 * block address is EROFS_NULL_ADDR is a hole.  erofs_map_blocks() answers for one
 * chunk a call; here a run of entries is compared in place in the metadata page
 * that holds them.
 */
#include <linux/string.h>
#include "hole.h"

static_assert(EROFS_NULL_ADDR == U32_MAX);

/* where the entries of an inode's chunk index are on its metadata device */
struct erofs_chunk_index {
	struct super_block *sb;
	struct erofs_buf buf;
	erofs_off_t pos;		/* of the entry of chunk 0, in bytes */
	unsigned int unit;		/* bytes an entry */
};

static void erofs_chunk_index_init(struct erofs_chunk_index *ci,
				   struct inode *inode)
{
	struct erofs_inode *vi = EROFS_I(inode);

	ci->sb = inode->i_sb;
	ci->buf = __EROFS_BUF_INITIALIZER;
	erofs_init_metabuf(&ci->buf, ci->sb);
	ci->unit = vi->chunkformat & EROFS_CHUNK_FORMAT_INDEXES ?
		sizeof(struct erofs_inode_chunk_index) :
		EROFS_BLOCK_MAP_ENTRY_SIZE;
	/* entries are aligned to their size: none crosses a page */
	ci->pos = ALIGN(erofs_iloc(inode) + vi->inode_isize + vi->xattr_isize,
			ci->unit);
}

static bool erofs_chunk_entry_is_hole(const void *entry, unsigned int unit)
{
	const struct erofs_inode_chunk_index *idx = entry;

	if (unit == EROFS_BLOCK_MAP_ENTRY_SIZE)
		return *(const __le32 *)entry == cpu_to_le32(EROFS_NULL_ADDR);
	return idx->blkaddr == cpu_to_le32(EROFS_NULL_ADDR);
}

/* how many of the @nr entries from @entry on are holes before the first that is not */
static unsigned int erofs_chunk_entries_run(const void *entry, unsigned int unit,
					    unsigned int nr)
{
	unsigned int i;

	if (unit == EROFS_BLOCK_MAP_ENTRY_SIZE) {
		const void *data = memchr_inv(entry, 0xff, nr * unit);

		return data ? (data - entry) / unit : nr;
	}
	for (i = 0; i < nr; ++i)
		if (!erofs_chunk_entry_is_hole(entry + i * unit, unit))
			break;
	return i;
}

/* set *@chunk to the first chunk of [*@chunk, @end) that is no hole, or to @end */
static int erofs_hole_forward(struct erofs_chunk_index *ci, u64 *chunk, u64 end)
{
	while (*chunk < end) {
		erofs_off_t pos = ci->pos + *chunk * ci->unit;
		unsigned int nr, run;
		void *entry;

		entry = erofs_bread(&ci->buf, pos, EROFS_KMAP);
		if (IS_ERR(entry))
			return PTR_ERR(entry);
		nr = min_t(u64, end - *chunk,
			   (PAGE_SIZE - offset_in_page(pos)) / ci->unit);
		run = erofs_chunk_entries_run(entry, ci->unit, nr);
		*chunk += run;
		if (run < nr)
			break;
	}
	return 0;
}

/* lower *@chunk, but not below @first, as long as the chunk before it is a hole */
static int erofs_hole_backward(struct erofs_chunk_index *ci, u64 *chunk, u64 first)
{
	while (*chunk > first) {
		void *entry = erofs_bread(&ci->buf,
					  ci->pos + (*chunk - 1) * ci->unit,
					  EROFS_KMAP);

		if (IS_ERR(entry))
			return PTR_ERR(entry);
		if (!erofs_chunk_entry_is_hole(entry, ci->unit))
			break;
		--*chunk;
	}
	return 0;
}

/**
 * erofs_hole_find - find the hole around a page of a chunk-based file
 * @inode: a chunk-based inode
 * @index: the page asked for, which must lie within the file
 * @first: in: the first page that matters; out: the first of the hole
 * @end: in: the page after the last that matters; out: that after the hole
 *
 * A page belongs to a hole only if all chunks that it touches within the file
 * are holes.  *@first <= @index < *@end must hold; the span can only get smaller.
 *
 * Context: may sleep and read metadata.
 * Return: 1 if the page lies in a hole, with the span set; 0 if it does not;
 * a negative error if the chunk index could not be read.
 */
int erofs_hole_find(struct inode *inode, pgoff_t index, pgoff_t *first,
		    pgoff_t *end)
{
	const unsigned int bits = EROFS_I(inode)->chunkbits;
	const u64 nr_chunks = DIV_ROUND_UP_ULL(i_size_read(inode), 1ULL << bits);
	const u64 pos = (u64)index << PAGE_SHIFT;
	u64 lo = pos >> bits, hi = lo, limit;
	struct erofs_chunk_index ci;
	int err;

	erofs_chunk_index_init(&ci, inode);
	limit = min(DIV_ROUND_UP_ULL((u64)*end << PAGE_SHIFT, 1ULL << bits),
		    nr_chunks);
	err = erofs_hole_forward(&ci, &hi, limit);
	/* past the last chunk the rest of its page is past the end of the file */
	if (hi < nr_chunks)
		*end = min_t(u64, *end, (hi << bits) >> PAGE_SHIFT);
	if (err || *end <= index)
		goto out;

	err = erofs_hole_backward(&ci, &lo, ((u64)*first << PAGE_SHIFT) >> bits);
	*first = max_t(u64, *first, DIV_ROUND_UP_ULL(lo << bits, PAGE_SIZE));
out:
	erofs_put_metabuf(&ci.buf);
	if (err)
		return err;
	return *first <= index && index < *end;
}
