// SPDX-License-Identifier: GPL-2.0-only
/*
 * Giving back pages that are mapped.
 *
 * Reclaim cannot unmap a page of a device's cache (see chunkshare.c), so it is done
 * for it: when memory is short, pages are unmapped first.  Zapping a PTE hands its accessed
 * bit to the folio, which is then page cache that nobody maps, with its age known: reclaim
 * takes what was not used, and what was comes back with a fault that needs no I/O.
 * Private copies stay where they are.
 *
 * Who is charged for a page gets it back, whoever maps it, and nobody else loses one for
 * that.  A memory cgroup that is charged for pages of a group (chunkshare_rmap.c) has a
 * charge for it, one for each node that pages are on, from when the first was added to the
 * cache.  It is on the cgroup's list of the node, and is its memory, too.  If the cgroup or
 * the node is short of memory, those pages of the group are unmapped that are charged to the
 * cgroup, by what their folios say, in all files.  When none is cached, the charge goes.
 *
 * The charges of a cgroup that is removed go to its parent with the list, and so do the
 * pages that are charged to it.
 *
 * Others may map pages anew before reclaim gets to them, many by one fault.  So what is
 * found mapped again so soon is dropped at once, and who wants it pays for it.
 */
#include <linux/list_lru.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/rbtree.h>
#include <linux/sched/mm.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/srcu.h>
#include "compat.h"
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

/* groups that are looked at in one go */
#define EROFS_CHUNK_BATCH	16

/* unmapped pages that somebody maps again within so many jiffies came back at once */
#define EROFS_CHUNK_AT_ONCE	(HZ / 10)

static struct kmem_cache *erofs_chunk_charge_cachep;
static struct shrinker *erofs_chunk_shrinker;
static struct list_lru erofs_chunk_lru;
static unsigned int erofs_chunk_reclaim_users;

/* held by who looks at a group that a list has led to; whose cache goes waits for it */
DEFINE_STATIC_SRCU(erofs_chunk_srcu);

/* ---- charges ---- */

#ifdef CONFIG_MEMCG
/* a number that no other has, not even one of the same cgroup, which can have several in turn */
static u64 erofs_chunk_memcg_id(struct mem_cgroup *memcg)
{
	return memcg ? memcg->css.serial_nr + 1 : 0;
}

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

/*
 * Does a list of @memcg lead to folios that are charged to @charged?  To itself, or to a
 * cgroup below it that was removed.
 */
static bool erofs_chunk_memcg_pays(struct mem_cgroup *memcg, struct mem_cgroup *charged)
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
static u64 erofs_chunk_memcg_id(struct mem_cgroup *memcg)
{
	return 0;
}

static struct mem_cgroup *erofs_chunk_memcg_get(struct folio *folio)
{
	return NULL;
}

static bool erofs_chunk_memcg_pays(struct mem_cgroup *memcg, struct mem_cgroup *charged)
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

