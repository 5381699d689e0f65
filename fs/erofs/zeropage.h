/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __EROFS_ZEROPAGE_H
#define __EROFS_ZEROPAGE_H

#include <linux/fs.h>
#include <linux/oom.h>
#include <linux/pagemap.h>
#include <linux/splice.h>

#ifdef CONFIG_EROFS_FS_ZEROPAGE
#include "compat.h"
#include "resolve.h"

/* what a mount has done, see Documentation/zeropage.md; on each CPU */
struct erofs_zeropage_stats {
	u64 hole_faults;	/* read faults on holes */
	u64 write_faults;	/* first writes to holes */
	u64 zero_pages;		/* pages that either mapped, or found mapped */
	u64 read_bytes;		/* of holes, by read and splice */
};

/* one for each mount: its switch and counters, below its folder in sysfs */
struct erofs_zeropage {
	struct kobject *kobj;
	dev_t dev;		/* of the mount, as stat() gives it */
	struct erofs_zeropage_stats __percpu *stats;
	unsigned int read_window;	/* pages mapped at a fault, a power of two */
	unsigned int write_window;
	bool enabled;
	bool huge;		/* new mappings may have huge pages of zeros ... */
	struct folio *huge_zero;	/* ... which is this one */
};

extern bool erofs_zeropage_enabled;

static inline struct erofs_zeropage *erofs_zeropage(struct inode *inode)
{
	return EROFS_I_SB(inode)->zeropage;
}

/* may holes of this file be served without the page cache now? */
static inline bool erofs_zeropage_active(struct inode *inode)
{
	struct erofs_zeropage *zp = erofs_zeropage(inode);

	return erofs_may_have_holes(inode) &&
		READ_ONCE(erofs_zeropage_enabled) && zp &&
		READ_ONCE(zp->enabled);
}

/*
 * Does the OOM killer take the memory of who has the VMA?  A private copy may have been taken
 * where nothing is mapped now, so nothing else is mapped there.
 */
static inline bool erofs_vma_is_reaped(const struct vm_area_struct *vma)
{
	return !(vma->vm_flags & VM_SHARED) && check_stable_address_space(vma->vm_mm);
}

/* how many pages a fault may map, at most PTRS_PER_PTE */
static inline unsigned long erofs_zeropage_window(struct inode *inode, bool write)
{
	struct erofs_zeropage *zp = erofs_zeropage(inode);

	return write ? READ_ONCE(zp->write_window) : READ_ONCE(zp->read_window);
}

#define erofs_zeropage_count(inode, counter, n)	\
	this_cpu_add(erofs_zeropage(inode)->stats->counter, n)

int erofs_zeropage_init_sb(struct super_block *sb);
void erofs_zeropage_exit_sb(struct super_block *sb);
const struct vm_operations_struct *
erofs_zeropage_vma_ops(struct inode *inode, unsigned long start,
		       unsigned long end, bool *mixed);
DEFINE_EROFS_MMAP(erofs_zeropage, erofs_zeropage_vma_ops)
bool erofs_zeropage_wanted(struct vm_fault *vmf);
bool erofs_install_page_table(struct vm_fault *vmf);
void erofs_zeropage_count_fault(struct vm_fault *vmf, pgoff_t first,
				unsigned long nr);
vm_fault_t erofs_cached_fault(struct vm_fault *vmf);
vm_fault_t erofs_zeropage_fault(struct vm_fault *vmf);
vm_fault_t erofs_zeropage_map_pages(struct vm_fault *vmf, pgoff_t start, pgoff_t end);
ssize_t erofs_zeropage_read_hole(struct kiocb *iocb, struct iov_iter *to, size_t count);
ssize_t erofs_zeropage_read_iter(struct kiocb *iocb, struct iov_iter *to);
ssize_t erofs_zeropage_splice_read(struct file *in, loff_t *ppos,
				   struct pipe_inode_info *pipe, size_t len,
				   unsigned int flags);
bool erofs_zeropage_readahead(struct readahead_control *rac, struct inode *inode);
void erofs_readahead_data(const struct readahead_control *rac, struct inode *inode,
			  pgoff_t index, pgoff_t end, pgoff_t mark, bool cached);
struct folio *erofs_new_folio(struct address_space *mapping, pgoff_t index,
			      pgoff_t nr, unsigned int max_order, gfp_t gfp);
vm_fault_t erofs_readahead_fault(struct vm_fault *vmf, struct folio *folio);
vm_fault_t erofs_index_fault(struct vm_fault *vmf, pgoff_t first, pgoff_t end);
void erofs_readahead_used(struct file *file, struct folio *folio, pgoff_t index,
			  pgoff_t nr);
void erofs_readahead_read(struct file *file, struct folio *folio, pgoff_t index,
			  pgoff_t first, pgoff_t end);

/* huge special entries have to be known for what they are everywhere */
#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
int erofs_zeropage_huge_get(struct erofs_zeropage *zp);
void erofs_zeropage_huge_put(struct erofs_zeropage *zp);
const struct vm_operations_struct *
erofs_zeropage_huge_ops(struct inode *inode, unsigned long start,
			unsigned long end);
#else
static inline int erofs_zeropage_huge_get(struct erofs_zeropage *zp)
{
	return -EOPNOTSUPP;
}

static inline void erofs_zeropage_huge_put(struct erofs_zeropage *zp) {}

static inline const struct vm_operations_struct *
erofs_zeropage_huge_ops(struct inode *inode, unsigned long start,
			unsigned long end)
{
	return NULL;
}
#endif

#else
static inline int erofs_zeropage_init_sb(struct super_block *sb) { return 0; }
static inline void erofs_zeropage_exit_sb(struct super_block *sb) {}

/* nobody asks for what is in memory only */
static inline struct folio *erofs_meta_folio_cached(struct address_space *mapping,
						    pgoff_t index)
{
	return ERR_PTR(-EAGAIN);
}

#define erofs_zeropage_mmap	generic_file_readonly_mmap
#define erofs_zeropage_mmap_prepare	generic_file_readonly_mmap_prepare
#define erofs_zeropage_read_iter(iocb, to)	filemap_read(iocb, to, 0)
#define erofs_zeropage_splice_read	filemap_splice_read

static inline bool erofs_zeropage_readahead(struct readahead_control *rac,
					    struct inode *inode)
{
	return false;
}
#endif

#endif	/* __EROFS_ZEROPAGE_H */
