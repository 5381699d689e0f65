// SPDX-License-Identifier: GPL-2.0-only
/*
 * Holes that are mapped by huge pages of zeros, where a mount asks for it.
 *
 * A read fault in a hole that covers all of a PMD's range puts one PMD entry there
 * and no page table below it.  The entry is a special one, which needs a mapping
 * with VM_MIXEDMAP; so only mappings made while the mount asks for it have it.
 *
 * What is different from the zero PTEs of zeropage.c:
 *
 * - The page is our own: the core's huge zero page is not for modules.  It is
 *   allocated when the first mount asks for it and freed with the last.  Pages that
 *   were taken from it by get_user_pages() hold it by reference, as any page.
 * - COW and long-term pins.  A write, or a pin that has to unshare, makes the core
 *   split the entry.  Splitting a special entry of a file is clearing it: the fault
 *   goes on in the page table that is put there, as zeropage.c describes.
 * - Zapping.  In a VM_MIXEDMAP mapping who zaps or splits a huge entry takes it for a
 *   special one and undoes no rss nor mapcount.  A page-cache folio must never be mapped
 *   by a PMD there.  The core does so if it finds no page table, and one that was put
 *   there may have gone again (erofs_install_page_table()).  So it is not given folios
 *   of that size; they are mapped here, as parts of a mapping that a PMD does not fit.
 * - Price.  The core leaves VM_MIXEDMAP mappings out of mlock(), KSM, khugepaged
 *   and NUMA balancing, private copies in them included.  That is why it is not
 *   the default.
 */
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/userfaultfd_k.h>
#include "chunkshare.h"
#include "compat.h"
#include "resolve.h"
#include "zeropage.h"

#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP

static DEFINE_MUTEX(erofs_huge_lock);
static struct folio *erofs_huge_zero;	/* there while somebody uses it */
static unsigned int erofs_huge_users;	/* mounts that have ever asked for it */

/**
 * erofs_zeropage_huge_get - get the huge page of zeros for a mount
 * @zp: of the mount, which keeps it until erofs_zeropage_huge_put()
 *
 * Return: 0, -ENOMEM, or -EOPNOTSUPP if this machine has no huge pages.
 */
int erofs_zeropage_huge_get(struct erofs_zeropage *zp)
{
	int err = 0;

	if (!has_transparent_hugepage())
		return -EOPNOTSUPP;
	mutex_lock(&erofs_huge_lock);
	if (!zp->huge_zero) {
		if (!erofs_huge_users)
			erofs_huge_zero = folio_alloc(GFP_KERNEL | __GFP_ZERO,
						      HPAGE_PMD_ORDER);
		if (erofs_huge_zero) {
			++erofs_huge_users;
			/* pairs with erofs_zeropage_huge_fault() */
			smp_store_release(&zp->huge_zero, erofs_huge_zero);
		} else {
			err = -ENOMEM;
		}
	}
	mutex_unlock(&erofs_huge_lock);
	return err;
}

/**
 * erofs_zeropage_huge_put - undo erofs_zeropage_huge_get(), if there was one
 * @zp: of a mount that no mapping uses any more
 */
void erofs_zeropage_huge_put(struct erofs_zeropage *zp)
{
	if (!zp->huge_zero)
		return;
	mutex_lock(&erofs_huge_lock);
	if (!--erofs_huge_users)
		folio_put(erofs_huge_zero);
	mutex_unlock(&erofs_huge_lock);
}

/* are all pages from @first on that a PMD maps a hole?  Errors are those of erofs_resolve(). */
static int erofs_is_huge_hole(struct inode *inode, pgoff_t first, bool cached, bool *hole)
{
	const pgoff_t end = first + HPAGE_PMD_NR;

	*hole = true;
	while (*hole && first < end) {
		struct erofs_run run = { .first = first, .end = end };
		int err = erofs_resolve(inode, first, cached, &run);

		if (err)
			return err;
		*hole = run.kind == EROFS_HOLE;
		/* what is known of it may end before it does */
		first = run.end;
	}
	return 0;
}

