// SPDX-License-Identifier: GPL-2.0-only
/*
 * One cached page for each stored chunk.
 *
 * mkfs.erofs stores equal chunks once.  With the mount option chunk_share they are
 * cached once as well: the data of chunk-based files is in the page cache of a
 * pseudo inode for the device, at the place where it is stored, and faults and reads
 * of all files that refer to it find it there.  Mounts that use one device (device=,
 * an image file) have one such cache, see chunkshare_cache.c.  Only the place counts, no
 * content is believed.
 *
 * So a page is mapped that is not of the mapped file's own page cache, and at another
 * offset.  Why that is safe:
 *
 * - Accounting.  rss, _mapcount and references are counted for the page, from the PTE,
 *   and given back when the PTE is zapped.  None of it asks for folio->mapping.
 * - Contents.  The device is not written to through the file system, so the page never
 *   changes, and no one has to be told.  A private write copies it as any other.
 * - Truncation.  Files do not shrink.  The cache of a device goes when the last mount
 *   that uses it does: then no file of it is mapped.  Nothing that happens to the block
 *   device's own page cache concerns this one.
 * - Reverse mapping.  Who starts from the page (reclaim, migration, memory failure,
 *   idle tracking) looks for VMAs of the device's pseudo inode and finds none.  It sees
 *   by _mapcount that the page is mapped all the same, and leaves it: a page that is
 *   mapped is neither reclaimed nor moved.  For reclaim they are unmapped by the
 *   files' mappings first (chunkshare_reclaim.c, chunkshare_rmap.c).  What has failed
 *   is dropped by the first fault that finds it mapped by nobody.  The pages are not
 *   allocated as movable, so that they pin down nothing that others rely upon to be
 *   moved.
 * - Large folios.  Where the file goes on is not where the device does.  A PMD-sized
 *   folio would be mapped as one all the same: folios stay below that size.  Those are
 *   mapped as far as both go on (erofs_map_cached()), by ->fault as well: Linux 7
 *   would map all of the folio that it is given a page of.
 * - Huge pages in their place.  Whoever collapses a range of a file into a huge page
 *   drops the page table, and with it pages of ours.  That is for files with a page
 *   cache of such folios (Linux 7; erofs_chunk_init_inode() says no), or for
 *   CONFIG_READ_ONLY_THP_FOR_FS, which chunk_share excludes.
 * - Pins.  They hold the page by its reference count, as those of any other file page;
 *   long-term pins of private mappings unshare first.
 */
#include <linux/blkdev.h>
#include <linux/mm.h>
#include <linux/fs_parser.h>
#include "backing.h"
#include "compat.h"
#include "chunkshare.h"
#include "folder.h"
#include "resolve.h"
#include "zeropage.h"

#define EROFS_MOUNT_CHUNK_SHARE		0x00008000

static DEFINE_MUTEX(erofs_chunk_lock);		/* of the number of mounts */

/* ---- mounts ---- */

static const struct fs_parameter_spec erofs_chunk_parameters[] = {
	fsparam_flag("chunk_share", 0),
	{}
};

/**
 * erofs_chunk_parse_param - take the mount option chunk_share
 * @fc: the mount to be
 * @param: an option
 *
 * Return: 0, -ENOPARAM if it is another one, or another error, said to the caller.
 */
int erofs_chunk_parse_param(struct fs_context *fc, struct fs_parameter *param)
{
	struct erofs_sb_info *sbi = fc->s_fs_info;
	struct fs_parse_result result;
	int opt = fs_parse(fc, erofs_chunk_parameters, param, &result);

	if (opt < 0)
		return opt;
	set_opt(&sbi->opt, CHUNK_SHARE);
	return 0;
}

static int erofs_chunk_add_device(struct super_block *sb, struct fs_context *fc,
				  struct erofs_chunk_device *device,
				  struct erofs_device_info *dif)
{
	const bool primary = dif == &EROFS_SB(sb)->dif0;
	struct block_device *bdev = NULL;
	struct erofs_chunk_cache *cache;

	device->start = erofs_device_start(dif);
	device->nr = dif->blocks;
	if (primary && sb->s_bdev)
		bdev = sb->s_bdev;
	else if (!dif->file)
		return 0;	/* a part of device 0 */
	else if (S_ISBLK(file_inode(dif->file)->i_mode))
		bdev = file_bdev(dif->file);

	cache = erofs_chunk_get_cache(bdev, dif->file, erofs_device_offset(dif));
	if (IS_ERR(cache)) {
		errorfc(fc, "chunk_share: no cache for %s: error %ld",
			primary ? fc->source : dif->path, PTR_ERR(cache));
		return PTR_ERR(cache);
	}
	device->cache = cache;
	return 0;
}

static void erofs_chunk_init_internal(struct inode *inode)
{
	if (inode)
		erofs_chunk_init_inode(inode);
}

static int erofs_chunk_add_devices(struct super_block *sb, struct fs_context *fc,
				   struct erofs_chunk_share *cs)
{
	struct erofs_dev_context *devs = EROFS_SB(sb)->devs;
	struct erofs_device_info *dif;
	int err = erofs_chunk_add_device(sb, fc, &cs->device[0], &EROFS_SB(sb)->dif0);
	int id;

	down_read(&devs->rwsem);
	if (!err)
		idr_for_each_entry(&devs->tree, dif, id) {
			err = erofs_chunk_add_device(sb, fc, &cs->device[1 + id], dif);
			if (err)
				break;
		}
	up_read(&devs->rwsem);
	return err;
}

/**
 * erofs_chunk_init_sb - share the chunks of a mount, if it was asked to
 * @sb: its super block, complete otherwise
 * @fc: for messages
 *
 * Return: 0 or a negative error.
 */
