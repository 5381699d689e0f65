// SPDX-License-Identifier: GPL-2.0-only
/*
 * What sharing saves now: /sys/fs/erofs/MOUNT/ishare/ and, for all mounts,
 * /sys/fs/erofs/ishare/.
 */
#include <linux/backing-dev.h>
#include <linux/mm.h>
#include "folder.h"
#include "ishare.h"

static DEFINE_MUTEX(erofs_ishare_mounts_lock);	/* readers of the folder take it, too */
static LIST_HEAD(erofs_ishare_mounts);
static DEFINE_MUTEX(erofs_ishare_folder_lock);
static struct kobject *erofs_ishare_all;	/* while there are mounts */
static unsigned int erofs_ishare_users;		/* that many */

struct erofs_ishare_sums {
	u64 files;	/* inodes in memory that are members of a shared one */
	u64 pages;	/* cached of shared inodes, by who uses them: a half for each of two */
	u64 saved;	/* pages that would be cached in addition without sharing */
};

static void erofs_ishare_sum(struct erofs_ishare *is, struct erofs_ishare_sums *sums)
{
	struct erofs_member *member;

	mutex_lock(&is->lock);
	list_for_each_entry(member, &is->members, of_mount) {
		struct erofs_share *share = member->share;
		u64 pages = READ_ONCE(share->inode->i_data.nrpages);
		unsigned int n = max(READ_ONCE(share->nr_members), 1U);

		++sums->files;
		sums->pages += pages / n;
		sums->saved += pages - pages / n;
	}
	mutex_unlock(&is->lock);
}

static struct erofs_ishare_sums erofs_ishare_sums_of(struct kobject *kobj)
{
	struct erofs_ishare_sums sums = {};
	struct erofs_ishare *is;

	if (kobj == erofs_ishare_all) {
		mutex_lock(&erofs_ishare_mounts_lock);
		list_for_each_entry(is, &erofs_ishare_mounts, mounts)
			erofs_ishare_sum(is, &sums);
		mutex_unlock(&erofs_ishare_mounts_lock);
	} else {
		erofs_ishare_sum(erofs_folder_sbi(kobj)->ishare, &sums);
	}
	return sums;
}

EROFS_FOLDER_RO(files, "%llu", erofs_ishare_sums_of(kobj).files);
EROFS_FOLDER_RO(pages, "%llu", erofs_ishare_sums_of(kobj).pages);
EROFS_FOLDER_RO(saved_bytes, "%llu", erofs_ishare_sums_of(kobj).saved << PAGE_SHIFT);
/* which domain, without its name: as it is called in /sys/class/bdi */
EROFS_FOLDER_RO(domain, "%s",
		bdi_dev_name(erofs_folder_sbi(kobj)->ishare->domain->mnt->mnt_sb->s_bdi));

static struct attribute *erofs_ishare_files[] = {
	&erofs_file_domain.attr,
	&erofs_file_files.attr,
	&erofs_file_pages.attr,
	&erofs_file_saved_bytes.attr,
	NULL,
};

static const struct attribute_group erofs_ishare_group = {
	.attrs = erofs_ishare_files,
};

/* all mounts have no domain in common */
static const struct attribute_group erofs_ishare_all_group = {
	.attrs = erofs_ishare_files + 1,
};

/**
 * erofs_ishare_register - show a mount that shares in sysfs
 * @sb: its super block, which is registered there
 *
 * Return: 0 or a negative error.
 */
int erofs_ishare_register(struct super_block *sb)
{
	struct erofs_sb_info *sbi = EROFS_SB(sb);
	struct erofs_ishare *is = sbi->ishare;
	int err;

	err = erofs_folder_add(&is->kobj, &sbi->s_kobj, "ishare", &erofs_ishare_group);
	if (err)
		return err;
	mutex_lock(&erofs_ishare_folder_lock);
	if (!erofs_ishare_users)
		err = erofs_folder_add(&erofs_ishare_all, &sbi->s_kobj.kset->kobj, "ishare",
				       &erofs_ishare_all_group);
	if (!err) {
		++erofs_ishare_users;
		mutex_lock(&erofs_ishare_mounts_lock);
		list_add(&is->mounts, &erofs_ishare_mounts);
		mutex_unlock(&erofs_ishare_mounts_lock);
	}
	mutex_unlock(&erofs_ishare_folder_lock);
	if (err)
		erofs_folder_remove(&is->kobj);
	return err;
}

/**
 * erofs_ishare_unregister - undo erofs_ishare_register(), if it was done
 * @is: the part of the mount
 */
void erofs_ishare_unregister(struct erofs_ishare *is)
{
	if (!is->kobj)
		return;
	erofs_folder_remove(&is->kobj);
	mutex_lock(&erofs_ishare_folder_lock);
	mutex_lock(&erofs_ishare_mounts_lock);
	list_del(&is->mounts);
	mutex_unlock(&erofs_ishare_mounts_lock);
	if (!--erofs_ishare_users)
		erofs_folder_remove(&erofs_ishare_all);
	mutex_unlock(&erofs_ishare_folder_lock);
}
