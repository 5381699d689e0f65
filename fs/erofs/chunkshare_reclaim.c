// SPDX-License-Identifier: GPL-2.0-only
/*
 * Giving back pages that are mapped.
 *
 * Reclaim cannot unmap a page of a device's cache (see chunkshare.c), so it is done
 * for it: when memory is short, parts of the files' mappings are unmapped in turn.
 * Zapping a PTE hands its accessed bit to the folio, which is then page cache that
 * nobody maps, with its age known: reclaim takes what was not used, and what was comes
 * back with a fault that needs no I/O.  Private copies stay where they are.
 *
 * The parts are regions, what one page table maps.  A region is known from the first
 * time that its pages were read or mapped until its inode is evicted.  It is on the
 * list of the memory cgroup that read pages of it last, to which they are charged, and
 * so pressure in a cgroup unmaps what the cgroup pays for.  Pages may be charged to one
 * cgroup and mapped by others through their own files: when the regions of a cgroup
 * under pressure are all unmapped, those of all are unmapped in turn.
 *
 * Regions that are locked in memory (mlock) by anybody are left alone.
 */
#include <linux/list_lru.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/rwsem.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include "compat.h"
#include "chunkshare.h"

struct erofs_chunk_region {
	struct inode *inode;
	pgoff_t index;		/* of its first page */
	u64 memcg;		/* id of the cgroup, which no later one gets */
	u8 looks;		/* times that it is to be unmapped, see below */
	struct list_head lru;	/* of its cgroup */
	struct list_head all;
};

/* regions unmapped at a time */
#define EROFS_CHUNK_BATCH	16

/*
 * A fault notes that its region is mapped before its PTE is there.  If the region is
 * unmapped in between, the PTE stays, for the second look to find.
 */
#define EROFS_CHUNK_LOOKS	2

static struct kmem_cache *erofs_chunk_region_cachep;
static struct shrinker *erofs_chunk_shrinker;
static struct list_lru erofs_chunk_lru;
static unsigned int erofs_chunk_reclaim_users;

static LIST_HEAD(erofs_chunk_all);
static DEFINE_SPINLOCK(erofs_chunk_all_lock);

/*
 * Held to read by who unmaps regions, without waiting for it, and to write by who
 * replaces or frees them.  Faults only find regions, look at @memcg and set @looks, under
 * RCU, while one may become another's: such a one is unmapped once more than it has to be,
 * or is replaced.
 */
static DECLARE_RWSEM(erofs_chunk_reclaim_sem);

/* ---- regions ---- */

static void erofs_chunk_note(struct erofs_chunk_region *region)
{
	if (READ_ONCE(region->looks) != EROFS_CHUNK_LOOKS)
		WRITE_ONCE(region->looks, EROFS_CHUNK_LOOKS);
}

/* the regions of an inode; NULL if there is no memory for the first */
static struct xarray *erofs_chunk_regions(struct inode *inode)
{
	struct xarray **where = &EROFS_I(inode)->chunk_regions;
	struct xarray *regions, *old;

	/* pairs with the cmpxchg() of who has set it up */
	regions = smp_load_acquire(where);
	if (regions)
		return regions;
	regions = kmalloc(sizeof(*regions), GFP_KERNEL_ACCOUNT);
	if (!regions)
		return NULL;
	xa_init(regions);
	old = cmpxchg(where, NULL, regions);
	if (!old)
		return regions;
	kfree(regions);
	return old;
}

/**
 * erofs_chunk_region_mapped - note that a page of a region that is known is mapped
 * @inode: of a shared file
 * @index: a page of it
 *
 * Context: does not sleep.
 * Return: false if the region is not known.
 */
bool erofs_chunk_region_mapped(struct inode *inode, pgoff_t index)
{
	struct erofs_chunk_region *region = NULL;
	struct xarray *regions;

	/* pairs with the cmpxchg() of erofs_chunk_regions() */
	regions = smp_load_acquire(&EROFS_I(inode)->chunk_regions);
	rcu_read_lock();
	if (regions)
		region = xa_load(regions, index >> EROFS_CHUNK_REGION_BITS);
	if (region)
		erofs_chunk_note(region);
	rcu_read_unlock();
	return region;
}

static u64 erofs_chunk_memcg(void)
{
	u64 id = 0;

#ifdef CONFIG_MEMCG
	rcu_read_lock();
	if (!mem_cgroup_disabled())
		id = cgroup_id(mem_cgroup_from_task(current)->css.cgroup);
	rcu_read_unlock();
#endif
	return id;
}

