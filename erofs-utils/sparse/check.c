// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "erofs/dir.h"
#include "erofs/xattr.h"
#include "check.h"
#include "message.h"
#include "sparse.h"

/**
 * struct check - a file of an image, or a device, as a source of what packs
 * @sbi: the image
 * @inode: the file, or NULL
 * @device: the device's number
 * @map: of the file
 */
struct check {
	struct sparse_source source;
	struct erofs_sb_info *sbi;
	struct erofs_inode *inode;
	int device;
	struct erofs_map_blocks map;
};

/* from where the next mapped block is: in a batch a hole is as cheap as the map's entry */
static int check_next(struct sparse_source *source, u64 block, struct sparse_extent *extent)
{
	struct check *check = container_of(source, struct check, source);
	u64 blocks = sparse_blocks(source->size), end;
	struct erofs_map_blocks *map = &check->map;
	int err;

	while (check->inode && block < blocks) {
		map->m_la = block << SPARSE_BLOCK_BITS;
		err = erofs_map_blocks(check->inode, map, EROFS_GET_BLOCKS_FIEMAP);
		if (err)
			return err;
		end = map->m_la + map->m_llen;
		if (map->m_flags & EROFS_MAP_MAPPED || end >> SPARSE_BLOCK_BITS <= block)
			break;
		block = end < source->size ? end >> SPARSE_BLOCK_BITS : blocks;
	}
	if (block >= blocks)
		return 0;
	end = block + SPARSE_BATCH_BLOCKS;
	*extent = (struct sparse_extent) { block, end < blocks ? end : blocks, 0 };
	return 1;
}

static ssize_t check_read(const struct sparse_source *source, void *buf, size_t len, u64 pos)
{
	const struct check *check = container_of(source, const struct check, source);
	struct erofs_vfile vf;
	ssize_t ret;

	if (!check->inode) {
		ret = erofs_dev_read(check->sbi, check->device, buf, pos, len);
	} else {
		ret = erofs_iopen(&vf, check->inode);
		if (!ret)
			ret = erofs_pread(&vf, buf, len, pos);
	}
	return ret < 0 ? ret : (ssize_t)len;
}

static const struct sparse_source_ops check_ops = { check_next, check_read };

static int digest_check(struct check *check, u8 digest[SPARSE_DIGEST_SIZE])
{
	struct sparse_packer packer = { .want_digest = true };
	long workers = sysconf(_SC_NPROCESSORS_ONLN);
	u64 most = sparse_blocks(check->source.size) / SPARSE_BATCH_BLOCKS + 1;
	int err;

	packer.workers = workers < 1 ? 1 : (u64)workers < most ? (u64)workers : most;
	/* what decompresses keeps some of its state in the image's */
	if (check->inode && erofs_inode_is_data_compressed(check->inode->datalayout))
		packer.workers = 1;
	check->source.ops = &check_ops;
	check->map.buf = __EROFS_BUF_INITIALIZER;
	err = sparse_packer_init(&packer, -1, NULL, 0);
	if (!err) {
		sparse_pack_begin(&packer, &check->source, NULL);
		while (sparse_pack_run(&packer) > 0)
			;
		err = sparse_pack_end(&packer, digest);
	}
	sparse_packer_exit(&packer);
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
	struct check check = { .inode = inode, .source.size = inode->i_size };
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
			.source.size = (u64)sbi->devs[i].blocks << sbi->blkszbits,
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
