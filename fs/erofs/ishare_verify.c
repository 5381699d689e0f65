// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does a file have the content that its fingerprint says?
 *
 * mkfs.erofs --sparse writes fs-verity digests: SHA-256 of 4 KiB blocks, of blocks of
 * such hashes, and so on to one, without a salt.  Whole subtrees of zeros have a hash for
 * each level that is computed once, so the cost follows the data.  Stock mkfs.erofs writes
 * the SHA-256 of the file, for which every zero is hashed.
 *
 * The content is read once, through the page cache of the file's own inode, which is
 * emptied behind.  What is on the device could change later, as it could below any
 * mounted file system; the check is no substitute for dm-verity.
 *
 * Who opens a file waits for that, and an image can say that a file is as large as it
 * likes: many chunks in the one place, pclusters of nothing but zeros.  So no more is
 * hashed than a multiple of what the devices of the image have.
 */
#include <crypto/hash.h>
#include <crypto/sha2.h>
#include <linux/fsverity.h>
#include <linux/highmem.h>
#include <linux/sched/signal.h>
#include "resolve.h"
#include "ishare.h"

#define BLOCK		4096U
#define HASHES		(BLOCK / SHA256_DIGEST_SIZE)	/* in a block */
#define LEVELS		9	/* 128^8 blocks of 4 KiB are more than any file has */

/* bytes that are hashed of a file at most: so many times those of its devices, or this */
#define EROFS_VERIFY_TIMES	16
#define EROFS_VERIFY_MIN	SZ_64M

static const char erofs_verity_label[] = "fsverity-sha256:";
static const char erofs_sha256_label[] = "sha256:";

struct erofs_verify {
	struct crypto_shash *tfm;
	struct shash_desc *plain;	/* of the whole file; NULL for fs-verity */
	u64 budget;			/* bytes that may still be hashed */
	u8 blocks[LEVELS][BLOCK];	/* hashes of a level that are not in the next */
	unsigned int fill[LEVELS];	/* bytes of them */
	u8 zeros[LEVELS][SHA256_DIGEST_SIZE];	/* hashes of subtrees of zeros */
	u8 tail[PAGE_SIZE];		/* the last page */
};

static int erofs_verity_add(struct erofs_verify *v, unsigned int level, const u8 *hash)
{
	u8 *block = v->blocks[level], next[SHA256_DIGEST_SIZE];
	int err;

	memcpy(block + v->fill[level], hash, SHA256_DIGEST_SIZE);
	v->fill[level] += SHA256_DIGEST_SIZE;
	if (v->fill[level] < BLOCK)
		return 0;
	err = crypto_shash_tfm_digest(v->tfm, block, BLOCK, next);
	v->fill[level] = 0;
	return err ? err : erofs_verity_add(v, level + 1, next);
}

/* @data is a block */
static int erofs_verity_add_block(struct erofs_verify *v, const u8 *data)
{
	u8 hash[SHA256_DIGEST_SIZE];
	int err = crypto_shash_tfm_digest(v->tfm, data, BLOCK, hash);

	return err ? err : erofs_verity_add(v, 0, hash);
}

static int erofs_verity_init_zeros(struct erofs_verify *v)
{
	unsigned int level, i;
	int err;

	err = crypto_shash_tfm_digest(v->tfm, page_address(ZERO_PAGE(0)), BLOCK, v->zeros[0]);
	for (level = 1; level < LEVELS && !err; ++level) {
		u8 *block = v->blocks[0];

		for (i = 0; i < HASHES; ++i)
			memcpy(block + i * SHA256_DIGEST_SIZE, v->zeros[level - 1],
			       SHA256_DIGEST_SIZE);
		err = crypto_shash_tfm_digest(v->tfm, block, BLOCK, v->zeros[level]);
	}
	return err;
}

/* @nr blocks of zeros, in subtrees as large as their place and number allow */
static int erofs_verity_add_zeros(struct erofs_verify *v, u64 nr)
{
	while (nr) {
		unsigned int level = 0;
		u64 size = 1;
		int err;

		while (!v->fill[level] && nr >= size * HASHES && level < LEVELS - 2) {
			++level;
			size *= HASHES;
		}
		err = erofs_verity_add(v, level, v->zeros[level]);
		if (err)
			return err;
		nr -= size;
	}
	return 0;
}

