// SPDX-License-Identifier: GPL-2.0-only
/*
 * A map is all holes until told otherwise, and is exported as EROFS has it on
 * disk.  Would catch a hole written as block 0, and a wrong byte order.
 */
#include <string.h>

#include "chunkmap.h"
#include "ktap.h"
#include "unit.h"

static int holes(void)
{
	struct sparse_chunkmap *map = sparse_chunkmap_alloc(5);
	u8 out[4 * 5], ones[4 * 5];

	need(map);
	memset(ones, 0xff, sizeof(ones));
	sparse_chunkmap_export(map, 0, 5, (u32 *)out);
	expect(!memcmp(out, ones, sizeof(out)), "not all ones");
	free(map);
	return 0;
}

static int addresses(void)
{
	static const u8 want[] = {
		0xff, 0xff, 0xff, 0xff,
		0x04, 0x03, 0x02, 0x01,
		0xfe, 0xff, 0xff, 0xff,
	};
	struct sparse_chunkmap *map = sparse_chunkmap_alloc(4);
	u32 out[4] = { 0 };

	need(map);
	map->addr[2] = 0x01020304;
	map->addr[3] = 0xfffffffe;
	sparse_chunkmap_export(map, 1, 3, out);
	expect(!memcmp(out, want, sizeof(want)), "%08x %08x %08x", out[0],
	       out[1], out[2]);
	expect(!out[3], "more than asked for");
	free(map);
	return 0;
}

static int of_nothing(void)
{
	struct sparse_chunkmap *map = sparse_chunkmap_alloc(0);

	need(map);
	expect(!map->blocks, "%llu", (unsigned long long)map->blocks);
	sparse_chunkmap_export(map, 0, 0, NULL);
	free(map);
	return 0;
}

static int too_large(void)
{
	expect(!sparse_chunkmap_alloc(1ULL << 62), "a map of 2^64 bytes");
	return 0;
}

int main(void)
{
	const struct ktap_case cases[] = {
		{ "holes", holes },
		{ "addresses", addresses },
		{ "of-nothing", of_nothing },
		{ "too-large", too_large },
	};

	return ktap_main(cases);
}
