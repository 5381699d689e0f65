// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults on holes map the shared zero page.
 *
 * A hole of a file that is mapped is filled with page-cache pages of zeros by the
 * generic fault path, one for each page touched.  Here a read fault on a hole puts
 * zero PTEs into the page table instead, as a read fault on anonymous memory does,
 * and for the whole neighbourhood of the fault at once: the part of the hole around
 * it that lies within the VMA and within the page table.
 *
 * Why a zero PTE is safe in these mappings:
 *
 * - Contents.  The file system is read-only, so what is a hole stays a hole of
 *   zeros.  Nothing can be written through the file, and a mapping that could be
 *   shared writable is refused at mmap() time.  The same page read through
 *   the page cache, through another mapping or with the switch off is zeros as
 *   well; it does not matter which of them a process sees.  That is why the
 *   switch can be turned at any time without a walk over mappings.
 * - COW.  PTEs are installed read-only.  A write to a private mapping faults on
 *   write protection, where the core knows the zero page and gives out a cleared
 *   anonymous page.  A write that comes first goes the same way: it gets zero PTEs
 *   as well and faults again.
 * - Pins.  The zero page in a COW mapping is unshared before a long-term pin
 *   (gup_must_unshare()), and mappings that are not COW have no writable PTE ever:
 *   vm_mixed_zeropage_allowed() asks for just that.
 * - Reverse mapping, rss, reclaim.  The PTE is special: it has no struct page as
 *   far as the core is concerned, so there is nothing to count, to charge, to age
 *   or to reclaim, and zapping it is only clearing it.  It is never dirty: a dirty
 *   zero PTE is KSM's.
 * - Truncation.  The file does not shrink; unmount waits for the VMA, which holds
 *   the file.
 * - Races.  Only empty entries are filled, under the page table's lock.  Whoever
 *   came first, with a page-cache page or a private copy, stays.
 */
#include <asm/pgalloc.h>
#include "internal.h"
#include "compat.h"
#include "chunkshare.h"
#include "resolve.h"
#include "zeropage.h"

#define CREATE_TRACE_POINTS
#include "zeropage_trace.h"

/* the core's rule for where the zero page may be */
static bool erofs_zeropage_allowed(struct vm_area_struct *vma)
{
	if (mm_forbids_zeropage(vma->vm_mm))
		return false;
	return erofs_vma_is_cow(vma) ||
		!(vma->vm_flags & (VM_WRITE | VM_MAYWRITE));
}

/* did the fault find a marker of userfaultfd's write protection, not an empty entry? */
static bool erofs_found_marker(struct vm_fault *vmf)
{
	return (vmf->flags & FAULT_FLAG_ORIG_PTE_VALID) && !pte_none(vmf->orig_pte);
}

/*
 * A fault that found a marker has to keep it, which only the page-cache path does: a
 * zero PTE would not be installed over it and the fault would come back for ever.
 */
bool erofs_zeropage_wanted(struct vm_fault *vmf)
{
	if (!erofs_zeropage_active(file_inode(vmf->vma->vm_file)))
		return false;
	if (erofs_found_marker(vmf))
		return false;
	return erofs_zeropage_allowed(vmf->vma);
}

/**
 * erofs_install_page_table - see to it that there is one for a fault
 * @vmf: the fault, below ->fault
 *
 * With a page table in place nobody maps a huge page there any more.  It may go again as
 * long as it is empty: MADV_DONTNEED gives it back (Linux 7), and so does who collapses pages
 * of the file.
 *
 * Return: false if a huge page was there first, and the fault has to be repeated.
 */
bool erofs_install_page_table(struct vm_fault *vmf)
{
	struct mm_struct *mm = vmf->vma->vm_mm;
	pmd_t pmd = pmdp_get_lockless(vmf->pmd);

	/* the core gives one to every ->fault that found none */
	if (pmd_none(pmd) && vmf->prealloc_pte) {
		spinlock_t *ptl = pmd_lock(mm, vmf->pmd);

		if (pmd_none(*vmf->pmd)) {
			mm_inc_nr_ptes(mm);
			smp_wmb();	/* its entries before itself, for lockless walkers */
			pmd_populate(mm, vmf->pmd, vmf->prealloc_pte);
			vmf->prealloc_pte = NULL;
		}
		pmd = *vmf->pmd;
		spin_unlock(ptl);
	}
	return pmd_present(pmd) && !pmd_leaf(pmd);
}

/**
 * erofs_zeropage_count_fault - account for a fault that the zero page serves
 * @vmf: the fault
 * @first: page of the file that its mapping begins at
 * @nr: pages mapped
 */
