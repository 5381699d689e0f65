// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base.h"
#include "message.h"
#include "source.h"

int sparse_bases_add(struct sparse_bases *bases, const char *path)
{
	struct sparse_base *base;

	base = realloc(bases->base, (bases->count + 1) * sizeof(*base));
	if (!base)
		return -ENOMEM;
	bases->base = base;
	base[bases->count++] = (struct sparse_base) {
		.path = path, .fd = -1, .digests = SPARSE_DIGESTS_NONE,
	};
	return 0;
}

/* what upstream would say of it is silenced, and not one line */
static int check_superblock(const struct sparse_base *base)
{
	struct erofs_super_block sb;
	ssize_t ret = pread(base->fd, &sb, sizeof(sb), EROFS_SUPER_OFFSET);

	if (ret < 0)
		return sparse_error(-errno, "could not read '%s'", base->path);
	if (ret < (ssize_t)sizeof(sb) ||
	    le32_to_cpu(sb.magic) != EROFS_SUPER_MAGIC_V1)
		return sparse_error(0, "'%s' is no EROFS image: no base",
				    base->path);
	if (sb.blkszbits != SPARSE_BLOCK_BITS)
		return sparse_error(0, "'%s' has blocks of 2^%u bytes: a base has 4096",
				    base->path, sb.blkszbits);
	return 0;
}

static int check_size(const struct sparse_base *base, u64 size, const char *what)
{
	u64 least = base->sbi.primarydevice_blocks << SPARSE_BLOCK_BITS;

	if (size >= least)
		return 0;
	return sparse_error(0, "'%s' %s: it has %llu bytes of %llu", base->path,
			    what, (unsigned long long)size,
			    (unsigned long long)least);
}

static int open_base(struct sparse_base *base)
{
	struct erofs_sb_info *sbi = &base->sbi;
	int err;

	base->fd = sparse_source_open(base->path, &base->st);
	if (base->fd < 0)
		return sparse_error(base->fd, "could not read '%s'", base->path);
	if (!S_ISREG(base->st.st_mode))
		return sparse_error(0, "'%s' is neither a regular file nor a block device: no base",
				    base->path);
	err = check_superblock(base);
	if (err)
		return err;
	sbi->bdev.fd = base->fd;
	if (erofs_read_superblock(sbi) ||
	    (erofs_sb_has_sb_chksum(sbi) && erofs_superblock_csum_verify(sbi)))
		return sparse_error(0, "'%s' is corrupt, or too new: no base",
				    base->path);
	return check_size(base, base->st.st_size, "is cut short");
}

static bool is_same(const struct sparse_base *a, const struct sparse_base *b)
{
	return a->st.st_dev == b->st.st_dev && a->st.st_ino == b->st.st_ino;
}

int sparse_bases_open(struct sparse_bases *bases)
{
	u64 blocks = 0;
	unsigned int i, n;
	int err;

	if (bases->count > SPARSE_BASES_MAX)
		return sparse_error(0, "--base was given %u times: an image has at most %u bases",
				    bases->count, SPARSE_BASES_MAX);
	for (i = 0; i < bases->count; i++) {
		err = open_base(&bases->base[i]);
		if (err)
			return err;
		for (n = 0; n < i; n++)
			if (is_same(&bases->base[n], &bases->base[i]))
				return sparse_error(0, "'%s' is a base twice",
						    bases->base[i].path);
		/* a gap for each, and room for the image itself: see struct sparse_space */
		blocks += bases->base[i].sbi.primarydevice_blocks + 1;
		if (blocks >= UINT32_MAX)
			return sparse_error(0, "'%s': the bases have more than 16 TiB",
					    bases->base[i].path);
	}
	return 0;
}

u64 sparse_bases_blocks(const struct sparse_bases *bases)
{
	u64 blocks = 0;
	unsigned int i;

	for (i = 0; i < bases->count; i++)
		blocks += bases->base[i].sbi.primarydevice_blocks;
	return blocks;
}

