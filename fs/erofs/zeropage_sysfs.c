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
#include "internal.h"
#include "zeropage.h"

bool erofs_zeropage_enabled __read_mostly = true;
module_param_named(zeropage, erofs_zeropage_enabled, bool, 0644);
MODULE_PARM_DESC(zeropage, "Serve holes by the zero page (default: Y)");

static struct erofs_zeropage *erofs_zeropage_of(struct kobject *kobj)
{
	return container_of(kobj->parent, struct erofs_sb_info,
			    s_kobj)->zeropage;
}

static ssize_t dev_show(struct kobject *kobj, struct kobj_attribute *attr,
			char *buf)
{
	return print_dev_t(buf, erofs_zeropage_of(kobj)->dev);
}

static struct kobj_attribute erofs_zeropage_attr_dev =
	__ATTR(dev, 0444, dev_show, NULL);

static ssize_t enabled_show(struct kobject *kobj, struct kobj_attribute *attr,
			    char *buf)
{
	return sysfs_emit(buf, "%d\n", READ_ONCE(erofs_zeropage_of(kobj)->enabled));
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

static struct kobj_attribute erofs_zeropage_attr_enabled =
	__ATTR(enabled, 0644, enabled_show, enabled_store);

static ssize_t huge_show(struct kobject *kobj, struct kobj_attribute *attr,
			 char *buf)
{
	return sysfs_emit(buf, "%d\n", READ_ONCE(erofs_zeropage_of(kobj)->huge));
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

static struct kobj_attribute erofs_zeropage_attr_huge =
	__ATTR(huge, 0644, huge_show, huge_store);

#define EROFS_ZEROPAGE_WINDOW(_name)					\
static ssize_t _name##_show(struct kobject *kobj,			\
			    struct kobj_attribute *attr, char *buf)	\
{									\
	return sysfs_emit(buf, "%u\n",					\
			  READ_ONCE(erofs_zeropage_of(kobj)->_name));	\
}									\
									\
static ssize_t _name##_store(struct kobject *kobj,			\
			     struct kobj_attribute *attr,		\
			     const char *buf, size_t len)		\
{									\
	unsigned int pages;						\
	int err = kstrtouint(buf, 0, &pages);				\
									\
	if (err)							\
		return err;						\
	if (!is_power_of_2(pages) || pages > PTRS_PER_PTE)		\
		return -EINVAL;						\
	WRITE_ONCE(erofs_zeropage_of(kobj)->_name, pages);		\
	return len;							\
}									\
static struct kobj_attribute erofs_zeropage_attr_##_name =		\
	__ATTR(_name, 0644, _name##_show, _name##_store)

EROFS_ZEROPAGE_WINDOW(read_window);
EROFS_ZEROPAGE_WINDOW(write_window);

#define EROFS_ZEROPAGE_COUNTER(_name)					\
static ssize_t _name##_show(struct kobject *kobj,			\
			    struct kobj_attribute *attr, char *buf)	\
{									\
	struct erofs_zeropage *zp = erofs_zeropage_of(kobj);		\
	u64 sum = 0;							\
	int cpu;							\
									\
	for_each_possible_cpu(cpu)					\
		sum += READ_ONCE(per_cpu_ptr(zp->stats, cpu)->_name);	\
	return sysfs_emit(buf, "%llu\n", sum);				\
}									\
static struct kobj_attribute erofs_zeropage_attr_##_name =		\
	__ATTR(_name, 0444, _name##_show, NULL)

EROFS_ZEROPAGE_COUNTER(hole_faults);
EROFS_ZEROPAGE_COUNTER(write_faults);
EROFS_ZEROPAGE_COUNTER(zero_pages);
EROFS_ZEROPAGE_COUNTER(read_bytes);

static struct attribute *erofs_zeropage_attrs[] = {
	&erofs_zeropage_attr_dev.attr,
	&erofs_zeropage_attr_enabled.attr,
	&erofs_zeropage_attr_huge.attr,
	&erofs_zeropage_attr_read_window.attr,
	&erofs_zeropage_attr_write_window.attr,
	&erofs_zeropage_attr_hole_faults.attr,
	&erofs_zeropage_attr_write_faults.attr,
	&erofs_zeropage_attr_zero_pages.attr,
	&erofs_zeropage_attr_read_bytes.attr,
	NULL,
};

static const struct attribute_group erofs_zeropage_group = {
	.attrs = erofs_zeropage_attrs,
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
	if (zp->kobj) {
		/* waits for whoever is in a file of it */
		kobject_del(zp->kobj);
		kobject_put(zp->kobj);
	}
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
	int err = -ENOMEM;

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
	zp->kobj = kobject_create_and_add("zeropage", &sbi->s_kobj);
	if (zp->kobj)
		err = sysfs_create_group(zp->kobj, &erofs_zeropage_group);
	if (err)
		erofs_zeropage_exit_sb(sb);
	return err;
}
