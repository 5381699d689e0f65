// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "erofs/config.h"
#include "erofs/xattr.h"
#include "liberofs_cache.h"
#include "delta.h"
#include "elfcore.h"
#include "message.h"
#include "state.h"
#include "tree.h"

/* bytes: a dump of less is not expected */
#define MACHINE_MIN	(1 << 20)

/**
 * struct packed - what is known of a file once its data is packed
 * @core: it was an ELF core
 * @digest: its fs-verity digest, if that is wanted
 */
struct packed {
	bool core;
	u8 digest[SPARSE_DIGEST_SIZE];
};

/* what lies below a file's holes, if that is asked for and it has some */
static int find_delta(struct erofs_sparse *sparse, const char *name,
		      struct sparse_source *source, struct sparse_chunkmap **delta)
{
	struct sparse_failure *failure = &sparse->packer.failure;
	u64 blocks = sparse_blocks(source->size);
	struct sparse_extent extent;
	int ret;

	/* a core has all of the memory: what it does not hold is nowhere else */
	if (!sparse->delta || !source->size || source->layout)
		return 0;
	ret = sparse_source_next(source, 0, &extent, failure);
	if (ret < 0 || (ret && !extent.start && extent.end == blocks))
		return ret < 0 ? ret : 0;
	ret = sparse_delta_map(&sparse->bases, &sparse->packer.space, name,
			       source->size, delta, failure);
	if (ret)
		return ret;
	source->ops = &sparse_source_delta;
	source->below = *delta;
	return 0;
}

/* the first page of a snapshot is its guest's: that it has the header of a core is no proof */
static int give_hint(struct erofs_sparse *sparse, const struct sparse_source *source)
{
	int ret = 0;

	/* no machine has so little; of a tree of small files none is read twice */
	if (source->size >= MACHINE_MIN)
		ret = sparse_elfcore_is_likely(source, &sparse->packer.failure);
	if (ret > 0) {
		sparse_progress_clear(&sparse->progress);
		sparse_warning("'%s' looks like an ELF core, and is packed as it is: if it is a dump, --format=elf packs the memory that it holds",
			       source->path);
	}
	return ret < 0 ? ret : 0;
}

/* where the file's bytes are, if they are not where they belong */
static int find_layout(struct erofs_sparse *sparse, struct sparse_source *source,
		       struct sparse_layout **layout)
{
	int err;

	if (sparse->format == SPARSE_FORMAT_RAW)
		return 0;
	if (sparse->format == SPARSE_FORMAT_DEFAULT)
		return give_hint(sparse, source);
	err = sparse_elfcore_read(source, sparse->format == SPARSE_FORMAT_ELF, layout,
				  &sparse->packer.failure);
	if (err || !*layout)
		return err;
	source->ops = &sparse_source_layout;
	source->layout = *layout;
	source->size = (*layout)->size;
	return 0;
}

/*
 * A copy whose holes were filled has zeros where nothing was written.  That it has no hole
 * is no proof, but if it has no page of zeros either, it means the same in any case.
 */
static int check_filled(struct erofs_sparse *sparse, const struct sparse_source *source,
			u64 zeros)
{
	if (sparse->delta != SPARSE_DELTA_ALL || !zeros || source->below || source->layout)
		return 0;
	return sparse_refuse(&sparse->packer.failure, source->path,
			     " has no holes, but %llu pages of zeros: if they were holes, %s; if it is complete, give --delta=if-holes",
			     (unsigned long long)zeros,
			     source->ops == &sparse_source_stream ?
			     "give the file, not a stream" :
			     "copy it by what keeps them (tar --sparse)");
}

static int check_stream(struct erofs_sparse *sparse, const struct sparse_source *source)
{
	if (sparse->stream_size && source->size != sparse->stream_size)
		return sparse_refuse(&sparse->packer.failure, source->path,
				     " ended after %llu bytes, not %llu",
				     (unsigned long long)source->size,
				     (unsigned long long)sparse->stream_size);
	if (!source->size)
		return sparse_refuse(&sparse->packer.failure, source->path,
				     " is empty (0 bytes): not a snapshot");
	return 0;
}

