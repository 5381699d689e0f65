// SPDX-License-Identifier: GPL-2.0-only
/*
 * The streaming digest equals one over a whole Merkle tree in memory, for every
 * way to cut a file into data and holes.  Would catch a constant of the wrong
 * level, a partial block that is not padded, and a level too many at the edges.
 * That the tree below is fs-verity's is for tests/packer/fingerprint.test, which
 * asks the fsverity program.
 */
#include <string.h>

#include "ktap.h"
#include "unit.h"
#include "verity.h"

#define PER_BLOCK	(SPARSE_BLOCK_SIZE / SPARSE_DIGEST_SIZE)
/* three levels of digests, the topmost not full */
#define BLOCKS		(PER_BLOCK * PER_BLOCK * 3)

static struct sparse_hash hash;
static struct sparse_verity verity;
static u8 data_digest[BLOCKS][SPARSE_DIGEST_SIZE];
static u8 zero_digest[SPARSE_DIGEST_SIZE];
static bool zero[BLOCKS];

static void prepare(void)
{
	u8 block[SPARSE_BLOCK_SIZE] = { 0 };
	u32 i;

	need(!sparse_hash_init(&hash));
	need(!sparse_verity_init(&verity, &hash));
	need(!sparse_hash_data(&hash, block, sizeof(block), zero_digest));
	/* what a digest of data is does not matter, if they all differ */
	for (i = 0; i < BLOCKS; i++)
		need(!sparse_hash_data(&hash, &i, sizeof(i), data_digest[i]));
}

static void reference(u64 size, u8 *digest)
{
	static u8 level[BLOCKS][SPARSE_DIGEST_SIZE];
	u64 count = sparse_blocks(size), blocks, i;
	u8 desc[256] = { 1, 1, 12 };

	memset(level, 0, sizeof(level));
	for (i = 0; i < count; i++)
		memcpy(level[i], zero[i] ? zero_digest : data_digest[i],
		       SPARSE_DIGEST_SIZE);
	for (; count > 1; count = blocks) {
		blocks = (count + PER_BLOCK - 1) / PER_BLOCK;
		for (i = 0; i < blocks; i++)
			need(!sparse_hash_data(&hash, level[i * PER_BLOCK],
					       SPARSE_BLOCK_SIZE, level[i]));
		memset(level[blocks], 0, (count - blocks) * SPARSE_DIGEST_SIZE);
	}
	memcpy(desc + 8, &size, sizeof(size));
	memcpy(desc + 16, level[0], SPARSE_DIGEST_SIZE);
	need(!sparse_hash_data(&hash, desc, sizeof(desc), digest));
}

/* holes in one piece, or block by block */
static void streamed(u64 size, bool whole, u8 *digest)
{
	u64 count = sparse_blocks(size), i, hole = 0;

	sparse_verity_begin(&verity);
	for (i = 0; i < count; i++) {
		hole += zero[i];
		if (!zero[i] || !whole) {
			need(!sparse_verity_hole(&verity, hole));
			hole = 0;
		}
		if (!zero[i])
			need(!sparse_verity_block(&verity, data_digest[i]));
	}
	need(!sparse_verity_hole(&verity, hole));
	need(!sparse_verity_end(&verity, size, digest));
}

static bool is_same(u64 size)
{
	u8 want[SPARSE_DIGEST_SIZE], got[2][SPARSE_DIGEST_SIZE];

	reference(size, want);
	streamed(size, true, got[0]);
	streamed(size, false, got[1]);
	return !memcmp(want, got[0], sizeof(want)) &&
		!memcmp(want, got[1], sizeof(want));
}

/* where a level begins or ends */
static const u32 edges[] = {
	0, 1, 2, 127, 128, 129, 255, 256, 257, 16383, 16384, 16385, 16511,
	16512, 16513, 32767, 32768, 32769, BLOCKS - 1, BLOCKS,
};

