/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_BASE_H
#define EROFS_SPARSE_BASE_H

#include "erofs/internal.h"
#include "digests.h"
#include "sparse.h"

/* what a superblock, and 16 bits in a chunk index, can say of devices */
#define SPARSE_BASES_MAX	0xffffU

/**
 * struct sparse_base - an image whose blocks the new one may reference
 * @source: the image
 * @sbi: its superblock
 * @digests: of its blocks, once they were read
 * @digest: of the whole, then
 * @known: it was not read
 * @tag: that in hexadecimal
 */
struct sparse_base {
	struct sparse_source source;
	struct erofs_sb_info sbi;
	struct sparse_digests digests;
	u8 digest[SPARSE_DIGEST_SIZE];
	bool known;
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
 */
int sparse_bases_open(struct sparse_bases *bases, struct sparse_failure *failure);

/** sparse_bases_blocks() - their blocks added up */
u64 sparse_bases_blocks(const struct sparse_bases *bases);

/**
 * sparse_base_begin() - begin to have a base's blocks referenced
 * @base: open
 * @packer: initialised for all of them, wants digests; notes what fails
 *
 * Return: 0 if sparse_pack_run() has to read it, how many blocks it has if they are known
 * from an earlier time, or a negative errno.
 */
s64 sparse_base_begin(struct sparse_base *base, struct sparse_packer *packer);

/**
 * sparse_base_end() - have them referenced from now on
 * @base: begun, and read, or not
 * @packer: the same; uses the base until its end
 * @slot: the new image's device slot for it, which is filled in
 *
 * Return: 0 or a negative errno.
 */
int sparse_base_end(struct sparse_base *base, struct sparse_packer *packer,
		    struct erofs_device_info *slot);

/**
 * sparse_bases_check() - see that they are what they were
 * @bases: open
 */
int sparse_bases_check(const struct sparse_bases *bases, struct sparse_failure *failure);

/** sparse_bases_close() - release all; all zero is fine */
void sparse_bases_close(struct sparse_bases *bases);

#endif
