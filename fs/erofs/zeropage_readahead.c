// SPDX-License-Identifier: GPL-2.0-only
/*
 * Data of files that have holes is read, and no folio is ever larger than a run of it.
 *
 * Which pages those are that are worth it says zeropage_window.c.  Sometimes the core begins
 * all the same, as for fadvise(), for compressed files, or when it follows data to its end.
 * Then the folios of holes are taken out again.
 */
#include <linux/pagemap.h>
#include <linux/psi.h>
#include "compat.h"
#include "resolve.h"
#include "zeropage.h"

/* order of the largest folio that is allocated here */
#define EROFS_RUN_MAX_ORDER	5

/**
 * erofs_new_folio - add a new folio to a page cache
 * @mapping: the page cache
 * @index: its first page
 * @nr: pages that it may have, at least 1
 * @max_order: of the folio
 * @gfp: how to allocate
 *
 * Return: the folio, locked and with a reference, or -EEXIST or another error pointer.
 */
struct folio *erofs_new_folio(struct address_space *mapping, pgoff_t index,
			      pgoff_t nr, unsigned int max_order, gfp_t gfp)
{
	unsigned int order = min_t(unsigned int, ilog2(nr), max_order);
	struct folio *folio;
	int err;

	if (index)
		order = min_t(unsigned int, order, __ffs(index));
	for (;;) {
		folio = erofs_filemap_alloc_folio(order ? gfp | __GFP_NORETRY |
						  __GFP_NOWARN : gfp, order);
		if (folio) {
			err = filemap_add_folio(mapping, folio, index, gfp);
			if (!err)
				return folio;
			folio_put(folio);
		} else {
			err = -ENOMEM;
		}
		if (!order)
			return ERR_PTR(err);
		/* part of it is there already, or memory is short */
		order = 0;
	}
}

/*
 * Take the next folio of @rac out of the page cache, unread.  read_pages() does the
 * same with folios that a file system leaves; whoever waits for the folio's lock
 * finds it truncated and looks again.
 */
static bool erofs_readahead_drop(struct readahead_control *rac, pgoff_t *index,
				 pgoff_t *end)
{
	struct folio *folio = readahead_folio(rac);

	if (!folio)
		return false;
	*index = folio->index;
	*end = folio->index + folio_nr_pages(folio);
	folio_get(folio);
	generic_error_remove_folio(rac->mapping, folio);
	folio_unlock(folio);
	folio_put(folio);
	return true;
}

/* have the folios of @rac read, which are all data */
static void erofs_readahead_submit(struct readahead_control *rac)
{
	pgoff_t index, end;

	if (!readahead_count(rac))
		return;
	rac->mapping->a_ops->readahead(rac);
	/* an error leaves folios, locked */
	while (erofs_readahead_drop(rac, &index, &end))
		;
	/* entered by erofs_readahead_run(), or by readahead_expand() for this part alone */
	if (rac->_workingset)
		psi_memstall_leave(&rac->_pflags);
}

/*
 * Read what is not cached of [@index, @end), all data, as @rac would.  A @mark that
 * lies at or before @index is put onto the folio there.
 */
static int erofs_readahead_run(const struct readahead_control *rac, pgoff_t index,
			       pgoff_t end, pgoff_t *mark)
{
	struct address_space *mapping = rac->mapping;
	const unsigned int max_order = min_t(unsigned int, EROFS_RUN_MAX_ORDER,
					     mapping_max_folio_order(mapping));
	const gfp_t gfp = readahead_gfp_mask(mapping);
	const pgoff_t start = index;
	int err = 0;

	while (index < end && err != -ENOMEM) {
		DEFINE_READAHEAD(run, rac->file, rac->ra, mapping, index);

		while (index < end) {
			void *entry = xa_load(&mapping->i_pages, index);
			struct folio *folio;

			if (entry && !xa_is_value(entry))
				break;
			folio = erofs_new_folio(mapping, index, end - index,
						max_order, gfp);
			err = PTR_ERR_OR_ZERO(folio);
			if (err)
				break;
			if (index == start && *mark <= start) {
				folio_set_readahead(folio);
				*mark = ULONG_MAX;
			}
			if (folio_test_workingset(folio) && !run._workingset) {
				run._workingset = true;
				psi_memstall_enter(&run._pflags);
			}
			run._nr_pages += folio_nr_pages(folio);
			index = folio_next_index(folio);
		}
		erofs_readahead_submit(&run);
		++index;	/* somebody else has brought it in */
	}
	return err == -ENOMEM ? err : 0;
}

/**
 * erofs_readahead_data - begin to read the data of some pages
 * @rac: the file and its page cache
 * @inode: the inode whose chunk index tells; the page cache may be another's
 * @index: first page
 * @end: page after the last, which is within the file
 * @mark: page that gets the mark for reading ahead, or the first one of data after it
 * @cached: go no further than where the chunk index is in memory
 *
 * Context: under memalloc_nofs_save() or in ->readahead.
 */
void erofs_readahead_data(const struct readahead_control *rac, struct inode *inode,
			  pgoff_t index, pgoff_t end, pgoff_t mark, bool cached)
{
	while (index < end) {
		struct erofs_run run = { .first = index, .end = end, .anywhere = true };

		if (erofs_resolve(inode, index, cached, &run) ||
		    (run.kind == EROFS_DATA && erofs_readahead_run(rac, index, run.end, &mark)))
			return;
		index = run.end;
	}
}

/**
 * erofs_zeropage_readahead - keep holes out of what is read ahead
 * @rac: the request, whose folios are locked and in the page cache
 * @inode: the inode whose chunk index tells; the page cache may be another's
 *
 * Folios that are all data are read as upstream does, in as many pieces as holes
 * leave.  Folios of holes are taken out of the page cache again.
 *
 * Return: false if there is no hole, and the caller has to do it all.
 */
bool erofs_zeropage_readahead(struct readahead_control *rac, struct inode *inode)
{
	const pgoff_t eof = DIV_ROUND_UP_ULL(i_size_read(inode), PAGE_SIZE);
	const pgoff_t end = readahead_index(rac) + readahead_count(rac);
	struct erofs_run run = {
		.first = readahead_index(rac),
		.end = end,
		.anywhere = true,
	};
	pgoff_t index = readahead_index(rac), first, last;

	/* without a file it is one folio that somebody needs: erofs_ishare_read_compressed() */
	if (!rac->file || !erofs_zeropage_active(inode))
		return false;
	if (erofs_resolve(inode, index, false, &run) ||
	    (run.kind == EROFS_DATA && run.end == end))
		return false;

	while (index < end) {
		struct readahead_control data;

		if (run.kind == EROFS_DATA && erofs_readahead_split(rac, &data, run.end)) {
			erofs_readahead_submit(&data);
		} else if (erofs_readahead_drop(rac, &first, &last) &&
			   last - first > 1) {
			/* it held both kinds */
			erofs_readahead_data(rac, inode, first, min(last, eof), ULONG_MAX,
					     false);
		}
		index = erofs_readahead_next(rac);
		run.first = index;
		run.end = end;
		if (index < end && erofs_resolve(inode, index, false, &run))
			break;
	}
	/* what an unreadable index leaves in @rac is dropped by read_pages() */
	return true;
}