/* under erofs_chunk_reclaim_sem */
static void erofs_chunk_remove(struct erofs_chunk_region *region)
{
	list_lru_del_obj(&erofs_chunk_lru, &region->lru);
	spin_lock(&erofs_chunk_all_lock);
	list_del(&region->all);
	spin_unlock(&erofs_chunk_all_lock);
	kmem_cache_free(erofs_chunk_region_cachep, region);
}

/* make a region, in place of the one there, that belongs to the current cgroup */
static int erofs_chunk_region_make(struct inode *inode, struct xarray *regions,
				   unsigned long nr)
{
	struct erofs_chunk_region *region, *old;
	int err;

	/* nothing is allocated with the semaphore held: eviction needs it */
	err = xa_reserve(regions, nr, GFP_KERNEL_ACCOUNT);
	if (err)
		return err;
	region = kmem_cache_alloc_lru(erofs_chunk_region_cachep, &erofs_chunk_lru,
				      GFP_KERNEL);
	if (!region)
		return -ENOMEM;
	region->inode = inode;
	region->index = nr << EROFS_CHUNK_REGION_BITS;
	INIT_LIST_HEAD(&region->lru);
	/* who has found what it was before may be looking */
	WRITE_ONCE(region->memcg, erofs_chunk_memcg());
	WRITE_ONCE(region->looks, EROFS_CHUNK_LOOKS);
	down_write(&erofs_chunk_reclaim_sem);
	old = xa_store(regions, nr, region, GFP_NOWAIT);
	list_lru_add_obj(&erofs_chunk_lru, &region->lru);
	spin_lock(&erofs_chunk_all_lock);
	list_add_tail(&region->all, &erofs_chunk_all);
	spin_unlock(&erofs_chunk_all_lock);
	if (old)
		erofs_chunk_remove(old);
	up_write(&erofs_chunk_reclaim_sem);
	return 0;
}

/**
 * erofs_chunk_region_use - see to it that the region of a page is known
 * @inode: of a shared file
 * @index: the page
 * @read: that it is going to be read, and charged, and not mapped
 *
 * Return: 0 or -ENOMEM.
 */
int erofs_chunk_region_use(struct inode *inode, pgoff_t index, bool read)
{
	const unsigned long nr = index >> EROFS_CHUNK_REGION_BITS;
	struct xarray *regions = erofs_chunk_regions(inode);
	const u64 memcg = erofs_chunk_memcg();
	struct erofs_chunk_region *region;
	bool known;

	if (!regions)
		return -ENOMEM;
	rcu_read_lock();
	region = xa_load(regions, nr);
	known = region && (!read || READ_ONCE(region->memcg) == memcg);
	if (known && !read)
		erofs_chunk_note(region);
	rcu_read_unlock();
	return known ? 0 : erofs_chunk_region_make(inode, regions, nr);
}

/**
 * erofs_chunk_evict_inode - forget the regions of an inode
 * @inode: any inode, which no one uses
 */
void erofs_chunk_evict_inode(struct inode *inode)
{
	struct xarray *regions = EROFS_I(inode)->chunk_regions;
	struct erofs_chunk_region *region;
	unsigned long nr;

	if (!regions)
		return;
	down_write(&erofs_chunk_reclaim_sem);
	xa_for_each(regions, nr, region)
		erofs_chunk_remove(region);
	up_write(&erofs_chunk_reclaim_sem);
	xa_destroy(regions);
	kfree(regions);
	EROFS_I(inode)->chunk_regions = NULL;
}

/* ---- unmapping ---- */

/* has somebody locked a part of [@first, @first + @nr) in memory? */
static bool erofs_chunk_locked(struct address_space *mapping, pgoff_t first,
			       pgoff_t nr)
{
	struct vm_area_struct *vma, *next;
	bool locked = false;

	i_mmap_lock_read(mapping);
	rbtree_postorder_for_each_entry_safe(vma, next, &mapping->i_mmap.rb_root,
					     shared.rb) {
		/* changes without our lock: who locks now may come too late, as for reclaim */
		if ((READ_ONCE(vma->vm_flags) & VM_LOCKED) && vma->vm_pgoff < first + nr &&
		    vma->vm_pgoff + vma_pages(vma) > first) {
			locked = true;
			break;
		}
	}
	i_mmap_unlock_read(mapping);
	return locked;
}

static void erofs_chunk_unmap(struct erofs_chunk_region *region)
{
	struct address_space *mapping = region->inode->i_mapping;

	if (!mapping_mapped(mapping) ||
	    erofs_chunk_locked(mapping, region->index, EROFS_CHUNK_REGION))
		return;
	unmap_mapping_pages(mapping, region->index, EROFS_CHUNK_REGION, false);
	atomic_long_inc(&erofs_chunk_share(region->inode)->unmapped);
}

