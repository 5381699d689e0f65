// SPDX-License-Identifier: GPL-2.0-only
/*
 * What sharing saves now: /sys/fs/erofs/MOUNT/ishare/ and, for all mounts,
 * /sys/fs/erofs/ishare/.
 */
#include <linux/backing-dev.h>
#include <linux/kobject.h>
#include <linux/mm.h>
#include <linux/sysfs.h>
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
		erofs_ishare_sum(container_of(kobj->parent, struct erofs_sb_info,
					      s_kobj)->ishare, &sums);
	}
	return sums;
}

#define EROFS_ISHARE_SUM(_name, _value)					\
static ssize_t _name##_show(struct kobject *kobj,			\
			    struct kobj_attribute *attr, char *buf)	\
{									\
	struct erofs_ishare_sums sums = erofs_ishare_sums_of(kobj);	\
									\
	return sysfs_emit(buf, "%llu\n", _value);			\
}									\
static struct kobj_attribute erofs_ishare_attr_##_name =		\
	__ATTR(_name, 0444, _name##_show, NULL)

EROFS_ISHARE_SUM(files, sums.files);
EROFS_ISHARE_SUM(pages, sums.pages);
EROFS_ISHARE_SUM(saved_bytes, sums.saved << PAGE_SHIFT);

/* which domain, without its name: as it is called in /sys/class/bdi */
static ssize_t domain_show(struct kobject *kobj, struct kobj_attribute *attr,
			   char *buf)
{
	struct erofs_ishare *is = container_of(kobj->parent, struct erofs_sb_info,
					       s_kobj)->ishare;

	return sysfs_emit(buf, "%s\n", bdi_dev_name(is->domain->mnt->mnt_sb->s_bdi));
}

static struct kobj_attribute erofs_ishare_attr_domain =
	__ATTR(domain, 0444, domain_show, NULL);

static struct attribute *erofs_ishare_attrs[] = {
	&erofs_ishare_attr_files.attr,
	&erofs_ishare_attr_pages.attr,
	&erofs_ishare_attr_saved_bytes.attr,
	NULL,
};

static const struct attribute_group erofs_ishare_group = {
	.attrs = erofs_ishare_attrs,
};

static void erofs_ishare_remove_folder(struct kobject **kobj)
{
	/* waits for whoever is in a file of it */
	kobject_del(*kobj);
	kobject_put(*kobj);
	*kobj = NULL;
}

/* its files look at @kobj, so they come after it is set */
static int erofs_ishare_add_folder(struct kobject **kobj, struct kobject *parent)
{
	int err;

	*kobj = kobject_create_and_add("ishare", parent);
	if (!*kobj)
		return -ENOMEM;
	err = sysfs_create_group(*kobj, &erofs_ishare_group);
	if (err)
		erofs_ishare_remove_folder(kobj);
	return err;
}

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

	err = erofs_ishare_add_folder(&is->kobj, &sbi->s_kobj);
	if (err)
		return err;
	err = sysfs_create_file(is->kobj, &erofs_ishare_attr_domain.attr);
	if (err)
		goto out;
	mutex_lock(&erofs_ishare_folder_lock);
	if (!erofs_ishare_users)
		err = erofs_ishare_add_folder(&erofs_ishare_all, &sbi->s_kobj.kset->kobj);
	if (!err) {
		++erofs_ishare_users;
		mutex_lock(&erofs_ishare_mounts_lock);
		list_add(&is->mounts, &erofs_ishare_mounts);
		mutex_unlock(&erofs_ishare_mounts_lock);
	}
	mutex_unlock(&erofs_ishare_folder_lock);
out:
	if (err)
		erofs_ishare_remove_folder(&is->kobj);
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
	erofs_ishare_remove_folder(&is->kobj);
	mutex_lock(&erofs_ishare_folder_lock);
	mutex_lock(&erofs_ishare_mounts_lock);
	list_del(&is->mounts);
	mutex_unlock(&erofs_ishare_mounts_lock);
	if (!--erofs_ishare_users)
		erofs_ishare_remove_folder(&erofs_ishare_all);
	mutex_unlock(&erofs_ishare_folder_lock);
}