/* all blocks of what was begun, with something to look at meanwhile */
static int run(struct erofs_sparse *sparse)
{
	int ret;

	while ((ret = sparse_pack_run(&sparse->packer)) > 0)
		sparse_progress_add(&sparse->progress, ret);
	return ret;
}

static int pack_source(struct erofs_sparse *sparse, struct sparse_source *source,
		       struct sparse_chunkmap **map, u8 digest[SPARSE_DIGEST_SIZE])
{
	struct sparse_packer *packer = &sparse->packer;
	u64 zeros = packer->place.counts.zero;
	int err;

	*map = sparse_chunkmap_alloc(sparse_blocks(source->size));
	if (!*map)
		return sparse_fail(&packer->failure, SPARSE_READ, source->path, -ENOMEM);
	sparse_pack_begin(packer, source, map);
	run(sparse);
	err = sparse_pack_end(packer, digest);
	return err ? err : check_filled(sparse, source, packer->place.counts.zero - zeros);
}

static int pack_file_data(struct erofs_sparse *sparse, const struct sparse_file *file,
			  struct sparse_source *source, struct sparse_chunkmap **map,
			  struct packed *packed)
{
	struct sparse_failure *failure = &sparse->packer.failure;
	struct sparse_chunkmap *delta = NULL;
	struct sparse_layout *layout = NULL;
	int err;

	err = sparse_source_check(source, &file->st, failure);
	if (!err)
		err = find_layout(sparse, source, &layout);
	if (!err)
		err = find_delta(sparse, file->name, source, &delta);
	if (!err)
		err = pack_source(sparse, source, map, packed->digest);
	if (!err)
		err = sparse_source_check(source, &file->st, failure);
	packed->core = layout;
	free(delta);
	free(layout);
	return err;
}

static void set_index(struct erofs_sparse *sparse, struct erofs_inode *inode,
		      struct sparse_chunkmap *map)
{
	map = sparse->chunkbits ? sparse_chunkmap_shift(map, sparse->packer.shift) :
		sparse_chunkmap_shrink(map);
	sparse_chunkmap_set_space(map, &sparse->packer.space);
	inode->datalayout = EROFS_INODE_CHUNK_BASED;
	inode->datasource = EROFS_INODE_DATA_SOURCE_SPARSE;
	inode->u.chunkformat = map->shift |
		(map->space ? EROFS_CHUNK_FORMAT_INDEXES : 0);
	inode->u.chunkbits = SPARSE_BLOCK_BITS + map->shift;
	inode->chunkindexes = map;
	inode->extent_isize = sparse_chunkmap_bytes(map);
}

static int pack_data(struct erofs_sparse *sparse, const struct sparse_file *file,
		     struct sparse_source *source, struct packed *packed)
{
	struct sparse_chunkmap *map = NULL;
	int err;

	if (source->ops == &sparse_source_stream) {
		err = pack_source(sparse, source, &map, packed->digest);
		if (!err)
			err = check_stream(sparse, source);
	} else {
		err = pack_file_data(sparse, file, source, &map, packed);
	}
	file->inode->i_size = source->size;
	if (err || !map->blocks)
		free(map);
	else
		set_index(sparse, file->inode, map);
	return err;
}

static int set_fingerprint(struct erofs_inode *inode,
			   const u8 digest[SPARSE_DIGEST_SIZE])
{
	u8 value[SPARSE_FINGERPRINT_SIZE];

	sparse_verity_fingerprint(digest, value);
	return erofs_setxattr(inode, inode->sbi->ishare_xattr_prefix_id, "",
			      value, sizeof(value));
}

static void note_file(struct erofs_sparse *sparse, const struct sparse_file *file,
		      const struct sparse_counts *before,
		      const struct sparse_counts *after,
		      const struct packed *packed)
{
	const struct erofs_inode *inode = file->inode;
	struct sparse_file_summary summary = {
		.path = file->name,
		.bytes = inode->i_size,
		.index = inode->extent_isize,
		.chunk = inode->extent_isize ? 1ULL << inode->u.chunkbits : 0,
		.counts = sparse_counts_since(before, after),
		.core = packed->core,
		.digest = sparse->fingerprint ? packed->digest : NULL,
	};

	sparse->summary.files++;
	sparse->summary.cores += packed->core;
	sparse->summary.bytes += summary.bytes;
	sparse->summary.index += summary.index;
	if (sparse->report_path)
		sparse_report_file(&sparse->report, &summary);
}

