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
#include <linux/rwsem.h>
#include "internal.h"

/* longest fingerprint: a label and a digest */
#define EROFS_FINGERPRINT_MAX	128

/* who shares with whom: the mounts that name the same domain */
struct erofs_ishare_domain {
	struct list_head list;
	struct vfsmount *mnt;	/* a pseudo file system; its inodes are the shared ones */
	unsigned int mounts;
	char id[];
};

/* the part of a mount */
struct erofs_ishare {
	bool wanted;			/* mount option inode_share */
	bool verify;			/* mount option inode_share_verify */
	bool refused;			/* a fingerprint that cannot be right: said so */
	char *domain_id;		/* mount option domain_id= */
	struct erofs_ishare_domain *domain;	/* NULL: nothing is shared */
	int xattr_index;		/* where fingerprints are */
	char *xattr_name;
	struct mutex lock;		/* of members */
	struct list_head members;
	struct kobject *kobj;
	struct list_head mounts;	/* of all domains */
};

/* a shared inode: i_private of an inode of a domain */
struct erofs_share {
	struct inode *inode;
	struct rw_semaphore lock;	/* held to read by another's blocks */
	struct list_head members;
	unsigned int nr_members;
	struct mutex other_lock;	/* one reader by another's compressed blocks at a time */
	struct task_struct *other_task;
	struct inode *other;
	bool verified;			/* all members were */
	unsigned int len;
	u8 fingerprint[EROFS_FINGERPRINT_MAX];
};

/* an inode that uses the page cache of a shared one */
struct erofs_member {
	struct inode *inode;
	struct erofs_share *share;
	struct list_head of_share, of_mount;
	atomic_t reads;			/* in flight, by its blocks */
};

extern const struct address_space_operations erofs_ishare_aops;

static inline struct erofs_share *erofs_share_of(struct address_space *mapping)
{
	return mapping->host->i_private;
}

int erofs_ishare_parse_param(struct fs_context *fc, struct fs_parameter *param);
int erofs_ishare_init_sb(struct super_block *sb, struct fs_context *fc);
int erofs_ishare_check_tree(struct fs_context *fc, int err);
void erofs_ishare_exit_sb(struct super_block *sb);
void erofs_ishare_free(struct erofs_sb_info *sbi);
void erofs_ishare_show_options(struct seq_file *seq, struct erofs_sb_info *sbi);
int erofs_ishare_open(struct inode *inode, struct file *file);
void erofs_ishare_evict_inode(struct inode *inode);
int erofs_ishare_verify(struct inode *inode, struct file *file, const u8 *fp,
			unsigned int len);
int erofs_ishare_register(struct super_block *sb);
void erofs_ishare_unregister(struct erofs_ishare *is);

extern const struct file_operations erofs_ishare_ro_fops;

/**
 * erofs_ishare_source - the inode whose blocks a read is to use
 * @host: the inode that the page cache is of
 * @file: the file that is read, or NULL
 *
 * Return: @host, or the one that was opened if @host is a shared inode.
 */
static inline struct inode *erofs_ishare_source(struct inode *host,
						struct file *file)
{
	struct erofs_share *share;

	if (host->i_mapping->a_ops != &erofs_ishare_aops)
		return host;
	share = host->i_private;
	if (READ_ONCE(share->other_task) == current)
		return share->other;
	return file_inode(file);
}
#else
#define erofs_ishare_open		NULL
#define erofs_ishare_evict_inode	NULL
#define erofs_ishare_ro_fops		generic_ro_fops

static inline struct inode *erofs_ishare_source(struct inode *host,
						struct file *file)
{
	return host;
}

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

static inline void erofs_ishare_exit_sb(struct super_block *sb) {}
static inline void erofs_ishare_free(struct erofs_sb_info *sbi) {}
static inline void erofs_ishare_show_options(struct seq_file *seq,
					     struct erofs_sb_info *sbi) {}
#endif

#endif	/* __EROFS_ISHARE_H */
