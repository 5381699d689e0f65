// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does a file have the content that its fingerprint says?
 *
 * Fingerprints that mkfs.erofs --sparse writes are fs-verity digests, which are
 * computed here from the content: SHA-256 of 4 KiB blocks, of blocks of such hashes,
 * and so on to one, without a salt.  Whole subtrees of zeros have a hash for each
 * level that is computed once, so the cost follows the data.
 *
 * The content is read once, through the page cache of the file's own inode, which is
 * emptied behind.  What is on the device could change later, as it could below any
 * mounted file system; the check is no substitute for dm-verity.
 */
#include <crypto/sha2.h>
#include <linux/fsverity.h>
#include <linux/highmem.h>
#include <linux/sched/signal.h>
#include "hole.h"
#include "ishare.h"

#define BLOCK		4096U
#define HASHES		(BLOCK / SHA256_DIGEST_SIZE)	/* in a block */
#define LEVELS		9	/* 128^8 blocks of 4 KiB are more than any file has */

static const char erofs_verity_label[] = "fsverity-sha256:";

struct erofs_verity {
	u8 blocks[LEVELS][BLOCK];	/* hashes of a level that are not in the next */
	unsigned int fill[LEVELS];	/* bytes of them */
	u8 zeros[LEVELS][SHA256_DIGEST_SIZE];	/* hashes of subtrees of zeros */
};

static void erofs_verity_add(struct erofs_verity *v, unsigned int level,
			     const u8 *hash)
{
	u8 *block = v->blocks[level], next[SHA256_DIGEST_SIZE];

	memcpy(block + v->fill[level], hash, SHA256_DIGEST_SIZE);
	v->fill[level] += SHA256_DIGEST_SIZE;
	if (v->fill[level] < BLOCK)
		return;
	sha256(block, BLOCK, next);
	v->fill[level] = 0;
	erofs_verity_add(v, level + 1, next);
}

/* @data has @len bytes of a block; the rest is zeros */
static void erofs_verity_add_block(struct erofs_verity *v, const u8 *data,
				   unsigned int len)
{
	struct sha256_state state;
	u8 hash[SHA256_DIGEST_SIZE];

	sha256_init(&state);
	sha256_update(&state, data, len);
	if (len < BLOCK)
		sha256_update(&state, page_address(ZERO_PAGE(0)), BLOCK - len);
	sha256_final(&state, hash);
	erofs_verity_add(v, 0, hash);
}

static void erofs_verity_init_zeros(struct erofs_verity *v)
{
	unsigned int level, i;

	sha256(page_address(ZERO_PAGE(0)), BLOCK, v->zeros[0]);
	for (level = 1; level < LEVELS; ++level) {
		u8 *block = v->blocks[0];

		for (i = 0; i < HASHES; ++i)
			memcpy(block + i * SHA256_DIGEST_SIZE, v->zeros[level - 1],
			       SHA256_DIGEST_SIZE);
		sha256(block, BLOCK, v->zeros[level]);
	}
}

/* @nr blocks of zeros, in subtrees as large as their place and number allow */
static void erofs_verity_add_zeros(struct erofs_verity *v, u64 nr)
{
	while (nr) {
		unsigned int level = 0;
		u64 size = 1;

		while (!v->fill[level] && nr >= size * HASHES && level < LEVELS - 2) {
			++level;
			size *= HASHES;
		}
		erofs_verity_add(v, level, v->zeros[level]);
		nr -= size;
	}
}

/* the root of a file with @nr blocks, all of them added */
static void erofs_verity_root(struct erofs_verity *v, u64 nr, u8 *root)
{
	unsigned int level;

	for (level = 0; nr > 1; ++level, nr = DIV_ROUND_UP_ULL(nr, HASHES)) {
		u8 hash[SHA256_DIGEST_SIZE];

		if (!v->fill[level])
			continue;
		memset(v->blocks[level] + v->fill[level], 0, BLOCK - v->fill[level]);
		sha256(v->blocks[level], BLOCK, hash);
		v->fill[level] = 0;
		erofs_verity_add(v, level + 1, hash);
	}
	memcpy(root, v->blocks[level], SHA256_DIGEST_SIZE);
}

