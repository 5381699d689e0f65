/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the module that is built out of tree has in place of what is in the kernel: a
 * configuration without the kernel's own sharing, and what our series adds to mm.
 */
#undef CONFIG_EROFS_FS_PAGE_CACHE_SHARE

#include <linux/mm_types.h>

struct vm_fault;

vm_fault_t vmf_insert_zero_pages(struct vm_fault *vmf, unsigned long addr, unsigned long nr);
