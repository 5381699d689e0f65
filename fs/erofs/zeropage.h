/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __EROFS_ZEROPAGE_H
#define __EROFS_ZEROPAGE_H

#include <linux/fs.h>

#ifdef CONFIG_EROFS_FS_ZEROPAGE
int erofs_zeropage_mmap(struct file *file, struct vm_area_struct *vma);
#else
#define erofs_zeropage_mmap	generic_file_readonly_mmap
#endif

#endif	/* __EROFS_ZEROPAGE_H */