static vm_fault_t erofs_zeropage_huge_fault(struct vm_fault *vmf,
					    unsigned int order)
{
	struct vm_area_struct *vma = vmf->vma;
	struct inode *inode = file_inode(vma->vm_file);
	unsigned long start = ALIGN_DOWN(vmf->address, PMD_SIZE);
	pgoff_t eof = DIV_ROUND_UP_ULL(i_size_read(inode), PAGE_SIZE);
	struct folio *zero;
	vm_fault_t ret;
	pgoff_t first;
	bool hole;
	int err;

	if (order != PMD_ORDER || start < vma->vm_start ||
	    start + PMD_SIZE > vma->vm_end)
		return VM_FAULT_FALLBACK;
	if (vmf->flags & (FAULT_FLAG_WRITE | FAULT_FLAG_UNSHARE))
		return VM_FAULT_FALLBACK;
	/* pairs with erofs_zeropage_huge_get() */
	zero = smp_load_acquire(&erofs_zeropage(inode)->huge_zero);
	/* write protection of what is not there yet is kept in PTEs */
	if (!zero || userfaultfd_wp(vma) || !erofs_zeropage_wanted(vmf))
		return VM_FAULT_FALLBACK;

	first = vmf->pgoff - ((vmf->address - start) >> PAGE_SHIFT);
	if (first + HPAGE_PMD_NR > eof)
		return VM_FAULT_FALLBACK;
	err = erofs_is_huge_hole(inode, first, true, &hole);
	if (err == -EAGAIN) {
		ret = erofs_index_fault(vmf, first, first + HPAGE_PMD_NR);
		if (ret)
			return ret;
		err = erofs_is_huge_hole(inode, first, false, &hole);
	}
	if (err || !hole)
		return VM_FAULT_FALLBACK;

	erofs_zeropage_count_fault(vmf, first, HPAGE_PMD_NR);
	return erofs_vmf_insert_pmd(vmf, folio_pfn(zero));
}

/* map what is cached of some pages around a fault by PTEs: of half of what a PMD maps at most */
static vm_fault_t erofs_map_by_ptes(struct vm_fault *vmf, pgoff_t start, pgoff_t end)
{
	const struct vm_area_struct *vma = vmf->vma;
	const pgoff_t half = HPAGE_PMD_NR / 2, skip = pte_index(vmf->address) % half;
	const pgoff_t before = (vmf->address - vma->vm_start) >> PAGE_SHIFT;
	const pgoff_t after = (vma->vm_end - vmf->address) >> PAGE_SHIFT;

	start = max(start, vmf->pgoff - min(before, skip));
	end = min(end, vmf->pgoff + min(after, half - skip));
	return erofs_map_cached(vmf, vma->vm_file, start, start, end - start);
}

/* the page that a fault has found, locked, if its folio is one that the core must not have */
static vm_fault_t erofs_map_large(struct vm_fault *vmf)
{
	const struct vm_area_struct *vma = vmf->vma;
	struct folio *folio = page_folio(vmf->page);
	vm_fault_t ret = VM_FAULT_NOPAGE;

	vmf->page = NULL;
	/* the mark would keep it from being mapped, and so would the lock */
	folio_clear_readahead(folio);
	folio_unlock(folio);
	/* the core asks before it maps what it is given */
	if (erofs_vma_is_reaped(vma))
		ret = VM_FAULT_SIGBUS;
	else
		/* there are no markers: userfaultfd does not take such mappings */
		erofs_map_by_ptes(vmf, folio->index, folio_next_index(folio));
	folio_put(folio);
	return ret;
}

/* data is mapped by PTEs only; a copy is never huge */
static vm_fault_t erofs_zeropage_small_fault(struct vm_fault *vmf)
{
	vm_fault_t ret;

	if (!erofs_install_page_table(vmf))
		return VM_FAULT_NOPAGE;
	ret = erofs_zeropage_fault(vmf);
	if (!(ret & VM_FAULT_LOCKED) || (vmf->flags & FAULT_FLAG_WRITE) ||
	    !folio_test_pmd_mappable(page_folio(vmf->page)) || PageHWPoison(vmf->page))
		return ret;
	return (ret & ~VM_FAULT_LOCKED) | erofs_map_large(vmf);
}

/* without a page table ->fault comes first */
static vm_fault_t erofs_zeropage_huge_map_pages(struct vm_fault *vmf,
						pgoff_t start, pgoff_t end)
{
	pmd_t pmd = pmdp_get_lockless(vmf->pmd);

	if (pmd_none(pmd) || pmd_leaf(pmd))
		return 0;
	if (erofs_chunk_shared(file_inode(vmf->vma->vm_file)))
		return erofs_chunk_map_pages(vmf, start, end);
	return erofs_map_by_ptes(vmf, start, end + 1);
}

static const struct vm_operations_struct erofs_zeropage_huge_vm_ops = {
	.fault		= erofs_zeropage_small_fault,
	.huge_fault	= erofs_zeropage_huge_fault,
	.map_pages	= erofs_zeropage_huge_map_pages,
};

/**
 * erofs_zeropage_huge_ops - may a new mapping have huge zero mappings?
 * @inode: of a file that may have holes
 * @start: address
 * @end: of its end
 *
 * Return: the operations of such a mapping, or NULL.
 */
const struct vm_operations_struct *
erofs_zeropage_huge_ops(struct inode *inode, unsigned long start,
			unsigned long end)
{
	struct erofs_zeropage *zp = erofs_zeropage(inode);

	if (!zp || !READ_ONCE(zp->huge) || ALIGN(start, PMD_SIZE) + PMD_SIZE > end)
		return NULL;
	return &erofs_zeropage_huge_vm_ops;
}

#endif	/* CONFIG_ARCH_SUPPORTS_PMD_PFNMAP */
