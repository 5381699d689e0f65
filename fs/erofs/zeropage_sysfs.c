// SPDX-License-Identifier: GPL-2.0-only
/*
 * The switch for holes, for the module and for each mount, and what they count:
 * /sys/fs/erofs/MOUNT/zeropage/.
 */
#include <linux/kobject.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sysfs.h>
#include "folder.h"
#include "zeropage.h"

bool erofs_zeropage_enabled __read_mostly = true;
module_param_named(zeropage, erofs_zeropage_enabled, bool, 0644);
MODULE_PARM_DESC(zeropage, "Serve holes by the zero page (default: Y)");

/* ---- folders ---- */

/**
 * erofs_folder_add - add a folder to sysfs
 * @kobj: set to the folder, before there are files in it, which may look at it
 * @parent: where it is in, see erofs_folder_sbi()
 * @name: its name
 * @group: its files
 *
 * Return: 0 or a negative error.
 */
int erofs_folder_add(struct kobject **kobj, struct kobject *parent, const char *name,
		     const struct attribute_group *group)
{
	int err;

	*kobj = kobject_create_and_add(name, parent);
	if (!*kobj)
		return -ENOMEM;
	err = sysfs_create_group(*kobj, group);
	if (err)
		erofs_folder_remove(kobj);
	return err;
}

/**
 * erofs_folder_remove - undo erofs_folder_add(), if it was done
 * @kobj: set to NULL when nobody is in a file of the folder any more
 */
void erofs_folder_remove(struct kobject **kobj)
{
	if (!*kobj)
		return;
	/* waits for whoever is in a file of it */
	kobject_del(*kobj);
	kobject_put(*kobj);
	*kobj = NULL;
}

/* ---- files ---- */

static struct erofs_zeropage *erofs_zeropage_of(struct kobject *kobj)
{
	return erofs_folder_sbi(kobj)->zeropage;
}

static ssize_t enabled_store(struct kobject *kobj, struct kobj_attribute *attr,
			     const char *buf, size_t len)
{
	bool enabled;
	int err = kstrtobool(buf, &enabled);

	if (err)
		return err;
	WRITE_ONCE(erofs_zeropage_of(kobj)->enabled, enabled);
	return len;
}

static ssize_t huge_store(struct kobject *kobj, struct kobj_attribute *attr,
			  const char *buf, size_t len)
{
	struct erofs_zeropage *zp = erofs_zeropage_of(kobj);
	bool huge;
	int err = kstrtobool(buf, &huge);

	if (!err && huge)
		err = erofs_zeropage_huge_get(zp);
	if (err)
		return err;
	WRITE_ONCE(zp->huge, huge);
	return len;
}

/* pages of a page table that one fault fills */
static ssize_t erofs_zeropage_store_window(unsigned int *window, const char *buf, size_t len)
{
	unsigned int pages;
	int err = kstrtouint(buf, 0, &pages);

	if (err)
		return err;
	if (!is_power_of_2(pages) || pages > PTRS_PER_PTE)
		return -EINVAL;
	WRITE_ONCE(*window, pages);
	return len;
}

static ssize_t read_window_store(struct kobject *kobj, struct kobj_attribute *attr,
				 const char *buf, size_t len)
{
	return erofs_zeropage_store_window(&erofs_zeropage_of(kobj)->read_window, buf, len);
}

static ssize_t write_window_store(struct kobject *kobj, struct kobj_attribute *attr,
				  const char *buf, size_t len)
{
	return erofs_zeropage_store_window(&erofs_zeropage_of(kobj)->write_window, buf, len);
}

EROFS_FOLDER_RW(enabled, "%d", READ_ONCE(erofs_zeropage_of(kobj)->enabled));
EROFS_FOLDER_RW(huge, "%d", READ_ONCE(erofs_zeropage_of(kobj)->huge));
EROFS_FOLDER_RW(read_window, "%u", READ_ONCE(erofs_zeropage_of(kobj)->read_window));
EROFS_FOLDER_RW(write_window, "%u", READ_ONCE(erofs_zeropage_of(kobj)->write_window));
EROFS_FOLDER_RO(dev, "%u:%u", MAJOR(erofs_zeropage_of(kobj)->dev),
		MINOR(erofs_zeropage_of(kobj)->dev));

static u64 erofs_zeropage_sum(struct kobject *kobj, size_t counter)
{
	struct erofs_zeropage *zp = erofs_zeropage_of(kobj);
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(*(u64 *)((void *)per_cpu_ptr(zp->stats, cpu) + counter));
	return sum;
}

#define EROFS_ZEROPAGE_COUNTER(_name)							\
EROFS_FOLDER_RO(_name, "%llu",								\
		erofs_zeropage_sum(kobj, offsetof(struct erofs_zeropage_stats, _name)))

EROFS_ZEROPAGE_COUNTER(hole_faults);
EROFS_ZEROPAGE_COUNTER(write_faults);
EROFS_ZEROPAGE_COUNTER(zero_pages);
EROFS_ZEROPAGE_COUNTER(read_bytes);

static struct attribute *erofs_zeropage_files[] = {
	&erofs_file_dev.attr,
	&erofs_file_enabled.attr,
	&erofs_file_huge.attr,
	&erofs_file_read_window.attr,
	&erofs_file_write_window.attr,
	&erofs_file_hole_faults.attr,
	&erofs_file_write_faults.attr,
	&erofs_file_zero_pages.attr,
	&erofs_file_read_bytes.attr,
	NULL,
};

static const struct attribute_group erofs_zeropage_group = {
	.attrs = erofs_zeropage_files,
};

/**
 * erofs_zeropage_exit_sb - undo erofs_zeropage_init_sb()
 * @sb: a super block that no file is open on any more
 */
void erofs_zeropage_exit_sb(struct super_block *sb)
{
	struct erofs_sb_info *sbi = EROFS_SB(sb);
	struct erofs_zeropage *zp = sbi->zeropage;

	if (!zp)
		return;
	erofs_folder_remove(&zp->kobj);
	sbi->zeropage = NULL;
	erofs_zeropage_huge_put(zp);
	free_percpu(zp->stats);
	kfree(zp);
}

/**
 * erofs_zeropage_init_sb - set up the switch and the counters of a mount
 * @sb: a super block that is registered in sysfs
 *
 * Return: 0 or a negative error.
 */
int erofs_zeropage_init_sb(struct super_block *sb)
{
	struct erofs_sb_info *sbi = EROFS_SB(sb);
	struct erofs_zeropage *zp;
	int err;

	zp = kzalloc(sizeof(*zp), GFP_KERNEL);
	if (!zp)
		return -ENOMEM;
	zp->dev = sb->s_dev;
	zp->enabled = true;
	zp->read_window = PTRS_PER_PTE;
	zp->write_window = min(64, PTRS_PER_PTE);
	zp->stats = alloc_percpu(struct erofs_zeropage_stats);
	if (!zp->stats) {
		kfree(zp);
		return -ENOMEM;
	}
	sbi->zeropage = zp;
	err = erofs_folder_add(&zp->kobj, &sbi->s_kobj, "zeropage", &erofs_zeropage_group);
	if (err)
		erofs_zeropage_exit_sb(sb);
	return err;
}
