// SPDX-License-Identifier: GPL-2.0-only
/*
 * sparse_hash_data() is SHA-256, again and again with one state.  Would catch a
 * state that is not reset.  Vectors: FIPS 180-2, appendix B.
 */
#include <string.h>

#include "hash.h"
#include "ktap.h"
#include "unit.h"

static const struct {
	const char *text;
	const char *digest;
} vectors[] = {
	{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
};

static int known_digests(void)
{
	struct sparse_hash hash;
	size_t i, j;

	need(!sparse_hash_init(&hash));
	for (i = 0; i < ARRAY_SIZE(vectors); i++) {
		u8 digest[SPARSE_DIGEST_SIZE];
		char hex[2 * SPARSE_DIGEST_SIZE + 1];

		need(!sparse_hash_data(&hash, vectors[i].text,
				       strlen(vectors[i].text), digest));
		for (j = 0; j < SPARSE_DIGEST_SIZE; j++)
			sprintf(hex + 2 * j, "%02x", digest[j]);
		expect(!strcmp(hex, vectors[i].digest), "%s of '%s'", hex,
		       vectors[i].text);
	}
	sparse_hash_exit(&hash);
	return 0;
}

static int exit_twice(void)
{
	struct sparse_hash hash;

	need(!sparse_hash_init(&hash));
	sparse_hash_exit(&hash);
	sparse_hash_exit(&hash);
	expect(!hash.ctx && !hash.md, "something is left");
	return 0;
}

int main(void)
{
	const struct ktap_case cases[] = {
		{ "known-digests", known_digests },
		{ "exit-twice", exit_twice },
	};

	return ktap_main(cases);
}
