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
 * If a cgroup or a node is short of memory, it is by the charges of the cgroup on the node
 * (chunkshare_charge.c) that groups of pages are looked at.  Those pages of a group are
 * unmapped that are charged to the cgroup, by what their folios say, in all files.
 *
 * Others may map pages anew before reclaim gets to them, many by one fault.  So what is
 * found mapped again so soon is dropped at once, and who wants it pays for it.
 */
#include <linux/mm.h>
#include <linux/shrinker.h>
#include "compat.h"
#include "chunkshare_charge.h"

/* groups that are looked at in one go */
#define EROFS_CHUNK_BATCH	16

static struct shrinker *erofs_chunk_shrinker;
static unsigned int erofs_chunk_reclaim_users;

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
	erofs_chunk_charges_exit();
}

/**
 * erofs_chunk_reclaim_get - one mount more; callers are serialized
 *
 * Return: as of erofs_chunk_charges_init().
 */
int erofs_chunk_reclaim_get(void)
{
	int err = -ENOMEM;

	if (erofs_chunk_reclaim_users++)
		return 0;
	erofs_chunk_shrinker = shrinker_alloc(SHRINKER_NUMA_AWARE | SHRINKER_MEMCG_AWARE,
					      "erofs-chunks");
	if (erofs_chunk_shrinker)
		err = erofs_chunk_charges_init(erofs_chunk_shrinker);
	if (err) {
		if (erofs_chunk_shrinker)
			shrinker_free(erofs_chunk_shrinker);
		--erofs_chunk_reclaim_users;
		return err;
	}
	erofs_chunk_shrinker->count_objects = erofs_chunk_count;
	erofs_chunk_shrinker->scan_objects = erofs_chunk_scan;
	erofs_chunk_shrinker->batch = EROFS_CHUNK_REGION;
	shrinker_register(erofs_chunk_shrinker);
	return 0;
}
