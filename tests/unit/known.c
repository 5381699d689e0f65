// SPDX-License-Identifier: GPL-2.0-only
/*
 * sparse_known finds the blocks of all devices by their digests, of equal ones the first,
 * and nothing else, whichever thread added which block.  Would catch a block that is lost
 * in a race for a slot, an address that depends on the threads, and a digest that is taken
 * for another one.
 */
#include <string.h>

#include "known.h"
#include "ktap.h"
#include "unit.h"

#define DEVICES		3
#define BLOCKS		150000

static struct sparse_leaf leaf[DEVICES][BLOCKS];
static struct sparse_key key;

static void set(struct sparse_leaf *to, u32 used, u32 value)
{
	u32 word[8] = { used, value * 77, value };

	if (!used)
		memset(word, 0, sizeof(word));
	memcpy(to, word, sizeof(*to));
}

/* 60,000 values for 450,000 blocks; one in ten is zeros */
static void fill(void)
{
	unsigned int i, n, value;

	for (i = 0; i < DEVICES; i++) {
		for (n = 0; n < BLOCKS; n++) {
			value = unit_random(60000);
			set(&leaf[i][n], !!unit_random(10), value);
		}
	}
}

static u32 find(const struct sparse_known *known, const u8 *wanted)
{
	struct sparse_id id = sparse_key_hash(&key, wanted, SPARSE_DIGEST_SIZE);

	return sparse_known_find(known, wanted, &id);
}

static void add_devices(struct sparse_known *known, struct sparse_space *space,
			unsigned int workers)
{
	struct sparse_pool pool;
	unsigned int i;

	sparse_pool_start(&pool, workers);
	need(!sparse_known_init(known, DEVICES * BLOCKS));
	for (i = 0; i < DEVICES; i++) {
		need(!sparse_space_add(space, leaf[i], BLOCKS));
		need(!sparse_known_add(known, &pool));
	}
	sparse_pool_stop(&pool);
}

/* front to back: what was not found before is where it is now */
static int check_all(const struct sparse_known *known, const struct sparse_space *space)
{
	static u32 first[60000];
	unsigned int i, n;
	u32 addr, value;

	memset(first, 0, sizeof(first));
	for (i = 0; i < DEVICES; i++) {
		for (n = 0; n < BLOCKS; n++) {
			if (!leaf[i][n].digest[0])
				continue;
			memcpy(&value, leaf[i][n].digest + 8, sizeof(value));
			if (!first[value])
				first[value] = space->device[i].first + n;
			addr = find(known, leaf[i][n].digest);
			expect(addr == first[value], "block %u of %u: at %u, not %u",
			       n, i, addr, first[value]);
		}
	}
	return 0;
}

static int by_any_number_of_workers(void)
{
	static const unsigned int workers[] = { 1, 2, 5 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(workers); i++) {
		struct sparse_space space = { 0 };
		struct sparse_known known = { .space = &space, .key = &key };
		int ret;

		fill();
		add_devices(&known, &space, workers[i]);
		ret = check_all(&known, &space);
		sparse_known_exit(&known);
		sparse_space_exit(&space);
		if (ret)
			return ret;
	}
	return 0;
}

/* what the hash says is not enough: here it is the same for all of them */
static int every_bit_counts(void)
{
	struct sparse_space space = { 0 };
	struct sparse_known known = { .space = &space, .key = &key };
	struct sparse_id id;
	u8 other[SPARSE_DIGEST_SIZE];
	unsigned int i;

	fill();
	add_devices(&known, &space, 1);
	for (i = 0; !leaf[0][i].digest[0]; i++)
		;
	id = sparse_key_hash(&key, leaf[0][i].digest, SPARSE_DIGEST_SIZE);
	memcpy(other, &leaf[0][i], sizeof(other));
	expect(sparse_known_find(&known, other, &id), "the same");
	for (i = 0; i < 8 * sizeof(other); i++) {
		other[i / 8] ^= 1 << i % 8;
		expect(!sparse_known_find(&known, other, &id), "bit %u", i);
		other[i / 8] ^= 1 << i % 8;
	}
	sparse_known_exit(&known);
	sparse_space_exit(&space);
	return 0;
}

/* no table, an empty one, and one that is as full as it may be */
static int none_and_all(void)
{
	struct sparse_space space = { 0 };
	struct sparse_known known = { .space = &space, .key = &key };
	u8 wanted[SPARSE_DIGEST_SIZE] = "nowhere";
	unsigned int i;

	expect(!find(&known, wanted), "without a table");
	need(!sparse_known_init(&known, 0));
	expect(!find(&known, wanted), "of no blocks");
	sparse_known_exit(&known);
	for (i = 0; i < DEVICES * BLOCKS; i++)
		set(&leaf[i / BLOCKS][i % BLOCKS], 1, i);
	add_devices(&known, &space, 2);
	expect(!find(&known, wanted), "one that is not there");
	expect(known.slots * sizeof(*known.slot) <= 11ULL * DEVICES * BLOCKS,
	       "%llu slots", (unsigned long long)known.slots);
	for (i = 0; i < DEVICES * BLOCKS; i++)
		expect(find(&known, leaf[i / BLOCKS][i % BLOCKS].digest) ==
		       space.device[i / BLOCKS].first + i % BLOCKS, "%u", i);
	sparse_known_exit(&known);
	sparse_space_exit(&space);
	return 0;
}

int main(void)
{
	const struct ktap_case cases[] = {
		{ "by-any-number-of-workers", by_any_number_of_workers },
		{ "every-bit-counts", every_bit_counts },
		{ "none-and-all", none_and_all },
	};

	need(!sparse_key_init(&key));
	return ktap_main(cases);
}
