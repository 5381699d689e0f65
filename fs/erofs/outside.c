// SPDX-License-Identifier: GPL-2.0-only
/*
 * A function of mm, as a module can have it: what locks a page table in mm is not exported, so
 * it is written out here.
 */
#include <linux/mm.h>
#include <linux/version.h>
#include "zeropage.h"

#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
#define zero_pfn		my_zero_pfn
#define lazy_mmu_mode_enable	arch_enter_lazy_mmu_mode
#define lazy_mmu_mode_disable	arch_leave_lazy_mmu_mode
#endif

#ifdef CONFIG_GUP_GET_PXX_LOW_HIGH
#error a PMD is read in two halves here: interrupts would have to be off
#endif

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
	pmd_t pmd;

	if (!erofs_install_page_table(vmf))
		return VM_FAULT_NOPAGE;
	/* as pte_offset_map_lock(): RCU keeps a page table that has gone until we know */
	rcu_read_lock();
	pmd = pmdp_get_lockless(vmf->pmd);
	if (!pmd_present(pmd) || pmd_leaf(pmd)) {
		rcu_read_unlock();
		return VM_FAULT_NOPAGE;
	}
	start = __pte_map(&pmd, addr);
	vmf->ptl = pte_lockptr(vma->vm_mm, &pmd);
	spin_lock(vmf->ptl);
	/* whoever takes it away does so under this lock */
	if (unlikely(!pmd_same(pmd, pmdp_get_lockless(vmf->pmd))))
		nr = 0;
	else if (erofs_vma_is_reaped(vma))
		ret = VM_FAULT_SIGBUS;
	lazy_mmu_mode_enable();
	for (ptep = start; ret == VM_FAULT_NOPAGE && nr--; ++ptep, addr += PAGE_SIZE)
		if (pte_none(ptep_get(ptep)))
			set_pte_at(vma->vm_mm, addr, ptep, zero);
	lazy_mmu_mode_disable();
	spin_unlock(vmf->ptl);
	pte_unmap(start);
	return ret;
}
