// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is shared by chunks: /sys/fs/erofs/MOUNT/chunk_share/
 */
#include <linux/kobject.h>
#include <linux/sysfs.h>
#include "chunkshare.h"

static struct erofs_chunk_share *erofs_chunk_share_of(struct kobject *kobj)
{
	return container_of(kobj->parent, struct erofs_sb_info, s_kobj)->chunk_share;
}

static ssize_t cached_bytes_show(struct kobject *kobj, struct kobj_attribute *attr,
				 char *buf)
{
	struct erofs_chunk_share *cs = erofs_chunk_share_of(kobj);
	u64 pages = 0;
	unsigned int i;

	for (i = 0; i < cs->nr_devices; ++i)
		if (cs->device[i].cache)
			pages += READ_ONCE(cs->device[i].cache->file->f_mapping->nrpages);
	return sysfs_emit(buf, "%llu\n", pages << PAGE_SHIFT);
}

static ssize_t regions_unmapped_show(struct kobject *kobj,
				     struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%ld\n",
			  atomic_long_read(&erofs_chunk_share_of(kobj)->unmapped));
}

static struct kobj_attribute erofs_chunk_attr_cached_bytes = __ATTR_RO(cached_bytes);
static struct kobj_attribute erofs_chunk_attr_regions_unmapped =
	__ATTR_RO(regions_unmapped);

static struct attribute *erofs_chunk_attrs[] = {
	&erofs_chunk_attr_cached_bytes.attr,
	&erofs_chunk_attr_regions_unmapped.attr,
	NULL,
};

static const struct attribute_group erofs_chunk_group = {
	.attrs = erofs_chunk_attrs,
};

/**
 * erofs_chunk_exit_sysfs - undo erofs_chunk_init_sysfs()
 * @cs: of a mount
 */
void erofs_chunk_exit_sysfs(struct erofs_chunk_share *cs)
{
	if (!cs->kobj)
		return;
	/* waits for whoever is in a file of it */
	kobject_del(cs->kobj);
	kobject_put(cs->kobj);
	cs->kobj = NULL;
}

/**
 * erofs_chunk_init_sysfs - show the counters of a mount
 * @sb: a super block that is registered in sysfs
 * @cs: its part here
 *
 * Return: 0 or a negative error.
 */
int erofs_chunk_init_sysfs(struct super_block *sb, struct erofs_chunk_share *cs)
{
	int err;

	cs->kobj = kobject_create_and_add("chunk_share", &EROFS_SB(sb)->s_kobj);
	if (!cs->kobj)
		return -ENOMEM;
	err = sysfs_create_group(cs->kobj, &erofs_chunk_group);
	if (err)
		erofs_chunk_exit_sysfs(cs);
	return err;
}
