// SPDX-License-Identifier: GPL-2.0-only
/*
 * A map is all holes until told otherwise, is exported as EROFS has it on disk, and
 * chunks become as large as they can be without a block or a hole being lost.  Would
 * catch a hole written as block 0, a wrong byte order, and a run that ends within a
 * chunk.
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

#define MANY	20000

/* pieces that are aligned, of holes or of blocks that follow each other */
static void fill(struct sparse_chunkmap *map, unsigned int align, u32 *copy)
{
	u64 start, n;

	for (start = 0; start < map->blocks; start += align) {
		u32 addr = unit_random(2) ? 1 + unit_random(1000000) : 0;

		for (n = start; n < start + align && n < map->blocks; n++)
			map->addr[n] = addr ? addr + (n - start) : 0;
	}
	memcpy(copy, map->addr, map->blocks * sizeof(*copy));
}

/* what a chunk size says of a block, from the first block of its chunk */
static u32 told(const u32 *addr, u64 block, unsigned int shift)
{
	u64 first = block >> shift << shift;

	return addr[first] ? addr[first] + (block - first) : 0;
}

static bool is_exact(const u32 *addr, u64 blocks, unsigned int shift)
{
	u64 n;

	for (n = 0; n < blocks; n++)
		if (told(addr, n, shift) != addr[n])
			return false;
	return true;
}

static int check_shrunk(u64 blocks, unsigned int align)
{
	static u32 copy[MANY];
	struct sparse_chunkmap *map = sparse_chunkmap_alloc(blocks);
	u64 n, chunks;

	need(map && blocks <= MANY);
	fill(map, align, copy);
	map = sparse_chunkmap_shrink(map);
	chunks = sparse_chunkmap_chunks(map);
	expect(is_exact(copy, blocks, map->shift), "%llu blocks, %u: shift %u",
	       (unsigned long long)blocks, align, map->shift);
	expect(chunks == 1 || !is_exact(copy, blocks, map->shift + 1),
	       "%llu blocks, %u: more than shift %u", (unsigned long long)blocks,
	       align, map->shift);
	expect(!map->shift || (blocks - 1) >> (map->shift - 1) != chunks - 1,
	       "%llu blocks, %u: shift %u is of no use",
	       (unsigned long long)blocks, align, map->shift);
	for (n = 0; n < chunks; n++)
		expect(map->addr[n] == copy[n << map->shift], "chunk %llu",
		       (unsigned long long)n);
	free(map);
	return 0;
}

static int as_large_as_can_be(void)
{
	static const unsigned int align[] = { 1, 2, 3, 4, 6, 16, 512, 1024, 4096, MANY };
	unsigned int i, round;

	for (i = 0; i < ARRAY_SIZE(align); i++)
		for (round = 0; round < 50; round++)
			if (check_shrunk(1 + unit_random(round < 25 ? 20 : MANY),
					 align[i]))
				return 1;
	return 0;
}

/* one block anywhere in a hole */
static int one_block(void)
{
	unsigned int n;

	for (n = 0; n < 5000; n += 1 + unit_random(30)) {
		struct sparse_chunkmap *map = sparse_chunkmap_alloc(5000);
		unsigned int shift;

		need(map);
		map->addr[n] = 7;
		map = sparse_chunkmap_shrink(map);
		shift = map->shift;
		free(map);
		/* both its sides are ends of a chunk, but those of the file */
		expect(shift == 0, "block %u: shift %u", n, shift);
	}
	return 0;
}

/* a 32-bit kernel computes with chunks of up to 1 GiB */
static int no_larger_than_that(void)
{
	struct sparse_chunkmap *map = sparse_chunkmap_alloc(5 << 18);

	need(map);
	map = sparse_chunkmap_shrink(map);
	expect(map->shift == 18, "shift %u", map->shift);
	expect(sparse_chunkmap_chunks(map) == 5, "%llu chunks",
	       (unsigned long long)sparse_chunkmap_chunks(map));
	free(map);
	return 0;
}

/* a size that was asked for, larger than the file or not */
static int as_asked_for(void)
{
	unsigned int shift;
	u64 n;

	for (shift = 0; shift <= 6; shift++) {
		struct sparse_chunkmap *map = sparse_chunkmap_alloc(50);

		need(map);
		for (n = 0; n < 50; n++)
			map->addr[n] = n & 32 ? 0 : 100 + n;
		map = sparse_chunkmap_shift(map, shift);
		expect(sparse_chunkmap_chunks(map) == (49U >> shift) + 1,
		       "%llu chunks", (unsigned long long)sparse_chunkmap_chunks(map));
		for (n = 0; n < sparse_chunkmap_chunks(map); n++)
			expect(map->addr[n] == (n << shift & 32 ? 0 : 100 + (n << shift)),
			       "chunk %llu, shift %u", (unsigned long long)n, shift);
		free(map);
	}
	return 0;
}

