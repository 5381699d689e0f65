// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who pays for the pages of a device's cache.
 *
 * Who is charged for a page gets it back, whoever maps it, and nobody else loses one for
 * that.  A memory cgroup that is charged for pages of a group (chunkshare_rmap.c) has a
 * charge for it, one for each node that pages are on, from when the first was added to the
 * cache.  It is on the cgroup's list of the node, and is its memory, too.  What is done
 * with it says chunkshare_reclaim.c.  When none of the pages is cached, the charge goes.
 *
 * The charges of a cgroup that is removed go to its parent with the list, and so do the
 * pages that are charged to it.
 */
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include "compat.h"
#include "chunkshare_charge.h"

static struct kmem_cache *erofs_chunk_charge_cachep;
struct list_lru erofs_chunk_lru;

/* held by who looks at a group that a list has led to; whose cache goes waits for it */
DEFINE_SRCU(erofs_chunk_srcu);

/**
 * erofs_chunk_memcg_id - what a cgroup is known by
 * @memcg: the cgroup, or NULL
 *
 * Return: a number that no other has, not even one that has its ID later.
 */
u64 erofs_chunk_memcg_id(struct mem_cgroup *memcg)
{
#ifdef CONFIG_MEMCG
	if (memcg)
		return memcg->css.serial_nr + 1;
#endif
	return 0;
}

#ifdef CONFIG_MEMCG
/* the cgroup that is charged for a folio, with a reference, or NULL */
static struct mem_cgroup *erofs_chunk_memcg_get(struct folio *folio)
{
	struct mem_cgroup *memcg;

	if (mem_cgroup_disabled())
		return NULL;
	rcu_read_lock();
	/* of one that is about to be freed its parent has the folio by now */
	do
		memcg = folio_memcg(folio);
	while (memcg && !css_tryget(&memcg->css));
	rcu_read_unlock();
	return memcg;
}

/**
 * erofs_chunk_memcg_pays - does the list of a cgroup lead to the folios of another?
 * @memcg: whose list it is
 * @charged: who is charged for a folio, or NULL
 *
 * Return: true if @charged is @memcg, or a cgroup below it that was removed.
 */
bool erofs_chunk_memcg_pays(struct mem_cgroup *memcg, struct mem_cgroup *charged)
{
	if (!memcg || charged == memcg)
		return true;
	if (!charged)
		return !parent_mem_cgroup(memcg);
	return css_is_dying(&charged->css) && mem_cgroup_is_descendant(charged, memcg);
}

/* are cgroups charged, and do their lists lead nowhere? */
static bool erofs_chunk_no_lists(void)
{
	return !mem_cgroup_disabled() && !erofs_chunk_lru.memcg_aware;
}
#else
static struct mem_cgroup *erofs_chunk_memcg_get(struct folio *folio)
{
	return NULL;
}

bool erofs_chunk_memcg_pays(struct mem_cgroup *memcg, struct mem_cgroup *charged)
{
	return true;
}

static bool erofs_chunk_no_lists(void)
{
	return false;
}
#endif

/* an object that list_lru_add_obj() puts onto the list of @memcg and @nid, or of another node */
static struct erofs_chunk_charge *erofs_chunk_alloc_charge(struct mem_cgroup *memcg, int nid,
							   gfp_t gfp)
{
	struct mem_cgroup *old = set_active_memcg(memcg);
	struct erofs_chunk_charge *charge, *there;

	/* makes the lists of the cgroup as well */
	charge = kmem_cache_alloc_lru(erofs_chunk_charge_cachep, &erofs_chunk_lru, gfp);
	if (charge && page_to_nid(virt_to_page(charge)) != nid) {
		/* with memory that is elsewhere it would be looked for there */
		there = kmem_cache_alloc_node(erofs_chunk_charge_cachep, gfp, nid);
		if (there) {
			kmem_cache_free(erofs_chunk_charge_cachep, charge);
			charge = there;
		}
	}
	set_active_memcg(old);
	return charge;
}

static int erofs_chunk_cmp(const void *key, const struct rb_node *node)
{
	const struct erofs_chunk_payer *a = key;
	const struct erofs_chunk_payer *b =
		&rb_entry(node, struct erofs_chunk_charge, of_group)->payer;

	if (a->memcg != b->memcg)
		return a->memcg < b->memcg ? -1 : 1;
	return a->nid - b->nid;
}

/* ---- under the lock of the group ---- */

/**
 * erofs_chunk_find_charge - find the charge of a payer
 * @group: the group
 * @payer: the payer
 *
 * Return: the charge or NULL.
 */
struct erofs_chunk_charge *erofs_chunk_find_charge(struct erofs_chunk_group *group,
						   const struct erofs_chunk_payer *payer)
{
	struct rb_node *node = rb_find(payer, &group->charges, erofs_chunk_cmp);

	return node ? rb_entry(node, struct erofs_chunk_charge, of_group) : NULL;
}

/* a folio is added for a payer whose charge is known */
static bool erofs_chunk_count_folio(struct erofs_chunk_group *group,
				    const struct erofs_chunk_payer *payer)
{
	struct erofs_chunk_charge *charge = erofs_chunk_find_charge(group, payer);

	if (charge)
		charge->added = ++group->added;
	return charge;
}

static int erofs_chunk_cmp_nodes(struct rb_node *new, const struct rb_node *node)
{
	return erofs_chunk_cmp(&rb_entry(new, struct erofs_chunk_charge, of_group)->payer, node);
}

/**
 * erofs_chunk_insert_charge - add a charge to its group, with a folio
 * @charge: the charge
 *
 * Return: false if there is one of the same payer, which has the folio then.
 */
