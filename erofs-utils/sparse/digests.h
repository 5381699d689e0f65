/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_DIGESTS_H
#define EROFS_SPARSE_DIGESTS_H

#include <sys/stat.h>

#include "verity.h"

#define SPARSE_DIGESTS_SUFFIX	".digests"

/**
 * struct sparse_digests - the digests of an image's blocks, in memory or as a file
 * @leaf: of each block: what fs-verity's Merkle tree of the image has at its leaves
 * @blocks: how many
 *
 * The file has the image's name and SPARSE_DIGESTS_SUFFIX, and is a cache: of this host,
 * since it is for one inode, and of no use to anybody else.  A page of a snapshot that
 * has the digest of a block becomes a reference to that block, so a wrong file would make
 * wrong memory.  It is therefore taken only if
 *
 * - it belongs to who runs us or to root, nobody else may write to it, it is no symbolic
 *   link, and it is on the file system of the image: nobody can forge it who could not
 *   have replaced us, and no file system of somebody's own making says that;
 * - it was made for the inode that the image is, with the size and the times that this
 *   has: ctime cannot be set, and is of an earlier second than the reading of the image, so
 *   whatever was written to the image since then has moved it;
 * - the Merkle tree above the leaves ends in the digest that the file has: it is whole.
 *
 * The superblock's UUID says nothing, as copies have the same.  Who may write to the
 * image can change it afterwards, too: against him there is fs-verity, on the image.
 */
struct sparse_digests {
	struct sparse_leaf *leaf;
	u64 blocks;
	/* private */
	void *mapping;
	int fd;
};

/* nothing to release */
#define SPARSE_DIGESTS_NONE	((struct sparse_digests) { .fd = -1 })

/**
 * sparse_digests_load() - get the file, if it is one to be taken
 * @digests: SPARSE_DIGESTS_NONE
 * @path: of the image
 * @st: of the image, open
 * @blocks: how many the image has
 * @root: set to the image's fs-verity digest, which the leaves have to lead to
 *
 * Return: true if it was taken, and nobody is to write to @leaf.
 */
bool sparse_digests_load(struct sparse_digests *digests, const char *path,
			 const struct stat *st, u64 blocks,
			 u8 root[SPARSE_DIGEST_SIZE]);

/**
 * sparse_digests_start() - get memory, before the image is read
 * @digests: SPARSE_DIGESTS_NONE
 * @path: of the image
 * @st: of the image, open
 * @blocks: how many the image has, whose digests are all zero so far
 *
 * Return: 0 or -ENOMEM.
 */
int sparse_digests_start(struct sparse_digests *digests, const char *path,
			 const struct stat *st, u64 blocks);

/**
 * sparse_digests_keep() - make the file
 * @digests: started, and complete
 * @path: of the image
 * @st: of the image, when it was opened and still
 * @root: the image's fs-verity digest
 *
 * It takes the place of another file of its kind, and of nothing else.  That it cannot be
 * made is no failure: the image will be read again.
 */
void sparse_digests_keep(struct sparse_digests *digests, const char *path,
			 const struct stat *st, const u8 root[SPARSE_DIGEST_SIZE]);

/** sparse_digests_exit() - release them; all that was done to them may have failed */
void sparse_digests_exit(struct sparse_digests *digests);

#endif
