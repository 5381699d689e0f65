// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which parts of files may map pages of a device's cache.
 *
 * The cache of a device consists of groups of pages, and files of regions, each of what
 * one page table maps.  A use says that a region may map pages of a group.  It is made
 * before the first of them is mapped, and stays until the inode is evicted.  So all pages
 * of a group can be unmapped, in whatever files they are, which the core's reverse mapping
 * does not find (see chunkshare.c).
 *
 * Uses of a group that have been asked for since they were unmapped are looked at first: they
 * are few, whatever other files refer to the group.  A fault that is under way may map its
 * page after its use was unmapped.  Such a page is found with the rest.
 *
 * Groups go with the cache, when no file of a mount that has it is left.  Who unmaps holds
 * neither an inode nor its mount: eviction first takes the uses of the inode from their
 * groups, and then waits for those who have found one.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>
#include "compat.h"
#include "chunkshare.h"

/* uses of a group that are unmapped in one go; the others come next time */
#define EROFS_CHUNK_TOUCHED	256
#define EROFS_CHUNK_IDLE	64

struct erofs_chunk_use {
	struct erofs_chunk_group *group;
	struct erofs_chunk_rmap *rmap;	/* of the inode */
	pgoff_t first;			/* page of the region */
	bool touched;			/* which list of the group it is on */
	struct erofs_chunk_use *next;	/* another of this region */
	struct list_head of_group;
};

/* of an inode */
struct erofs_chunk_rmap {
	struct inode *inode;
	struct xarray regions;		/* the first use of each */
	atomic_t unmapping;		/* those who have found one of its uses */
};

/**
 * erofs_chunk_get_group - the group of a page, which is made if need be
 * @cache: of the device
 * @page: of the cache
 * @gfp: how to allocate
 *
 * Return: the group, or NULL if there is no memory for it.
 */
struct erofs_chunk_group *erofs_chunk_get_group(struct erofs_chunk_cache *cache, pgoff_t page,
						gfp_t gfp)
{
	const unsigned long nr = page >> EROFS_CHUNK_REGION_BITS;
	struct erofs_chunk_group *group = xa_load(&cache->groups, nr), *old;

	if (group)
		return group;
	group = kmalloc(sizeof(*group), gfp);
	if (!group)
		return NULL;
	group->cache = cache;
	group->first = nr << EROFS_CHUNK_REGION_BITS;
	spin_lock_init(&group->lock);
	INIT_LIST_HEAD(&group->touched);
	INIT_LIST_HEAD(&group->idle);
	INIT_LIST_HEAD(&group->charges);
	old = xa_cmpxchg(&cache->groups, nr, NULL, group, gfp);
	if (!old)
		return group;
	kfree(group);
	return xa_is_err(old) ? NULL : old;
}

/* of an inode; NULL if there is no memory for the first use */
static struct erofs_chunk_rmap *erofs_chunk_rmap(struct inode *inode, gfp_t gfp)
{
	struct erofs_chunk_rmap **where = &EROFS_I(inode)->chunk_rmap, *rmap, *old;

	/* pairs with the cmpxchg() of who has set it up */
	rmap = smp_load_acquire(where);
	if (rmap)
		return rmap;
	rmap = kmalloc(sizeof(*rmap), gfp);
	if (!rmap)
		return NULL;
	rmap->inode = inode;
	xa_init_flags(&rmap->regions, XA_FLAGS_ACCOUNT);
	atomic_set(&rmap->unmapping, 0);
	old = cmpxchg(where, NULL, rmap);
	if (!old)
		return rmap;
	kfree(rmap);
	return old;
}

/* the use of a page, in a list that others may add to, or NULL */
static struct erofs_chunk_use *erofs_chunk_find_use(struct erofs_chunk_use *use,
						    struct erofs_chunk_cache *cache,
						    pgoff_t page)
{
	const pgoff_t first = round_down(page, EROFS_CHUNK_REGION);

	for (; use; use = use->next)
		if (use->group->first == first && use->group->cache == cache)
			return use;
	return NULL;
}

static void erofs_chunk_touch(struct erofs_chunk_use *use)
{
	struct erofs_chunk_group *group = use->group;

	if (READ_ONCE(use->touched))
		return;
	spin_lock(&group->lock);
	WRITE_ONCE(use->touched, true);
	list_move_tail(&use->of_group, &group->touched);
	spin_unlock(&group->lock);
}

