// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults on data of shared files: pages of the device's cache are mapped.
 */
#include <linux/mm.h>
#include <linux/userfaultfd_k.h>
#include "compat.h"
#include "chunkshare.h"
#include "zeropage.h"

/*
 * If a fault may be repeated, give up the lock that it holds and have its page in memory;
 * if it must not wait, only let go of @folio.  False if the fault has been repeated.
 */
static bool erofs_chunk_unlock_fault(struct vm_fault *vmf, struct folio *folio)
{
	struct file *file = vmf->vma->vm_file;
	const pgoff_t index = vmf->pgoff;

	if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT) {
		folio_put(folio);
		return true;
	}
	if (!fault_flag_allow_retry_first(vmf->flags))
		return false;
	get_file(file);
	release_fault_lock(vmf);
	folio_wait_locked_killable(folio);
	folio_put(folio);
	erofs_chunk_wait(file, index);
	fput(file);
	return true;
}

/* the folio that a fault is for, which may not be up to date; none, and why, is returned */
static vm_fault_t erofs_chunk_fault_read(struct vm_fault *vmf, const struct erofs_chunk_run *run,
					 struct folio **foliop)
{
	struct address_space *mapping = erofs_chunk_mapping(run);
	struct folio *folio = filemap_get_folio(mapping, run->page);
	struct file *file = vmf->vma->vm_file;
	vm_fault_t major;

	*foliop = NULL;
	major = erofs_readahead_fault(vmf, folio);
	if (major & VM_FAULT_RETRY) {
		if (!IS_ERR(folio))
			folio_put(folio);
		return major;
	}
	if (IS_ERR(folio)) {
		folio = filemap_get_folio(mapping, run->page);
		if (IS_ERR(folio) && (vmf->flags & FAULT_FLAG_RETRY_NOWAIT))
			return major | VM_FAULT_RETRY;
		if (IS_ERR(folio))
			folio = erofs_chunk_read_folio(file, run);
		if (IS_ERR(folio))
			return vmf_error(PTR_ERR(folio));
	}
	*foliop = folio;
	return major;
}

/* lock it, up to date and in the cache; otherwise it is put, and why is returned */
static vm_fault_t erofs_chunk_fault_lock(struct vm_fault *vmf, const struct erofs_chunk_run *run,
					 struct folio **foliop)
{
	struct address_space *mapping = erofs_chunk_mapping(run);
	struct folio *folio = *foliop;

	/* do not have others wait for the mm, who wait for no page */
	if (!folio_trylock(folio)) {
		if (erofs_chunk_unlock_fault(vmf, folio))
			return VM_FAULT_RETRY;
		folio_lock(folio);
	}
	if (folio->mapping == mapping && !folio_test_uptodate(folio)) {
		/* once more, now for the error, which only a fault with its lock can tell */
		folio_unlock(folio);
		folio_put(folio);
		if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
			return VM_FAULT_RETRY;
		folio = erofs_chunk_read_folio(vmf->vma->vm_file, run);
		if (IS_ERR(folio))
			return vmf_error(PTR_ERR(folio));
		folio_lock(folio);
		*foliop = folio;
	}
	if (folio->mapping != mapping || erofs_chunk_drop_failed(folio, run->page)) {
		folio_unlock(folio);
		folio_put(folio);
		return VM_FAULT_NOPAGE;
	}
	return 0;
}

/**
 * erofs_chunk_fault - ->fault of shared files, for data
 * @vmf: the fault, within the file
 * @run: where its page is
 *
 * Return: as of vm_operations_struct.fault.
 */
vm_fault_t erofs_chunk_fault(struct vm_fault *vmf, const struct erofs_chunk_run *run)
{
	struct folio *folio;
	vm_fault_t major = erofs_chunk_fault_read(vmf, run, &folio), ret;
	int err;

	if (!folio)
		return major;
	/* nothing is mapped that could not be unmapped again */
	err = erofs_chunk_use(file_inode(vmf->vma->vm_file), vmf->pgoff, run,
			      GFP_KERNEL_ACCOUNT);
	if (err) {
		folio_put(folio);
		return major | (err == -EMLINK ? erofs_cached_fault(vmf) : VM_FAULT_OOM);
	}
	ret = erofs_chunk_fault_lock(vmf, run, &folio);
	if (ret)
		return major | ret;
	/* the core asks before it maps what it is given */
	if (erofs_vma_is_reaped(vmf->vma)) {
		folio_unlock(folio);
		folio_put(folio);
		return major | VM_FAULT_SIGBUS;
	}
	vmf->page = folio_file_page(folio, run->page);
	if (PageHWPoison(vmf->page)) {
		/* somebody maps it; the core would unmap it, and drop the folio */
		folio_unlock(folio);
		folio_put(folio);
		vmf->page = NULL;
		return major | VM_FAULT_HWPOISON;
	}
	if (folio_test_large(folio) && !(vmf->flags & FAULT_FLAG_WRITE) &&
	    !userfaultfd_armed(vmf->vma)) {
		/* the mark would keep it from being mapped, and so would the lock */
		folio_clear_readahead(folio);
		folio_unlock(folio);
		erofs_chunk_map_pages(vmf, vmf->pgoff, vmf->pgoff);
		folio_put(folio);
		/* mapped; if somebody else had it locked, the fault is repeated */
		return major | VM_FAULT_NOPAGE;
	}
	return major | VM_FAULT_LOCKED;
}