static int pack_file(struct erofs_sparse *sparse, const struct sparse_tree *tree, size_t index)
{
	struct sparse_failure *failure = &sparse->packer.failure;
	const struct sparse_file *file = &tree->file[index];
	struct sparse_counts before = sparse->packer.place.counts;
	struct packed packed = { 0 };
	struct sparse_source source;
	int err;

	err = sparse_ahead_open(&sparse->ahead, index, &source);
	if (err)
		return sparse_fail(failure, SPARSE_READ, file->inode->i_srcpath, err);
	err = pack_data(sparse, file, &source, &packed);
	sparse_source_close(&source);
	if (!err && sparse->fingerprint)
		err = set_fingerprint(file->inode, packed.digest);
	if (err)
		return sparse_fail(failure, SPARSE_WRITE, sparse->image, err);
	note_file(sparse, file, &before, &sparse->packer.place.counts, &packed);
	return 0;
}

/* without its data: how much of that there is, and what the index has at most */
static int look_at_file(struct erofs_sparse *sparse, const struct sparse_file *file)
{
	struct sparse_failure *failure = &sparse->packer.failure;
	struct sparse_summary *summary = &sparse->summary;
	struct sparse_extent extent = { 0 };
	struct sparse_layout *layout = NULL;
	struct sparse_source source;
	u64 data = 0, blocks;
	int ret;

	ret = sparse_source_open(&source, file->inode->i_srcpath);
	if (ret)
		return sparse_fail(failure, SPARSE_READ, file->inode->i_srcpath, ret);
	ret = find_layout(sparse, &source, &layout);
	while (!ret && (ret = sparse_source_next(&source, extent.end, &extent, failure)) > 0) {
		data += extent.end - extent.start;
		ret = 0;
	}
	blocks = sparse_blocks(source.size);
	summary->files++;
	summary->cores += !!layout;
	summary->bytes += source.size;
	summary->counts.blocks += blocks;
	summary->counts.stored += data;
	summary->index += data ? blocks * (sparse->bases.count ? 8 : 4) : sizeof(u32);
	sparse_source_close(&source);
	free(layout);
	return ret;
}

static int look_at_files(struct erofs_sparse *sparse, const struct sparse_tree *tree)
{
	struct sparse_summary *summary = &sparse->summary;
	size_t i;
	int err = 0;

	for (i = 0; i < tree->count && !err; i++)
		err = look_at_file(sparse, &tree->file[i]);
	if (err)
		return err;
	summary->path = sparse->image;
	/* the superblock has a block of its own */
	summary->image = summary->index + tree->metadata +
		((summary->counts.stored + 2) << SPARSE_BLOCK_BITS);
	sparse_estimate_print(stdout, summary);
	if (fflush(stdout))
		return sparse_fail(&sparse->packer.failure, SPARSE_WRITE, "-", -errno);
	return -ECANCELED;
}

static int read_base(struct erofs_sparse *sparse, struct sparse_base *base,
		     struct erofs_device_info *slot)
{
	s64 ret = sparse_base_begin(base, &sparse->packer);

	if (ret < 0)
		return ret;
	sparse_progress_add(&sparse->progress, ret);
	if (!ret)
		run(sparse);
	return sparse_base_end(base, &sparse->packer, slot);
}

/*
 * Upstream writes what is left, and forgets on the way whether it was space that
 * it lacked.  So ask for that first; it gives back what it does not need.
 */
static int reserve_metadata(struct erofs_sparse *sparse,
			    const struct sparse_tree *tree, off_t pos)
{
	u64 len = sparse->summary.index + tree->metadata + SPARSE_BLOCK_SIZE;

	if (!sparse_packer_has_room(&sparse->packer, len))
		return sparse_refuse(&sparse->packer.failure, sparse->image,
				     " would have more than 16 TiB: its indexes have %llu bytes",
				     (unsigned long long)sparse->summary.index);
	if (!fallocate(sparse->out.fd, 0, pos, len) || errno == EOPNOTSUPP)
		return 0;
	return sparse_fail(&sparse->packer.failure, SPARSE_WRITE, sparse->image, -errno);
}

