/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between the kernels that these sources are built for, as whole
 * functions.  Nothing else in our files asks for a version.
 */
#ifndef __EROFS_COMPAT_H
#define __EROFS_COMPAT_H

#include <linux/list_lru.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/version.h>
#include "internal.h"

/* wait for a page that is read, if there is one; -EINTR if that is not to be */
static inline int erofs_wait_killable(struct address_space *mapping, pgoff_t index)
{
	struct folio *folio = filemap_get_folio(mapping, index);
	int err;

	if (IS_ERR(folio))
		return 0;
	err = folio_wait_locked_killable(folio);
	folio_put(folio);
	return err;
}

/* a page of metadata if it is in memory; -EAGAIN if it is not */
static inline struct folio *erofs_meta_folio_cached(struct address_space *mapping,
						    pgoff_t index)
{
	struct folio *folio = filemap_get_folio(mapping, index);

	if (IS_ERR(folio))
		return ERR_PTR(-EAGAIN);
	if (!folio_test_uptodate(folio)) {
		folio_put(folio);
		return ERR_PTR(-EAGAIN);
	}
	return folio;
}

/* what @pos of a buffer's mapping holds, for the functions below */
static inline void *erofs_buf_cached(struct erofs_buf *buf, erofs_off_t pos)
{
	struct folio *folio;

	/* said before it is said that it would have to be read */
	if (pos >= i_size_read(buf->mapping->host))
		return ERR_PTR(-EIO);
	folio = erofs_meta_folio_cached(buf->mapping, pos >> PAGE_SHIFT);
	if (IS_ERR(folio))
		return ERR_CAST(folio);
	buf->page = folio_file_page(folio, pos >> PAGE_SHIFT);
	buf->base = kmap_local_page(buf->page);
	return buf->base + offset_in_page(pos);
}

#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)	/* ---- 6.12 ---- */

#include <linux/pagevec.h>
#include <linux/pfn_t.h>

/* ->mmap of files that are not DAX and have the operations that @get_ops says */
#define DEFINE_EROFS_MMAP(prefix, get_ops)					\
static inline int prefix##_mmap(struct file *file, struct vm_area_struct *vma)	\
{										\
	const struct vm_operations_struct *ops;					\
	bool mixed;								\
	int err = generic_file_readonly_mmap(file, vma);			\
										\
	ops = get_ops(file_inode(file), vma->vm_start, vma->vm_end, &mixed);	\
	if (err || !ops)							\
		return err;							\
	vma->vm_ops = ops;							\
	if (mixed)								\
		vm_flags_set(vma, VM_MIXEDMAP);					\
	return 0;								\
}

static inline bool erofs_inode_is_new(struct inode *inode)
{
	return inode->i_state & I_NEW;
}

static inline bool erofs_vma_is_cow(struct vm_area_struct *vma)
{
	return is_cow_mapping(vma->vm_flags);
}

static inline vm_fault_t erofs_vmf_insert_pmd(struct vm_fault *vmf,
					      unsigned long pfn)
{
	return vmf_insert_pfn_pmd(vmf, pfn_to_pfn_t(pfn), false);
}

static inline struct folio *erofs_filemap_alloc_folio(gfp_t gfp,
						      unsigned int order)
{
	return filemap_alloc_folio(gfp, order);
}

/* where metadata is in the page cache of its buffer, bytes */
static inline erofs_off_t erofs_buf_pos(struct erofs_buf *buf, erofs_off_t pos)
{
	return pos;
}

/* metadata of an inode is on the primary device */
static inline int erofs_inode_metabuf(struct erofs_buf *buf, struct inode *inode)
{
	erofs_init_metabuf(buf, inode->i_sb);
	return 0;
}

static inline int erofs_shared_xattr_metabuf(struct erofs_buf *buf,
					     struct super_block *sb)
{
	erofs_init_metabuf(buf, sb);
	return 0;
}