/* the root of a file with @nr blocks, all of them added */
static int erofs_verity_root(struct erofs_verify *v, u64 nr, u8 *root)
{
	unsigned int level;

	for (level = 0; nr > 1; ++level, nr = DIV_ROUND_UP_ULL(nr, HASHES)) {
		u8 hash[SHA256_DIGEST_SIZE];
		int err;

		if (!v->fill[level])
			continue;
		memset(v->blocks[level] + v->fill[level], 0, BLOCK - v->fill[level]);
		err = crypto_shash_tfm_digest(v->tfm, v->blocks[level], BLOCK, hash);
		if (err)
			return err;
		v->fill[level] = 0;
		erofs_verity_add(v, level + 1, hash);
	}
	memcpy(root, v->blocks[level], SHA256_DIGEST_SIZE);
	return 0;
}

static int erofs_verity_digest(struct erofs_verify *v, u64 size, u8 *digest)
{
	struct fsverity_descriptor desc = {
		.version = 1,
		.hash_algorithm = FS_VERITY_HASH_ALG_SHA256,
		.log_blocksize = ilog2(BLOCK),
		.data_size = cpu_to_le64(size),
	};
	int err = erofs_verity_root(v, DIV_ROUND_UP_ULL(size, BLOCK), desc.root_hash);

	return err ? err : crypto_shash_tfm_digest(v->tfm, (const u8 *)&desc, sizeof(desc),
						   digest);
}

/* a page of the file, of which @len bytes lie within it; the rest is zeros */
static int erofs_verify_page(struct erofs_verify *v, const u8 *data, unsigned int len)
{
	unsigned int ofs;
	int err = 0;

	if (len > v->budget)
		return -EFBIG;
	v->budget -= len;
	if (v->plain)
		return crypto_shash_update(v->plain, data, len);
	for (ofs = 0; ofs < len && !err; ofs += BLOCK)
		err = erofs_verity_add_block(v, data + ofs);
	return err;
}

/* a hole of @size bytes at the start of a block */
static int erofs_verify_hole(struct erofs_verify *v, u64 size)
{
	const u8 *zeros = page_address(ZERO_PAGE(0));

	if (!v->plain)
		return erofs_verity_add_zeros(v, DIV_ROUND_UP_ULL(size, BLOCK));
	while (size) {
		unsigned int len = min_t(u64, size, PAGE_SIZE);
		int err = erofs_verify_page(v, zeros, len);

		if (!err && fatal_signal_pending(current))
			err = -EINTR;
		if (err)
			return err;
		size -= len;
		cond_resched();
	}
	return 0;
}

/* pages that were read only to be hashed go after so many of them */
#define EROFS_VERIFY_BATCH	(SZ_1M >> PAGE_SHIFT)

static int erofs_verify_pages(struct erofs_verify *v, struct inode *inode,
			      struct file *file, pgoff_t index, pgoff_t end)
{
	struct address_space *mapping = &inode->i_data;
	const loff_t size = i_size_read(inode);
	struct file_ra_state ra;

	file_ra_state_init(&ra, mapping);
	for (; index < end; ++index) {
		loff_t pos = (loff_t)index << PAGE_SHIFT;
		unsigned int len = min_t(loff_t, size - pos, PAGE_SIZE);
		struct folio *folio;
		u8 *data;
		int err;

		if (fatal_signal_pending(current))
			return -EINTR;
		if (!filemap_range_has_page(mapping, pos, pos))
			page_cache_sync_readahead(mapping, &ra, file, index,
						  min_t(pgoff_t, end - index,
							EROFS_VERIFY_BATCH));
		folio = read_mapping_folio(mapping, index, file);
		if (IS_ERR(folio))
			return PTR_ERR(folio);
		data = kmap_local_folio(folio, pos - folio_pos(folio));
		if (len < PAGE_SIZE) {
			/* what is behind the end of the file is in no digest */
			memcpy(v->tail, data, len);
			memset(v->tail + len, 0, PAGE_SIZE - len);
		}
		err = erofs_verify_page(v, len < PAGE_SIZE ? v->tail : data, len);
		kunmap_local(data);
		folio_put(folio);
		if (err)
			return err;
		if (index % EROFS_VERIFY_BATCH == 0)
			invalidate_mapping_pages(mapping, 0, index);
		cond_resched();
	}
	return 0;
}

static int erofs_verify_content(struct erofs_verify *v, struct inode *inode,
				struct file *file)
{
	const loff_t size = i_size_read(inode);
	const pgoff_t eof = DIV_ROUND_UP_ULL(size, PAGE_SIZE);
	struct erofs_run run = { .kind = EROFS_DATA };
	pgoff_t index = 0;
	int err = 0;

