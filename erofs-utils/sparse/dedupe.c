// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#include <errno.h>
#include <stdlib.h>

#include "dedupe.h"

#define FIRST_SLOTS	4096

int sparse_dedupe_init(struct sparse_dedupe *dedupe)
{
	*dedupe = (struct sparse_dedupe) { .mask = FIRST_SLOTS - 1 };
	dedupe->slot = calloc(FIRST_SLOTS, sizeof(*dedupe->slot));
	return dedupe->slot ? 0 : -ENOMEM;
}

void sparse_dedupe_exit(struct sparse_dedupe *dedupe)
{
	free(dedupe->slot);
	free(dedupe->addr);
	free(dedupe->hash);
	*dedupe = (struct sparse_dedupe) { 0 };
}

int sparse_dedupe_find(const struct sparse_dedupe *dedupe, u64 hash,
		       sparse_dedupe_equal equal, void *arg, u32 *addr)
{
	u64 i = hash;
	u32 slot;
	int ret;

	for (; (slot = dedupe->slot[i & dedupe->mask]); i++) {
		if (dedupe->hash[slot - 1] != hash)
			continue;
		*addr = dedupe->addr[slot - 1];
		ret = equal(arg, *addr);
		if (ret)
			return ret;
	}
	return 0;
}

static void insert(struct sparse_dedupe *dedupe, u32 index)
{
	u64 i = dedupe->hash[index];

	while (dedupe->slot[i & dedupe->mask])
		i++;
	dedupe->slot[i & dedupe->mask] = index + 1;
}

/* the hashes are enough to build the table anew: there are never two of them */
static int grow_slots(struct sparse_dedupe *dedupe)
{
	u64 slots = (dedupe->mask + 1) * 2;
	u32 i;

	free(dedupe->slot);
	dedupe->slot = calloc(slots, sizeof(*dedupe->slot));
	if (!dedupe->slot)
		return -ENOMEM;
	dedupe->mask = slots - 1;
	for (i = 0; i < dedupe->count; i++)
		insert(dedupe, i);
	return 0;
}

/* a large realloc() moves page tables, not pages: half as much again is cheap */
u32 sparse_dedupe_more_room(u32 room)
{
	u64 more = (u64)room + room / 2 + FIRST_SLOTS;

	return more < SPARSE_DEDUPE_MAX ? more : SPARSE_DEDUPE_MAX;
}

static int grow_arrays(struct sparse_dedupe *dedupe)
{
	u64 room = sparse_dedupe_more_room(dedupe->room);
	u64 *hash;
	u32 *addr;

	hash = realloc(dedupe->hash, room * sizeof(*hash));
	if (!hash)
		return -ENOMEM;
	dedupe->hash = hash;
	addr = realloc(dedupe->addr, room * sizeof(*addr));
	if (!addr)
		return -ENOMEM;
	dedupe->addr = addr;
	dedupe->room = room;
	return 0;
}

int sparse_dedupe_add(struct sparse_dedupe *dedupe, u64 hash, u32 addr)
{
	int err;

	if (dedupe->count == SPARSE_DEDUPE_MAX)
		return -EFBIG;
	if (dedupe->count == dedupe->room) {
		err = grow_arrays(dedupe);
		if (err)
			return err;
	}
	/* at three quarters a fruitless search looks at 8.5 slots on average */
	if (dedupe->count >= (dedupe->mask + 1) / 4 * 3) {
		err = grow_slots(dedupe);
		if (err)
			return err;
	}
	dedupe->hash[dedupe->count] = hash;
	dedupe->addr[dedupe->count] = addr;
	insert(dedupe, dedupe->count++);
	return 0;
}
