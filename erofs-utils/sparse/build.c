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
#include "pack.h"
#include "source.h"
#include "state.h"
#include "tree.h"

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
static int find_delta(struct erofs_sparse *sparse, const struct sparse_file *file,
		      const struct sparse_walk *walk, struct sparse_chunkmap **delta)
{
	u64 blocks = sparse_blocks(walk->size);
	struct sparse_extent extent;
	int ret;

	/* a core has all of the memory: what it does not hold is nowhere else */
	if (!sparse->delta || !walk->size || walk->layout)
		return 0;
	ret = sparse_extent_next(walk->fd, 0, blocks, &extent);
	if (ret < 0 || (ret && !extent.start && extent.end == blocks))
		return ret < 0 ? ret : 0;
	ret = sparse_delta_map(&sparse->bases, &sparse->packer.space,
			       file->name, walk->size, delta);
	if (ret)
		return sparse_reported(sparse, ret);
	(*delta)->space = &sparse->packer.space;
	return 0;
}

/* the first page of a snapshot is its guest's: that it has the header of a core is no proof */
static int give_hint(struct erofs_sparse *sparse, const char *path,
		     const struct sparse_walk *walk)
{
	int ret = sparse_elfcore_is_likely(walk->fd, path, walk->size);

	if (ret > 0) {
		sparse_progress_clear(&sparse->progress);
		sparse_warning("'%s' looks like an ELF core, and is packed as it is: if it is a dump, --format=elf packs the memory that it holds",
			       path);
	}
	return ret < 0 ? ret : 0;
}

/* where the file's bytes are, if they are not where they belong */
static int find_layout(struct erofs_sparse *sparse, const struct sparse_file *file,
		       const struct sparse_walk *walk, struct sparse_layout **layout)
{
	const char *path = file->inode->i_srcpath;
	int err;

	if (sparse->format == SPARSE_FORMAT_RAW)
		return 0;
	if (sparse->format == SPARSE_FORMAT_DEFAULT)
		err = give_hint(sparse, path, walk);
	else
		err = sparse_elfcore_read(walk->fd, path, walk->size,
					  sparse->format == SPARSE_FORMAT_ELF, layout);
	return sparse_reported(sparse, err);
}

/*
 * A copy whose holes were filled has zeros where nothing was written.  That it has no hole
 * is no proof, but if it has no page of zeros either, it means the same in any case.
 */
static int check_filled(struct erofs_sparse *sparse, const char *path, u64 zeros)
{
	if (sparse->delta != SPARSE_DELTA_ALL || !zeros)
		return 0;
	return sparse_reported(sparse, sparse_error(0, "'%s' has no holes, but %llu pages of zeros: if they were holes, %s; if it is complete, give --delta=if-holes",
			path, (unsigned long long)zeros,
			sparse_source_is_stream(path) ? "give the file, not a stream" :
			"copy it by what keeps them (tar --sparse)"));
}

static int pack_walk(struct erofs_sparse *sparse, const struct sparse_file *file,
		     struct sparse_walk *walk, struct sparse_chunkmap **map,
		     u8 digest[SPARSE_DIGEST_SIZE])
{
	u64 zeros = sparse->packer.counts.zero;
	struct sparse_chunkmap *delta = NULL;
	int err;

	*map = sparse_chunkmap_alloc(sparse_blocks(walk->size));
	if (!*map)
		return -ENOMEM;
	err = find_delta(sparse, file, walk, &delta);
	walk->delta = delta;
	if (!err)
		err = sparse_pack_file(&sparse->packer, walk, *map, digest);
	if (!err && !delta && !walk->layout)
		err = check_filled(sparse, file->inode->i_srcpath,
				   sparse->packer.counts.zero - zeros);
	free(delta);
	return err;
}

