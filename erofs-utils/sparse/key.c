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

struct sparse_id sparse_key_hash(const struct sparse_key *key, const void *data,
				 size_t len)
{
	const u64 *a = key->word[0], *b = key->word[1];
	const u64 *c = key->word[2], *d = key->word[3];
	const u8 *p = data, *end = p + len;
	u64 sum[SPARSE_ID_WORDS];
	struct sparse_id id;
	unsigned int i;
	u32 word[2];

	for (i = 0; i < SPARSE_ID_WORDS; i++)
		sum[i] = key->start[i][0] + (key->start[i][1] + len) * key->start[i][2];
	for (i = 0; p < end; p += sizeof(word), i += 2) {
		memcpy(word, p, sizeof(word));
		sum[0] += (a[i] + word[0]) * (a[i + 1] + word[1]);
		sum[1] += (b[i] + word[0]) * (b[i + 1] + word[1]);
		sum[2] += (c[i] + word[0]) * (c[i + 1] + word[1]);
		sum[3] += (d[i] + word[0]) * (d[i + 1] + word[1]);
	}
	/* only the upper halves are as random as the key */
	for (i = 0; i < SPARSE_ID_WORDS; i++)
		id.word[i] = sum[i] >> 32;
	return id;
}
