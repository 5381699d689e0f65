// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#include <errno.h>
#include <stdlib.h>

#include "space.h"

int sparse_space_add(struct sparse_space *space, const struct sparse_leaf *leaves,
		     u64 blocks)
{
	struct sparse_device *device;

	/* one for the gap, and at least one for the image itself */
	if (blocks + 2 > sparse_space_limit(space))
		return -EFBIG;
	device = realloc(space->device, (space->count + 1) * sizeof(*device));
	if (!device)
		return -ENOMEM;
	space->device = device;
	device[space->count++] = (struct sparse_device) {
		.leaf = leaves,
		.blocks = blocks,
		.first = sparse_space_limit(space) - blocks,
	};
	space->taken += blocks + 1;
	return 0;
}

void sparse_space_exit(struct sparse_space *space)
{
	free(space->device);
	*space = (struct sparse_space) { 0 };
}

unsigned int sparse_space_find(const struct sparse_space *space, u32 addr,
			       u32 *block)
{
	unsigned int i;

	*block = addr;
	if (sparse_space_is_own(space, addr))
		return 0;
	/* the first has the highest addresses */
	for (i = 0; addr < space->device[i].first; i++)
		;
	*block = addr - space->device[i].first;
	return i + 1;
}

const struct sparse_leaf *sparse_space_leaf(const struct sparse_space *space, u32 addr)
{
	u32 block;
	unsigned int id = sparse_space_find(space, addr, &block);

	return &space->device[id - 1].leaf[block];
}
