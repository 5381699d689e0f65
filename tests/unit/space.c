// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every address belongs to one block of one device.  Would catch devices that
 * overlap, a run that goes from one device into the next, and an image that grows
 * into the addresses of another.
 */
#include <errno.h>
#include <string.h>

#include "ktap.h"
#include "space.h"
#include "unit.h"

static int no_device(void)
{
	struct sparse_space space = { 0 };
	u32 block;

	expect(sparse_space_limit(&space) == UINT32_MAX, "%u",
	       sparse_space_limit(&space));
	expect(!sparse_space_find(&space, UINT32_MAX - 1, &block), "a device");
	expect(block == UINT32_MAX - 1, "%u", block);
	return 0;
}

static int many_devices(void)
{
	static const u32 blocks[] = { 10, 1, 1000000, 3 };
	struct sparse_space space = { 0 };
	unsigned int i, id;
	u32 block, first;

	for (i = 0; i < ARRAY_SIZE(blocks); i++)
		need(!sparse_space_add(&space, NULL, blocks[i]));
	for (i = 0; i < ARRAY_SIZE(blocks); i++) {
		first = space.device[i].first;
		expect(!sparse_space_is_own(&space, first), "device %u", i);
		id = sparse_space_find(&space, first, &block);
		expect(id == i + 1 && !block, "block 0 of %u: %u of %u", i,
		       block, id);
		id = sparse_space_find(&space, first + blocks[i] - 1, &block);
		expect(id == i + 1 && block == blocks[i] - 1,
		       "last block of %u: %u of %u", i, block, id);
		/* nothing follows it, in the address space or in a block map */
		expect(!i || first + blocks[i] < space.device[i - 1].first,
		       "no gap between %u and %u", i - 1, i);
		expect(first + blocks[i] - 1 < UINT32_MAX, "a hole's address");
	}
	expect(sparse_space_limit(&space) < space.device[i - 1].first, "no gap");
	sparse_space_exit(&space);
	return 0;
}

static int no_addresses_left(void)
{
	struct sparse_space space = { 0 };
	int ret;

	ret = sparse_space_add(&space, NULL, 1ULL << 32);
	expect(ret == -EFBIG, "%d", ret);
	need(!sparse_space_add(&space, NULL, UINT32_MAX - 10));
	expect(sparse_space_limit(&space) == 9, "%u", sparse_space_limit(&space));
	ret = sparse_space_add(&space, NULL, 8);
	expect(ret == -EFBIG, "%d", ret);
	need(!sparse_space_add(&space, NULL, 7));
	expect(sparse_space_limit(&space) == 1, "%u", sparse_space_limit(&space));
	sparse_space_exit(&space);
	return 0;
}

static int leaves(void)
{
	static const struct sparse_leaf one[3] = { { "a" }, { "b" }, { "c" } };
	static const struct sparse_leaf two[2] = { { "d" }, { "e" } };
	struct sparse_space space = { 0 };

	need(!sparse_space_add(&space, one, 3) && !sparse_space_add(&space, two, 2));
	expect(sparse_space_leaf(&space, space.device[0].first + 2) == &one[2], "first");
	expect(sparse_space_leaf(&space, space.device[1].first) == &two[0], "second");
	sparse_space_exit(&space);
	return 0;
}

int main(void)
{
	const struct ktap_case cases[] = {
		{ "no-device", no_device },
		{ "many-devices", many_devices },
		{ "no-addresses-left", no_addresses_left },
		{ "leaves", leaves },
	};

	return ktap_main(cases);
}
