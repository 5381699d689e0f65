// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading chunks into the page cache of their device.
 *
 * Who asks for a page of a file reads ahead along the file, wherever its chunks are on
 * the device.  Blocks are read by the mount of the file that asks.
 */
#include "compat.h"
#include "chunkshare.h"
#include "zeropage.h"

/*
 * A large folio of which a page's memory has failed is lost: its pages would be handed out
 * again, the bad one among them.  Of a small one memory failure keeps a reference itself.
 * Reclaim comes without a reference that could be added to, and leaves those folios alone.
 */
static void erofs_chunk_free_folio(struct folio *folio)
{
	if (folio_test_large(folio) && folio_contain_hwpoisoned_page(folio) &&
	    folio_ref_count(folio))
		folio_get(folio);
}

/* who pays for a folio can have it back on another node, too */
static int erofs_chunk_migrate_folio(struct address_space *mapping, struct folio *dst,
				     struct folio *src, enum migrate_mode mode)
{
	const gfp_t gfp = mode == MIGRATE_ASYNC ? GFP_NOWAIT | __GFP_NOWARN : GFP_NOFS;
	int err = 0;

	if (folio_nid(dst) != folio_nid(src))
		err = erofs_chunk_charge(mapping->host->i_private, src, folio_nid(dst), gfp);
	return err ? err : filemap_migrate_folio(mapping, dst, src, mode);
}

const struct address_space_operations erofs_chunk_aops = {
	.free_folio	= erofs_chunk_free_folio,
	.migrate_folio	= erofs_chunk_migrate_folio,
};

/**
 * erofs_chunk_end_read - a folio has been read, or could not be
 * @folio: of a cache
 * @err: 0 or a negative error
 */
void erofs_chunk_end_read(struct folio *folio, int err)
{
	folio_end_read(folio, !err);
}

static void erofs_chunk_begin(struct erofs_reader *rd, struct file *file,
			      const struct erofs_chunk_run *run, blk_opf_t opf)
{
	struct super_block *sb = file_inode(file)->i_sb;

	*rd = (struct erofs_reader) {
		.sb = sb,
		.reads = &EROFS_SB(sb)->chunk_share->reads,
		.pages = run->nr,
		.opf = opf,
	};
}

/* have a locked folio read, or unlock it: a large one may begin before the run */
static int erofs_chunk_add(struct erofs_reader *rd, const struct erofs_chunk_run *run,
			   struct folio *folio)
{
	const s64 ahead = (s64)folio->index - (s64)run->page;
	int ret = erofs_reader_add(rd, folio, 0, folio_size(folio), run->device_id,
				   run->pos + ahead * PAGE_SIZE);

	if (ret >= 0)
		return 0;
	folio_unlock(folio);
	return ret;
}

/* a new folio, which who pays for it can have back */
static struct folio *erofs_chunk_new_folio(const struct erofs_chunk_run *run, pgoff_t page,
					   pgoff_t nr, unsigned int max_order, gfp_t gfp)
{
	struct address_space *mapping = erofs_chunk_mapping(run);
	struct folio *folio = erofs_new_folio(mapping, page, nr, max_order, gfp);
	int err;

	if (IS_ERR(folio))
		return folio;
	err = erofs_chunk_charge(run->cache, folio, folio_nid(folio), gfp);
	if (!err)
		return folio;
	generic_error_remove_folio(mapping, folio);
	folio_unlock(folio);
	folio_put(folio);
	return ERR_PTR(err);
}

/*
 * Begin to read what is not there yet of a run.  The mark is for page @mark of it, or the
 * first one from there on that is not there.  Returns @mark, as it is then.
 */
static pgoff_t erofs_chunk_read_run(struct file *file, const struct erofs_chunk_run *run,
				    pgoff_t mark)
{
	struct address_space *mapping = erofs_chunk_mapping(run);
	const gfp_t gfp = readahead_gfp_mask(mapping);
	const pgoff_t end = run->page + run->nr;
	struct erofs_reader rd;
	pgoff_t page = run->page;
	struct folio *folio;
	int err = 0;

	erofs_chunk_begin(&rd, file, run, REQ_RAHEAD);
	while (!err && page < end) {
		folio = filemap_get_folio(mapping, page);
		if (!IS_ERR(folio)) {
			const pgoff_t next = folio_next_index(folio);

			folio_put(folio);
			if (run->page + mark - page < next - page)
				mark = next - run->page;
			page = next;
			continue;
		}
		folio = erofs_chunk_new_folio(run, page, end - page, EROFS_CHUNK_MAX_ORDER, gfp);
		if (IS_ERR(folio)) {
			if (PTR_ERR(folio) != -EEXIST)
				break;
			continue;
		}
		if (run->page + mark - folio->index < folio_nr_pages(folio))
			folio_set_readahead(folio);
		page = folio_next_index(folio);
		err = erofs_chunk_add(&rd, run, folio);
		folio_put(folio);	/* it stays while it is locked */
	}
	erofs_reader_submit(&rd);
	return mark;
}

/**
 * erofs_chunk_readahead - begin to read pages of a file that are not cached
 * @file: a shared file
 * @index: first page
 * @nr: how many
 * @mark: page that, when it is used, has those behind them read, see
 *	erofs_readahead_used(), or one that is none of them
 * @cached: go no further than where the chunk index is in memory
 *
 * Errors are left to who needs the pages.  Best called with requests plugged.
 *
 * Return: the page after the last that is cached now, or on its way.
 */
