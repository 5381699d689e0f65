// SPDX-License-Identifier: GPL-2.0-only
/*
 * sparse_key_hash tells data apart that differs in one bit, in the order of its words or
 * in its length only, and nobody knows how: with another key all hashes are others.
 * Would catch a part of the data, or of the key, that is not used.
 */
#include <string.h>

#include "key.h"
#include "ktap.h"
#include "unit.h"

static struct sparse_key key[2];
static u8 data[SPARSE_BLOCK_SIZE];

static void fill(void)
{
	unsigned int i;

	for (i = 0; i < sizeof(data); i++)
		data[i] = unit_random(256);
}

static struct sparse_id hash(const struct sparse_key *by)
{
	return sparse_key_hash(by, data, sizeof(data));
}

/* how many words of two hashes are the same: by chance one in 2^32 */
static unsigned int same(struct sparse_id a, struct sparse_id b)
{
	unsigned int i, count = 0;

	for (i = 0; i < SPARSE_ID_WORDS; i++)
		count += a.word[i] == b.word[i];
	return count;
}

static int every_bit_counts(void)
{
	struct sparse_id id;
	unsigned int i;

	fill();
	id = hash(&key[0]);
	for (i = 0; i < 8 * sizeof(data); i++) {
		data[i / 8] ^= 1 << i % 8;
		expect(!same(hash(&key[0]), id), "bit %u", i);
		data[i / 8] ^= 1 << i % 8;
	}
	expect(same(hash(&key[0]), id) == SPARSE_ID_WORDS, "the same");
	return 0;
}

/* words that change places, which a sum without a key does not see */
static int order_counts(void)
{
	u32 *word = (u32 *)data, other;
	struct sparse_id id;
	unsigned int i;

	fill();
	id = hash(&key[0]);
	for (i = 1; i < sizeof(data) / 4; i++) {
		other = word[i];
		word[i] = word[i - 1];
		word[i - 1] = other;
		expect(!same(hash(&key[0]), id), "words %u and %u", i - 1, i);
		word[i - 1] = word[i];
		word[i] = other;
	}
	return 0;
}

static int length_counts(void)
{
	struct sparse_id id[sizeof(data) / 8 + 1];
	unsigned int i, n;

	memset(data, 0, sizeof(data));
	for (i = 0; i < ARRAY_SIZE(id); i++) {
		id[i] = sparse_key_hash(&key[0], data, i * 8);
		for (n = 0; n < i; n++)
			expect(same(id[i], id[n]) < 2, "%u and %u words of zeros", n, i);
	}
	return 0;
}

/* each word of the hash has a key of its own, all of which counts */
static int key_counts(void)
{
	struct sparse_key other = key[0];
	u64 *part = (u64 *)&other;
	struct sparse_id id;
	unsigned int i;

	fill();
	id = hash(&key[0]);
	expect(!same(hash(&key[1]), id), "another key");
	for (i = 0; i < sizeof(other) / sizeof(*part); i++) {
		part[i] += 0x9e3779b97f4a7c15ULL;
		expect(same(hash(&other), id) == SPARSE_ID_WORDS - 1, "number %u", i);
		part[i] -= 0x9e3779b97f4a7c15ULL;
	}
	for (i = 1; i < SPARSE_ID_WORDS; i++)
		expect(id.word[i] != id.word[0], "word %u is the first again", i);
	return 0;
}

static int at_any_address(void)
{
	u8 moved[SPARSE_BLOCK_SIZE + 8];
	unsigned int i;

	fill();
	for (i = 0; i < 8; i++) {
		memcpy(moved + i, data, sizeof(data));
		expect(same(sparse_key_hash(&key[0], moved + i, sizeof(data)),
			    hash(&key[0])) == SPARSE_ID_WORDS, "by %u", i);
	}
	return 0;
}

int main(void)
{
	const struct ktap_case cases[] = {
		{ "every-bit-counts", every_bit_counts },
		{ "order-counts", order_counts },
		{ "length-counts", length_counts },
		{ "key-counts", key_counts },
		{ "at-any-address", at_any_address },
	};

	need(!sparse_key_init(&key[0]) && !sparse_key_init(&key[1]));
	return ktap_main(cases);
}
