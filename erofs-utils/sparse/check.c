// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "erofs/dir.h"
#include "erofs/xattr.h"
#include "check.h"
#include "message.h"
#include "pool.h"
#include "verity.h"
#include "zero.h"

/* what a job reads: as much as the inner cache of one core holds */
#define PART_BLOCKS	64

/* enough that nobody waits for the oldest part */
#define PARTS_PER_WORKER	2

/**
 * struct check - a file, or a device, whose digest is computed
 * @sbi: the image
 * @inode: the file, or NULL
 * @device: the device's number
 * @size: in bytes
 */
struct check {
	struct erofs_sb_info *sbi;
	struct erofs_inode *inode;
	int device;
	u64 size;
};

/**
 * struct part - some blocks that are read and digested by one thread
 * @hash: for it
 * @holes: how many blocks of holes come before it
 * @first: number of the first block
 * @count: how many
 * @err: what that came to
 */
struct part {
	struct sparse_job job;
	const struct check *check;
	struct sparse_hash hash;
	u64 holes;
	u64 first;
	unsigned int count;
	int err;
	struct sparse_leaf leaf[PART_BLOCKS];
	u8 data[PART_BLOCKS * SPARSE_BLOCK_SIZE];
};

static int read_part(struct part *part)
{
	const struct check *check = part->check;
	u64 pos = part->first << SPARSE_BLOCK_BITS;
	size_t size = part->count * SPARSE_BLOCK_SIZE, len = size;
	struct erofs_vfile vf;
	ssize_t ret;

	if (len > check->size - pos)
		len = check->size - pos;
	memset(part->data + len, 0, size - len);
	if (!check->inode) {
		ret = erofs_dev_read(check->sbi, check->device, part->data, pos, len);
	} else {
		ret = erofs_iopen(&vf, check->inode);
		if (!ret)
			ret = erofs_pread(&vf, part->data, len, pos);
	}
	return ret < 0 ? ret : 0;
}

static void run_part(struct sparse_job *job)
{
	struct part *part = container_of(job, struct part, job);
	unsigned int i;

	part->err = read_part(part);
	memset(part->leaf, 0, sizeof(part->leaf));
	for (i = 0; i < part->count && !part->err; i++) {
		const u8 *data = part->data + i * SPARSE_BLOCK_SIZE;

		if (!sparse_is_zero(data, SPARSE_BLOCK_SIZE))
			part->err = sparse_hash_data(&part->hash, data, SPARSE_BLOCK_SIZE,
						     part->leaf[i].digest);
	}
}

static int start_parts(struct part *part, unsigned int parts, const struct check *check)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < parts && !err; i++) {
		part[i].check = check;
		part[i].job.run = run_part;
		err = sparse_hash_init(&part[i].hash);
	}
	return err;
}

/* the first block from @block on that is not in a hole, or the end of the file */
static int skip_holes(const struct check *check, struct erofs_map_blocks *map, u64 *block)
{
	u64 blocks = sparse_blocks(check->size), end;
	int err;

	while (check->inode && *block < blocks) {
		map->m_la = *block << SPARSE_BLOCK_BITS;
		err = erofs_map_blocks(check->inode, map, EROFS_GET_BLOCKS_FIEMAP);
		if (err)
			return err;
		end = map->m_la + map->m_llen;
		if (map->m_flags & EROFS_MAP_MAPPED || end >> SPARSE_BLOCK_BITS <= *block)
			break;
		*block = end < check->size ? end >> SPARSE_BLOCK_BITS : blocks;
	}
	return 0;
}

/* Return: 1, 0 at the end of the file, or a negative errno. */
static int plan_part(const struct check *check, struct erofs_map_blocks *map,
		     struct part *part, u64 *next)
{
	u64 blocks = sparse_blocks(check->size), first = *next;
	int err;

	if (*next == blocks)
		return 0;
	err = skip_holes(check, map, &first);
	if (err)
		return err;
	part->holes = first - *next;
	part->first = first;
	part->count = blocks - first < PART_BLOCKS ? blocks - first : PART_BLOCKS;
	*next = first + part->count;
	return 1;
}

/* parts in flight, a ring; what is done leaves it in the order of the file */
static int digest_parts(const struct check *check, struct sparse_pool *pool,
			struct part *part, unsigned int parts,
			struct sparse_verity *verity)
{
	struct erofs_map_blocks map = { .buf = __EROFS_BUF_INITIALIZER };
	u64 head = 0, tail = 0, next = 0;
	struct part *oldest;
	int ret = 1, err;

