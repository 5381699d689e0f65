// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "key.h"

int sparse_key_init(struct sparse_key *key)
{
	u8 *p = (u8 *)key;
	size_t left = sizeof(*key);
	ssize_t ret;

	while (left) {
		ret = getrandom(p, left, 0);
		if (ret < 0 && errno == EINTR)
			continue;
		if (ret < 0)
			return -errno;
		p += ret;
		left -= ret;
	}
	return 0;
}

/*
 * Pages that count up have hashes at equal distances, some of which would lie side by
 * side in a table.  This one to one function scatters them; it is the last step of
 * MurmurHash3.
 */
static u64 scatter(u64 hash)
{
	hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdULL;
	hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53ULL;
	return hash ^ hash >> 33;
}

u64 sparse_key_hash(const struct sparse_key *key, const void *data, size_t len)
{
	const u64 *a = key->word[0], *b = key->word[1];
	u64 sum_a = key->start[0][0] + (key->start[0][1] + len) * key->start[0][2];
	u64 sum_b = key->start[1][0] + (key->start[1][1] + len) * key->start[1][2];
	const u8 *p = data, *end = p + len;
	u32 word[2];

	for (; p < end; p += sizeof(word), a += 2, b += 2) {
		memcpy(word, p, sizeof(word));
		sum_a += (a[0] + word[0]) * (a[1] + word[1]);
		sum_b += (b[0] + word[0]) * (b[1] + word[1]);
	}
	/* only the upper halves are as random as the key */
	return scatter((sum_a & ~(u64)UINT32_MAX) | sum_b >> 32);
}