/* a file that turns out to be longer, again and again */
static int extend(void)
{
	struct sparse_chunkmap *map = sparse_chunkmap_alloc(0);
	u64 blocks = 0, n;

	need(map);
	while (blocks < 100000) {
		blocks += unit_random(1 + blocks / 2) + 1;
		map = sparse_chunkmap_extend(map, blocks);
		need(map && map->blocks == blocks);
		expect(!map->addr[blocks - 1], "no hole at the end");
		map->addr[blocks - 1] = blocks;
	}
	for (n = 0; n < blocks; n++)
		expect(!map->addr[n] || map->addr[n] == n + 1, "block %llu: %u",
		       (unsigned long long)n, map->addr[n]);
	expect(!sparse_chunkmap_extend(map, 1ULL << 62), "a map of 2^64 bytes");
	expect(map->blocks == blocks, "changed by what failed");
	free(map);
	return 0;
}

static int of_other_devices(void)
{
	static const u8 want[] = {
		0x00, 0x00, 0x02, 0x00, 0x03, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x00, 0x00, 0x04, 0x03, 0x02, 0x01,
		0xff, 0xff, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff,
		0x00, 0x00, 0x01, 0x00, 0x63, 0x00, 0x00, 0x00,
	};
	struct sparse_space space = { 0 };
	struct sparse_chunkmap *map = sparse_chunkmap_alloc(5);
	u32 out[8];

	need(map && !sparse_space_add(&space, NULL, 100));
	need(!sparse_space_add(&space, NULL, 7));
	map->addr[2] = 0x01020304;
	sparse_chunkmap_set_space(map, &space);
	expect(!map->space && sparse_chunkmap_words(map) == 1, "no need for it");
	map->addr[1] = space.device[1].first + 3;
	map->addr[4] = space.device[0].first + 99;
	sparse_chunkmap_set_space(map, &space);
	expect(map->space && sparse_chunkmap_words(map) == 2, "no devices");
	sparse_chunkmap_export(map, 1, 4, out);
	expect(!memcmp(out, want, sizeof(want)), "%08x %08x %08x %08x", out[0],
	       out[1], out[4], out[6]);
	sparse_space_exit(&space);
	free(map);
	return 0;
}

/* the last block of one device and the first of the other are not one run */
static int from_device_to_device(void)
{
	struct sparse_space space = { 0 };
	struct sparse_chunkmap *map = sparse_chunkmap_alloc(2);

	need(map && !sparse_space_add(&space, NULL, 100));
	need(!sparse_space_add(&space, NULL, 7));
	map->addr[0] = space.device[1].first + 6;
	map->addr[1] = space.device[0].first;
	map = sparse_chunkmap_shrink(map);
	expect(!map->shift, "shift %u", map->shift);
	sparse_space_exit(&space);
	free(map);
	return 0;
}

/* what a map takes in the image does not fit into 32 bits from 2 TiB on */
static int size_in_the_image(void)
{
	struct sparse_chunkmap *map = sparse_chunkmap_alloc(1);
	const struct sparse_space space = { 0 };
	static const u64 blocks[] = { 1, (1ULL << 29) - 1, 1ULL << 29,
				      (1ULL << 29) + 1, (1ULL << 30) - 1 };
	unsigned int i;

	need(map);
	/* no entry is looked at */
	for (i = 0; i < ARRAY_SIZE(blocks); i++) {
		map->blocks = blocks[i];
		map->space = NULL;
		expect(sparse_chunkmap_bytes(map) == 4 * blocks[i], "%llu alone",
		       (unsigned long long)blocks[i]);
		map->space = &space;
		expect(sparse_chunkmap_bytes(map) == 8 * blocks[i],
		       "%llu with devices", (unsigned long long)blocks[i]);
	}
	free(map);
	return 0;
}

int main(void)
{
	const struct ktap_case cases[] = {
		{ "holes", holes },
		{ "addresses", addresses },
		{ "of-nothing", of_nothing },
		{ "too-large", too_large },
		{ "as-large-as-can-be", as_large_as_can_be },
		{ "one-block", one_block },
		{ "no-larger-than-that", no_larger_than_that },
		{ "as-asked-for", as_asked_for },
		{ "extend", extend },
		{ "of-other-devices", of_other_devices },
		{ "from-device-to-device", from_device_to_device },
		{ "size-in-the-image", size_in_the_image },
	};

	return ktap_main(cases);
}