static int pack_files(struct erofs_sparse *sparse, const struct sparse_tree *tree,
		      u64 start)
{
	struct sparse_packer *packer = &sparse->packer;
	struct sparse_bases *bases = &sparse->bases;
	size_t i;
	int err;

	/* the bases' tags are digests, too */
	packer->want_digest = sparse->fingerprint || bases->count;
	packer->base_blocks = sparse_bases_blocks(bases);
	packer->shift = sparse->chunkbits ? sparse->chunkbits - SPARSE_BLOCK_BITS : 0;
#ifdef EROFS_MT_ENABLED
	packer->workers = cfg.c_mt_workers;
#endif
	err = sparse_packer_init(packer, sparse->out.fd, sparse->image,
				 start >> SPARSE_BLOCK_BITS);
	for (i = 0; i < bases->count && !err; i++)
		err = read_base(sparse, &bases->base[i], &tree->im->sbi->devs[i]);
	sparse->ahead.pool = &packer->flight.pool;
	sparse->ahead.tree = tree;
	for (i = 0; i < tree->count && !err; i++)
		err = pack_file(sparse, tree, i);
	sparse_ahead_end(&sparse->ahead);
	if (!err)
		err = sparse_bases_check(bases, &packer->failure);
	if (!err)
		err = sparse_packer_flush(packer);
	sparse->summary.counts = packer->place.counts;
	if (!err)
		err = reserve_metadata(sparse, tree, start +
				(packer->place.counts.stored << SPARSE_BLOCK_BITS));
	sparse_packer_finish(packer);
	return err;
}

/* data comes right after the superblock; inodes and maps follow it */
static int build_data(struct erofs_sparse *sparse, const struct sparse_tree *tree)
{
	struct erofs_sb_info *sbi = tree->im->sbi;
	struct erofs_buffer_head *bh;
	int err;

	bh = erofs_balloc(sbi->bmgr, DATA, 0, 0);
	if (IS_ERR(bh))
		return PTR_ERR(bh);
	erofs_mapbh(NULL, bh->block);
	err = pack_files(sparse, tree, erofs_btell(bh, false));
	if (!err)
		err = erofs_bh_balloon(bh, sparse->summary.counts.stored <<
				       SPARSE_BLOCK_BITS);
	erofs_bdrop(bh, false);
	return err < 0 ? err : 0;
}

int erofs_sparse_build(struct erofs_sparse *sparse, struct erofs_importer *im)
{
	struct sparse_tree tree = {
		.im = im,
		.out = &sparse->out,
		.report = sparse->report_path ? &sparse->report.out : NULL,
		.failure = &sparse->packer.failure,
	};
	struct erofs_sb_info *sbi = im->sbi;
	int err;

	if (sbi->blkszbits != SPARSE_BLOCK_BITS)
		return sparse_refuse(&sparse->packer.failure, NULL,
				     "--sparse needs blocks of 4 KiB: give -b4096");

	err = erofs_mkfs_init_devices(sbi, sparse->bases.count);
	if (err)
		return err;
	sparse->progress.active = !sparse->quiet && isatty(STDERR_FILENO);
	sparse_progress_start(&sparse->progress);
	err = sparse_tree_add(&tree, sparse->snapshots, sparse->count);
	if (!err && sparse->dry_run) {
		err = look_at_files(sparse, &tree);
	} else if (!err) {
		sparse->progress.total = tree.bytes +
			(sparse_bases_blocks(&sparse->bases) << SPARSE_BLOCK_BITS);
		err = build_data(sparse, &tree);
	}
	sparse_tree_exit(&tree);
	if (!err || (err == -ECANCELED && sparse->dry_run))
		return err;
	return sparse_fail(&sparse->packer.failure, SPARSE_WRITE, sparse->image, err);
}
