// SPDX-License-Identifier: GPL-2.0-only
/*
 * crafted COUNT - write pages that differ, and that have the same XXH3-64 without a
 * seed: what a guest may have in its memory to make whoever packs it slow.
 *
 * XXH3 adds up, lane by lane, each word of 8 bytes, and the product of its halves after
 * they were combined with a key that is in xxhash.h.  Where the lower half is the key's,
 * the product is 0 whatever the upper half is; and two such words of one lane may have
 * any upper halves of the same sum.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define WORDS	512
#define STRIPE	8	/* words: those of all lanes */

/* the lower half of what the first lane's word in a stripe of the first block is
 * combined with
 */
static XXH64_hash_t key_of(unsigned int stripe)
{
	return XXH_readLE64(XXH3_kSecret + 8 * stripe) & 0xffffffff;
}

int main(int argc, char **argv)
{
	XXH64_hash_t word[WORDS], hash = 0;
	unsigned int count = argc > 1 ? atoi(argv[1]) : 0, i, n;

	for (i = 0; i < WORDS; i++)
		word[i] = (i + 1) * 0x9e3779b97f4a7c15ULL;
	for (n = 0; n < count; n++) {
		word[0] = key_of(0) | (XXH64_hash_t)n << 32;
		word[STRIPE] = key_of(1) | (XXH64_hash_t)(count - n) << 32;
		if (!n)
			hash = XXH3_64bits(word, sizeof(word));
		if (XXH3_64bits(word, sizeof(word)) != hash) {
			fprintf(stderr, "crafted: page %u has another hash\n", n);
			return 1;
		}
		if (fwrite(word, sizeof(word), 1, stdout) != 1)
			return 1;
	}
	return fflush(stdout) ? 1 : 0;
}
