// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dedupe.h"

#define FIRST_ROOM	4096

/* so many buckets before it is divided, the processor gets what is in it */
#define AHEAD		16

int sparse_dedupe_init(struct sparse_dedupe *dedupe)
{
	*dedupe = (struct sparse_dedupe) {
		.buckets = 1, .bucket_room = FIRST_ROOM,
	};
	dedupe->bucket = calloc(FIRST_ROOM, sizeof(*dedupe->bucket));
	return dedupe->bucket ? 0 : -ENOMEM;
}

void sparse_dedupe_exit(struct sparse_dedupe *dedupe)
{
	free(dedupe->bucket);
	free(dedupe->stored);
	*dedupe = (struct sparse_dedupe) { 0 };
}

static u64 bucket_of(const struct sparse_dedupe *dedupe, const struct sparse_id *id)
{
	u64 bucket = id->word[0] & dedupe->mask;

	return bucket < dedupe->buckets ? bucket : bucket & (dedupe->mask >> 1);
}

void sparse_dedupe_prefetch(const struct sparse_dedupe *dedupe,
			    const struct sparse_id *id)
{
	__builtin_prefetch(&dedupe->bucket[bucket_of(dedupe, id)]);
}

bool sparse_dedupe_find(const struct sparse_dedupe *dedupe,
			const struct sparse_id *id, u32 *index)
{
	u32 next = dedupe->bucket[bucket_of(dedupe, id)];
	const struct sparse_stored *stored;

	for (; next; next = stored->next) {
		stored = &dedupe->stored[next - 1];
		if (memcmp(&stored->id, id, sizeof(*id)))
			continue;
		*index = next - 1;
		return true;
	}
	return false;
}

/* a large realloc() moves page tables, not pages: half as much again is cheap */
static void *make_room(void *array, u64 *room, u64 least, size_t size)
{
	u64 more = least + least / 2 + FIRST_ROOM;

	array = realloc(array, more * size);
	if (array)
		*room = more;
	return array;
}

/* one more bucket takes its share of the chunks of the one that had it so far */
static int add_bucket(struct sparse_dedupe *dedupe)
{
	u64 number = dedupe->buckets;
	struct sparse_stored *stored;
	u32 *bucket, *from, *to, next;

	if (number == dedupe->bucket_room) {
		bucket = make_room(dedupe->bucket, &dedupe->bucket_room, number,
				   sizeof(*bucket));
		if (!bucket)
			return -ENOMEM;
		dedupe->bucket = bucket;
	}
	if (number > dedupe->mask)
		dedupe->mask = 2 * dedupe->mask + 1;
	dedupe->buckets++;
	from = &dedupe->bucket[number & (dedupe->mask >> 1)];
	to = &dedupe->bucket[number];
	*to = 0;
	while ((next = *from)) {
		stored = &dedupe->stored[next - 1];
		if (bucket_of(dedupe, &stored->id) != number) {
			from = &stored->next;
			continue;
		}
		*from = stored->next;
		stored->next = *to;
		*to = next;
	}
	next = dedupe->bucket[(number + AHEAD) & (dedupe->mask >> 1)];
	if (next)
		__builtin_prefetch(&dedupe->stored[next - 1]);
	return 0;
}

int sparse_dedupe_add(struct sparse_dedupe *dedupe, const struct sparse_id *id,
		      u32 index)
{
	struct sparse_stored *stored;
	u32 *bucket;

	if (index >= dedupe->room) {
		stored = make_room(dedupe->stored, &dedupe->room, index,
				   sizeof(*stored));
		if (!stored)
			return -ENOMEM;
		dedupe->stored = stored;
	}
	bucket = &dedupe->bucket[bucket_of(dedupe, id)];
	dedupe->stored[index] = (struct sparse_stored) { *id, *bucket };
	*bucket = index + 1;
	return add_bucket(dedupe);
}
