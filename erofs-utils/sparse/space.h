/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_SPACE_H
#define EROFS_SPARSE_SPACE_H

#include "verity.h"

/**
 * struct sparse_device - another image, whose blocks are referenced
 * @leaf: of each block
 * @blocks: how many it has
 * @first: address of its block 0
 */
struct sparse_device {
	const struct sparse_leaf *leaf;
	u32 blocks;
	u32 first;
};

/**
 * struct sparse_space - the addresses that a block map can have
 *
 * 32 bits for all: the image's own blocks have their numbers as addresses, those of
 * other devices lie at the top, one device below the other.  A gap between them
 * keeps the last block of one from being followed by the first of the next.  All
 * zero is a space with no device.
 */
struct sparse_space {
	struct sparse_device *device;
	unsigned int count;
	u32 taken;		/* from the top, UINT32_MAX being no address */
};

/** sparse_space_limit() - the address that the image's own blocks must not reach */
static inline u32 sparse_space_limit(const struct sparse_space *space)
{
	return UINT32_MAX - space->taken;
}

/** sparse_space_is_own() - whether an address is that of a block of the image itself */
static inline bool sparse_space_is_own(const struct sparse_space *space, u32 addr)
{
	return addr < sparse_space_limit(space);
}

/**
 * sparse_space_add() - give addresses to a device's blocks
 * @space: as above; devices are numbered from 1 in the order in which they are added
 * @leaves: of its blocks, owned by the caller
 * @blocks: how many blocks there are
 *
 * Return: 0, -ENOMEM, or -EFBIG if there are not so many addresses left.
 */
int sparse_space_add(struct sparse_space *space, const struct sparse_leaf *leaves,
		     u64 blocks);

/** sparse_space_exit() - release the memory */
void sparse_space_exit(struct sparse_space *space);

/**
 * sparse_space_find() - whose address it is
 * @space: as above
 * @addr: that of a block in use
 * @block: set to the block's number there
 *
 * Return: the device's number, or 0 for the image itself.
 */
unsigned int sparse_space_find(const struct sparse_space *space, u32 addr,
			       u32 *block);

/**
 * sparse_space_leaf() - what is known of a block of another device
 * @space: as above
 * @addr: the block's
 */
const struct sparse_leaf *sparse_space_leaf(const struct sparse_space *space, u32 addr);

#endif