static inline void *erofs_inode_meta(struct erofs_buf *buf, erofs_off_t pos)
{
	return erofs_bread(buf, pos, EROFS_KMAP);
}

static inline bool erofs_inode_meta_cached(struct erofs_buf *buf, erofs_off_t pos)
{
	return filemap_range_has_page(buf->mapping, pos, pos);
}

/* begin to read @nr pages, or fewer if the device has less read ahead */
static inline void erofs_inode_meta_readahead(struct erofs_buf *buf,
					      erofs_off_t pos, unsigned long nr)
{
	struct file_ra_state ra;

	file_ra_state_init(&ra, buf->mapping);
	page_cache_sync_readahead(buf->mapping, &ra, buf->file, pos >> PAGE_SHIFT,
				  min_t(unsigned long, nr, ra.ra_pages));
}

/* a part of the metadata if it is in memory, without sleeping; -EAGAIN if it is not */
static inline void *erofs_inode_meta_cached_at(struct erofs_buf *buf,
					       erofs_off_t pos)
{
	void *meta = erofs_buf_cached(buf, pos);

	if (!IS_ERR(meta))
		buf->kmap_type = EROFS_KMAP;
	return meta;
}

/* as of Linux 7.0: the fingerprint's xattr is the long prefix with this number */
#define EROFS_FEATURE_COMPAT_ISHARE_XATTRS	0x00000020
#define EROFS_SB_ISHARE_XATTR_PREFIX_ID		105	/* byte of the super block */

static inline int erofs_ishare_prefix_id(struct super_block *sb)
{
	struct erofs_buf buf = __EROFS_BUF_INITIALIZER;
	const u8 *dsb = erofs_read_metabuf(&buf, sb, EROFS_SUPER_OFFSET, EROFS_KMAP);
	int id;

	if (IS_ERR(dsb))
		return PTR_ERR(dsb);
	id = dsb[EROFS_SB_ISHARE_XATTR_PREFIX_ID];
	erofs_put_metabuf(&buf);
	return id;
}

/* block addresses in a chunk index have 32 bits */
static inline bool erofs_index_is_hole(struct inode *inode,
				       const struct erofs_inode_chunk_index *idx)
{
	return idx->blkaddr == cpu_to_le32(EROFS_NULL_ADDR);
}

static inline u64 erofs_index_place(struct inode *inode,
				    const struct erofs_inode_chunk_index *idx,
				    unsigned int *device_id)
{
	*device_id = le16_to_cpu(idx->device_id) & EROFS_I_SB(inode)->device_id_mask;
	return le32_to_cpu(idx->blkaddr);
}

/* where the blocks of a device are addressed on device 0 as well, or 0 */
static inline u64 erofs_device_start(struct erofs_device_info *dif)
{
	return dif->mapped_blkaddr;
}

/* byte of a device that block 0 begins at */
static inline u64 erofs_device_offset(struct erofs_device_info *dif)
{
	return 0;
}

static inline erofs_off_t erofs_dev_pos(const struct erofs_map_dev *dev)
{
	return dev->m_pa;
}

/* the inode whose content is metadata, if there is one */
static inline struct inode *erofs_metabox_inode(struct erofs_sb_info *sbi)
{
	return NULL;
}

/* list_lru_walk_cb's are called with the lock of the list */
#define DEFINE_LRU_ISOLATE(name, item, arg)					\
	enum lru_status name(struct list_head *item,			\
			     struct list_lru_one *list,			\
			     spinlock_t *lock, void *arg)

#else							/* ---- 7 ---- */

#include <linux/folio_batch.h>

/* ->mmap_prepare of files that are not DAX and have the operations that @get_ops says */
#define DEFINE_EROFS_MMAP(prefix, get_ops)					\
static inline int prefix##_mmap_prepare(struct vm_area_desc *desc)		\
{										\
	const struct vm_operations_struct *ops;					\
	bool mixed;								\
	int err = generic_file_readonly_mmap_prepare(desc);			\
										\
	ops = get_ops(file_inode(desc->file), desc->start, desc->end, &mixed);	\
	if (err || !ops)							\
		return err;							\
	desc->vm_ops = ops;							\
	if (mixed)								\
		vma_desc_set_flags(desc, VMA_MIXEDMAP_BIT);			\
	return 0;								\
}

