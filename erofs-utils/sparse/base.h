/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_BASE_H
#define EROFS_SPARSE_BASE_H

#include <sys/stat.h>

#include "erofs/internal.h"
#include "digests.h"
#include "pack.h"

/* what a superblock, and 16 bits in a chunk index, can say of devices */
#define SPARSE_BASES_MAX	0xffffU

/**
 * struct sparse_base - an image whose blocks the new one may reference
 * @path: as the user gave it
 * @fd: open for reading
 * @st: what it was when it was opened
 * @sbi: its superblock
 * @digests: of its blocks, once they were read
 * @tag: fs-verity digest of its blocks in hexadecimal, once they were read
 */
struct sparse_base {
	const char *path;
	int fd;
	struct stat st;
	struct erofs_sb_info sbi;
	struct sparse_digests digests;
	char tag[SPARSE_DIGEST_TEXT];
};

/**
 * struct sparse_bases - all of them, in the order of the new image's device slots
 *
 * A slot's tag is the base's fs-verity digest in hexadecimal: it says which image is
 * meant, whatever its name, and changes with every bit of it.
 */
struct sparse_bases {
	struct sparse_base *base;
	unsigned int count;
};

/** sparse_bases_add() - note the name of another one.  Return: 0 or -ENOMEM. */
int sparse_bases_add(struct sparse_bases *bases, const char *path);

/**
 * sparse_bases_open() - open and check them
 * @bases: with their names
 *
 * Return: 0 or a negative errno, which has been reported.
 */
int sparse_bases_open(struct sparse_bases *bases);

/** sparse_bases_blocks() - their blocks added up */
u64 sparse_bases_blocks(const struct sparse_bases *bases);

/**
 * sparse_bases_read() - have their blocks referenced
 * @bases: open
 * @packer: initialised for them, wants digests; uses the bases from now on
 * @sbi: the new image, with a device slot for each, which is filled in
 *
 * Return: 0 or a negative errno, which has been reported.
 */
int sparse_bases_read(struct sparse_bases *bases, struct sparse_packer *packer,
		      struct erofs_sb_info *sbi);

/**
 * sparse_bases_check() - see that they are what they were
 * @bases: open
 *
 * Return: 0 or a negative errno, which has been reported.
 */
int sparse_bases_check(const struct sparse_bases *bases);

/** sparse_bases_close() - release all; all zero is fine */
void sparse_bases_close(struct sparse_bases *bases);

#endif
