// SPDX-License-Identifier: GPL-2.0-only
/*
 * sparse_dedupe finds what was added and nothing else, whatever the hashes, and
 * keeps to its memory.  Would catch chunks that get lost when the table grows, and
 * chunks taken for equal because they are in one bucket.
 */
#include "dedupe.h"
#include "ktap.h"
#include "unit.h"

static struct sparse_id spread(u32 value)
{
	u32 hash = (value + 1) * 0x9e3779b9U;

	return (struct sparse_id) { { hash, hash ^ 0x12345678, value, 7 } };
}

/* all in one bucket as long as there are no more than 2^20 */
static struct sparse_id crowded(u32 value)
{
	return (struct sparse_id) { { value << 20, 5, 6, 7 } };
}

static int find_all(struct sparse_id (*id_of)(u32 value), u32 count)
{
	struct sparse_dedupe dedupe;
	struct sparse_id id;
	u32 i, index;

	need(!sparse_dedupe_init(&dedupe));
	for (i = 0; i < count; i++) {
		id = id_of(i);
		expect(!sparse_dedupe_find(&dedupe, &id, &index), "%u is new", i);
		/* a chunk may have several blocks */
		need(!sparse_dedupe_add(&dedupe, &id, 3 * i + 17));
	}
	for (i = 0; i < count; i++) {
		id = id_of(i);
		expect(sparse_dedupe_find(&dedupe, &id, &index), "%u is lost", i);
		expect(index == 3 * i + 17, "%u is at %u", i, index);
	}
	sparse_dedupe_exit(&dedupe);
	return 0;
}

static int many(void)
{
	return find_all(spread, 300000);
}

static int one_bucket(void)
{
	return find_all(crowded, 4000);
}

/* each of the 128 bits tells two chunks apart */
static int every_bit_counts(void)
{
	struct sparse_dedupe dedupe;
	struct sparse_id id = spread(1), other;
	unsigned int i;
	u32 index;

	need(!sparse_dedupe_init(&dedupe));
	need(!sparse_dedupe_add(&dedupe, &id, 0));
	for (i = 0; i < 8 * sizeof(id); i++) {
		other = id;
		other.word[i / 32] ^= 1U << i % 32;
		expect(!sparse_dedupe_find(&dedupe, &other, &index), "bit %u", i);
	}
	expect(sparse_dedupe_find(&dedupe, &id, &index), "the same");
	sparse_dedupe_exit(&dedupe);
	return 0;
}

/* 24 bytes a chunk at any size is what the manual promises: what is beyond is not touched */
static int memory(void)
{
	struct sparse_dedupe dedupe;
	struct sparse_id id;
	u32 i;

	need(!sparse_dedupe_init(&dedupe));
	for (i = 0; i < 1 << 20; i++) {
		u64 bytes;

		id = spread(i);
		need(!sparse_dedupe_add(&dedupe, &id, i));
		bytes = dedupe.buckets * sizeof(*dedupe.bucket) +
			(i + 1) * sizeof(*dedupe.stored);
		expect(bytes <= 24ULL * (i + 2), "%llu for %u",
		       (unsigned long long)bytes, i + 1);
	}
	sparse_dedupe_exit(&dedupe);
	return 0;
}

/* how many chunks are looked at to find each chunk once */
static u64 looks(const struct sparse_dedupe *dedupe)
{
	u64 sum = 0, length, i;
	u32 next;

	for (i = 0; i < dedupe->buckets; i++) {
		length = 0;
		for (next = dedupe->bucket[i]; next; next = dedupe->stored[next - 1].next)
			sum += ++length;
	}
	return sum;
}

/* at most two on average, at any size */
static int short_ways(void)
{
	struct sparse_dedupe dedupe;
	struct sparse_id id;
	u32 i;

	need(!sparse_dedupe_init(&dedupe));
	for (i = 1; i <= 1 << 18; i++) {
		id = spread(unit_random(UINT32_MAX));
		need(!sparse_dedupe_add(&dedupe, &id, i));
		if (i % 1000 == 0)
			expect(looks(&dedupe) <= 2 * i, "%llu for %u",
			       (unsigned long long)looks(&dedupe), i);
	}
	sparse_dedupe_exit(&dedupe);
	return 0;
}

int main(void)
{
	const struct ktap_case cases[] = {
		{ "many", many },
		{ "one-bucket", one_bucket },
		{ "every-bit-counts", every_bit_counts },
		{ "memory", memory },
		{ "short-ways", short_ways },
	};

	return ktap_main(cases);
}