static inline bool erofs_inode_is_new(struct inode *inode)
{
	return inode_state_read_once(inode) & I_NEW;
}

static inline bool erofs_vma_is_cow(struct vm_area_struct *vma)
{
	return vma_is_cow_mapping(vma);
}

static inline vm_fault_t erofs_vmf_insert_pmd(struct vm_fault *vmf,
					      unsigned long pfn)
{
	return vmf_insert_pfn_pmd(vmf, pfn, false);
}

static inline struct folio *erofs_filemap_alloc_folio(gfp_t gfp,
						      unsigned int order)
{
	return filemap_alloc_folio(gfp, order, NULL);
}

/* where metadata is in the page cache of its buffer, bytes */
static inline erofs_off_t erofs_buf_pos(struct erofs_buf *buf, erofs_off_t pos)
{
	return buf->off + pos;
}

/* metadata of an inode may be in the metabox, another inode */
static inline int erofs_inode_metabuf(struct erofs_buf *buf, struct inode *inode)
{
	return erofs_init_metabuf(buf, inode->i_sb, erofs_inode_in_metabox(inode));
}

static inline int erofs_shared_xattr_metabuf(struct erofs_buf *buf,
					     struct super_block *sb)
{
	return erofs_init_metabuf(buf, sb,
				  erofs_sb_has_shared_ea_in_metabox(EROFS_SB(sb)));
}

static inline void *erofs_inode_meta(struct erofs_buf *buf, erofs_off_t pos)
{
	return erofs_bread(buf, pos, true);
}

/* the cache of file-backed mounts' metadata cannot be read ahead */
static inline bool erofs_inode_meta_cached(struct erofs_buf *buf, erofs_off_t pos)
{
	pos = erofs_buf_pos(buf, pos);
	return buf->mc || filemap_range_has_page(buf->mapping, pos, pos);
}

/* begin to read @nr pages, or fewer if the device has less read ahead */
static inline void erofs_inode_meta_readahead(struct erofs_buf *buf,
					      erofs_off_t pos, unsigned long nr)
{
	struct file_ra_state ra;

	pos = erofs_buf_pos(buf, pos);
	file_ra_state_init(&ra, buf->mapping);
	page_cache_sync_readahead(buf->mapping, &ra, NULL, pos >> PAGE_SHIFT,
				  min_t(unsigned long, nr, ra.ra_pages));
}

/* a part of the metadata if it is in memory, without sleeping; -EAGAIN if it is not */
static inline void *erofs_inode_meta_cached_at(struct erofs_buf *buf,
					       erofs_off_t pos)
{
	return erofs_buf_cached(buf, erofs_buf_pos(buf, pos));
}

/* which prefix is that of the fingerprint's xattr, or a negative error */
static inline int erofs_ishare_prefix_id(struct super_block *sb)
{
	return EROFS_SB(sb)->ishare_xattr_prefix_id;
}

/* block addresses in a chunk index have 32 bits or 48 */
static inline bool erofs_index_is_hole(struct inode *inode,
				       const struct erofs_inode_chunk_index *idx)
{
	if (idx->startblk_lo != cpu_to_le32(U32_MAX))
		return false;
	return !(EROFS_I(inode)->chunkformat & EROFS_CHUNK_FORMAT_48BIT) ||
		idx->startblk_hi == cpu_to_le16(U16_MAX);
}