/* add a use, unless somebody else has; the slot of the region is there */
static bool erofs_chunk_add_use(struct erofs_chunk_rmap *rmap, struct erofs_chunk_use *use)
{
	const unsigned long nr = use->first >> EROFS_CHUNK_REGION_BITS;
	struct erofs_chunk_group *group = use->group;
	bool known;

	/* the group has it before anybody maps a page because it is there */
	xa_lock(&rmap->regions);
	use->next = xa_load(&rmap->regions, nr);
	known = erofs_chunk_find_use(use->next, group->cache, group->first);
	if (!known) {
		spin_lock(&group->lock);
		list_add_tail(&use->of_group, &group->touched);
		spin_unlock(&group->lock);
		__xa_store(&rmap->regions, nr, use, 0);
	}
	xa_unlock(&rmap->regions);
	return !known;
}

static int erofs_chunk_make_use(struct inode *inode, pgoff_t index,
				const struct erofs_chunk_run *run, gfp_t gfp)
{
	struct erofs_chunk_rmap *rmap = erofs_chunk_rmap(inode, gfp);
	struct erofs_chunk_use *use;

	if (!rmap || xa_reserve(&rmap->regions, index >> EROFS_CHUNK_REGION_BITS, gfp))
		return -ENOMEM;
	use = kmalloc(sizeof(*use), gfp);
	if (!use)
		return -ENOMEM;
	use->rmap = rmap;
	use->touched = true;
	use->first = round_down(index, EROFS_CHUNK_REGION);
	use->group = erofs_chunk_get_group(run->cache, run->page, gfp);
	if (!use->group) {
		kfree(use);
		return -ENOMEM;
	}
	if (!erofs_chunk_add_use(rmap, use))
		kfree(use);
	return 0;
}

/**
 * erofs_chunk_use - see to it that a page of a file can be unmapped once it is mapped
 * @inode: of the file
 * @index: its page
 * @run: where that is
 * @gfp: how to allocate
 *
 * This holds for all pages of the same region and the same group.
 *
 * Context: does not sleep unless @gfp says so.
 * Return: 0; -ENOMEM; or -ENOENT if it may not sleep, and nothing is cached of @run.
 */
int erofs_chunk_use(struct inode *inode, pgoff_t index, const struct erofs_chunk_run *run,
		    gfp_t gfp)
{
	const loff_t pos = (loff_t)run->page << PAGE_SHIFT;
	struct erofs_chunk_use *use = NULL;
	struct erofs_chunk_rmap *rmap;

	/* pairs with the cmpxchg() of erofs_chunk_rmap() */
	rmap = smp_load_acquire(&EROFS_I(inode)->chunk_rmap);
	if (rmap)
		/* uses do not go as long as the file is there */
		use = erofs_chunk_find_use(xa_load(&rmap->regions,
						   index >> EROFS_CHUNK_REGION_BITS),
					   run->cache, run->page);
	if (use) {
		erofs_chunk_touch(use);
		return 0;
	}
	if (!gfpflags_allow_blocking(gfp) &&
	    !filemap_range_has_page(erofs_chunk_mapping(run), pos,
				    pos + ((loff_t)run->nr << PAGE_SHIFT) - 1))
		return -ENOENT;
	return erofs_chunk_make_use(inode, index, run, gfp);
}

/**
 * erofs_chunk_evict_inode - forget what an inode may map
 * @inode: any inode, which no one uses
 */
void erofs_chunk_evict_inode(struct inode *inode)
{
	struct erofs_chunk_rmap *rmap = EROFS_I(inode)->chunk_rmap;
	struct erofs_chunk_use *use, *next;
	unsigned long nr;

	if (!rmap)
		return;
	xa_for_each(&rmap->regions, nr, use) {
		for (; use; use = next) {
			next = use->next;
			spin_lock(&use->group->lock);
			list_del(&use->of_group);
			spin_unlock(&use->group->lock);
			kfree(use);
		}
		cond_resched();
	}
	xa_destroy(&rmap->regions);
	wait_var_event(&rmap->unmapping, !atomic_read(&rmap->unmapping));
	kfree(rmap);
	EROFS_I(inode)->chunk_rmap = NULL;
}

/* ---- unmapping ---- */