pgoff_t erofs_chunk_readahead(struct file *file, pgoff_t index, pgoff_t nr,
			      pgoff_t mark, bool cached)
{
	struct inode *inode = file_inode(file);
	const pgoff_t eof = DIV_ROUND_UP_ULL(i_size_read(inode), PAGE_SIZE);
	pgoff_t end;

	if (index >= eof)
		return index;
	end = index + min(nr, eof - index);
	while (index < end) {
		struct erofs_run run = {
			.first = index,
			.end = min(end + EROFS_CHUNK_AROUND - 1, eof),
		};

		if (erofs_resolve(inode, index, cached, &run))
			break;
		if (run.kind == EROFS_HOLE) {
			run.end = min(run.end, end);
			/* if the mark falls into it, it is passed on to what follows */
			if (mark - index < run.end - index)
				mark = run.end;
		} else {
			/* so that folios do not get smaller to the end of each request */
			run.chunk.nr = min(run.chunk.nr, ALIGN(run.chunk.page + end - index,
							       EROFS_CHUNK_AROUND) -
					   run.chunk.page);
			run.end = index + run.chunk.nr;
			mark = index + erofs_chunk_read_run(file, &run.chunk, mark - index);
		}
		index = run.end;
	}
	return index;
}

/* read one locked folio; it is unlocked when that has ended */
static int erofs_chunk_reread(struct file *file, const struct erofs_chunk_run *run,
			      struct folio *folio)
{
	struct erofs_reader rd;
	int err;

	erofs_chunk_begin(&rd, file, run, 0);
	err = erofs_chunk_add(&rd, run, folio);
	if (err)
		return err;
	erofs_reader_submit(&rd);
	return folio_wait_locked_killable(folio);
}

/**
 * erofs_chunk_failed - has the memory of a page failed?
 * @folio: of the cache
 * @page: of it, by its place in the cache
 */
bool erofs_chunk_failed(struct folio *folio, pgoff_t page)
{
	return folio_contain_hwpoisoned_page(folio) &&
		PageHWPoison(folio_file_page(folio, page));
}

/**
 * erofs_chunk_drop_failed - have a page whose memory has failed read anew to other memory
 * @folio: a locked folio of the cache
 * @page: of it, by its place in the cache
 *
 * Memory failure could not: it does not find who maps the page, so that all who come would
 * get SIGBUS for good.
 * As the folio is locked, nobody begins to map it; if somebody does map it, it stays.
 *
 * Return: true if it was such a one, and is in the cache no more.
 */
bool erofs_chunk_drop_failed(struct folio *folio, pgoff_t page)
{
	if (!erofs_chunk_failed(folio, page) || folio_mapped(folio))
		return false;
	/* of a regular file: this does not fail */
	generic_error_remove_folio(folio->mapping, folio);
	return true;
}

/*
 * A large folio of which a part could not be read is dropped: each page is tried by
 * itself.  Reading ahead may have put pages together of which one is behind the end of
 * the device, or on a bad sector.
 */
static bool erofs_chunk_drop_unread(struct folio *folio)
{
	if (folio_test_uptodate(folio) || !folio_test_large(folio))
		return false;
	generic_error_remove_folio(folio->mapping, folio);
	return true;
}

/**
 * erofs_chunk_read_folio - have a page in the cache, with what it holds
 * @file: a shared file
 * @run: where its page is
 *
 * Return: the folio, up to date and with a reference, or an error pointer: -EIO as well
 * if the memory of the page has failed and somebody maps it.
 */
struct folio *erofs_chunk_read_folio(struct file *file,
				     const struct erofs_chunk_run *run)
{
	struct address_space *mapping = erofs_chunk_mapping(run);
	struct folio *folio;
	int err;

	for (;;) {
		folio = filemap_get_folio(mapping, run->page);
		if (IS_ERR(folio)) {
			folio = erofs_chunk_new_folio(run, run->page, 1, 0,
						      mapping_gfp_mask(mapping));
			if (PTR_ERR_OR_ZERO(folio) == -EEXIST)
				continue;
			if (IS_ERR(folio))
				return folio;
			/* ours is the one reference beside that of the cache */
		} else {
			if (folio_test_uptodate(folio) && !erofs_chunk_failed(folio, run->page))
				return folio;
			err = folio_lock_killable(folio);
			if (err)
				break;
			if (folio->mapping != mapping ||
			    erofs_chunk_drop_failed(folio, run->page) ||
			    erofs_chunk_drop_unread(folio)) {
				folio_unlock(folio);
				folio_put(folio);
				if (fatal_signal_pending(current))
					return ERR_PTR(-EINTR);
				continue;
			}
			if (folio_test_uptodate(folio)) {
				if (erofs_chunk_failed(folio, run->page))
					err = -EIO;
				folio_unlock(folio);
				break;
			}
		}
		err = erofs_chunk_reread(file, run, folio);
		if (!err && !folio_test_uptodate(folio))
			err = -EIO;
		break;
	}
	if (!err)
		return folio;
	folio_put(folio);
	return ERR_PTR(err);
}

/**
 * erofs_chunk_wait - have a page of a file in the cache, or its error known
 * @file: a shared file
 * @index: the page; nothing is done if it is none that is shared
 */
void erofs_chunk_wait(struct file *file, pgoff_t index)
{
	struct erofs_run run = { .first = index, .end = index + 1 };
	struct folio *folio;

	if (erofs_resolve(file_inode(file), index, false, &run) || run.kind == EROFS_HOLE)
		return;
	folio = erofs_chunk_read_folio(file, &run.chunk);
	if (!IS_ERR(folio))
		folio_put(folio);
}
