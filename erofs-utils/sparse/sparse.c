// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "erofs/config.h"
#include "erofs/inode.h"
#include "erofs/print.h"
#include "erofs/xattr.h"
#include "liberofs_cache.h"
#include "liberofs_uuid.h"
#include "message.h"
#include "output.h"
#include "pack.h"
#include "progress.h"
#include "sparse.h"
#include "tree.h"

#define FINGERPRINT_XATTR	"trusted.erofs.fingerprint"
/*
 * Stock writes "sha256:" before the SHA-256 of a file's content.  An fs-verity
 * digest is also the SHA-256 of 256 bytes that somebody may put into a file: under
 * stock's label that file would pass for this one.
 */
#define FINGERPRINT_LABEL	"fsverity-sha256:"
#define LABEL_SIZE		(sizeof(FINGERPRINT_LABEL) - 1)

#define IMAGE_SUFFIX		".erofs"

enum { EXIT_OK, EXIT_FAILED, EXIT_USAGE };

/**
 * struct erofs_sparse - one run of "mkfs.erofs --sparse"
 * @image: name of the image
 * @snapshots: what to pack
 * @count: how many
 * @conflict: another source was asked for before --sparse
 * @open: the command line was found good
 * @reported: the user knows what went wrong
 * @usage: it was the command line
 * @fingerprint: whether to write them
 * @quiet: no progress, no summary
 * @mode: permissions of the image
 */
struct erofs_sparse {
	char *image;
	char **snapshots;
	int count;
	bool conflict;
	bool open;
	bool reported;
	bool usage;
	bool fingerprint;
	bool quiet;
	mode_t mode;
	struct sparse_output out;
	struct sparse_progress progress;
	struct sparse_summary summary;
};

int erofs_sparse_option(struct erofs_sparse **sparsep, bool alone)
{
	struct erofs_sparse *sparse = *sparsep;

	if (!sparse) {
		sparse = calloc(1, sizeof(*sparse));
		if (!sparse)
			return -ENOMEM;
		sparse->out = SPARSE_OUTPUT_NONE;
		*sparsep = sparse;
	}
	if (!alone)
		sparse->conflict = true;
	return 0;
}

static int usage_error(struct erofs_sparse *sparse, const char *problem)
{
	sparse->reported = true;
	sparse->usage = true;
	return sparse_error(0, "%s", problem);
}

static int report(struct erofs_sparse *sparse, int err)
{
	sparse->reported = err;
	return err;
}

/* "snapshot.img.erofs" beside "snapshot.img" */
static char *name_image(const char *snapshot)
{
	size_t len = strlen(snapshot);
	char *name;

	while (len > 1 && snapshot[len - 1] == '/')
		len--;
	if (asprintf(&name, "%.*s" IMAGE_SUFFIX, (int)len, snapshot) < 0)
		return NULL;
	return name;
}

int erofs_sparse_operands(struct erofs_sparse *sparse, bool alone, int count,
			  char **operands)
{
	if (sparse->conflict || !alone)
		return usage_error(sparse, "--sparse excludes other sources and --incremental");
	if (count == 1) {
		sparse->image = name_image(operands[0]);
		sparse->snapshots = operands;
		sparse->count = 1;
	} else {
		sparse->image = strdup(operands[0]);
		sparse->snapshots = operands + 1;
		sparse->count = count - 1;
	}
	/* upstream's banner is not for us; that it reports bad options is */
	if (cfg.c_dbg_lvl == EROFS_WARN)
		cfg.c_dbg_lvl = EROFS_ERR;
	return sparse->image ? 0 : -ENOMEM;
}

static int check_snapshot(const char *path)
{
	struct stat st;
	int fd;

	/* O_NONBLOCK: a FIFO is refused below, not waited for */
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return sparse_error(-errno, "could not read '%s'", path);
	close(fd);
	if (S_ISDIR(st.st_mode))
		return 0;
	if (!S_ISREG(st.st_mode))
		return sparse_error(0, "'%s' is neither a regular file nor a directory",
				    path);
	if (!st.st_size)
		return sparse_error(0, "'%s' is empty (0 bytes): not a snapshot",
				    path);
	return 0;
}