static void fill_slot(struct erofs_device_info *slot, struct sparse_base *base,
		      const u8 digest[SPARSE_DIGEST_SIZE])
{
	sparse_verity_text(digest, base->tag);
	_Static_assert(sizeof(slot->tag) == sizeof(base->tag) - 1, "format");
	memcpy(slot->tag, base->tag, sizeof(slot->tag));
	slot->blocks = base->sbi.primarydevice_blocks;
}

static int check_base(const struct sparse_base *base)
{
	struct stat st;
	int err;

	err = sparse_source_stat(base->fd, &st);
	if (err)
		return sparse_error(err, "could not read '%s'", base->path);
	err = check_size(base, st.st_size, "was cut short while it was read");
	if (err)
		return err;
	if (sparse_source_was_changed(&base->st, &st))
		return sparse_error(0, "'%s' was changed while it was read: try again",
				    base->path);
	return 0;
}

/* from what was kept of an earlier reading, if that is good */
static bool load_base(struct sparse_base *base, struct sparse_packer *packer,
		      u8 digest[SPARSE_DIGEST_SIZE])
{
	u64 blocks = base->sbi.primarydevice_blocks;
	struct sparse_digests *digests = &base->digests;
	u8 root[SPARSE_DIGEST_SIZE];

	if (!sparse_digests_load(digests, base->path, &base->st, blocks, root))
		return false;
	if (!sparse_verity_leaves(&packer->verity, digests->leaf, blocks, digest) &&
	    !memcmp(digest, root, sizeof(root)))
		return true;
	sparse_digests_exit(digests);
	return false;
}

/* Return: 0 or a negative errno, which has been reported. */
static int read_base(struct sparse_base *base, struct sparse_packer *packer,
		     u8 digest[SPARSE_DIGEST_SIZE])
{
	u64 blocks = base->sbi.primarydevice_blocks;
	struct sparse_digests *digests = &base->digests;
	int err, ret;

	err = sparse_digests_start(digests, base->path, &base->st, blocks);
	if (!err)
		err = sparse_pack_leaves(packer, base->fd, blocks, digests->leaf);
	if (!err)
		err = sparse_verity_leaves(&packer->verity, digests->leaf, blocks, digest);
	ret = err == -ENOMEM ? 0 : check_base(base);
	if (err && !ret)
		ret = sparse_error(err == -ETXTBSY ? -EIO : err,
				   "could not read '%s'", base->path);
	return ret;
}

int sparse_bases_read(struct sparse_bases *bases, struct sparse_packer *packer,
		      struct erofs_sb_info *sbi)
{
	u8 digest[SPARSE_DIGEST_SIZE];
	struct sparse_base *base;
	int err;

	for (base = bases->base; base < bases->base + bases->count; base++) {
		if (!load_base(base, packer, digest)) {
			err = read_base(base, packer, digest);
			if (err)
				return err;
			sparse_digests_keep(&base->digests, base->path, &base->st, digest);
		} else if (packer->progress) {
			packer->progress(packer->progress_arg, base->digests.blocks);
		}
		err = sparse_pack_base(packer, base->digests.leaf,
				       base->sbi.primarydevice_blocks);
		if (err)
			return sparse_error(err, "could not read '%s'", base->path);
		fill_slot(&sbi->devs[base - bases->base], base, digest);
	}
	return 0;
}

int sparse_bases_check(const struct sparse_bases *bases)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < bases->count && !err; i++)
		err = check_base(&bases->base[i]);
	return err;
}

void sparse_bases_close(struct sparse_bases *bases)
{
	unsigned int i;

	for (i = 0; i < bases->count; i++) {
		if (bases->base[i].sbi.bdev.fd > 0)
			erofs_put_super(&bases->base[i].sbi);
		if (bases->base[i].fd >= 0)
			close(bases->base[i].fd);
		sparse_digests_exit(&bases->base[i].digests);
	}
	free(bases->base);
}