int erofs_chunk_init_sb(struct super_block *sb, struct fs_context *fc)
{
	struct erofs_sb_info *sbi = EROFS_SB(sb);
	const unsigned int nr_devices = 1 + sbi->devs->extra_devices;
	struct erofs_chunk_share *cs;
	int err;

	if (!test_opt(&sbi->opt, CHUNK_SHARE))
		return 0;
	if (erofs_is_fscache_mode(sb))
		return invalfc(fc, "chunk_share is not for fscache mounts");
	if (sb->s_blocksize != PAGE_SIZE) {
		erofs_info(sb, "chunk_share: blocks are smaller than a page, nothing is shared");
		return 0;
	}
	cs = kzalloc(struct_size(cs, device, nr_devices), GFP_KERNEL);
	if (!cs)
		return -ENOMEM;
	cs->nr_devices = nr_devices;
	cs->reads.end = erofs_chunk_end_read;

	err = erofs_deny_write(sb, fc, "chunk_share");
	if (err)
		goto err_free;
	mutex_lock(&erofs_chunk_lock);
	err = erofs_chunk_reclaim_get();
	mutex_unlock(&erofs_chunk_lock);
	if (err == -EOPNOTSUPP)
		errorfc(fc, "chunk_share: not with cgroup.memory=nokmem, which stops its reclaim");
	if (err)
		goto err_allow;

	sbi->chunk_share = cs;
	/* those that were there before, which names of an image may lead to */
	erofs_chunk_init_internal(sbi->packed_inode);
	erofs_chunk_init_internal(erofs_metabox_inode(sbi));
	err = erofs_chunk_add_devices(sb, fc, cs);
	if (!err)
		err = erofs_folder_add(&cs->kobj, &sbi->s_kobj, "chunk_share",
				       &erofs_chunk_group);
	if (err)
		erofs_chunk_exit_sb(sb);
	return err;

err_allow:
	erofs_allow_write(sb);
err_free:
	kfree(cs);
	return err;
}

/* an inode that the super block holds, which names of an image may lead to as well */
static void erofs_chunk_forget_internal(struct inode *inode)
{
	if (inode)
		erofs_chunk_evict_inode(inode);
}

/**
 * erofs_chunk_exit_sb - undo erofs_chunk_init_sb()
 * @sb: a super block whose files are all evicted, and whose devices are still there
 */
void erofs_chunk_exit_sb(struct super_block *sb)
{
	struct erofs_chunk_share *cs = EROFS_SB(sb)->chunk_share;
	unsigned int i;

	if (!cs)
		return;
	erofs_folder_remove(&cs->kobj);
	/* they are evicted later, when there is nothing to take their uses from */
	erofs_chunk_forget_internal(EROFS_SB(sb)->packed_inode);
	erofs_chunk_forget_internal(erofs_metabox_inode(EROFS_SB(sb)));
	EROFS_SB(sb)->chunk_share = NULL;
	erofs_reads_wait(&cs->reads);
	for (i = 0; i < cs->nr_devices; ++i)
		if (cs->device[i].cache)
			erofs_chunk_put_cache(cs->device[i].cache);
	mutex_lock(&erofs_chunk_lock);
	erofs_chunk_reclaim_put();
	mutex_unlock(&erofs_chunk_lock);
	erofs_allow_write(sb);
	kfree(cs);
}

/**
 * erofs_chunk_show_options - for /proc/mounts
 * @seq: where to
 * @sbi: of the mount
 */
void erofs_chunk_show_options(struct seq_file *seq, struct erofs_sb_info *sbi)
{
	if (sbi->chunk_share)
		seq_puts(seq, ",chunk_share");
}

/* ---- files ---- */

/**
 * erofs_chunk_init_inode - prepare an inode that has just been read
 * @inode: of any kind
 *
 * Its own page cache does not get folios that a PMD entry maps.  So nobody puts one in
 * place of a page table, which may have pages that are not of this page cache.
 */
void erofs_chunk_init_inode(struct inode *inode)
{
	if (erofs_chunk_shared(inode) && mapping_large_folio_support(inode->i_mapping))
		mapping_set_folio_order_range(inode->i_mapping, 0, EROFS_CHUNK_MAX_ORDER);
}

/**
 * erofs_chunk_locate - find in which cache, and where in it, data of a file is
 * @inode: of a shared file
 * @run: data; in: in @run->chunk the place as the chunk index has it; out: there as well
 *	the cache and its pages, of which there may be fewer than are in @run now
 *
 * Return: 0, or -EIO if there is no such device.
 */
int erofs_chunk_locate(struct inode *inode, struct erofs_run *run)
{
	struct erofs_chunk_share *cs = erofs_chunk_share(inode);
	struct erofs_chunk_run *chunk = &run->chunk;
	struct erofs_chunk_device *device;
	unsigned int i;

	if (chunk->device_id >= cs->nr_devices)
		return -EIO;
	chunk->page = chunk->pos >> PAGE_SHIFT;
	chunk->nr = run->end - run->first;
	device = &cs->device[chunk->device_id];
	if (!device->cache) {
		chunk->page += device->start;
		device = cs->device;
	} else if (!chunk->device_id) {
		/* other devices may have a part of the addresses of this one */
		for (i = 1; i < cs->nr_devices; ++i) {
			struct erofs_chunk_device *other = &cs->device[i];

			if (!other->cache || !other->start)
				continue;
			if (chunk->page < other->start) {
				chunk->nr = min(chunk->nr, other->start - chunk->page);
			} else if (chunk->page - other->start < other->nr) {
				chunk->page -= other->start;
				chunk->nr = min(chunk->nr, other->nr - chunk->page);
				device = other;
				break;
			}
		}
	}
	chunk->cache = device->cache;
	run->end = run->first + chunk->nr;
	return 0;
}
