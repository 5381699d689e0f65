// SPDX-License-Identifier: GPL-2.0-only
/*
 * The caches of devices, and which mounts have one in common.
 */
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>
#include "compat.h"
#include "chunkshare.h"

static LIST_HEAD(erofs_chunk_caches);
static struct vfsmount *erofs_chunk_mnt;
static int erofs_chunk_mnt_users;

static int erofs_chunk_init_fs_context(struct fs_context *fc)
{
	return init_pseudo(fc, EROFS_SUPER_MAGIC) ? 0 : -ENOMEM;
}

static struct file_system_type erofs_chunk_fs_type = {
	.owner		= THIS_MODULE,
	.name		= "erofs_chunks",
	.init_fs_context = erofs_chunk_init_fs_context,
	.kill_sb	= kill_anon_super,
};

static const struct file_operations erofs_chunk_fops = {
	.owner		= THIS_MODULE,
};

static struct file *erofs_chunk_alloc_file(void)
{
	struct inode *inode;
	struct file *file;
	int err;

	err = simple_pin_fs(&erofs_chunk_fs_type, &erofs_chunk_mnt,
			    &erofs_chunk_mnt_users);
	if (err)
		return ERR_PTR(err);
	/* one that its super block knows of: drop_caches asks those */
	inode = new_inode(erofs_chunk_mnt->mnt_sb);
	if (!inode) {
		simple_release_fs(&erofs_chunk_mnt, &erofs_chunk_mnt_users);
		return ERR_PTR(-ENOMEM);
	}
	inode->i_ino = get_next_ino();
	inode->i_mode = S_IFREG | 0400;
	inode->i_flags |= S_PRIVATE;
	simple_inode_init_ts(inode);
	/* a read beyond the end of the device is an error there, not a hole */
	i_size_write(inode, MAX_LFS_FILESIZE);
	inode->i_mapping->a_ops = &erofs_chunk_aops;
	mapping_set_folio_order_range(inode->i_mapping, 0, EROFS_CHUNK_MAX_ORDER);
	mapping_set_gfp_mask(inode->i_mapping, GFP_USER);

	__module_get(THIS_MODULE);	/* given back with the file */
	file = alloc_file_pseudo(inode, erofs_chunk_mnt, "chunks", O_RDONLY,
				 &erofs_chunk_fops);
	if (IS_ERR(file)) {
		module_put(THIS_MODULE);
		iput(inode);
		simple_release_fs(&erofs_chunk_mnt, &erofs_chunk_mnt_users);
	}
	return file;
}

/**
 * erofs_chunk_get_cache - find or make the cache of a device; callers are serialized
 * @key: inode of the device or file
 * @offset: the byte of it that page 0 of the cache begins at
 *
 * Return: the cache, for erofs_chunk_put_cache(), or an error pointer.
 */
struct erofs_chunk_cache *erofs_chunk_get_cache(struct inode *key, u64 offset)
{
	struct erofs_chunk_cache *cache;

	list_for_each_entry(cache, &erofs_chunk_caches, list) {
		if (cache->key == key && cache->offset == offset) {
			++cache->mounts;
			return cache;
		}
	}
	cache = kzalloc(sizeof(*cache), GFP_KERNEL);
	if (!cache)
		return ERR_PTR(-ENOMEM);
	cache->file = erofs_chunk_alloc_file();
	if (IS_ERR(cache->file)) {
		struct file *err = cache->file;

		kfree(cache);
		return ERR_CAST(err);
	}
	cache->key = key;
	cache->offset = offset;
	cache->mounts = 1;
	list_add(&cache->list, &erofs_chunk_caches);
	return cache;
}

/**
 * erofs_chunk_put_cache - undo erofs_chunk_get_cache(); callers are serialized
 * @cache: of a mount with no reads in flight
 */
void erofs_chunk_put_cache(struct erofs_chunk_cache *cache)
{
	if (--cache->mounts)
		return;
	list_del(&cache->list);
	/* now, not when the file gets to be freed */
	truncate_inode_pages(cache->file->f_mapping, 0);
	fput(cache->file);
	simple_release_fs(&erofs_chunk_mnt, &erofs_chunk_mnt_users);
	kfree(cache);
}