static int pack_source(struct erofs_sparse *sparse, const struct sparse_file *file,
		       int fd, struct sparse_chunkmap **map, struct packed *packed)
{
	struct sparse_walk walk = { .fd = fd };
	struct sparse_layout *layout = NULL;
	struct stat st;
	int err;

	err = sparse_source_stat(fd, &st);
	if (err)
		return err;
	if (sparse_source_was_changed(&file->st, &st))
		return -ETXTBSY;
	walk.size = st.st_size;
	err = find_layout(sparse, file, &walk, &layout);
	if (err)
		return err;
	if (layout) {
		walk.layout = layout;
		walk.size = layout->size;
		file->inode->i_size = layout->size;
		packed->core = true;
	}
	err = pack_walk(sparse, file, &walk, map, packed->digest);
	free(layout);
	if (!err)
		err = sparse_source_stat(fd, &st);
	if (!err && sparse_source_was_changed(&file->st, &st))
		err = -ETXTBSY;
	return err;
}

static int pack_stream(struct erofs_sparse *sparse, struct erofs_inode *inode,
		       int fd, struct sparse_chunkmap **map,
		       u8 digest[SPARSE_DIGEST_SIZE])
{
	u64 zeros = sparse->packer.counts.zero;
	u64 size;
	int err;

	*map = sparse_chunkmap_alloc(0);
	if (!*map)
		return -ENOMEM;
	err = sparse_pack_stream(&sparse->packer, fd, &size, map, digest);
	inode->i_size = size;
	if (!err && sparse->stream_size && size != sparse->stream_size)
		return sparse_reported(sparse, sparse_error(0, "'%s' ended after %llu bytes, not %llu",
				SPARSE_STDIN, (unsigned long long)size,
				(unsigned long long)sparse->stream_size));
	if (!err)
		err = check_filled(sparse, inode->i_srcpath,
				   sparse->packer.counts.zero - zeros);
	return err || size ? err : -ENODATA;
}

static int pack_data(struct erofs_sparse *sparse, struct sparse_packer *packer,
		     const struct sparse_file *file, int fd,
		     struct packed *packed)
{
	struct erofs_inode *inode = file->inode;
	struct sparse_chunkmap *map = NULL;
	int err;