/* of the pages from @first on: those that are in @pages of a group, or may be */
static void erofs_chunk_pages_of(struct inode *inode, pgoff_t first,
				 const struct erofs_chunk_group *group,
				 const unsigned long *pages, unsigned long *found)
{
	const pgoff_t eof = DIV_ROUND_UP_ULL(i_size_read(inode), PAGE_SIZE);
	const pgoff_t end = min(first + EROFS_CHUNK_REGION, eof);
	struct erofs_chunk_run run;
	pgoff_t index, i;

	bitmap_zero(found, EROFS_CHUNK_REGION);
	for (index = first; index < end; index += run.nr) {
		int data;

		run = (struct erofs_chunk_run) { .nr = end - index };
		data = erofs_chunk_find(inode, index, true, &run);
		if (data < 0) {
			/* where they are is not in memory: others lose a mapping at most */
			bitmap_set(found, index - first, end - index);
			return;
		}
		if (!data || run.cache != group->cache)
			continue;
		for (i = 0; i < run.nr; ++i)
			if (run.page + i - group->first < EROFS_CHUNK_REGION &&
			    test_bit(run.page + i - group->first, pages))
				__set_bit(index + i - first, found);
	}
}

/* what somebody has locked in memory of the pages from @first on is none of @pages */
static void erofs_chunk_spare_locked(struct address_space *mapping, pgoff_t first,
				     unsigned long *pages)
{
	const pgoff_t end = first + EROFS_CHUNK_REGION;
	struct vm_area_struct *vma, *next;

	i_mmap_lock_read(mapping);
	rbtree_postorder_for_each_entry_safe(vma, next, &mapping->i_mmap.rb_root,
					     shared.rb) {
		const pgoff_t from = max(vma->vm_pgoff, first);
		const pgoff_t to = min(vma->vm_pgoff + vma_pages(vma), end);

		/* changes without our lock: who locks now may come too late, as for reclaim */
		if (from < to && (READ_ONCE(vma->vm_flags) & VM_LOCKED))
			bitmap_clear(pages, from - first, to - from);
		cond_resched();
	}
	i_mmap_unlock_read(mapping);
}

static void erofs_chunk_unmap_use(struct inode *inode, pgoff_t first,
				  const struct erofs_chunk_group *group,
				  const unsigned long *pages)
{
	struct address_space *mapping = inode->i_mapping;
	DECLARE_BITMAP(found, EROFS_CHUNK_REGION);
	unsigned int start, end;

	if (!mapping_mapped(mapping))
		return;
	erofs_chunk_pages_of(inode, first, group, pages, found);
	erofs_chunk_spare_locked(mapping, first, found);
	if (bitmap_empty(found, EROFS_CHUNK_REGION))
		return;
	for_each_set_bitrange(start, end, found, EROFS_CHUNK_REGION)
		unmap_mapping_pages(mapping, first + start, end - start, false);
	atomic_long_inc(&erofs_chunk_share(inode)->unmapped);
}

/* the next use of a list, which is idle from here on; its inode stays until it is unmapped */
static struct erofs_chunk_rmap *erofs_chunk_next_use(struct erofs_chunk_group *group,
						     struct list_head *uses, pgoff_t *region)
{
	struct erofs_chunk_rmap *rmap = NULL;
	struct erofs_chunk_use *use;

	spin_lock(&group->lock);
	use = list_first_entry_or_null(uses, struct erofs_chunk_use, of_group);
	if (use) {
		WRITE_ONCE(use->touched, false);
		list_move_tail(&use->of_group, &group->idle);
		*region = use->first;
		rmap = use->rmap;
		atomic_inc(&rmap->unmapping);
	}
	spin_unlock(&group->lock);
	return rmap;
}

/**
 * erofs_chunk_unmap - unmap pages of a group, in whatever files they are
 * @group: the group, which stays
 * @pages: a bitmap of those pages
 * @touched: by the uses that have been touched, or by some of the others
 *
 * Pages that are locked in memory (mlock) stay mapped.
 */
void erofs_chunk_unmap(struct erofs_chunk_group *group, const unsigned long *pages,
		       bool touched)
{
	unsigned int left = touched ? EROFS_CHUNK_TOUCHED : EROFS_CHUNK_IDLE;
	struct erofs_chunk_rmap *rmap;
	pgoff_t region;

	while (left--) {
		rmap = erofs_chunk_next_use(group, touched ? &group->touched : &group->idle,
					    &region);
		if (!rmap)
			break;
		erofs_chunk_unmap_use(rmap->inode, region, group, pages);
		/* pairs with erofs_chunk_evict_inode(): by address only, as it may be gone */
		if (atomic_dec_and_test(&rmap->unmapping))
			wake_up_var(&rmap->unmapping);
		cond_resched();
	}
}
