/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between the kernels that these sources are built for, as whole
 * functions.  Nothing else in our files asks for a version.
 */
#ifndef __EROFS_COMPAT_H
#define __EROFS_COMPAT_H

#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/pfn_t.h>

/* 6.12: page frame numbers given to vmf_insert_mixed() are of type pfn_t */
static inline vm_fault_t erofs_vmf_insert_zero(struct vm_fault *vmf)
{
	return vmf_insert_mixed(vmf->vma, vmf->address,
				pfn_to_pfn_t(my_zero_pfn(vmf->address)));
}

/* 6.12: the same for vmf_insert_pfn_pmd() */
static inline vm_fault_t erofs_vmf_insert_pmd(struct vm_fault *vmf,
					      unsigned long pfn)
{
	return vmf_insert_pfn_pmd(vmf, pfn_to_pfn_t(pfn), false);
}

/*
 * The page after what was taken from a readahead request so far.  6.12 adds the
 * folio that was taken last when the next one is asked for.
 */
static inline pgoff_t erofs_readahead_next(struct readahead_control *rac)
{
	return rac->_index + rac->_batch_count;
}

/*
 * Move the folios of @rac that end at or before page @end to a request of their
 * own; returns how many pages these are.  The folios are locked and stay in the
 * page cache until somebody takes them from the request.
 */
static inline unsigned long
erofs_readahead_split(struct readahead_control *rac,
		      struct readahead_control *part, pgoff_t end)
{
	pgoff_t last = rac->_index + rac->_nr_pages;

	rac->_index += rac->_batch_count;
	rac->_nr_pages -= rac->_batch_count;
	rac->_batch_count = 0;
	*part = *rac;
	if (end < last) {
		struct folio *folio = xa_load(&rac->mapping->i_pages, end);

		/* the folio at @end begins before it if it holds both kinds */
		end = folio->index;
	}
	part->_nr_pages = end - rac->_index;
	rac->_index = end;
	rac->_nr_pages -= part->_nr_pages;
	return part->_nr_pages;
}

/*
 * Make @part a request for new folios of one page each, as @rac has them: from page
 * @index on, to @end, or to a page that somebody else has brought in.  Returns the
 * page to go on with.
 */
static inline pgoff_t erofs_readahead_add(struct readahead_control *rac,
					  struct readahead_control *part,
					  pgoff_t index, pgoff_t end)
{
	gfp_t gfp = readahead_gfp_mask(rac->mapping);

	*part = (struct readahead_control) {
		.file = rac->file,
		.mapping = rac->mapping,
		.ra = rac->ra,
		._index = index,
	};
	for (; index < end; ++index) {
		struct folio *folio = filemap_alloc_folio(gfp, 0);

		if (!folio || filemap_add_folio(rac->mapping, folio, index, gfp)) {
			if (folio)
				folio_put(folio);
			return index + 1;
		}
		++part->_nr_pages;
	}
	return index;
}

#endif	/* __EROFS_COMPAT_H */
