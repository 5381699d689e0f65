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

static int every_bit_counts(void)
{
	u64 hash;
	unsigned int i;

	fill();
	hash = sparse_key_hash(&key[0], data, sizeof(data));
	for (i = 0; i < 8 * sizeof(data); i++) {
		data[i / 8] ^= 1 << i % 8;
		expect(sparse_key_hash(&key[0], data, sizeof(data)) != hash,
		       "bit %u", i);
		data[i / 8] ^= 1 << i % 8;
	}
	expect(sparse_key_hash(&key[0], data, sizeof(data)) == hash, "the same");
	return 0;
}

/* words that change places, which a sum without a key does not see */
static int order_counts(void)
{
	u64 hash, *word = (u64 *)data, other;
	unsigned int i;

	fill();
	hash = sparse_key_hash(&key[0], data, sizeof(data));
	for (i = 1; i < sizeof(data) / 8; i++) {
		other = word[i];
		word[i] = word[i - 1];
		word[i - 1] = other;
		expect(sparse_key_hash(&key[0], data, sizeof(data)) != hash,
		       "words %u and %u", i - 1, i);
		word[i - 1] = word[i];
		word[i] = other;
	}
	return 0;
}

static int length_counts(void)
{
	u64 hash[sizeof(data) / 8 + 1];
	unsigned int i, n;

	memset(data, 0, sizeof(data));
	for (i = 0; i < sizeof(hash) / 8; i++) {
		hash[i] = sparse_key_hash(&key[0], data, i * 8);
		for (n = 0; n < i; n++)
			expect(hash[i] != hash[n], "%u and %u words of zeros", n, i);
	}
	return 0;
}

/* each half of the hash has a key of its own, and both depend on all of it */
static int key_counts(void)
{
	struct sparse_key other = key[0];
	u64 hash, *part = (u64 *)&other;
	unsigned int i;

	fill();
	hash = sparse_key_hash(&key[0], data, sizeof(data));
	expect(sparse_key_hash(&key[1], data, sizeof(data)) != hash, "another key");
	for (i = 0; i < sizeof(other) / sizeof(*part); i++) {
		part[i] += 0x9e3779b97f4a7c15ULL;
		expect(sparse_key_hash(&other, data, sizeof(data)) != hash,
		       "number %u", i);
		part[i] -= 0x9e3779b97f4a7c15ULL;
	}
	return 0;
}

static int at_any_address(void)
{
	u8 moved[SPARSE_BLOCK_SIZE + 8];
	unsigned int i;

	fill();
	for (i = 0; i < 8; i++) {
		memcpy(moved + i, data, sizeof(data));
		expect(sparse_key_hash(&key[0], moved + i, sizeof(data)) ==
		       sparse_key_hash(&key[0], data, sizeof(data)), "by %u", i);
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