void erofs_zeropage_count_fault(struct vm_fault *vmf, pgoff_t first,
				unsigned long nr)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	const bool write = vmf->flags & FAULT_FLAG_WRITE;

	if (write)
		erofs_zeropage_count(inode, write_faults, 1);
	else
		erofs_zeropage_count(inode, hole_faults, 1);
	erofs_zeropage_count(inode, zero_pages, nr);
	trace_erofs_hole_fault(inode, vmf->pgoff, first, nr, write);
}

/**
 * erofs_cached_fault - have a fault served by the page cache of the file
 * @vmf: the fault
 *
 * filemap_fault() looks at the entry of a page that is not cached once more if the
 * memory is locked, and leaves the fault if it is not empty: somebody else has mapped
 * the page.  A marker that the fault came with is not empty either, and it stays until
 * the page is mapped, so that the fault would come back for ever: a hole is cached by
 * nobody else.  Whether the entry is still the one that the fault came with is asked
 * under the page table's lock before anything is mapped.  So the second look may be
 * left out here, as it is where there was no page table.
 *
 * Return: as of vm_operations_struct.fault.
 */
vm_fault_t erofs_cached_fault(struct vm_fault *vmf)
{
	vm_fault_t ret;

	if (!erofs_found_marker(vmf))
		return filemap_fault(vmf);
	vmf->flags &= ~FAULT_FLAG_ORIG_PTE_VALID;
	ret = filemap_fault(vmf);
	vmf->flags |= FAULT_FLAG_ORIG_PTE_VALID;
	return ret;
}

/* data in the page cache of the file */
static vm_fault_t erofs_data_fault(struct vm_fault *vmf)
{
	struct address_space *mapping = vmf->vma->vm_file->f_mapping;
	const loff_t pos = (loff_t)vmf->pgoff << PAGE_SHIFT;
	struct folio *folio = filemap_get_folio(mapping, vmf->pgoff);
	vm_fault_t ret = erofs_readahead_fault(vmf, folio);

	if (!IS_ERR(folio))
		folio_put(folio);
	/* nothing is on its way: the core would wait for the index to begin */
	else if (ret == VM_FAULT_MAJOR && (vmf->flags & FAULT_FLAG_RETRY_NOWAIT) &&
		 !filemap_range_has_page(mapping, pos, pos))
		ret |= VM_FAULT_RETRY;
	return ret & VM_FAULT_RETRY ? ret : ret | erofs_cached_fault(vmf);
}

/* the pages that a fault may map if they are alike */
static void erofs_fault_window(struct vm_fault *vmf, struct erofs_run *run)
{
	struct vm_area_struct *vma = vmf->vma;
	struct inode *inode = file_inode(vma->vm_file);
	const pgoff_t eof = DIV_ROUND_UP_ULL(i_size_read(inode), PAGE_SIZE);
	/* a power of two of at most a page table, so it lies in one */
	const unsigned long window = erofs_zeropage_window(inode, vmf->flags & FAULT_FLAG_WRITE)
		<< PAGE_SHIFT;
	const unsigned long start = ALIGN_DOWN(vmf->address, window);

	run->first = vmf->pgoff - ((vmf->address - max(vma->vm_start, start)) >> PAGE_SHIFT);
	run->end = vmf->pgoff + ((min(vma->vm_end, start + window) - vmf->address) >> PAGE_SHIFT);
	run->end = min(run->end, eof);
	run->most_data = 1;
	run->anywhere = false;
}

static void erofs_read_page(struct file *file, pgoff_t index)
{
	struct folio *folio;

	/* who comes back has the error */
	if (erofs_wait_killable(file->f_mapping, index))
		return;
	folio = read_mapping_folio(file->f_mapping, index, file);
	if (!IS_ERR(folio))
		folio_put(folio);
}

/*
 * Have the page of a fault cached alone, if nothing is cached there.  The lock that the fault
 * holds is given up, if it may be repeated: who reads ahead may have the page locked, and
 * wait for a device.  Returns VM_FAULT_RETRY, with the lock released but for a fault that
 * must not wait; or 0.
 */
static vm_fault_t erofs_alone_fault(struct vm_fault *vmf)
{
	struct file *file = vmf->vma->vm_file;
	const pgoff_t index = vmf->pgoff;
	const loff_t pos = (loff_t)index << PAGE_SHIFT;

	if (filemap_range_has_page(file->f_mapping, pos, pos))
		return 0;
	if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
		return VM_FAULT_RETRY;
	if (!fault_flag_allow_retry_first(vmf->flags)) {
		erofs_read_page(file, index);
		return 0;
	}
	get_file(file);
	release_fault_lock(vmf);
	erofs_read_page(file, index);
	fput(file);
	return VM_FAULT_RETRY;
}

/*
 * A hole where the zero page may not be.  The core would read ahead around it, and
 * erofs_zeropage_readahead() leave nothing of that: 8 MiB of folios for a page.
 */
