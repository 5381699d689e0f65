// SPDX-License-Identifier: GPL-2.0-only
/*
 * The caches of devices, and which mounts have one in common.
 *
 * A cache lives as long as a mount that has it, and so do its pages, whatever becomes of
 * the device.  Therefore a mount has the cache of others only if its device is theirs and
 * holds what it held when they were mounted, as far as that can be told without reading
 * all of it.  Otherwise it has a new one.  What tells:
 *
 * - Of files, size, times and change attribute.  Writing to them is denied while they are
 *   mounted, but they may change elsewhere: on a server, below an overlay, or where
 *   pre-content events have them filled, for which writing is not denied.
 * - Of block devices, which may be written to while they are mounted, the sectors written
 *   and discarded so far, by their statistics, and the sequence number of the disk, which
 *   another medium has another of, as has a loop device that was given another file.
 * - Of both, the first page with the superblock: UUID, build time and checksum.  It tells
 *   when what is below a device has been written to, as the file of a loop device.  So it
 *   is read from the device and not from its page cache, which does not know.
 */
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/part_stat.h>
#include <linux/pseudo_fs.h>
#include <linux/stat.h>
#include "compat.h"
#include "chunkshare.h"

static DEFINE_MUTEX(erofs_chunk_caches_lock);
static LIST_HEAD(erofs_chunk_caches);
static struct vfsmount *erofs_chunk_mnt;
static int erofs_chunk_mnt_users;

/* ---- what is mounted ---- */

static int erofs_chunk_identify_device(struct erofs_chunk_identity *id,
				       struct block_device *bdev)
{
	struct page *page;
	struct bio *bio;
	u64 len;
	int err;

	/*
	 * What is on its way there is neither read nor counted yet.  What does not get
	 * there makes no difference.
	 */
	sync_blockdev(bdev);
	id->inode = bdev->bd_mapping->host;
	id->size = bdev_nr_bytes(bdev);
	id->diskseq = bdev->bd_disk->diskseq;
	id->change = part_stat_read(bdev, sectors[STAT_WRITE]) +
		part_stat_read(bdev, sectors[STAT_DISCARD]);

	len = id->size > id->offset ? id->size - id->offset : 0;
	len = round_down(min_t(u64, len, sizeof(id->head)), bdev_logical_block_size(bdev));
	if (!len)
		return 0;
	/* devices ask for memory that is aligned */
	page = alloc_page(GFP_KERNEL);
	if (!page)
		return -ENOMEM;
	bio = bio_alloc(bdev, 1, REQ_OP_READ, GFP_KERNEL);
	bio->bi_iter.bi_sector = id->offset >> SECTOR_SHIFT;
	__bio_add_page(bio, page, len, 0);
	err = submit_bio_wait(bio);
	if (!err)
		memcpy_from_page(id->head, page, 0, len);
	bio_put(bio);
	__free_page(page);
	return err;
}

static int erofs_chunk_identify_file(struct erofs_chunk_identity *id, struct file *file)
{
	loff_t pos = id->offset;
	struct kstat stat;
	size_t len = 0;
	ssize_t n;
	int err;

	err = vfs_getattr_nosec(&file->f_path, &stat,
				STATX_SIZE | STATX_MTIME | STATX_CTIME | STATX_CHANGE_COOKIE,
				AT_STATX_FORCE_SYNC);
	if (err)
		return err;
	id->inode = file->f_mapping->host;
	id->size = stat.size;
	id->mtime = stat.mtime;
	id->ctime = stat.ctime;
	if (stat.result_mask & STATX_CHANGE_COOKIE)
		id->change = stat.change_cookie;

	while (len < sizeof(id->head)) {
		n = kernel_read(file, id->head + len, sizeof(id->head) - len, &pos);
		if (n < 0)
			return n;
		if (!n)
			break;
		len += n;
	}
	return 0;
}

/* ---- caches ---- */

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

/* the cache that others have of what @id tells, or NULL */
static struct erofs_chunk_cache *
erofs_chunk_find_cache(const struct erofs_chunk_identity *id)
{
	struct erofs_chunk_cache *cache;

	list_for_each_entry(cache, &erofs_chunk_caches, list)
		if (!memcmp(&cache->id, id, sizeof(*id)))
			return cache;
	return NULL;
}

/**
 * erofs_chunk_get_cache - find or make the cache of a device
 * @bdev: the device, or NULL
 * @file: if it is a file, that; it must not be written to by now
 * @offset: the byte of it that page 0 of the cache begins at
 *
 * Context: may sleep, reads from the device.
 * Return: the cache, for erofs_chunk_put_cache(), or an error pointer.
 */
struct erofs_chunk_cache *erofs_chunk_get_cache(struct block_device *bdev,
						struct file *file, u64 offset)
{
	struct erofs_chunk_cache *cache, *old;
	int err;

	/* zeroed between the members, too */
	cache = kzalloc(sizeof(*cache), GFP_KERNEL);
	if (!cache)
		return ERR_PTR(-ENOMEM);
	cache->id.offset = offset;
	err = bdev ? erofs_chunk_identify_device(&cache->id, bdev) :
		erofs_chunk_identify_file(&cache->id, file);
	if (err)
		goto err_free;

	mutex_lock(&erofs_chunk_caches_lock);
	old = erofs_chunk_find_cache(&cache->id);
	if (old) {
		++old->mounts;
		mutex_unlock(&erofs_chunk_caches_lock);
		kfree(cache);
		return old;
	}
	cache->file = erofs_chunk_alloc_file();
	if (IS_ERR(cache->file)) {
		err = PTR_ERR(cache->file);
		mutex_unlock(&erofs_chunk_caches_lock);
		goto err_free;
	}
	file_inode(cache->file)->i_private = cache;
	xa_init_flags(&cache->groups, XA_FLAGS_ACCOUNT);
	cache->mounts = 1;
	list_add(&cache->list, &erofs_chunk_caches);
	mutex_unlock(&erofs_chunk_caches_lock);
	return cache;

err_free:
	kfree(cache);
	return ERR_PTR(err);
}

/**
 * erofs_chunk_put_cache - undo erofs_chunk_get_cache()
 * @cache: of a mount with no reads in flight
 *
 * The device must be there still.
 */
void erofs_chunk_put_cache(struct erofs_chunk_cache *cache)
{
	mutex_lock(&erofs_chunk_caches_lock);
	if (!--cache->mounts) {
		list_del(&cache->list);
		/* now, not when the file gets to be freed */
		truncate_inode_pages(cache->file->f_mapping, 0);
		erofs_chunk_drop_groups(cache);
		fput(cache->file);
		simple_release_fs(&erofs_chunk_mnt, &erofs_chunk_mnt_users);
		kfree(cache);
	}
	mutex_unlock(&erofs_chunk_caches_lock);
}