	for (;;) {
		while (ret > 0 && head < tail + parts) {
			ret = plan_part(check, &map, &part[head % parts], &next);
			if (ret > 0)
				sparse_pool_submit(pool, &part[head++ % parts].job);
		}
		if (tail == head)
			return ret;
		oldest = &part[tail++ % parts];
		sparse_pool_wait(pool, &oldest->job);
		err = oldest->err;
		if (!err)
			err = sparse_verity_hole(verity, oldest->holes);
		if (!err)
			err = sparse_verity_add(verity, oldest->leaf, oldest->count);
		if (err && ret >= 0)
			ret = err;
	}
}

static int digest_check(const struct check *check, u8 digest[SPARSE_DIGEST_SIZE])
{
	u64 most = sparse_blocks(check->size) / PART_BLOCKS + 1;
	long workers = sysconf(_SC_NPROCESSORS_ONLN);
	struct sparse_hash hash = { 0 };
	struct sparse_verity verity;
	struct sparse_pool pool;
	unsigned int parts, i;
	struct part *part;
	int err;

	workers = workers < 1 ? 1 : workers > SPARSE_POOL_MAX ? SPARSE_POOL_MAX : workers;
	if ((u64)workers > most)
		workers = most;
	/* what decompresses keeps some of its state in the image's */
	if (check->inode && erofs_inode_is_data_compressed(check->inode->datalayout))
		workers = 1;
	parts = workers * PARTS_PER_WORKER;
	part = calloc(parts, sizeof(*part));
	if (!part)
		return -ENOMEM;
	sparse_pool_start(&pool, workers);
	err = start_parts(part, parts, check);
	if (!err)
		err = sparse_hash_init(&hash);
	if (!err)
		err = sparse_verity_init(&verity, &hash);
	if (!err) {
		sparse_verity_begin(&verity);
		err = digest_parts(check, &pool, part, parts, &verity);
	}
	if (!err)
		err = sparse_verity_end(&verity, check->size, digest);
	sparse_pool_stop(&pool);
	for (i = 0; i < parts; i++)
		sparse_hash_exit(&part[i].hash);
	sparse_hash_exit(&hash);
	free(part);
	return err;
}

static const char *name_inode(struct erofs_inode *inode, char *name, size_t size)
{
	if (erofs_get_pathname(inode->sbi, inode->nid, name, size))
		snprintf(name, size, "nid %llu", (unsigned long long)inode->nid);
	return name;
}

int erofs_sparse_check_digest(struct erofs_inode *inode, const char *name)
{
	u8 value[SPARSE_FINGERPRINT_SIZE], wanted[SPARSE_FINGERPRINT_SIZE];
	struct check check = { .inode = inode, .size = inode->i_size };
	u8 digest[SPARSE_DIGEST_SIZE];
	char path[PATH_MAX];
	int err;

	sparse_program = "fsck.erofs";
	if (__erofs_getxattr(inode, name, (char *)value, sizeof(value), true) !=
	    sizeof(value) || memcmp(value, SPARSE_FINGERPRINT_LABEL,
				    sizeof(SPARSE_FINGERPRINT_LABEL) - 1))
		return 1;
	err = digest_check(&check, digest);
	if (err)
		return sparse_error(err, "could not read '%s'",
				    name_inode(inode, path, sizeof(path)));
	sparse_verity_fingerprint(digest, wanted);
	if (!memcmp(value, wanted, sizeof(value)))
		return 0;
	sparse_error(0, "'%s' is not what its digest says",
		     name_inode(inode, path, sizeof(path)));
	return -EFSCORRUPTED;
}

void erofs_sparse_check_bases(struct erofs_sb_info *sbi)
{
	u8 digest[SPARSE_DIGEST_SIZE];
	char tag[SPARSE_DIGEST_TEXT];
	unsigned int i;
	int err;

	for (i = 0; i < sbi->extra_devices; i++) {
		struct check check = {
			.sbi = sbi, .device = i + 1,
			.size = (u64)sbi->devs[i].blocks << sbi->blkszbits,
		};

		err = digest_check(&check, digest);
		if (err) {
			sparse_error(err, "could not read device %u, which is to have the fs-verity digest %.64s",
				     i + 1, sbi->devs[i].tag);
			continue;
		}
		sparse_verity_text(digest, tag);
		if (memcmp(tag, sbi->devs[i].tag, sizeof(sbi->devs[i].tag)))
			sparse_error(0, "device %u has the fs-verity digest %s, and is to have %.64s: give the base that the image was packed on",
				     i + 1, tag, sbi->devs[i].tag);
	}
}
