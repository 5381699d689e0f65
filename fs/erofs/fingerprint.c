// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is the fingerprint of an inode the only one that it has?
 *
 * Who packs an archive that somebody else has made adds a fingerprint to the xattrs of
 * each file, and a file may have come with an xattr of the same name.  A lookup by name
 * gives whichever is stored first, so a name that occurs twice tells nothing.  The name
 * of an entry is stored whole, or as the number of a prefix and the rest of it: both
 * forms count.
 */
#include "compat.h"
#include "fingerprint.h"
#include "xattr.h"

struct erofs_xattr_scan {
	struct super_block *sb;
	struct erofs_buf buf;
	int index;		/* what is looked for: the prefix's ... */
	const char *name;	/* ... and the name without it */
};

/* does the name of an entry, of which @len bytes at @pos are stored, end like @name? */
static int erofs_xattr_name_eq(struct erofs_xattr_scan *scan, erofs_off_t pos,
			       const char *name, unsigned int len)
{
	if (strlen(name) != len)
		return 0;
	while (len) {
		const void *stored = erofs_inode_meta(&scan->buf, pos);
		unsigned int part = min_t(unsigned int, len, scan->sb->s_blocksize -
					  erofs_blkoff(scan->sb, pos));

		if (IS_ERR(stored))
			return PTR_ERR(stored);
		if (memcmp(name, stored, part))
			return 0;
		name += part;
		pos += part;
		len -= part;
	}
	return 1;
}

/* 1 if the entry at @pos has the name, 0 if it has another, or an error */
static int erofs_xattr_eq(struct erofs_xattr_scan *scan, erofs_off_t pos,
			  unsigned int *size)
{
	struct erofs_xattr_entry *stored = erofs_inode_meta(&scan->buf, pos), entry;
	const struct erofs_sb_info *sbi = EROFS_SB(scan->sb);
	const char *name = scan->name;
	int index;

	if (IS_ERR(stored))
		return PTR_ERR(stored);
	entry = *stored;
	*size = erofs_xattr_entry_size(&entry);
	index = entry.e_name_index;
	if (index & EROFS_XATTR_LONG_PREFIX) {
		const struct erofs_xattr_prefix_item *item;

		index &= EROFS_XATTR_LONG_PREFIX_MASK;
		if (index >= sbi->xattr_prefix_count)
			return 0;
		item = &sbi->xattr_prefixes[index];
		if (strlen(name) < item->infix_len ||
		    memcmp(name, item->prefix->infix, item->infix_len))
			return 0;
		index = item->prefix->base_index;
		name += item->infix_len;
	}
	if (index != scan->index)
		return 0;
	return erofs_xattr_name_eq(scan, pos + sizeof(entry), name, entry.e_name_len);
}

static int erofs_xattr_count_inline(struct erofs_xattr_scan *scan, struct inode *inode)
{
	struct erofs_inode *vi = EROFS_I(inode);
	const unsigned int header = sizeof(struct erofs_xattr_ibody_header) +
		sizeof(__le32) * vi->xattr_shared_count;
	erofs_off_t pos = erofs_iloc(inode) + vi->inode_isize + header;
	unsigned int rest = vi->xattr_isize, size;
	int count = 0, ret;

	if (rest < header)
		return -EFSCORRUPTED;
	ret = erofs_inode_metabuf(&scan->buf, inode);
	for (rest -= header; !ret && rest; rest -= size) {
		ret = erofs_xattr_eq(scan, pos, &size);
		if (ret < 0)
			break;
		count += ret;
		ret = size > rest ? -EFSCORRUPTED : 0;
		pos += size;
	}
	erofs_put_metabuf(&scan->buf);
	return ret < 0 ? ret : count;
}

static int erofs_xattr_count_shared(struct erofs_xattr_scan *scan, struct inode *inode)
{
	const erofs_off_t start = erofs_pos(scan->sb, EROFS_SB(scan->sb)->xattr_blkaddr);
	struct erofs_inode *vi = EROFS_I(inode);
	unsigned int i, size;
	int count = 0, ret;

	ret = erofs_shared_xattr_metabuf(&scan->buf, scan->sb);
	for (i = 0; ret >= 0 && i < vi->xattr_shared_count; ++i) {
		ret = erofs_xattr_eq(scan, start + sizeof(__le32) *
				     vi->xattr_shared_xattrs[i], &size);
		count += ret > 0;
	}
	erofs_put_metabuf(&scan->buf);
	return ret < 0 ? ret : count;
}

/**
 * erofs_xattr_count - how many xattrs of a name does an inode have?
 * @inode: an inode, of which an xattr was looked up before
 * @index: the prefix of the name, EROFS_XATTR_INDEX_*
 * @name: the name without it
 *
 * Context: may sleep and read metadata.
 * Return: how many, or a negative error.
 */
int erofs_xattr_count(struct inode *inode, int index, const char *name)
{
	struct erofs_xattr_scan scan = {
		.sb = inode->i_sb,
		.buf = __EROFS_BUF_INITIALIZER,
		.index = index,
		.name = name,
	};
	int in_inode = erofs_xattr_count_inline(&scan, inode), shared;

	if (in_inode < 0)
		return in_inode;
	shared = erofs_xattr_count_shared(&scan, inode);
	return shared < 0 ? shared : in_inode + shared;
}
