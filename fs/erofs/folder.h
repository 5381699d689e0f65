/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __EROFS_FOLDER_H
#define __EROFS_FOLDER_H

#include <linux/kobject.h>
#include <linux/sysfs.h>
#include "internal.h"

int erofs_folder_add(struct kobject **kobj, struct kobject *parent, const char *name,
		     const struct attribute_group *group);
void erofs_folder_remove(struct kobject **kobj);

/* the mount in whose folder @kobj is */
static inline struct erofs_sb_info *erofs_folder_sbi(struct kobject *kobj)
{
	return container_of(kobj->parent, struct erofs_sb_info, s_kobj);
}

#define EROFS_FOLDER_SHOW(_name, _format, _values...)					\
static ssize_t _name##_show(struct kobject *kobj, struct kobj_attribute *attr,		\
			    char *buf)							\
{											\
	return sysfs_emit(buf, _format "\n", _values);					\
}

/* a file that shows values of the folder @kobj */
#define EROFS_FOLDER_RO(_name, _format, _values...)					\
EROFS_FOLDER_SHOW(_name, _format, _values)						\
static struct kobj_attribute erofs_file_##_name = __ATTR_RO(_name)

/* ... and that _name##_store() sets */
#define EROFS_FOLDER_RW(_name, _format, _values...)					\
EROFS_FOLDER_SHOW(_name, _format, _values)						\
static struct kobj_attribute erofs_file_##_name = __ATTR_RW(_name)

#endif	/* __EROFS_FOLDER_H */
