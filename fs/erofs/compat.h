/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between the kernels that these sources are built for, as whole
 * functions.  Nothing else in our files asks for a version.
 */
#ifndef __EROFS_COMPAT_H
#define __EROFS_COMPAT_H

#include <linux/mm.h>
#include <linux/pfn_t.h>

/* 6.12: page frame numbers given to vmf_insert_mixed() are of type pfn_t */
static inline vm_fault_t erofs_vmf_insert_zero(struct vm_fault *vmf)
{
	return vmf_insert_mixed(vmf->vma, vmf->address,
				pfn_to_pfn_t(my_zero_pfn(vmf->address)));
}

#endif	/* __EROFS_COMPAT_H */