	if (sparse_source_is_stream(inode->i_srcpath))
		err = pack_stream(sparse, inode, fd, &map, packed->digest);
	else
		err = pack_source(sparse, file, fd, &map, packed);
	if (err || !map->blocks) {
		free(map);
		return err;
	}
	map = sparse->chunkbits ? sparse_chunkmap_shift(map, packer->shift) :
		sparse_chunkmap_shrink(map);
	sparse_chunkmap_set_space(map, &packer->space);
	inode->datalayout = EROFS_INODE_CHUNK_BASED;
	inode->datasource = EROFS_INODE_DATA_SOURCE_SPARSE;
	inode->u.chunkformat = map->shift |
		(map->space ? EROFS_CHUNK_FORMAT_INDEXES : 0);
	inode->u.chunkbits = SPARSE_BLOCK_BITS + map->shift;
	inode->chunkindexes = map;
	inode->extent_isize = sparse_chunkmap_bytes(map);
	return 0;
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

static int pack_file(struct erofs_sparse *sparse, struct sparse_packer *packer,
		     const struct sparse_file *file)
{
	const char *path = file->inode->i_srcpath;
	struct sparse_counts before = packer->counts;
	struct packed packed = { 0 };
	struct stat st;
	int fd, err;

	fd = sparse_source_open(path, &st);
	if (fd < 0)
		return sparse_error(fd, "could not read '%s'", path);
	err = pack_data(sparse, packer, file, fd, &packed);
	close(fd);
	if (err == -ETXTBSY)
		return sparse_error(0, "'%s' was changed while it was read: try again",
				    path);
	if (sparse->reported)
		return err;
	if (err == -ENODATA)
		return sparse_error(0, "'%s' is empty (0 bytes): not a snapshot",
				    path);
	if (err == -EFBIG && file->inode->i_size >= SPARSE_FILE_MAX)
		return sparse_error(0, "'%s' is too large: it has 4 TiB or more",
				    path);
	if (err == -EFBIG && !packer->write_failed)
		return sparse_error(0, "'%s': the image would hold more than 8 TiB of data, or 16 TiB with its bases",
				    path);
	if (err && packer->write_failed)
		return sparse_error(err, "could not write '%s'", sparse->image);
	if (err)
		return sparse_error(err, "could not read '%s'", path);
	if (sparse->fingerprint)
		err = set_fingerprint(file->inode, packed.digest);
	if (err)
		return sparse_error(err, "could not write '%s'", sparse->image);
	note_file(sparse, file, &before, &packer->counts, &packed);
	return 0;
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
		return sparse_error(0, "'%s' would have more than 16 TiB: its indexes have %llu bytes",
				    sparse->image,
				    (unsigned long long)sparse->summary.index);
	if (!fallocate(sparse->out.fd, 0, pos, len) || errno == EOPNOTSUPP)
		return 0;
	return sparse_error(-errno, "could not write '%s'", sparse->image);
}

static int pack_files(struct erofs_sparse *sparse, const struct sparse_tree *tree,
		      u64 start)
{
	struct sparse_packer *packer = &sparse->packer;
	size_t i;
	int err;

	*packer = (struct sparse_packer) {
		/* the bases' tags are digests, too */
		.want_digest = sparse->fingerprint || sparse->bases.count,
		.base_blocks = sparse_bases_blocks(&sparse->bases),
		.shift = sparse->chunkbits ? sparse->chunkbits - SPARSE_BLOCK_BITS : 0,
#ifdef EROFS_MT_ENABLED
		.workers = cfg.c_mt_workers,
#endif
		.progress = sparse_progress_add,
		.progress_arg = &sparse->progress,
	};
	err = sparse_packer_init(packer, sparse->out.fd,
				 start >> SPARSE_BLOCK_BITS);
	if (err)
		sparse_error(err, "could not start");
	if (!err)
		err = sparse_bases_read(&sparse->bases, packer, tree->im->sbi);
	for (i = 0; i < tree->count && !err; i++)
		err = pack_file(sparse, packer, &tree->file[i]);
	if (!err)
		err = sparse_bases_check(&sparse->bases);
	if (!err) {
		err = sparse_packer_flush(packer);
		if (err)
			sparse_error(err, "could not write '%s'", sparse->image);
	}
	sparse->summary.counts = packer->counts;
	if (!err)
		err = reserve_metadata(sparse, tree, start +
				(packer->counts.stored << SPARSE_BLOCK_BITS));
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
		return sparse_error(PTR_ERR(bh), "could not write '%s'",
				    sparse->image);
	erofs_mapbh(NULL, bh->block);
	err = pack_files(sparse, tree, erofs_btell(bh, false));
	if (!err) {
		err = erofs_bh_balloon(bh, sparse->summary.counts.stored <<
				       SPARSE_BLOCK_BITS);
		if (err < 0)
			sparse_error(err, "could not write '%s'",
				     sparse->image);
	}
	erofs_bdrop(bh, false);
	return err < 0 ? err : 0;
}

int erofs_sparse_build(struct erofs_sparse *sparse, struct erofs_importer *im)
{
	struct sparse_tree tree = {
		.im = im,
		.out = &sparse->out,
		.report = sparse->report_path ? &sparse->report.out : NULL,
	};
	struct erofs_sb_info *sbi = im->sbi;
	int err;

	if (sbi->blkszbits != SPARSE_BLOCK_BITS)
		return sparse_usage_error(sparse, "--sparse needs blocks of 4 KiB: give -b4096");

	err = erofs_mkfs_init_devices(sbi, sparse->bases.count);
	if (err)
		return err;
	sparse->progress.active = !sparse->quiet && isatty(STDERR_FILENO);
	sparse_progress_start(&sparse->progress);
	err = sparse_tree_add(&tree, sparse->snapshots, sparse->count);
	if (!err) {
		sparse->progress.total = tree.bytes +
			(sparse_bases_blocks(&sparse->bases) << SPARSE_BLOCK_BITS);
		err = build_data(sparse, &tree);
	}
	sparse_tree_exit(&tree);
	return sparse_reported(sparse, err);
}
