// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which files may map pages of a device's cache.
 *
 * The cache of a device consists of groups of pages, and files of regions, each of what
 * one page table maps.  A use says that pages of a region are those of a group, so many
 * pages ahead.  It is made before the first of them is mapped, and stays until the inode
 * is evicted.  By uses ->rmap_walk gets from a folio to the files that may map it, and the
 * core from there to VMAs and page tables.
 *
 * Who walks has the folio locked, and so has who maps it.  So a walk finds the use of each
 * page that is mapped by then.  The lock of a group is taken with that of a folio held, or
 * that of an mm, and i_mmap_rwsem below it; nobody allocates memory with it.
 *
 * Groups go with the cache, when no file of a mount that has it is left.
 */
#include <linux/mm.h>
#include <linux/rmap.h>
#include <linux/slab.h>
#include "chunkshare.h"

/*
 * Uses of a group that walks still get through.  Pages of further ones are cached by their
 * files.
 */
#define EROFS_CHUNK_USES	4096

struct erofs_chunk_use {
	struct erofs_chunk_group *group;
	struct inode *inode;
	pgoff_t first;			/* page of the region */
	pgoff_t ahead;			/* pages of the file, of those of the cache */
	struct erofs_chunk_use *next;	/* another of this region */
	struct list_head of_group;
};

/* of an inode */
struct erofs_chunk_rmap {
	struct xarray regions;		/* the first use of each */
};

static struct erofs_chunk_group *erofs_chunk_get_group(struct erofs_chunk_cache *cache,
						       pgoff_t page, gfp_t gfp)
{
	const unsigned long nr = page >> EROFS_CHUNK_REGION_BITS;
	struct erofs_chunk_group *group = xa_load(&cache->groups, nr), *old;

	if (group)
		return group;
	group = kzalloc(sizeof(*group), gfp);
	if (!group)
		return NULL;
	init_rwsem(&group->lock);
	INIT_LIST_HEAD(&group->uses);
	old = xa_cmpxchg(&cache->groups, nr, NULL, group, gfp);
	if (!old)
		return group;
	kfree(group);
	return xa_is_err(old) ? NULL : old;
}

/**
 * erofs_chunk_drop_groups - free what there is of a cache's groups
 * @cache: a cache of which no file is left
 */
void erofs_chunk_drop_groups(struct erofs_chunk_cache *cache)
{
	struct erofs_chunk_group *group;
	unsigned long nr;

	xa_for_each(&cache->groups, nr, group) {
		kfree(group);
		cond_resched();
	}
	xa_destroy(&cache->groups);
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
	xa_init_flags(&rmap->regions, XA_FLAGS_ACCOUNT);
	old = cmpxchg(where, NULL, rmap);
	if (!old)
		return rmap;
	kfree(rmap);
	return old;
}

/* in a list that others may add to, or NULL */
static struct erofs_chunk_use *erofs_chunk_find_use(struct erofs_chunk_use *use,
						    const struct erofs_chunk_group *group,
						    pgoff_t ahead)
{
	while (use && (use->group != group || use->ahead != ahead))
		use = use->next;
	return use;
}

/* add a use, if there is none; the slot of the region is there */
static int erofs_chunk_add_use(struct erofs_chunk_rmap *rmap, struct erofs_chunk_use *use,
			       bool wait)
{
	const unsigned long nr = use->first >> EROFS_CHUNK_REGION_BITS;
	struct erofs_chunk_group *group = use->group;
	int err = 0;

	if (wait)
		down_write(&group->lock);
	else if (!down_write_trylock(&group->lock))
		return -EAGAIN;
	xa_lock(&rmap->regions);
	use->next = xa_load(&rmap->regions, nr);
	if (erofs_chunk_find_use(use->next, group, use->ahead)) {
		err = -EEXIST;
	} else if (group->nr == EROFS_CHUNK_USES) {
		err = -EMLINK;
	} else {
		list_add_tail(&use->of_group, &group->uses);
		++group->nr;
		__xa_store(&rmap->regions, nr, use, 0);
	}
	xa_unlock(&rmap->regions);
	up_write(&group->lock);
	return err;
}