	for (; index < eof && !err; index = run.end) {
		run.first = index;
		run.end = eof;
		if (EROFS_I(inode)->datalayout == EROFS_INODE_CHUNK_BASED)
			err = erofs_resolve(inode, index, false, &run);
		if (err)
			break;
		if (run.kind == EROFS_HOLE)
			err = erofs_verify_hole(v, min_t(u64, (u64)run.end << PAGE_SHIFT, size) -
						((u64)index << PAGE_SHIFT));
		else
			err = erofs_verify_pages(v, inode, file, index, run.end);
	}
	return err;
}

/* bytes of a device, or of an image file without its holes */
static u64 erofs_verify_stored_in(struct file *file)
{
	struct inode *inode = file->f_mapping->host;
	struct kstat stat;

	if (!S_ISREG(file_inode(file)->i_mode))
		return i_size_read(inode);
	/* what the mapping is of need not be what has the blocks, as with files of ours */
	if (vfs_getattr_nosec(&file->f_path, &stat, STATX_SIZE | STATX_BLOCKS, 0))
		return 0;
	return min_t(u64, stat.size, stat.blocks << SECTOR_SHIFT);
}

/* bytes of all devices of a mount */
static u64 erofs_verify_stored(struct super_block *sb)
{
	struct erofs_dev_context *devs = EROFS_SB(sb)->devs;
	struct file *file = EROFS_SB(sb)->dif0.file;
	struct erofs_device_info *dif;
	u64 stored = 0;
	int id;

	if (sb->s_bdev)
		stored = bdev_nr_bytes(sb->s_bdev);
	else if (file)
		stored = erofs_verify_stored_in(file);
	down_read(&devs->rwsem);
	idr_for_each_entry(&devs->tree, dif, id)
		if (dif->file)
			stored += erofs_verify_stored_in(dif->file);
	up_read(&devs->rwsem);
	return stored;
}

static int erofs_verify_digest(struct erofs_verify *v, struct inode *inode,
			       struct file *file, u8 *digest)
{
	int err = v->plain ? crypto_shash_init(v->plain) : erofs_verity_init_zeros(v);

	if (!err)
		err = erofs_verify_content(v, inode, file);
	if (err)
		return err;
	return v->plain ? crypto_shash_final(v->plain, digest) :
		erofs_verity_digest(v, i_size_read(inode), digest);
}

/**
 * erofs_ishare_verify - compare the content of a file with its fingerprint
 * @inode: its inode, which has not joined a shared one
 * @file: the file that is being opened
 * @fp: the fingerprint
 * @len: bytes of it
 *
 * Return: 0 if they agree; -EBADMSG if not, or if the fingerprint is of no kind that is
 * known; -EFBIG if there is more to hash than the image can have stored; another error if
 * the content could not be read.
 */
int erofs_ishare_verify(struct inode *inode, struct file *file, const u8 *fp,
			unsigned int len)
{
	struct crypto_shash *tfm = EROFS_I_SB(inode)->ishare->sha256;
	SHASH_DESC_ON_STACK(plain, tfm);
	const bool verity = len == strlen(erofs_verity_label) + SHA256_DIGEST_SIZE;
	const char *label = verity ? erofs_verity_label : erofs_sha256_label;
	const unsigned int label_len = strlen(label);
	u8 digest[SHA256_DIGEST_SIZE];
	struct erofs_verify *v;
	int err;

	BUILD_BUG_ON(PAGE_SIZE % BLOCK);
	if (len != label_len + SHA256_DIGEST_SIZE || memcmp(fp, label, label_len))
		return -EBADMSG;
	v = kvzalloc(sizeof(*v), GFP_KERNEL);
	if (!v)
		return -ENOMEM;
	plain->tfm = tfm;
	v->tfm = tfm;
	v->plain = verity ? NULL : plain;
	if (check_mul_overflow(erofs_verify_stored(inode->i_sb), EROFS_VERIFY_TIMES, &v->budget))
		v->budget = U64_MAX;
	v->budget = max_t(u64, v->budget, EROFS_VERIFY_MIN);
	err = erofs_verify_digest(v, inode, file, digest);
	if (!err && memcmp(digest, fp + label_len, SHA256_DIGEST_SIZE))
		err = -EBADMSG;
	invalidate_mapping_pages(&inode->i_data, 0, -1);
	kvfree(v);
	return err;
}
