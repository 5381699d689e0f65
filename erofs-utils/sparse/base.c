// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base.h"

int sparse_bases_add(struct sparse_bases *bases, const char *path)
{
	struct sparse_base *base;

	base = realloc(bases->base, (bases->count + 1) * sizeof(*base));
	if (!base)
		return -ENOMEM;
	bases->base = base;
	base[bases->count++] = (struct sparse_base) {
		.source = { .path = path, .fd = -1 }, .digests = SPARSE_DIGESTS_NONE,
	};
	return 0;
}

/* what upstream would say of it is silenced, and not one line */
static int check_superblock(const struct sparse_source *source,
			    struct sparse_failure *failure)
{
	struct erofs_super_block sb;
	ssize_t ret = pread(source->fd, &sb, sizeof(sb), EROFS_SUPER_OFFSET);

	if (ret < 0)
		return sparse_fail(failure, SPARSE_READ, source->path, -errno);
	if (ret < (ssize_t)sizeof(sb) ||
	    le32_to_cpu(sb.magic) != EROFS_SUPER_MAGIC_V1)
		return sparse_refuse(failure, source->path, " is no EROFS image: no base");
	if (sb.blkszbits != SPARSE_BLOCK_BITS)
		return sparse_refuse(failure, source->path,
				     " has blocks of 2^%u bytes: a base has 4096",
				     sb.blkszbits);
	return 0;
}

static int open_base(struct sparse_base *base, struct sparse_failure *failure)
{
	struct sparse_source *source = &base->source;
	struct erofs_sb_info *sbi = &base->sbi;
	int err;

	err = sparse_source_open(source, source->path);
	if (err)
		return sparse_fail(failure, SPARSE_READ, source->path, err);
	if (!S_ISREG(source->st.st_mode))
		return sparse_refuse(failure, source->path,
				     " is neither a regular file nor a block device: no base");
	err = check_superblock(source, failure);
	if (err)
		return err;
	sbi->bdev.fd = source->fd;
	if (erofs_read_superblock(sbi) ||
	    (erofs_sb_has_sb_chksum(sbi) && erofs_superblock_csum_verify(sbi)))
		return sparse_refuse(failure, source->path,
				     " is corrupt, or too new: no base");
	source->size = sbi->primarydevice_blocks << SPARSE_BLOCK_BITS;
	if ((u64)source->st.st_size >= source->size)
		return 0;
	return sparse_refuse(failure, source->path, " is cut short: it has %llu bytes of %llu",
			     (unsigned long long)source->st.st_size,
			     (unsigned long long)source->size);
}

static bool is_same(const struct sparse_base *a, const struct sparse_base *b)
{
	return a->source.st.st_dev == b->source.st.st_dev &&
		a->source.st.st_ino == b->source.st.st_ino;
}

int sparse_bases_open(struct sparse_bases *bases, struct sparse_failure *failure)
{
	struct sparse_base *base;
	u64 blocks = 0;
	unsigned int i, n;
	int err;

	if (bases->count > SPARSE_BASES_MAX)
		return sparse_refuse(failure, bases->base[SPARSE_BASES_MAX].source.path,
				     ": --base was given %u times: an image has at most %u bases",
				     bases->count, SPARSE_BASES_MAX);
	for (i = 0; i < bases->count; i++) {
		base = &bases->base[i];
		err = open_base(base, failure);
		if (err)
			return err;
		for (n = 0; n < i; n++)
			if (is_same(&bases->base[n], base))
				return sparse_refuse(failure, base->source.path,
						     " is a base twice");
		/* a gap for each, and room for the image itself: see struct sparse_space */
		blocks += base->sbi.primarydevice_blocks + 1;
		if (blocks >= UINT32_MAX)
			return sparse_refuse(failure, base->source.path,
					     ": the bases have more than 16 TiB");
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

/* from what was kept of an earlier reading, if that is good */
static bool load_base(struct sparse_base *base, struct sparse_packer *packer)
{
	u64 blocks = base->sbi.primarydevice_blocks;
	struct sparse_digests *digests = &base->digests;
	u8 root[SPARSE_DIGEST_SIZE];

	if (!sparse_digests_load(digests, base->source.path, &base->source.st, blocks, root))
		return false;
	if (!sparse_verity_leaves(&packer->verity, digests->leaf, blocks, base->digest) &&
	    !memcmp(base->digest, root, sizeof(root)))
		return true;
	sparse_digests_exit(digests);
	return false;
}

s64 sparse_base_begin(struct sparse_base *base, struct sparse_packer *packer)
{
	u64 blocks = base->sbi.primarydevice_blocks;
	int err;

	base->known = load_base(base, packer);
	if (base->known)
		return blocks;
	err = sparse_digests_start(&base->digests, base->source.path, &base->source.st, blocks);
	if (err)
		return sparse_fail(&packer->failure, SPARSE_READ, base->source.path, err);
	sparse_pack_begin_leaves(packer, &base->source, base->digests.leaf);
	return 0;
}

static int end_reading(struct sparse_base *base, struct sparse_packer *packer)
{
	int err = sparse_pack_end(packer, base->digest);

	if (!err)
		err = sparse_source_check(&base->source, &base->source.st, &packer->failure);
	if (!err)
		sparse_digests_keep(&base->digests, base->source.path, &base->source.st,
				    base->digest);
	return err;
}

int sparse_base_end(struct sparse_base *base, struct sparse_packer *packer,
		    struct erofs_device_info *slot)
{
	u64 blocks = base->sbi.primarydevice_blocks;
	int err = base->known ? 0 : end_reading(base, packer);

	sparse_source_done(&base->source);
	if (!err)
		err = sparse_pack_base(packer, base->digests.leaf, blocks);
	if (err)
		return sparse_fail(&packer->failure, SPARSE_READ, base->source.path, err);
	sparse_verity_text(base->digest, base->tag);
	_Static_assert(sizeof(slot->tag) == sizeof(base->tag) - 1, "format");
	memcpy(slot->tag, base->tag, sizeof(slot->tag));
	slot->blocks = blocks;
	return 0;
}

int sparse_bases_check(const struct sparse_bases *bases, struct sparse_failure *failure)
{
	const struct sparse_base *base = bases->base;
	int err = 0;

	for (; base < bases->base + bases->count && !err; base++)
		err = sparse_source_check(&base->source, &base->source.st, failure);
	return err;
}

void sparse_bases_close(struct sparse_bases *bases)
{
	unsigned int i;

	for (i = 0; i < bases->count; i++) {
		if (bases->base[i].sbi.bdev.fd > 0)
			erofs_put_super(&bases->base[i].sbi);
		sparse_source_close(&bases->base[i].source);
		sparse_digests_exit(&bases->base[i].digests);
	}
	free(bases->base);
}