static int check_edges(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(edges); i++) {
		u64 size = (u64)edges[i] << SPARSE_BLOCK_BITS;

		expect(is_same(size), "%u blocks", edges[i]);
		if (size)
			expect(is_same(size - 1), "%u blocks less 1", edges[i]);
		if (edges[i] < BLOCKS)
			expect(is_same(size + 1), "%u blocks and 1", edges[i]);
	}
	return 0;
}

static int all_data(void)
{
	memset(zero, false, sizeof(zero));
	return check_edges();
}

static int all_holes(void)
{
	memset(zero, true, sizeof(zero));
	return check_edges();
}

static int one_block_of_data(void)
{
	size_t i;

	memset(zero, true, sizeof(zero));
	for (i = 0; i < ARRAY_SIZE(edges) - 1; i++) {
		zero[edges[i]] = false;
		expect(is_same((u64)BLOCKS << SPARSE_BLOCK_BITS),
		       "block %u alone", edges[i]);
		expect(is_same((u64)(edges[i] + 1) << SPARSE_BLOCK_BITS),
		       "block %u alone and last", edges[i]);
		zero[edges[i]] = true;
	}
	return 0;
}

static int random_pieces(void)
{
	int i;

	for (i = 0; i < 40; i++) {
		u64 size = unit_random(BLOCKS << SPARSE_BLOCK_BITS);
		u32 pos = 0, end;
		bool value = i & 1;

		while (pos < BLOCKS) {
			end = pos + 1 + unit_random(1 << unit_random(15));
			while (pos < end && pos < BLOCKS)
				zero[pos++] = value;
			value = !value;
		}
		expect(is_same(size), "round %d, %llu bytes", i,
		       (unsigned long long)size);
	}
	return 0;
}

/* eight exbibytes of nothing, in one piece and in many: no level is missing */
static int huge_hole(void)
{
	u8 one[SPARSE_DIGEST_SIZE], many[SPARSE_DIGEST_SIZE];
	u64 size = (1ULL << 63) - SPARSE_BLOCK_SIZE;
	u64 left = sparse_blocks(size), i;

	sparse_verity_begin(&verity);
	need(!sparse_verity_hole(&verity, left));
	need(!sparse_verity_end(&verity, size, one));

	sparse_verity_begin(&verity);
	for (i = 0; i < 1000; i++, left -= i)
		need(!sparse_verity_hole(&verity, i + 1));
	need(!sparse_verity_hole(&verity, left));
	need(!sparse_verity_end(&verity, size, many));
	expect(!memcmp(one, many, sizeof(one)), "the pieces make a difference");
	return 0;
}

/* what was begun and given up does not show in the next file */
static int after_an_unfinished_file(void)
{
	u64 size = 300 << SPARSE_BLOCK_BITS;

	memset(zero, false, sizeof(zero));
	sparse_verity_begin(&verity);
	need(!sparse_verity_block(&verity, data_digest[0]));
	need(!sparse_verity_hole(&verity, 200));
	expect(is_same(size), "it does");
	return 0;
}

static int differences_show(void)
{
	u64 size = 300 << SPARSE_BLOCK_BITS;
	u8 one[SPARSE_DIGEST_SIZE], other[SPARSE_DIGEST_SIZE];

	memset(zero, false, sizeof(zero));
	zero[17] = true;
	streamed(size, true, one);
	zero[17] = false;
	streamed(size, true, other);
	expect(memcmp(one, other, sizeof(one)), "of one block");
	zero[17] = true;
	streamed(size - 1, true, other);
	expect(memcmp(one, other, sizeof(one)), "of the size alone");
	return 0;
}

int main(void)
{
	const struct ktap_case cases[] = {
		{ "all-data", all_data },
		{ "all-holes", all_holes },
		{ "one-block-of-data", one_block_of_data },
		{ "random-pieces", random_pieces },
		{ "huge-hole", huge_hole },
		{ "after-an-unfinished-file", after_an_unfinished_file },
		{ "differences-show", differences_show },
	};
	int ret;

	prepare();
	ret = ktap_main(cases);
	sparse_hash_exit(&hash);
	return ret;
}