static int erofs_chunk_make_use(struct inode *inode, pgoff_t index,
				const struct erofs_chunk_run *run, gfp_t gfp)
{
	const unsigned long nr = index >> EROFS_CHUNK_REGION_BITS;
	struct erofs_chunk_rmap *rmap = erofs_chunk_rmap(inode, gfp);
	struct erofs_chunk_use *use;
	int err;

	if (!rmap || xa_reserve(&rmap->regions, nr, gfp))
		return -ENOMEM;
	use = kmalloc(sizeof(*use), gfp);
	if (!use)
		return -ENOMEM;
	use->inode = inode;
	use->first = nr << EROFS_CHUNK_REGION_BITS;
	use->ahead = index - run->page;
	use->group = erofs_chunk_get_group(run->cache, run->page, gfp);
	err = use->group ? erofs_chunk_add_use(rmap, use, gfpflags_allow_blocking(gfp)) :
		-ENOMEM;
	if (err)
		kfree(use);
	return err == -EEXIST ? 0 : err;
}

/**
 * erofs_chunk_use - see to it that a page of a file is found once it is mapped
 * @inode: of the file
 * @index: its page
 * @run: where that is
 * @gfp: how to allocate
 *
 * This holds for all pages of the same region and the same group that follow one another
 * as they do here.
 *
 * Context: does not sleep unless @gfp says so.
 * Return: 0; -ENOMEM; -EMLINK if so many regions of files map the group that walks would
 * not get through; or, if it may not sleep, -ENOENT if nothing is cached of @run, and
 * -EAGAIN if somebody walks.
 */
int erofs_chunk_use(struct inode *inode, pgoff_t index, const struct erofs_chunk_run *run,
		    gfp_t gfp)
{
	const loff_t pos = (loff_t)run->page << PAGE_SHIFT;
	struct erofs_chunk_group *group = xa_load(&run->cache->groups,
						  run->page >> EROFS_CHUNK_REGION_BITS);
	struct erofs_chunk_rmap *rmap;

	/* pairs with the cmpxchg() of erofs_chunk_rmap() */
	rmap = smp_load_acquire(&EROFS_I(inode)->chunk_rmap);
	/* uses do not go as long as the file is there */
	if (rmap && group &&
	    erofs_chunk_find_use(xa_load(&rmap->regions, index >> EROFS_CHUNK_REGION_BITS),
				 group, index - run->page))
		return 0;
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
			down_write(&use->group->lock);
			list_del(&use->of_group);
			--use->group->nr;
			up_write(&use->group->lock);
			kfree(use);
		}
		cond_resched();
	}
	xa_destroy(&rmap->regions);
	kfree(rmap);
	EROFS_I(inode)->chunk_rmap = NULL;
}

/* false if the walk is not to go on */
static bool erofs_chunk_walk_use(struct folio *folio, const struct erofs_chunk_use *use,
				 struct rmap_walk_control *rwc)
{
	struct address_space *mapping = use->inode->i_mapping;
	/* where the folio begins, in pages of the region */
	const long at = folio->index + use->ahead - use->first;
	const long to = min_t(long, at + folio_nr_pages(folio), EROFS_CHUNK_REGION);
	const long from = max(at, 0L);

	/* who maps the file is asked under its lock: VMAs that grow are away for a while */
	return from >= to ||
		rmap_walk_file_range(folio, mapping, use->first + from, to - from, rwc);
}

/**
 * erofs_chunk_rmap_walk - ->rmap_walk of the caches
 * @folio: of a cache, locked
 * @rwc: of the walk
 */
void erofs_chunk_rmap_walk(struct folio *folio, struct rmap_walk_control *rwc)
{
	struct erofs_chunk_cache *cache = folio->mapping->host->i_private;
	struct erofs_chunk_group *group;
	struct erofs_chunk_use *use;

	/* folios are smaller than groups */
	group = xa_load(&cache->groups, folio->index >> EROFS_CHUNK_REGION_BITS);
	if (!group)
		return;
	if (!down_read_trylock(&group->lock)) {
		if (rwc->try_lock) {
			rwc->contended = true;
			return;
		}
		down_read(&group->lock);
	}
	list_for_each_entry(use, &group->uses, of_group) {
		if (!erofs_chunk_walk_use(folio, use, rwc))
			break;
		cond_resched();
	}
	up_read(&group->lock);
}
