// SPDX-License-Identifier: GPL-2.0-only
/*
 * sparse_dedupe finds what was added and nothing else, whatever the hashes, and
 * keeps to its memory.  Would catch chunks that get lost when the table grows, and
 * chunks taken for equal because their hashes are.
 */
#include <errno.h>

#include "dedupe.h"
#include "ktap.h"
#include "unit.h"

/* the "content" of a stored chunk tells where it is */
static u32 wanted;
static unsigned int asked;

static u32 place_of(u32 value)
{
	return 3 * value + 17;
}

static int is_equal(void *arg, u32 addr)
{
	(void)arg;
	asked++;
	return addr == place_of(wanted);
}

static int is_broken(void *arg, u32 addr)
{
	(void)arg;
	(void)addr;
	return -EIO;
}

static u64 spread(u32 value)
{
	return (value + 1) * 0x9e3779b97f4a7c15ULL;
}

/* add the value unless it is there; true if it was */
static bool lookup_or_add(struct sparse_dedupe *dedupe, u64 hash, u32 value)
{
	u32 addr;
	int ret;

	wanted = value;
	ret = sparse_dedupe_find(dedupe, hash, is_equal, NULL, &addr);
	need(ret >= 0);
	if (ret) {
		need(addr == place_of(value));
		return true;
	}
	need(!sparse_dedupe_add(dedupe, hash, place_of(value)));
	return false;
}

static int many(void)
{
	struct sparse_dedupe dedupe;
	u32 i;

	need(!sparse_dedupe_init(&dedupe));
	for (i = 0; i < 300000; i++)
		expect(!lookup_or_add(&dedupe, spread(i), i), "%u is new", i);
	for (i = 0; i < 300000; i++)
		expect(lookup_or_add(&dedupe, spread(i), i), "%u is lost", i);
	expect(dedupe.count == 300000, "%u", dedupe.count);
	sparse_dedupe_exit(&dedupe);
	return 0;
}

static int equal_hashes(void)
{
	struct sparse_dedupe dedupe;
	u32 i;

	need(!sparse_dedupe_init(&dedupe));
	for (i = 0; i < 100; i++)
		expect(!lookup_or_add(&dedupe, 42, i), "%u is new", i);
	for (i = 0; i < 100; i++)
		expect(lookup_or_add(&dedupe, 42, i), "%u is lost", i);
	sparse_dedupe_exit(&dedupe);
	return 0;
}

/* same slots, other hashes: the bytes are not to be asked for */
static int only_equal_hashes_are_compared(void)
{
	struct sparse_dedupe dedupe;
	u32 i;

	need(!sparse_dedupe_init(&dedupe));
	asked = 0;
	for (i = 0; i < 100; i++)
		lookup_or_add(&dedupe, (u64)i << 40, i);
	expect(!asked, "%u comparisons", asked);
	sparse_dedupe_exit(&dedupe);
	return 0;
}

static int failure_to_compare(void)
{
	struct sparse_dedupe dedupe;
	u32 addr;
	int ret;

	need(!sparse_dedupe_init(&dedupe));
	need(!sparse_dedupe_add(&dedupe, 7, 1));
	ret = sparse_dedupe_find(&dedupe, 7, is_broken, NULL, &addr);
	expect(ret == -EIO, "%d", ret);
	ret = sparse_dedupe_find(&dedupe, 8, is_broken, NULL, &addr);
	expect(ret == 0, "%d", ret);
	sparse_dedupe_exit(&dedupe);
	return 0;
}

/* 24 bytes a chunk at any size is what the manual promises */
static int memory(void)
{
	struct sparse_dedupe dedupe;
	u32 i;

	need(!sparse_dedupe_init(&dedupe));
	for (i = 0; i < 1 << 20; i++) {
		u64 bytes;

		need(!sparse_dedupe_add(&dedupe, spread(i), i));
		bytes = (dedupe.mask + 1) * sizeof(*dedupe.slot) +
			dedupe.count * (sizeof(*dedupe.hash) + sizeof(*dedupe.addr));
		if (i > 8192)
			expect(bytes <= 24ULL * i, "%llu for %u",
			       (unsigned long long)bytes, i);
	}
	sparse_dedupe_exit(&dedupe);
	return 0;
}

/* it always has room for more, up to the most that there can be: 16 TiB of pages */
static int grows_to_the_end(void)
{
	u64 room = 0, before;

	do {
		before = room;
		room = sparse_dedupe_more_room(before);
		expect(room > before, "%llu after %llu", (unsigned long long)room,
		       (unsigned long long)before);
	} while (room < SPARSE_DEDUPE_MAX);
	expect(room == SPARSE_DEDUPE_MAX, "%llu", (unsigned long long)room);
	/* at 13 TiB of pages half as much again has more than 32 bits */
	expect(sparse_dedupe_more_room(13ULL << 28) == SPARSE_DEDUPE_MAX,
	       "%llu", (unsigned long long)sparse_dedupe_more_room(13ULL << 28));
	return 0;
}

static int full(void)
{
	struct sparse_dedupe dedupe;
	int ret;

	need(!sparse_dedupe_init(&dedupe));
	dedupe.count = SPARSE_DEDUPE_MAX;
	ret = sparse_dedupe_add(&dedupe, 1, 1);
	expect(ret == -EFBIG, "%d", ret);
	sparse_dedupe_exit(&dedupe);
	return 0;
}

int main(void)
{
	const struct ktap_case cases[] = {
		{ "many", many },
		{ "equal-hashes", equal_hashes },
		{ "only-equal-hashes-are-compared", only_equal_hashes_are_compared },
		{ "failure-to-compare", failure_to_compare },
		{ "memory", memory },
		{ "grows-to-the-end", grows_to_the_end },
		{ "full", full },
	};

	return ktap_main(cases);
}