struct erofs_chunk_batch {
	struct erofs_chunk_region *region[EROFS_CHUNK_BATCH];
	unsigned int nr;
	unsigned int idle;	/* regions seen that were not mapped */
};

static void erofs_chunk_take(struct erofs_chunk_batch *batch,
			     struct erofs_chunk_region *region)
{
	const u8 looks = READ_ONCE(region->looks);

	if (!looks) {
		++batch->idle;
		return;
	}
	WRITE_ONCE(region->looks, looks - 1);
	batch->region[batch->nr++] = region;
}

static DEFINE_LRU_ISOLATE(erofs_chunk_isolate, item, arg)
{
	erofs_chunk_take(arg, list_entry(item, struct erofs_chunk_region, lru));
	return LRU_ROTATE;
}

/* regions of all cgroups, in turn, at most @nr, until the batch is full */
static void erofs_chunk_take_any(struct erofs_chunk_batch *batch, unsigned long nr)
{
	struct erofs_chunk_region *region;

	spin_lock(&erofs_chunk_all_lock);
	while (nr-- && batch->nr < EROFS_CHUNK_BATCH) {
		region = list_first_entry_or_null(&erofs_chunk_all,
						  struct erofs_chunk_region, all);
		if (!region)
			break;
		list_move_tail(&region->all, &erofs_chunk_all);
		erofs_chunk_take(batch, region);
	}
	spin_unlock(&erofs_chunk_all_lock);
}

/* what is counted are pages, as many as the regions may have */
static unsigned long erofs_chunk_count(struct shrinker *shrinker,
				       struct shrink_control *sc)
{
	unsigned long nr = list_lru_shrink_count(&erofs_chunk_lru, sc);

	return nr ? nr << EROFS_CHUNK_REGION_BITS : SHRINK_EMPTY;
}

static unsigned long erofs_chunk_scan(struct shrinker *shrinker,
				      struct shrink_control *sc)
{
	unsigned long nr = DIV_ROUND_UP(sc->nr_to_scan, EROFS_CHUNK_REGION);
	struct erofs_chunk_batch batch = {};
	unsigned int i;

	if (!down_read_trylock(&erofs_chunk_reclaim_sem))
		return SHRINK_STOP;
	nr = min_t(unsigned long, nr, EROFS_CHUNK_BATCH);
	sc->nr_to_scan = nr;
	list_lru_shrink_walk(&erofs_chunk_lru, sc, erofs_chunk_isolate, &batch);
	if (!batch.nr && batch.idle)
		erofs_chunk_take_any(&batch, EROFS_CHUNK_BATCH);
	for (i = 0; i < batch.nr; ++i)
		erofs_chunk_unmap(batch.region[i]);
	up_read(&erofs_chunk_reclaim_sem);
	sc->nr_scanned = nr << EROFS_CHUNK_REGION_BITS;
	return batch.nr << EROFS_CHUNK_REGION_BITS;
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
	kmem_cache_destroy(erofs_chunk_region_cachep);
}

/**
 * erofs_chunk_reclaim_get - one mount more; callers are serialized
 *
 * Return: 0 or -ENOMEM.
 */
int erofs_chunk_reclaim_get(void)
{
	if (erofs_chunk_reclaim_users++)
		return 0;
	erofs_chunk_region_cachep = KMEM_CACHE(erofs_chunk_region,
					       SLAB_ACCOUNT | SLAB_TYPESAFE_BY_RCU);
	if (!erofs_chunk_region_cachep)
		goto err;
	erofs_chunk_shrinker = shrinker_alloc(SHRINKER_NUMA_AWARE | SHRINKER_MEMCG_AWARE,
					      "erofs-chunks");
	if (!erofs_chunk_shrinker)
		goto err_cache;
	if (list_lru_init_memcg(&erofs_chunk_lru, erofs_chunk_shrinker))
		goto err_shrinker;
	erofs_chunk_shrinker->count_objects = erofs_chunk_count;
	erofs_chunk_shrinker->scan_objects = erofs_chunk_scan;
	erofs_chunk_shrinker->batch = EROFS_CHUNK_REGION;
	shrinker_register(erofs_chunk_shrinker);
	return 0;

err_shrinker:
	shrinker_free(erofs_chunk_shrinker);
err_cache:
	kmem_cache_destroy(erofs_chunk_region_cachep);
err:
	--erofs_chunk_reclaim_users;
	return -ENOMEM;
}
