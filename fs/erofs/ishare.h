/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __EROFS_ISHARE_H
#define __EROFS_ISHARE_H

#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/pagemap.h>
#include <linux/seq_file.h>

#ifdef CONFIG_EROFS_FS_ISHARE
#include <linux/kobject.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include "internal.h"
#include "reader.h"

/* longest fingerprint: a label and a digest */
#define EROFS_FINGERPRINT_MAX	128

/* who shares with whom: the mounts that name the same domain */
struct erofs_ishare_domain {
	struct list_head list;
	struct vfsmount *mnt;	/* a pseudo file system; its inodes are the shared ones */
	struct workqueue_struct *wq;	/* of members that leave */
	unsigned int mounts;
	char id[];
};

/* the part of a mount */
struct erofs_ishare {
	bool wanted;			/* mount option inode_share */
	bool verify;			/* mount option inode_share_verify */
	bool by_default;		/* no option was given */
	bool refused;			/* a fingerprint that cannot be right: said so */
	char *domain_id;		/* mount option domain_id= */
	struct erofs_ishare_domain *domain;	/* NULL: nothing is shared */
	int xattr_index;		/* where fingerprints are */
	char *xattr_name;
	struct mutex lock;		/* of members */
	struct list_head members;
	refcount_t lent;		/* inodes whose blocks others read now, and one */
	atomic_t leaving;		/* members that a worker is to finish */
	struct crypto_shash *sha256;	/* with verify */
	struct kobject *kobj;
	struct list_head mounts;	/* of all domains */
};

/* a shared inode: i_private of an inode of a domain */
struct erofs_share {
	struct inode *inode;
	spinlock_t lock;		/* of members */
	struct list_head members;
	unsigned int nr_members;
	bool verified;			/* all members were */
	unsigned int len;
	u8 fingerprint[EROFS_FINGERPRINT_MAX];
};

/* an inode that uses the page cache of a shared one */
struct erofs_member {
	struct inode *inode;		/* until it leaves */
	struct erofs_ishare *mount;
	struct erofs_share *share;
	struct list_head of_share, of_mount;
	struct erofs_reads reads;	/* by its blocks */
	bool compressed;		/* those are not counted */
	bool forget;			/* the shared inode is not to be cached for later */
	struct work_struct leave;
};

/* set in the flags of an inode whose content or xattrs do not let it share */
#define EROFS_I_UNSHARED_BIT	8

/* how z_erofs_readahead() gets to know whose blocks to read where no file tells */
struct erofs_ishare_ra {
	struct file_ra_state ra;
	struct inode *inode;
};

extern const struct address_space_operations erofs_ishare_aops;
void erofs_ishare_end_read(struct folio *folio, int err);

static inline struct erofs_share *erofs_share_of(struct address_space *mapping)
{
	return mapping->host->i_private;
}

int erofs_ishare_parse_param(struct fs_context *fc, struct fs_parameter *param);
int erofs_ishare_init_sb(struct super_block *sb, struct fs_context *fc);
int erofs_ishare_check_tree(struct fs_context *fc, int err);
int erofs_ishare_reconfigure(struct fs_context *fc);
void erofs_ishare_shutdown_sb(struct super_block *sb);
void erofs_ishare_exit_sb(struct super_block *sb);
void erofs_ishare_free(struct erofs_sb_info *sbi);
void erofs_ishare_show_options(struct seq_file *seq, struct erofs_sb_info *sbi);
int erofs_ishare_open(struct inode *inode, struct file *file);
void erofs_ishare_evict_inode(struct inode *inode);
int erofs_ishare_verify(struct inode *inode, struct file *file, const u8 *fp,
			unsigned int len);
bool erofs_ishare_lend(struct erofs_member *member);
void erofs_ishare_give_back(struct erofs_member *member);
struct erofs_ishare_domain *erofs_ishare_get_domain(const char *id);
void erofs_ishare_put_domain(struct erofs_ishare_domain *domain);
int erofs_ishare_register(struct super_block *sb);
void erofs_ishare_unregister(struct erofs_ishare *is);

/**
 * erofs_ishare_source - the inode whose blocks read-ahead is to use
 * @rac: the request
 * @inode: the inode if the page cache is not that of a shared one
 *
 * Return: @inode or, if the page cache is shared, the member that reads.
 */
static inline struct inode *erofs_ishare_source(struct readahead_control *rac,
						struct inode *inode)
{
	if (rac->mapping->a_ops != &erofs_ishare_aops)
		return inode;
	if (rac->file)
		return file_inode(rac->file);
	return container_of(rac->ra, struct erofs_ishare_ra, ra)->inode;
}
#else
#define erofs_ishare_open		NULL

static inline struct inode *erofs_ishare_source(struct readahead_control *rac,
						struct inode *inode)
{
	return inode;
}

static inline void erofs_ishare_evict_inode(struct inode *inode) {}

static inline int erofs_ishare_parse_param(struct fs_context *fc,
					   struct fs_parameter *param)
{
	return -ENOPARAM;
}

static inline int erofs_ishare_init_sb(struct super_block *sb,
				       struct fs_context *fc)
{
	return 0;
}

static inline int erofs_ishare_check_tree(struct fs_context *fc, int err)
{
	return err;
}

static inline int erofs_ishare_reconfigure(struct fs_context *fc)
{
	return 0;
}

static inline void erofs_ishare_shutdown_sb(struct super_block *sb) {}
static inline void erofs_ishare_exit_sb(struct super_block *sb) {}
static inline void erofs_ishare_free(struct erofs_sb_info *sbi) {}
static inline void erofs_ishare_show_options(struct seq_file *seq,
					     struct erofs_sb_info *sbi) {}
#endif

#endif	/* __EROFS_ISHARE_H */