static inline u64 erofs_index_place(struct inode *inode,
				    const struct erofs_inode_chunk_index *idx,
				    unsigned int *device_id)
{
	u64 block = le32_to_cpu(idx->startblk_lo);

	*device_id = le16_to_cpu(idx->device_id) & EROFS_I_SB(inode)->device_id_mask;
	if (EROFS_I(inode)->chunkformat & EROFS_CHUNK_FORMAT_48BIT)
		block |= (u64)le16_to_cpu(idx->startblk_hi) << 32;
	return block;
}

static inline u64 erofs_device_start(struct erofs_device_info *dif)
{
	return dif->uniaddr;
}

/* byte of a device that block 0 begins at: fsoffset= */
static inline u64 erofs_device_offset(struct erofs_device_info *dif)
{
	return dif->fsoff;
}

static inline erofs_off_t erofs_dev_pos(const struct erofs_map_dev *dev)
{
	return dev->m_dif->fsoff + dev->m_pa;
}

/* the inode whose content is metadata, if there is one */
static inline struct inode *erofs_metabox_inode(struct erofs_sb_info *sbi)
{
	return sbi->metabox_inode;
}

static inline bool erofs_is_fscache_mode(struct super_block *sb)
{
	return false;
}

#define DEFINE_LRU_ISOLATE(name, item, arg)					\
	enum lru_status name(struct list_head *item,			\
			     struct list_lru_one *list, void *arg)

#endif

/*
 * The page after what was taken from a readahead request so far: the folio that was
 * taken last is added when the next one is asked for.
 */
static inline pgoff_t erofs_readahead_next(struct readahead_control *rac)
{
	return rac->_index + rac->_batch_count;
}

/*
 * Move the folios of @rac that end at or before page @end to a request of their
 * own; returns how many pages these are.  The folios are locked and stay in the
 * page cache until somebody takes them from the request.
 */
static inline unsigned long
erofs_readahead_split(struct readahead_control *rac,
		      struct readahead_control *part, pgoff_t end)
{
	pgoff_t last = rac->_index + rac->_nr_pages;

	rac->_index += rac->_batch_count;
	rac->_nr_pages -= rac->_batch_count;
	rac->_batch_count = 0;
	*part = *rac;
	part->_workingset = false;	/* is accounted for by who made @rac */
	if (end < last) {
		struct folio *folio = xa_load(&rac->mapping->i_pages, end);

		/* the folio at @end begins before it if it holds both kinds */
		end = folio->index;
	}
	part->_nr_pages = end - rac->_index;
	rac->_index = end;
	rac->_nr_pages -= part->_nr_pages;
	return part->_nr_pages;
}

/*
 * Map what is cached of @nr pages of @file from @page on, but where page @index and
 * those that follow are in the mapping that has the fault.  filemap_map_pages() knows
 * one file and one offset, those of the VMA: it gets one of its own, of that part.
 */
static inline vm_fault_t erofs_map_cached(struct vm_fault *vmf, struct file *file,
					  pgoff_t page, pgoff_t index, pgoff_t nr)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long start = vma->vm_start + ((index - vma->vm_pgoff) << PAGE_SHIFT);
	struct vm_area_struct part = {
		.vm_start = start,
		.vm_end = start + (nr << PAGE_SHIFT),
		.vm_mm = vma->vm_mm,
		.vm_page_prot = vma->vm_page_prot,
		.vm_flags = vma->vm_flags,
		.vm_ops = vma->vm_ops,
		.vm_pgoff = page,
		.vm_file = file,
	};
	struct vm_fault fault = {
		.vma = &part,
		.gfp_mask = vmf->gfp_mask,
		.pgoff = page + ((vmf->address - start) >> PAGE_SHIFT),
		.address = vmf->address,
		.real_address = vmf->real_address,
		.flags = vmf->flags,
		.pmd = vmf->pmd,
		.pud = vmf->pud,
		.prealloc_pte = vmf->prealloc_pte,
	};
	vm_fault_t ret = filemap_map_pages(&fault, page, page + nr - 1);

	vmf->prealloc_pte = fault.prealloc_pte;
	return ret;
}

#endif	/* __EROFS_COMPAT_H */
