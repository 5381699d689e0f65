/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __EROFS_CHUNKSHARE_H
#define __EROFS_CHUNKSHARE_H

#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/pagemap.h>
#include <linux/seq_file.h>
#include "reader.h"
#include "resolve.h"

#ifdef CONFIG_EROFS_FS_CHUNK_SHARE

/* pages of a region of a file, which one page table maps, and of a group of a cache */
#define EROFS_CHUNK_REGION_BITS	(PMD_SHIFT - PAGE_SHIFT)
#define EROFS_CHUNK_REGION	BIT(EROFS_CHUNK_REGION_BITS)

/* folios are smaller than what a PMD entry maps, see chunkshare.c; read() has large ones */
#define EROFS_CHUNK_MAX_ORDER	8

/* pages around a fault that are mapped, and that what it has read ends with a multiple of */
#define EROFS_CHUNK_AROUND	32

/* what is mounted, and what it holds, see chunkshare_cache.c; compared as bytes */
struct erofs_chunk_identity {
	u8 head[PAGE_SIZE];	/* its first page, which has the superblock */
	struct inode *inode;	/* of the device or file ... */
	u64 offset;		/* ... and the byte of it that page 0 begins at */
	u64 size;		/* bytes */
	u64 change;		/* change attribute of a file, sectors written to a device */
	u64 diskseq;		/* of a device */
	struct timespec64 mtime, ctime;	/* of a file */
};

/* the pages of one device, or of a file that is mounted */
struct erofs_chunk_cache {
	struct erofs_chunk_identity id;
	struct list_head list;
	unsigned int mounts;
	struct file *file;	/* of the pseudo inode whose page cache they are in */
	struct xarray groups;	/* of them, see chunkshare_rmap.c */
};

/* uses by regions of files, see chunkshare_rmap.c */
struct erofs_chunk_uses {
	struct list_head list;
	unsigned int nr;
};

/* pages of a cache that are unmapped together */
struct erofs_chunk_group {
	struct erofs_chunk_cache *cache;
	pgoff_t first;			/* of its pages */
	spinlock_t lock;		/* of what follows */
	struct erofs_chunk_uses touched;	/* that have mapped pages ... */
	struct erofs_chunk_uses idle;	/* ... and that have not, since they were unmapped */
	struct rb_root charges;		/* of cgroups, see chunkshare_charge.c */
	u64 added;			/* folios, while there were charges */
};

static_assert(EROFS_CHUNK_MAX_ORDER < EROFS_CHUNK_REGION_BITS);

/* how a mount numbers a device */
struct erofs_chunk_device {
	struct erofs_chunk_cache *cache;
	pgoff_t start;		/* of its part of device 0, in pages; 0: it has none */
	pgoff_t nr;
};

/* of a mount */
struct erofs_chunk_share {
	struct kobject *kobj;
	struct erofs_reads reads;	/* into the caches */
	atomic_long_t unmapped;	/* times that pages of a region were */
	unsigned int nr_devices;
	struct erofs_chunk_device device[];	/* by device_id */
};

static inline struct address_space *erofs_chunk_mapping(const struct erofs_chunk_run *run)
{
	return run->cache->file->f_mapping;
}

static inline struct erofs_chunk_share *erofs_chunk_share(struct inode *inode)
{
	return EROFS_I_SB(inode)->chunk_share;
}

/* is the data of this file in the caches of its devices? */
static inline bool erofs_chunk_shared(struct inode *inode)
{
	return erofs_chunk_share(inode) &&
		EROFS_I(inode)->datalayout == EROFS_INODE_CHUNK_BASED &&
		!IS_DAX(inode);
}

int erofs_chunk_parse_param(struct fs_context *fc, struct fs_parameter *param);
int erofs_chunk_init_sb(struct super_block *sb, struct fs_context *fc);
void erofs_chunk_exit_sb(struct super_block *sb);
void erofs_chunk_show_options(struct seq_file *seq, struct erofs_sb_info *sbi);
void erofs_chunk_init_inode(struct inode *inode);