static int find_output(struct erofs_sparse *sparse)
{
	struct stat st;
	int i, err;

	err = sparse_output_find(&sparse->out, sparse->image);
	for (i = 0; sparse->out.exists && i < sparse->count; i++)
		if (!stat(sparse->snapshots[i], &st) &&
		    st.st_dev == sparse->out.dev && st.st_ino == sparse->out.ino)
			return sparse_error(0, "'%s' is to be packed, and is the image '%s'",
					    sparse->snapshots[i], sparse->image);
	if (err == -EEXIST)
		return sparse_error(0, "'%s' exists and is no EROFS image: remove it",
				    sparse->image);
	if (err == -ENOTSUP)
		return sparse_error(0, "'%s' is not a regular file: name another image",
				    sparse->image);
	if (err)
		return sparse_error(err, "could not create '%s'", sparse->image);
	return 0;
}

int erofs_sparse_open(struct erofs_sparse *sparse, struct erofs_sb_info *sbi,
		      bool xattrs)
{
	int i, err = 0;

	sparse->open = true;
	sparse->quiet = !cfg.c_showprogress;
	cfg.c_showprogress = false;
	/* we say in one line what upstream says in several, but if asked to */
	if (cfg.c_dbg_lvl <= EROFS_WARN)
		cfg.c_dbg_lvl = EROFS_ERR - 1;

	if (sbi->bdev.offset || cfg.c_blobdev_path || cfg.c_chunkbits)
		return usage_error(sparse, "--sparse excludes --offset, --blobdev and --chunksize");
	if (sbi->ishare_xattr_prefix_id)
		return usage_error(sparse, "--sparse excludes --xattr-inode-digest");
	for (i = 0; i < sparse->count && !err; i++)
		err = check_snapshot(sparse->snapshots[i]);
	if (!err)
		err = find_output(sparse);
	if (err)
		return report(sparse, err);

	err = sparse_output_open(&sparse->out);
	if (err)
		return report(sparse, sparse_error(err, "could not create '%s'",
						   sparse->image));
	sbi->bdev.fd = sparse->out.fd;
	sbi->devname = strdup(sparse->image);
	if (xattrs) {
		sparse->fingerprint = true;
		err = erofs_xattr_set_ishare_prefix(sbi, FINGERPRINT_XATTR);
	}
	erofs_sb_set_chunked_file(sbi);
	return err;
}

static bool was_changed(const struct stat *was, const struct stat *is)
{
	return was->st_dev != is->st_dev || was->st_ino != is->st_ino ||
		was->st_size != is->st_size ||
		was->st_mtim.tv_sec != is->st_mtim.tv_sec ||
		was->st_mtim.tv_nsec != is->st_mtim.tv_nsec;
}

static int pack_data(struct sparse_packer *packer, const struct sparse_file *file,
		     int fd, u8 digest[SPARSE_DIGEST_SIZE])
{
	struct erofs_inode *inode = file->inode;
	struct sparse_chunkmap *map;
	struct stat st;
	int err;

	if (fstat(fd, &st))
		return -errno;
	if (was_changed(&file->st, &st))
		return -ETXTBSY;
	map = sparse_chunkmap_alloc(sparse_blocks(st.st_size));
	if (!map)
		return -ENOMEM;
	err = sparse_pack_file(packer, fd, st.st_size, map, digest);
	if (!err && fstat(fd, &st))
		err = -errno;
	if (!err && was_changed(&file->st, &st))
		err = -ETXTBSY;
	if (err || !map->blocks) {
		free(map);
		return err;
	}
	inode->datalayout = EROFS_INODE_CHUNK_BASED;
	inode->datasource = EROFS_INODE_DATA_SOURCE_SPARSE;
	inode->u.chunkformat = 0;
	inode->u.chunkbits = SPARSE_BLOCK_BITS;
	inode->chunkindexes = map;
	inode->extent_isize = map->blocks * sizeof(map->addr[0]);
	return 0;
}

static int set_fingerprint(struct erofs_inode *inode,
			   const u8 digest[SPARSE_DIGEST_SIZE])
{
	u8 value[LABEL_SIZE + SPARSE_DIGEST_SIZE];

	memcpy(value, FINGERPRINT_LABEL, LABEL_SIZE);
	memcpy(value + LABEL_SIZE, digest, SPARSE_DIGEST_SIZE);
	return erofs_setxattr(inode, inode->sbi->ishare_xattr_prefix_id, "",
			      value, sizeof(value));
}