static vm_fault_t erofs_cached_hole_fault(struct vm_fault *vmf)
{
	vm_fault_t ret = 0;

	if (erofs_zeropage_active(file_inode(vmf->vma->vm_file)))
		ret = erofs_alone_fault(vmf);
	return ret ?: erofs_cached_fault(vmf);
}

static vm_fault_t erofs_hole_fault(struct vm_fault *vmf, const struct erofs_run *run)
{
	const unsigned long addr = vmf->address - ((vmf->pgoff - run->first) << PAGE_SHIFT);
	const unsigned long nr = run->end - run->first;
	vm_fault_t ret;

	if (!erofs_zeropage_wanted(vmf))
		return erofs_cached_hole_fault(vmf);
	ret = vmf_insert_zero_pages(vmf, addr, nr);
	if (ret == VM_FAULT_NOPAGE)
		erofs_zeropage_count_fault(vmf, run->first, nr);
	return ret;
}

/**
 * erofs_zeropage_fault - ->fault of files that may have holes
 * @vmf: the fault
 *
 * A read fault maps the hole around it.  So does a first write, in a smaller window:
 * the core then finds a zero PTE, here and at the writes that tend to follow
 * nearby, and gives out cleared pages without asking us again.
 *
 * The page is looked up in what is in memory of the chunk index.  Whoever has to read that
 * does so without the lock that the fault holds, if he can: others that change the mappings
 * of the process do not wait for the device.
 *
 * Return: as of vm_operations_struct.fault.
 */
vm_fault_t erofs_zeropage_fault(struct vm_fault *vmf)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	const pgoff_t eof = DIV_ROUND_UP_ULL(i_size_read(inode), PAGE_SIZE);
	struct erofs_run run;
	vm_fault_t ret;
	int err;

	/* past the end: its own error; and nobody to ask for */
	if (vmf->pgoff >= eof || (!erofs_zeropage_active(inode) && !erofs_chunk_shared(inode)))
		return erofs_cached_fault(vmf);
	erofs_fault_window(vmf, &run);
	err = erofs_resolve(inode, vmf->pgoff, true, &run);
	if (err == -EAGAIN) {
		ret = erofs_index_fault(vmf, vmf->pgoff, vmf->pgoff + 1);
		if (ret)
			return ret;
		erofs_fault_window(vmf, &run);
		err = erofs_resolve(inode, vmf->pgoff, false, &run);
	}
	/* mlock() begins anew for ever while a fault gives up its lock: not for an error */
	if (err == -EIO && erofs_chunk_shared(inode))
		return VM_FAULT_SIGBUS;
	/* what cannot be known is left to the page cache of the file, which has its own errors */
	if (err)
		return erofs_cached_fault(vmf);
	if (run.kind == EROFS_HOLE)
		return erofs_hole_fault(vmf, &run);
	return run.chunk.cache ? erofs_chunk_fault(vmf, &run.chunk) : erofs_data_fault(vmf);
}

/**
 * erofs_zeropage_map_pages - ->map_pages of files that may have holes
 * @vmf: the fault
 * @start: first page of the file
 * @end: last page
 *
 * It must not sleep, as finding a hole may: it serves cached data only.
 *
 * Return: as of vm_operations_struct.map_pages.
 */
vm_fault_t erofs_zeropage_map_pages(struct vm_fault *vmf, pgoff_t start, pgoff_t end)
{
	if (erofs_chunk_shared(file_inode(vmf->vma->vm_file)))
		return erofs_chunk_map_pages(vmf, start, end);
	return filemap_map_pages(vmf, start, end);
}

static const struct vm_operations_struct erofs_zeropage_vm_ops = {
	.fault		= erofs_zeropage_fault,
	.map_pages	= erofs_zeropage_map_pages,
};

/**
 * erofs_zeropage_vma_ops - how a new mapping of a file that is not DAX has its faults
 * @inode: the file's
 * @start: address
 * @end: of its end
 * @mixed: set to whether the mapping has to be VM_MIXEDMAP
 *
 * Mappings of files that may have holes get the fault handler of this file or, where the
 * mount asks for it, that of zeropage_huge.c.
 *
 * Return: the operations, or NULL for the generic ones.
 */
const struct vm_operations_struct *
erofs_zeropage_vma_ops(struct inode *inode, unsigned long start,
		       unsigned long end, bool *mixed)
{
	const struct vm_operations_struct *huge;

	*mixed = false;
	if (!erofs_may_have_holes(inode))
		return NULL;
	huge = erofs_zeropage_huge_ops(inode, start, end);
	*mixed = huge;
	return huge ? huge : &erofs_zeropage_vm_ops;
}
