// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "erofs/xattr.h"
#include "guard.h"
#include "message.h"

#define NAME_MAX_ON_DISK	UINT8_MAX
#define VALUE_MAX_ON_DISK	UINT16_MAX

/* the name that the image declares, or NULL; what is read from is another image */
static const char *declared_name(void)
{
	unsigned int id = g_sbi.ishare_xattr_prefix_id;

	return id ? erofs_xattr_prefix_name(id) : NULL;
}

bool erofs_guard_drop(const char *name, const char *path)
{
	const char *declared = declared_name();

	if (!declared || strcmp(name, declared))
		return false;
	if (path)
		sparse_warning("'%s': left out the xattr %s, which the image has for digests that are computed here",
			       path, name);
	return true;
}

bool erofs_guard_drop_of(const struct erofs_inode *inode, const char *name)
{
	const char *source = inode->sbi->devname;
	char number[256];

	if (inode->i_srcpath)
		return erofs_guard_drop(name, inode->i_srcpath);
	snprintf(number, sizeof(number), "inode %llu of %.200s",
		 (unsigned long long)inode->nid, source ? source : "the source");
	return erofs_guard_drop(name, number);
}

int erofs_guard_item(const char *name, unsigned int infix_len,
		     unsigned int value_size)
{
	if (infix_len > NAME_MAX_ON_DISK)
		return sparse_error(0, "the xattr %.300s has a name of %u bytes, the format holds %u",
				    name, infix_len, NAME_MAX_ON_DISK);
	if (value_size > VALUE_MAX_ON_DISK)
		return sparse_error(0, "the xattr %.300s has a value of %u bytes, the format holds %u",
				    name, value_size, VALUE_MAX_ON_DISK);
	return 0;
}

int erofs_guard_body(const struct erofs_inode *inode, unsigned int size)
{
	if (size <= EROFS_GUARD_BODY_MAX)
		return 0;
	return sparse_error(0, "'%s' has more than %zu bytes of xattrs, which the format does not hold",
			    inode->i_srcpath, EROFS_GUARD_BODY_MAX);
}

/* entry @i of the image's table, joined from its parts; to be freed */
static char *name_prefix_of_image(const struct erofs_sb_info *sbi, unsigned int i)
{
	const struct erofs_xattr_prefix_item *item = &sbi->xattr_prefixes[i];
	const char *base = erofs_xattr_prefix_name(item->prefix->base_index);
	char *name;

	if (!base || asprintf(&name, "%s%.*s", base, item->infix_len,
			      item->prefix->infix) < 0)
		return NULL;
	return name;
}

/*
 * That the options' table begins with the image's.  If there is none the image's stays
 * where it is, but digests that are added have to find their name.
 */
static int keep_name_prefixes(struct erofs_sb_info *sbi)
{
	bool adopt = !erofs_xattr_prefix_name(EROFS_XATTR_LONG_PREFIX);
	unsigned int i;
	int err = 0;

	if (adopt && !erofs_sb_has_ishare_xattrs(sbi))
		return 0;
	for (i = 0; i < sbi->xattr_prefix_count && !err; i++) {
		const char *option = erofs_xattr_prefix_name(EROFS_XATTR_LONG_PREFIX | i);
		char *name = name_prefix_of_image(sbi, i);

		if (!name)
			err = sparse_error(-EOPNOTSUPP, "'%s' has an xattr name prefix that is not known",
					   sbi->devname);
		else if (adopt)
			err = erofs_xattr_insert_name_prefix(name);
		else if (!option || strcmp(option, name))
			err = sparse_error(0, "'%s' has '%s' as xattr name prefix %u: give --xattr-prefix and --xattr-inode-digest as for it, or neither",
					   sbi->devname, name, i);
		err = err < 0 ? err : 0;
		free(name);
	}
	return err;
}

int erofs_guard_load_fs(struct erofs_sb_info *sbi, unsigned int dsunit,
			const struct erofs_importer_params *params)
{
	unsigned int asked = sbi->ishare_xattr_prefix_id;
	int err;

	err = erofs_mkfs_load_fs(sbi, dsunit);
	if (err)
		return err;
	if (asked && !erofs_sb_has_ishare_xattrs(sbi))
		return sparse_error(0, "'%s' was made without --xattr-inode-digest, which would take its xattrs for digests: make it anew",
				    sbi->devname);
	err = keep_name_prefixes(sbi);
	if (!err && asked && asked != sbi->ishare_xattr_prefix_id)
		err = sparse_error(0, "'%s' has digests as %s: give no other --xattr-inode-digest",
				   sbi->devname,
				   erofs_xattr_prefix_name(sbi->ishare_xattr_prefix_id));
	/* the inode that has them is written anew, too */
	if (!err && erofs_sb_has_fragments(sbi) && sbi->packed_nid &&
	    (params->fragments || params->compress_dir ||
	     erofs_xattr_prefix_name(EROFS_XATTR_LONG_PREFIX)))
		err = sparse_error(0, "'%s' has fragments, which -Efragments, --zD, --xattr-prefix and --xattr-inode-digest would replace: make it anew",
				   sbi->devname);
	return err;
}