static int pack_file(struct erofs_sparse *sparse, struct sparse_packer *packer,
		     const struct sparse_file *file)
{
	const char *path = file->inode->i_srcpath;
	u8 digest[SPARSE_DIGEST_SIZE];
	int fd, err;

	fd = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return sparse_error(-errno, "could not read '%s'", path);
	err = pack_data(packer, file, fd, digest);
	close(fd);
	if (err == -ETXTBSY)
		return sparse_error(0, "'%s' was changed while it was read: try again",
				    path);
	if (err == -EFBIG && !packer->write_failed)
		return sparse_error(0, "'%s': the image would hold more than 16 TiB of data",
				    path);
	if (err && packer->write_failed)
		return sparse_error(err, "could not write '%s'", sparse->image);
	if (err)
		return sparse_error(err, "could not read '%s'", path);
	if (sparse->fingerprint)
		err = set_fingerprint(file->inode, digest);
	if (err)
		return sparse_error(err, "could not write '%s'", sparse->image);
	sparse->summary.files++;
	sparse->summary.bytes += file->st.st_size;
	sparse->summary.index += file->inode->extent_isize;
	return 0;
}

/*
 * Upstream writes what is left, and forgets on the way whether it was space that
 * it lacked.  So ask for that first; it gives back what it does not need.
 */
static int reserve_metadata(struct erofs_sparse *sparse,
			    const struct sparse_tree *tree, off_t pos)
{
	off_t len = sparse->summary.index + tree->metadata + SPARSE_BLOCK_SIZE;

	if (!fallocate(sparse->out.fd, 0, pos, len) || errno == EOPNOTSUPP)
		return 0;
	return sparse_error(-errno, "could not write '%s'", sparse->image);
}

static int pack_files(struct erofs_sparse *sparse, const struct sparse_tree *tree,
		      u64 start)
{
	struct sparse_packer packer = {
		.want_digest = sparse->fingerprint,
		.progress = sparse_progress_add,
		.progress_arg = &sparse->progress,
	};
	size_t i;
	int err;

	err = sparse_packer_init(&packer, sparse->out.fd,
				 start >> SPARSE_BLOCK_BITS);
	if (err)
		sparse_error(err, "could not start");
	for (i = 0; i < tree->count && !err; i++)
		err = pack_file(sparse, &packer, &tree->file[i]);
	sparse->summary.counts = packer.counts;
	if (!err)
		err = reserve_metadata(sparse, tree, start +
				(packer.counts.stored << SPARSE_BLOCK_BITS));
	sparse_packer_exit(&packer);
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
		.fingerprint = sparse->fingerprint ? FINGERPRINT_XATTR : NULL,
	};
	struct erofs_sb_info *sbi = im->sbi;
	int err;

	if (sbi->blkszbits != SPARSE_BLOCK_BITS)
		return usage_error(sparse, "--sparse needs blocks of 4 KiB: give -b4096");
	if (sbi->available_compr_algs || cfg.c_chunkbits ||
	    im->params->fragments || sbi->m2gr || sbi->mxgr)
		return usage_error(sparse, "--sparse excludes -z, -m, --MZ, -Ededupe, -Efragments");

	sparse->progress.active = !sparse->quiet && isatty(STDERR_FILENO);
	sparse_progress_start(&sparse->progress);
	err = sparse_tree_add(&tree, sparse->snapshots, sparse->count);
	if (!err) {
		sparse->progress.total = tree.bytes;
		err = build_data(sparse, &tree);
	}
	sparse->mode = tree.private ? 0600 : 0644;
	sparse_tree_exit(&tree);
	return report(sparse, err);
}

static int commit(struct erofs_sparse *sparse, struct erofs_sb_info *sbi)
{
	struct sparse_summary *summary = &sparse->summary;
	char uuid[37];
	int err;

	err = sparse_output_commit(&sparse->out, sparse->mode);
	summary->seconds = sparse_progress_stop(&sparse->progress);
	if (err)
		return report(sparse, sparse_error(err, "could not write '%s'",
						   sparse->image));
	if (sparse->quiet)
		return 0;
	erofs_uuid_unparse_lower(sbi->uuid, uuid);
	summary->uuid = uuid;
	summary->path = sparse->image;
	summary->image = erofs_pos(sbi, sbi->primarydevice_blocks);
	sparse_summary_print(stdout, summary);
	return 0;
}

int erofs_sparse_finish(struct erofs_sparse *sparse, struct erofs_sb_info *sbi,
			int err)
{
	if (!err)
		err = commit(sparse, sbi);
	if (err && !sparse->open)
		sparse->usage = true;	/* upstream has said why */
	else if (err && !sparse->reported)
		sparse_error(err, "could not write '%s'", sparse->image);
	sparse_output_close(&sparse->out);
	/*
	 * What is left to do is to release memory, and after a failed write
	 * upstream's way to do that follows pointers that were never set.
	 */
	if (err)
		_exit(sparse->usage ? EXIT_USAGE : EXIT_FAILED);
	free(sparse->image);
	free(sparse);
	return EXIT_OK;
}
