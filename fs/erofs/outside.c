// SPDX-License-Identifier: GPL-2.0-only
/*
 * A function of mm, as a module can have it.  Page tables are filled by what is exported for
 * that: apply_to_page_range(), which walks down to them for one entry; those that follow it
 * are in the same table, and are filled under the lock that is held for the first.
 */
#include <linux/mm.h>
#include <linux/version.h>
#include "zeropage.h"

#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
#define zero_pfn	my_zero_pfn
#endif

struct erofs_zeropage_fill {
	struct vm_area_struct *vma;
	unsigned long nr;
	pte_t entry;	/* the same for all: where zero pages have colours, any will do */
};

static int erofs_zeropage_fill(pte_t *ptep, unsigned long addr, void *data)
{
	struct erofs_zeropage_fill *fill = data;
	unsigned long i;

	if (erofs_vma_is_reaped(fill->vma))
		return -EFAULT;
	for (i = 0; i < fill->nr; ++i, ++ptep, addr += PAGE_SIZE)
		if (pte_none(ptep_get(ptep)))
			set_pte_at(fill->vma->vm_mm, addr, ptep, fill->entry);
	return 0;
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
	struct erofs_zeropage_fill fill = {
		.vma = vma,
		.nr = nr,
		.entry = pte_mkspecial(pfn_pte(zero_pfn(vmf->address), vma->vm_page_prot)),
	};
	int err;

	/* apply_to_page_range() would not cope with a huge page */
	if (!erofs_install_page_table(vmf))
		return VM_FAULT_NOPAGE;
	err = apply_to_page_range(vma->vm_mm, addr, PAGE_SIZE, erofs_zeropage_fill, &fill);
	/* else a table that has gone again: what else comes of no memory the core knows first */
	return err == -EFAULT ? VM_FAULT_SIGBUS : VM_FAULT_NOPAGE;
}