bool erofs_chunk_insert_charge(struct erofs_chunk_charge *charge)
{
	struct erofs_chunk_group *group = charge->group;

	charge->added = ++group->added;
	if (!rb_find_add(&charge->of_group, &group->charges, erofs_chunk_cmp_nodes))
		return true;
	erofs_chunk_count_folio(group, &charge->payer);
	return false;
}

/**
 * erofs_chunk_free_charge - free a charge that its group has no more
 * @charge: the charge
 */
void erofs_chunk_free_charge(struct erofs_chunk_charge *charge)
{
	list_lru_del_obj(&erofs_chunk_lru, &charge->lru);
	kmem_cache_free(erofs_chunk_charge_cachep, charge);
}

/* ---- without the lock ---- */

static int erofs_chunk_add_charge(struct erofs_chunk_group *group, struct mem_cgroup *memcg,
				  const struct erofs_chunk_payer *payer, gfp_t gfp)
{
	struct erofs_chunk_charge *charge = erofs_chunk_alloc_charge(memcg, payer->nid, gfp);
	bool added;

	if (!charge)
		return -ENOMEM;
	charge->group = group;
	charge->payer = *payer;
	charge->unmapped = jiffies - EROFS_CHUNK_AT_ONCE;
	INIT_LIST_HEAD(&charge->lru);
	spin_lock(&group->lock);
	added = erofs_chunk_insert_charge(charge);
	if (added)
		list_lru_add_obj(&erofs_chunk_lru, &charge->lru);
	spin_unlock(&group->lock);
	if (!added)
		kmem_cache_free(erofs_chunk_charge_cachep, charge);
	return 0;
}

/**
 * erofs_chunk_charge - see to it that who pays for a folio can have it back
 * @cache: that the folio was added to
 * @folio: the folio, locked
 * @nid: the node that it is on, or is about to be
 * @gfp: how it was allocated
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int erofs_chunk_charge(struct erofs_chunk_cache *cache, struct folio *folio, int nid,
		       gfp_t gfp)
{
	struct erofs_chunk_payer payer = { .nid = nid };
	struct erofs_chunk_group *group;
	struct mem_cgroup *memcg;
	bool known;
	int err = 0;

	gfp |= __GFP_ACCOUNT;
	group = erofs_chunk_get_group(cache, folio->index, gfp);
	if (!group)
		return -ENOMEM;
	memcg = erofs_chunk_memcg_get(folio);
	payer.memcg = erofs_chunk_memcg_id(memcg);
	spin_lock(&group->lock);
	known = erofs_chunk_count_folio(group, &payer);
	spin_unlock(&group->lock);
	if (!known)
		err = erofs_chunk_add_charge(group, memcg, &payer, gfp);
	mem_cgroup_put(memcg);
	return err;
}

/* charges that are taken from a group in one go */
#define EROFS_CHUNK_DROPPED	64

/* move some charges of a group from all lists to @charges; true if there may be more */
static bool erofs_chunk_take_charges(struct erofs_chunk_group *group, struct list_head *charges)
{
	struct rb_node *node = NULL;
	unsigned int i;

	spin_lock(&group->lock);
	for (i = 0; i < EROFS_CHUNK_DROPPED; ++i) {
		struct erofs_chunk_charge *charge;

		node = rb_first(&group->charges);
		if (!node)
			break;
		charge = rb_entry(node, struct erofs_chunk_charge, of_group);
		rb_erase(node, &group->charges);
		list_lru_del_obj(&erofs_chunk_lru, &charge->lru);
		list_add(&charge->lru, charges);
	}
	spin_unlock(&group->lock);
	return node;
}

/**
 * erofs_chunk_drop_groups - free what there is of a cache's groups
 * @cache: a cache of which no file is left
 */
void erofs_chunk_drop_groups(struct erofs_chunk_cache *cache)
{
	struct erofs_chunk_charge *charge, *next;
	struct erofs_chunk_group *group;
	LIST_HEAD(charges);
	unsigned long nr;

	xa_for_each(&cache->groups, nr, group) {
		while (erofs_chunk_take_charges(group, &charges))
			cond_resched();
		cond_resched();
	}
	synchronize_srcu(&erofs_chunk_srcu);
	list_for_each_entry_safe(charge, next, &charges, lru) {
		kmem_cache_free(erofs_chunk_charge_cachep, charge);
		cond_resched();
	}
	xa_for_each(&cache->groups, nr, group) {
		kfree(group);
		cond_resched();
	}
	xa_destroy(&cache->groups);
}

/**
 * erofs_chunk_charges_init - before the first charge
 * @shrinker: that looks at them
 *
 * Return: 0; -EOPNOTSUPP if cgroups are charged for pages and have no shrinkers
 * (cgroup.memory=nokmem); or -ENOMEM.
 */
int erofs_chunk_charges_init(struct shrinker *shrinker)
{
	erofs_chunk_charge_cachep = KMEM_CACHE(erofs_chunk_charge, SLAB_ACCOUNT);
	if (!erofs_chunk_charge_cachep)
		return -ENOMEM;
	if (list_lru_init_memcg(&erofs_chunk_lru, shrinker)) {
		kmem_cache_destroy(erofs_chunk_charge_cachep);
		return -ENOMEM;
	}
	if (erofs_chunk_no_lists()) {
		erofs_chunk_charges_exit();
		return -EOPNOTSUPP;
	}
	return 0;
}

/**
 * erofs_chunk_charges_exit - after the last one, and the shrinker
 */
void erofs_chunk_charges_exit(void)
{
	list_lru_destroy(&erofs_chunk_lru);
	kmem_cache_destroy(erofs_chunk_charge_cachep);
}