/* pages that were read only to be hashed go after so many of them */
#define EROFS_VERIFY_BATCH	(SZ_1M >> PAGE_SHIFT)

static int erofs_verify_pages(struct erofs_verity *v, struct inode *inode,
			      struct file *file, pgoff_t index, pgoff_t end)
{
	struct address_space *mapping = &inode->i_data;
	const loff_t size = i_size_read(inode);
	struct file_ra_state ra;

	file_ra_state_init(&ra, mapping);
	for (; index < end; ++index) {
		loff_t pos = (loff_t)index << PAGE_SHIFT;
		unsigned int len = min_t(loff_t, size - pos, PAGE_SIZE), ofs;
		struct folio *folio;
		const u8 *data;

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
		for (ofs = 0; ofs < len; ofs += BLOCK)
			erofs_verity_add_block(v, data + ofs, min(len - ofs, BLOCK));
		kunmap_local(data);
		folio_put(folio);
		if (index % EROFS_VERIFY_BATCH == 0)
			invalidate_mapping_pages(mapping, 0, index);
		cond_resched();
	}
	return 0;
}

static int erofs_verify_content(struct erofs_verity *v, struct inode *inode,
				struct file *file)
{
	const loff_t size = i_size_read(inode);
	pgoff_t index = 0, eof = DIV_ROUND_UP_ULL(size, PAGE_SIZE), end;
	int hole = 0, err;

	for (; index < eof; index = end) {
		end = eof;
		if (EROFS_I(inode)->datalayout == EROFS_INODE_CHUNK_BASED)
			hole = erofs_hole_run(inode, index, &end);
		if (hole < 0)
			return hole;
		if (hole) {
			u64 last = min_t(u64, (u64)end << PAGE_SHIFT, size);

			erofs_verity_add_zeros(v, DIV_ROUND_UP_ULL(last, BLOCK) -
					       ((u64)index << PAGE_SHIFT) / BLOCK);
			continue;
		}
		err = erofs_verify_pages(v, inode, file, index, end);
		if (err)
			return err;
	}
	return 0;
}

/**
 * erofs_ishare_verify - compare the content of a file with its fingerprint
 * @inode: its inode, which has not joined a shared one
 * @file: the file that is being opened
 * @fp: the fingerprint
 * @len: bytes of it
 *
 * Return: 0 if they agree; -EBADMSG if not, or if the fingerprint is no fs-verity
 * digest; another error if the content could not be read.
 */
int erofs_ishare_verify(struct inode *inode, struct file *file, const u8 *fp,
			unsigned int len)
{
	const unsigned int label = sizeof(erofs_verity_label) - 1;
	struct fsverity_descriptor desc = {
		.version = 1,
		.hash_algorithm = FS_VERITY_HASH_ALG_SHA256,
		.log_blocksize = ilog2(BLOCK),
		.data_size = cpu_to_le64(i_size_read(inode)),
	};
	u8 digest[SHA256_DIGEST_SIZE];
	struct erofs_verity *v;
	int err;

	BUILD_BUG_ON(PAGE_SIZE % BLOCK);
	if (len != label + SHA256_DIGEST_SIZE || memcmp(fp, erofs_verity_label, label))
		return -EBADMSG;
	v = kvzalloc(sizeof(*v), GFP_KERNEL);
	if (!v)
		return -ENOMEM;
	erofs_verity_init_zeros(v);
	err = erofs_verify_content(v, inode, file);
	if (!err) {
		erofs_verity_root(v, DIV_ROUND_UP_ULL(i_size_read(inode), BLOCK),
				  desc.root_hash);
		sha256((const u8 *)&desc, sizeof(desc), digest);
		if (memcmp(digest, fp + label, SHA256_DIGEST_SIZE))
			err = -EBADMSG;
	}
	invalidate_mapping_pages(&inode->i_data, 0, -1);
	kvfree(v);
	return err;
}
