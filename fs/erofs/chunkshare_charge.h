/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __EROFS_CHUNKSHARE_CHARGE_H
#define __EROFS_CHUNKSHARE_CHARGE_H

#include <linux/list_lru.h>
#include <linux/memcontrol.h>
#include <linux/rbtree.h>
#include <linux/srcu.h>
#include "chunkshare.h"

/* whose charge it is */
struct erofs_chunk_payer {
	u64 memcg;		/* see erofs_chunk_memcg_id() */
	int nid;		/* of the node that the pages are on */
};

struct erofs_chunk_charge {
	struct erofs_chunk_group *group;
	struct rb_node of_group;
	struct list_head lru;	/* of the cgroup, on the node */
	struct erofs_chunk_payer payer;
	u64 added;		/* the number of the last folio that was added */
	unsigned long unmapped;	/* when its pages were last unmapped, jiffies */
};

/* unmapped pages that somebody maps again within so many jiffies came back at once */
#define EROFS_CHUNK_AT_ONCE	(HZ / 10)

extern struct list_lru erofs_chunk_lru;		/* of all charges */
extern struct srcu_struct erofs_chunk_srcu;

int erofs_chunk_charges_init(struct shrinker *shrinker);
void erofs_chunk_charges_exit(void);

u64 erofs_chunk_memcg_id(struct mem_cgroup *memcg);
bool erofs_chunk_memcg_pays(struct mem_cgroup *memcg, struct mem_cgroup *charged);

/* under the lock of the group */
struct erofs_chunk_charge *erofs_chunk_find_charge(struct erofs_chunk_group *group,
						   const struct erofs_chunk_payer *payer);
bool erofs_chunk_insert_charge(struct erofs_chunk_charge *charge);
void erofs_chunk_free_charge(struct erofs_chunk_charge *charge);

#endif	/* __EROFS_CHUNKSHARE_CHARGE_H */