struct erofs_chunk_cache *erofs_chunk_get_cache(struct block_device *bdev,
						struct file *file, u64 offset);
void erofs_chunk_put_cache(struct erofs_chunk_cache *cache);

extern const struct attribute_group erofs_chunk_group;

int erofs_chunk_locate(struct inode *inode, struct erofs_run *run);
vm_fault_t erofs_chunk_fault(struct vm_fault *vmf, const struct erofs_chunk_run *run);
vm_fault_t erofs_chunk_map_pages(struct vm_fault *vmf, pgoff_t start, pgoff_t end);

extern const struct address_space_operations erofs_chunk_aops;
void erofs_chunk_end_read(struct folio *folio, int err);

pgoff_t erofs_chunk_readahead(struct file *file, pgoff_t index, pgoff_t nr,
			      pgoff_t mark, bool cached);
bool erofs_chunk_failed(struct folio *folio, pgoff_t page);
bool erofs_chunk_drop_failed(struct folio *folio, pgoff_t page);
struct folio *erofs_chunk_read_folio(struct file *file,
				     const struct erofs_chunk_run *run);
void erofs_chunk_wait(struct file *file, pgoff_t index);
ssize_t erofs_chunk_read(struct kiocb *iocb, struct iov_iter *to);
int erofs_chunk_fadvise(struct file *file, loff_t pos, loff_t len, int advice);

int erofs_chunk_reclaim_get(void);
void erofs_chunk_reclaim_put(void);
int erofs_chunk_charge(struct erofs_chunk_cache *cache, struct folio *folio, int nid,
		       gfp_t gfp);
void erofs_chunk_drop_groups(struct erofs_chunk_cache *cache);

struct erofs_chunk_group *erofs_chunk_get_group(struct erofs_chunk_cache *cache, pgoff_t page,
						gfp_t gfp);
int erofs_chunk_use(struct inode *inode, pgoff_t index, const struct erofs_chunk_run *run,
		    gfp_t gfp);
void erofs_chunk_unmap(struct erofs_chunk_group *group, const unsigned long *pages,
		       bool touched);
void erofs_chunk_evict_inode(struct inode *inode);
#else
#define erofs_chunk_fadvise	NULL

static inline bool erofs_chunk_shared(struct inode *inode)
{
	return false;
}

static inline int erofs_chunk_parse_param(struct fs_context *fc,
					  struct fs_parameter *param)
{
	return -ENOPARAM;
}

static inline int erofs_chunk_init_sb(struct super_block *sb,
				      struct fs_context *fc)
{
	return 0;
}

static inline void erofs_chunk_exit_sb(struct super_block *sb) {}
static inline void erofs_chunk_show_options(struct seq_file *seq,
					    struct erofs_sb_info *sbi) {}
static inline void erofs_chunk_init_inode(struct inode *inode) {}
static inline void erofs_chunk_evict_inode(struct inode *inode) {}

static inline int erofs_chunk_locate(struct inode *inode, struct erofs_run *run)
{
	return -EOPNOTSUPP;
}

static inline vm_fault_t erofs_chunk_fault(struct vm_fault *vmf,
					   const struct erofs_chunk_run *run)
{
	return VM_FAULT_SIGBUS;
}

static inline vm_fault_t erofs_chunk_map_pages(struct vm_fault *vmf,
					       pgoff_t start, pgoff_t end)
{
	return filemap_map_pages(vmf, start, end);
}

static inline pgoff_t erofs_chunk_readahead(struct file *file, pgoff_t index,
					    pgoff_t nr, pgoff_t mark, bool cached)
{
	return index;
}

static inline void erofs_chunk_wait(struct file *file, pgoff_t index) {}

static inline ssize_t erofs_chunk_read(struct kiocb *iocb, struct iov_iter *to)
{
	return -EOPNOTSUPP;
}
#endif

#endif	/* __EROFS_CHUNKSHARE_H */
