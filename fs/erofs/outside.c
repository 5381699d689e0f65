// SPDX-License-Identifier: GPL-2.0-only
/*
 * A function of mm, as a module can have it: what locks a page table in mm is not exported, so
 * it is written out here.
 */
#include <linux/mm.h>
#include <linux/version.h>
#include "zeropage.h"

#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
#define zero_pfn	my_zero_pfn
#endif

/*
 * As pte_offset_map_lock(): the entry of @addr, locked, with the RCU read lock held that keeps
 * the page table until the lock is there; pte_unmap() gives up the latter.  NULL if there is no
 * page table, be it that it has gone again or that a huge page has come.
 */
static pte_t *erofs_lock_entry(struct vm_fault *vmf, unsigned long addr, spinlock_t **ptlp)
{
	pte_t *ptep;
	pmd_t pmd;

	rcu_read_lock();
	pmd = pmdp_get_lockless(vmf->pmd);
	if (!pmd_present(pmd) || pmd_leaf(pmd)) {
		rcu_read_unlock();
		return NULL;
	}
	ptep = __pte_map(&pmd, addr);
	*ptlp = pte_lockptr(vmf->vma->vm_mm, &pmd);
	spin_lock(*ptlp);
	/* whoever takes it away does so under this lock */
	if (likely(pmd_same(pmd, pmdp_get_lockless(vmf->pmd))))
		return ptep;
	spin_unlock(*ptlp);
	pte_unmap(ptep);
	return NULL;
}

/**
 * vmf_insert_zero_pages - map the zero page around a fault
 * @vmf: the fault, below ->fault
 * @addr: first address
 * @nr: pages, with that of the fault among them, which lie below one PMD entry
 *
 * Entries that are not empty stay.  The caller has asked whether the VMA may have the zero
 * page.
 *
 * Return: VM_FAULT_NOPAGE, also if a huge page was there first; or VM_FAULT_SIGBUS if the
 * OOM killer takes the memory of the process.
 */
vm_fault_t vmf_insert_zero_pages(struct vm_fault *vmf, unsigned long addr, unsigned long nr)
{
	struct vm_area_struct *vma = vmf->vma;
	/* the same for all: where zero pages have colours, any will do */
	const pte_t zero = pte_mkspecial(pfn_pte(zero_pfn(vmf->address), vma->vm_page_prot));
	vm_fault_t ret = VM_FAULT_NOPAGE;
	pte_t *start, *ptep;
	spinlock_t *ptl;

	if (!erofs_install_page_table(vmf))
		return VM_FAULT_NOPAGE;
	start = erofs_lock_entry(vmf, addr, &ptl);
	if (!start)
		return VM_FAULT_NOPAGE;
	if (erofs_vma_is_reaped(vma))
		ret = VM_FAULT_SIGBUS;
	else
		for (ptep = start; nr--; ++ptep, addr += PAGE_SIZE)
			if (pte_none(ptep_get(ptep)))
				set_pte_at(vma->vm_mm, addr, ptep, zero);
	spin_unlock(ptl);
	pte_unmap(start);
	return ret;
}