/* the functions from here to the next remark are called under the lock of the group */
static struct erofs_chunk_charge *erofs_chunk_find_charge(struct erofs_chunk_group *group,
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

/* false if there is one of the same payer, which has the folio then */
static bool erofs_chunk_insert_charge(struct erofs_chunk_charge *charge)
{
	struct erofs_chunk_group *group = charge->group;

	charge->added = ++group->added;
	if (!rb_find_add(&charge->of_group, &group->charges, erofs_chunk_cmp_nodes))
		return true;
	erofs_chunk_count_folio(group, &charge->payer);
	return false;
}

static void erofs_chunk_free_charge(struct erofs_chunk_charge *charge)
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

/* ---- reclaim ---- */

/* a charge that was found, if it is there still: it may be gone */
struct erofs_chunk_found {
	struct erofs_chunk_group *group;
	struct erofs_chunk_charge *charge;
	struct erofs_chunk_payer payer;
	u64 added;	/* what it had when it began to be looked at */
};

struct erofs_chunk_batch {
	struct erofs_chunk_found found[EROFS_CHUNK_BATCH];
	unsigned int nr;
};

static DEFINE_LRU_ISOLATE(erofs_chunk_isolate, item, arg)
{
	struct erofs_chunk_charge *charge = list_entry(item, struct erofs_chunk_charge, lru);
	struct erofs_chunk_batch *batch = arg;

	batch->found[batch->nr++] = (struct erofs_chunk_found) {
		.group = charge->group,
		.charge = charge,
		/* if somebody changes it now, it is looked at another time */
		.payer = charge->payer,
	};
	return LRU_ROTATE;
}

/*
 * May what a list of @memcg has led to be looked at for it?  From when it is being removed
 * on, its list may be that of its parent, or of another that has its number now.
 */
static bool erofs_chunk_may_look(struct mem_cgroup *memcg)
{
#ifdef CONFIG_MEMCG
	return !memcg || !css_is_dying(&memcg->css);
#else
	return true;
#endif
}

/* is what was found there still?  Under the lock of the group. */
static bool erofs_chunk_there(const struct erofs_chunk_found *found)
{
	return erofs_chunk_find_charge(found->group, &found->payer) == found->charge;
}

/* a charge that came with the list of a cgroup that was removed is one of @memcg now */
static bool erofs_chunk_inherit(struct erofs_chunk_found *found, struct mem_cgroup *memcg)
{
	struct erofs_chunk_charge *charge = found->charge;
	const u64 id = erofs_chunk_memcg_id(memcg);

	if (charge->payer.memcg == id)
		return true;
	rb_erase(&charge->of_group, &found->group->charges);
	charge->payer.memcg = id;
	found->payer.memcg = id;
	if (erofs_chunk_insert_charge(charge))
		return true;
	erofs_chunk_free_charge(charge);
	return false;
}

/* begin to look at a charge of @memcg; false if it is not there, or none to be looked at */
static bool erofs_chunk_begin(struct erofs_chunk_found *found, struct mem_cgroup *memcg)
{
	bool there;

	spin_lock(&found->group->lock);
	there = erofs_chunk_may_look(memcg) && erofs_chunk_there(found) &&
		erofs_chunk_inherit(found, memcg);
	if (there)
		found->added = found->charge->added;
	spin_unlock(&found->group->lock);
	return there;
}

/* nothing was cached for it: a charge goes if no folio was added since it is looked at */
static void erofs_chunk_end(const struct erofs_chunk_found *found, struct mem_cgroup *memcg)
{
	struct erofs_chunk_group *group = found->group;

	spin_lock(&group->lock);
	if (erofs_chunk_may_look(memcg) && erofs_chunk_there(found) &&
	    found->charge->added == found->added) {
		rb_erase(&found->charge->of_group, &group->charges);
		erofs_chunk_free_charge(found->charge);
	}
	spin_unlock(&group->lock);
}

/* had pages that were unmapped for this charge come back at once?  They are unmapped anew. */
static bool erofs_chunk_came_back(const struct erofs_chunk_found *found)
{
	bool at_once = false;

	spin_lock(&found->group->lock);
	if (erofs_chunk_there(found)) {
		at_once = time_before(jiffies, found->charge->unmapped + EROFS_CHUNK_AT_ONCE);
		found->charge->unmapped = jiffies;
	}
	spin_unlock(&found->group->lock);
	return at_once;
}

/* pages of a group that are mapped and charged to @memcg; false if none is cached that is */
static bool erofs_chunk_mapped(const struct erofs_chunk_group *group,
			       struct mem_cgroup *memcg, unsigned long *pages)
{
	struct address_space *mapping = group->cache->file->f_mapping;
	pgoff_t index = group->first, last = index + EROFS_CHUNK_REGION - 1;
	struct folio_batch fbatch;
	bool cached = false;
	unsigned int i;

	bitmap_zero(pages, EROFS_CHUNK_REGION);
	folio_batch_init(&fbatch);
	while (filemap_get_folios(mapping, &index, last, &fbatch)) {
		rcu_read_lock();
		for (i = 0; i < folio_batch_count(&fbatch); ++i) {
			struct folio *folio = fbatch.folios[i];
			struct mem_cgroup *charged = folio_memcg(folio);

			/* for a moment nobody is charged for one that is migrated */
			cached |= !charged;
			if (!erofs_chunk_memcg_pays(memcg, charged))
				continue;
			cached = true;
			/* of a large one that has failed in part all would be freed */
			if (folio_contain_hwpoisoned_page(folio))
				continue;
			/* folios are smaller than groups */
			if (folio_mapped(folio))
				bitmap_set(pages, folio->index - group->first,
					   folio_nr_pages(folio));
		}
		rcu_read_unlock();
		folio_batch_release(&fbatch);
		cond_resched();
	}
	return cached;
}

static void erofs_chunk_drop(struct erofs_chunk_group *group, const unsigned long *pages)
{
	struct address_space *mapping = group->cache->file->f_mapping;
	unsigned int start, end;

	for_each_set_bitrange(start, end, pages, EROFS_CHUNK_REGION)
		invalidate_mapping_pages(mapping, group->first + start, group->first + end - 1);
}

/* returns how many pages were to be unmapped */
static unsigned long erofs_chunk_reclaim(struct erofs_chunk_found *found,
					 struct mem_cgroup *memcg)
{
	DECLARE_BITMAP(pages, EROFS_CHUNK_REGION);
	DECLARE_BITMAP(left, EROFS_CHUNK_REGION);

	if (!erofs_chunk_begin(found, memcg))
		return 0;
	if (!erofs_chunk_mapped(found->group, memcg, pages))
		erofs_chunk_end(found, memcg);
	if (bitmap_empty(pages, EROFS_CHUNK_REGION))
		return 0;
	erofs_chunk_unmap(found->group, pages, true);
	erofs_chunk_mapped(found->group, memcg, left);
	if (!bitmap_empty(left, EROFS_CHUNK_REGION))
		erofs_chunk_unmap(found->group, left, false);
	if (erofs_chunk_came_back(found))
		erofs_chunk_drop(found->group, pages);
	return bitmap_weight(pages, EROFS_CHUNK_REGION);
}

/* what is counted are pages, as many as the groups may have */
static unsigned long erofs_chunk_count(struct shrinker *shrinker,
				       struct shrink_control *sc)
{
	unsigned long nr = list_lru_shrink_count(&erofs_chunk_lru, sc);

	return nr ? nr << EROFS_CHUNK_REGION_BITS : SHRINK_EMPTY;
}

static unsigned long erofs_chunk_scan(struct shrinker *shrinker,
				      struct shrink_control *sc)
{
	unsigned long nr = DIV_ROUND_UP(sc->nr_to_scan, EROFS_CHUNK_REGION), pages = 0;
	struct erofs_chunk_batch batch = {};
	unsigned int i;
	int idx;

	nr = min_t(unsigned long, nr, EROFS_CHUNK_BATCH);
	idx = srcu_read_lock(&erofs_chunk_srcu);
	sc->nr_to_scan = nr;
	list_lru_shrink_walk(&erofs_chunk_lru, sc, erofs_chunk_isolate, &batch);
	for (i = 0; i < batch.nr; ++i)
		pages += erofs_chunk_reclaim(&batch.found[i], sc->memcg);
	srcu_read_unlock(&erofs_chunk_srcu, idx);
	sc->nr_scanned = nr << EROFS_CHUNK_REGION_BITS;
	return pages;
}

/* ---- set-up ---- */

/**
 * erofs_chunk_reclaim_put - one mount less; callers are serialized
 */
void erofs_chunk_reclaim_put(void)
{
	if (--erofs_chunk_reclaim_users)
		return;
	shrinker_free(erofs_chunk_shrinker);
	list_lru_destroy(&erofs_chunk_lru);
	kmem_cache_destroy(erofs_chunk_charge_cachep);
}

/**
 * erofs_chunk_reclaim_get - one mount more; callers are serialized
 *
 * Return: 0; -EOPNOTSUPP if cgroups are charged for pages and have no shrinkers
 * (cgroup.memory=nokmem); or -ENOMEM.
 */
int erofs_chunk_reclaim_get(void)
{
	int err = -ENOMEM;

	if (erofs_chunk_reclaim_users++)
		return 0;
	erofs_chunk_charge_cachep = KMEM_CACHE(erofs_chunk_charge, SLAB_ACCOUNT);
	if (!erofs_chunk_charge_cachep)
		goto err;
	erofs_chunk_shrinker = shrinker_alloc(SHRINKER_NUMA_AWARE | SHRINKER_MEMCG_AWARE,
					      "erofs-chunks");
	if (!erofs_chunk_shrinker)
		goto err_cache;
	if (list_lru_init_memcg(&erofs_chunk_lru, erofs_chunk_shrinker))
		goto err_shrinker;
	if (erofs_chunk_no_lists()) {
		err = -EOPNOTSUPP;
		goto err_lru;
	}
	erofs_chunk_shrinker->count_objects = erofs_chunk_count;
	erofs_chunk_shrinker->scan_objects = erofs_chunk_scan;
	erofs_chunk_shrinker->batch = EROFS_CHUNK_REGION;
	shrinker_register(erofs_chunk_shrinker);
	return 0;

err_lru:
	list_lru_destroy(&erofs_chunk_lru);
err_shrinker:
	shrinker_free(erofs_chunk_shrinker);
err_cache:
	kmem_cache_destroy(erofs_chunk_charge_cachep);
err:
	--erofs_chunk_reclaim_users;
	return err;
}