/* how many pages from that of @run on are in one cached folio */
static pgoff_t erofs_chunk_in_folio(const struct erofs_chunk_run *run)
{
	struct folio *folio = filemap_get_folio(erofs_chunk_mapping(run), run->page);
	pgoff_t nr;

	if (IS_ERR(folio))
		return 0;
	nr = folio_next_index(folio) - run->page;
	folio_put(folio);
	return nr;
}

/*
 * Most of what the mapping of a folio takes, from the fault to the folio, it takes once.
 * So in place of the window that the core gives, of 16 pages by default, one of
 * EROFS_CHUNK_AROUND is mapped, which is what most folios have.  Where data lies in a @row
 * from the page of the fault on, as many as that, it begins there if a folio does, and
 * goes on to the end of a larger one.
 */
static void erofs_chunk_around(struct vm_fault *vmf, const struct erofs_chunk_run *row,
			       pgoff_t *start, pgoff_t *end)
{
	const struct vm_area_struct *vma = vmf->vma;
	const pgoff_t before = (vmf->address - vma->vm_start) >> PAGE_SHIFT;
	const pgoff_t after = (vma->vm_end - vmf->address) >> PAGE_SHIFT;
	const pgoff_t pte = pte_index(vmf->address);
	pgoff_t skip = pte % EROFS_CHUNK_AROUND, nr;

	if (row && !(row->page % EROFS_CHUNK_AROUND))
		skip = 0;
	nr = EROFS_CHUNK_AROUND - skip;
	if (row)
		nr = max(nr, erofs_chunk_in_folio(row));
	/* within the mapping and the page table */
	*start = vmf->pgoff - min(before, skip);
	*end = vmf->pgoff + min3(after, nr, PTRS_PER_PTE - pte);
}

/* map what is cached of pages that lie in a row, by what can be unmapped together */
static vm_fault_t erofs_chunk_map_run(struct vm_fault *vmf, pgoff_t start, pgoff_t end,
				      struct erofs_chunk_run run)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	vm_fault_t ret = 0;

	while (start < end) {
		const pgoff_t region_end = ALIGN(start + 1, EROFS_CHUNK_REGION);
		const pgoff_t group_end = ALIGN(run.page + 1, EROFS_CHUNK_REGION);

		run.nr = min3(end - start, region_end - start, group_end - run.page);
		if (!erofs_chunk_use(inode, start, &run, GFP_NOWAIT | __GFP_ACCOUNT))
			ret |= erofs_map_cached(vmf, run.cache->file, run.page, start, run.nr);
		start += run.nr;
		run.page += run.nr;
	}
	return ret;
}

/**
 * erofs_chunk_map_pages - ->map_pages of shared files
 * @vmf: the fault
 * @start: first page of the file
 * @end: last page
 *
 * Context: under rcu_read_lock(), so only with a chunk index that is in memory.
 * Return: as of vm_operations_struct.map_pages.
 */
vm_fault_t erofs_chunk_map_pages(struct vm_fault *vmf, pgoff_t start, pgoff_t end)
{
	struct file *file = vmf->vma->vm_file;
	struct inode *inode = file_inode(file);
	const pgoff_t eof = DIV_ROUND_UP_ULL(i_size_read(inode), PAGE_SIZE);
	struct erofs_run here = {
		.first = vmf->pgoff,
		.end = min(vmf->pgoff + EROFS_CHUNK_AROUND, eof),
	};
	unsigned int miss = READ_ONCE(file->f_ra.mmap_miss);
	vm_fault_t ret = 0;
	bool row;

	if (vmf->pgoff >= eof || erofs_resolve(inode, vmf->pgoff, true, &here))
		return 0;
	row = here.kind == EROFS_DATA && here.end - here.first == EROFS_CHUNK_AROUND;
	++end;
	if (end - start <= EROFS_CHUNK_AROUND)
		erofs_chunk_around(vmf, row ? &here.chunk : NULL, &start, &end);
	end = min(end, eof);
	while (start < end) {
		struct erofs_run run = { .first = start, .end = end };

		if (start == vmf->pgoff) {
			run = here;
		} else if (erofs_resolve(inode, start, true, &run)) {
			/* the page itself is to be mapped if what is before it is not known */
			if (start > vmf->pgoff)
				break;
			start = vmf->pgoff;
			continue;
		}
		if (run.kind == EROFS_DATA)
			ret |= erofs_chunk_map_run(vmf, start, min(end, run.end), run.chunk);
		start = run.end;
	}
	if (ret && miss)
		WRITE_ONCE(file->f_ra.mmap_miss, miss - 1);
	return ret;
}
