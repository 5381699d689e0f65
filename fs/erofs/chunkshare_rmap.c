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
 * page after its use was unmapped, and pages that another cgroup pays for stay mapped.  Such
 * a page is found with the rest.  Which pages of a region are mapped is what its page tables
 * say, not the chunk index, which a damaged device may give in another form each time.
 *
 * Groups go with the cache, when no file of a mount that has it is left.  Who unmaps holds
 * neither an inode nor its mount: eviction first takes the uses of the inode from their
 * groups, and then waits for those who have found one.
 */
#include <linux/interval_tree_generic.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>
#include "compat.h"
#include "chunkshare.h"

/*
 * Uses of a group that are unmapped in one go; the others come next time.  A cgroup that is
 * at its limit tries more than 16 times before it is out of memory: it gets to all of them.
 */
#define EROFS_CHUNK_TOUCHED	256
#define EROFS_CHUNK_IDLE	256
#define EROFS_CHUNK_USES	4096

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
	group = kzalloc(sizeof(*group), gfp);
	if (!group)
		return NULL;
	group->cache = cache;
	group->first = nr << EROFS_CHUNK_REGION_BITS;
	spin_lock_init(&group->lock);
	INIT_LIST_HEAD(&group->touched.list);
	INIT_LIST_HEAD(&group->idle.list);
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

static struct erofs_chunk_uses *erofs_chunk_uses(struct erofs_chunk_use *use)
{
	return use->touched ? &use->group->touched : &use->group->idle;
}

/* put a use to the end of a list, under the lock of the group */
static void erofs_chunk_move_use(struct erofs_chunk_use *use, bool touched)
{
	--erofs_chunk_uses(use)->nr;
	WRITE_ONCE(use->touched, touched);
	list_move_tail(&use->of_group, &erofs_chunk_uses(use)->list);
	++erofs_chunk_uses(use)->nr;
}

static void erofs_chunk_touch(struct erofs_chunk_use *use)
{
	if (READ_ONCE(use->touched))
		return;
	spin_lock(&use->group->lock);
	erofs_chunk_move_use(use, true);
	spin_unlock(&use->group->lock);
}

/* add a use, if there is none; the slot of the region is there */
static int erofs_chunk_add_use(struct erofs_chunk_rmap *rmap, struct erofs_chunk_use *use)
{
	const unsigned long nr = use->first >> EROFS_CHUNK_REGION_BITS;
	struct erofs_chunk_group *group = use->group;
	int err = 0;

	/* the group has it before anybody maps a page because it is there */
	xa_lock(&rmap->regions);
	use->next = xa_load(&rmap->regions, nr);
	if (erofs_chunk_find_use(use->next, group->cache, group->first)) {
		err = -EEXIST;
		goto out;
	}
	spin_lock(&group->lock);
	if (group->touched.nr + group->idle.nr < EROFS_CHUNK_USES) {
		list_add_tail(&use->of_group, &group->touched.list);
		++group->touched.nr;
	} else {
		err = -EMLINK;
	}
	spin_unlock(&group->lock);
	if (!err)
		__xa_store(&rmap->regions, nr, use, 0);
out:
	xa_unlock(&rmap->regions);
	return err;
}

static int erofs_chunk_make_use(struct inode *inode, pgoff_t index,
				const struct erofs_chunk_run *run, gfp_t gfp)
{
	struct erofs_chunk_rmap *rmap = erofs_chunk_rmap(inode, gfp);
	struct erofs_chunk_use *use;
	int err;

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
	err = erofs_chunk_add_use(rmap, use);
	if (err)
		kfree(use);
	return err == -EEXIST ? 0 : err;
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
 * Return: 0; -ENOMEM; -EMLINK if so many regions of files map the group that reclaim could
 * not keep up; or -ENOENT if it may not sleep, and nothing is cached of @run.
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
			--erofs_chunk_uses(use)->nr;
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

/* a search for pages of a group in the page tables of a region */
struct erofs_chunk_search {
	const struct erofs_chunk_group *group;
	const unsigned long *pages;	/* of the group: those that are searched for */
	pgoff_t first;			/* page of the region */
	/* pages of the region ... */
	DECLARE_BITMAP(found, EROFS_CHUNK_REGION);
	DECLARE_BITMAP(locked, EROFS_CHUNK_REGION);	/* ... that somebody has locked there */
};

/* the page table of an address, or NULL; interrupts are off */
static pte_t *erofs_chunk_page_table(struct mm_struct *mm, unsigned long addr)
{
	pgd_t *pgdp = pgd_offset(mm, addr), pgd = READ_ONCE(*pgdp);
	p4d_t *p4dp, p4d;
	pud_t *pudp, pud;
	pmd_t pmd;

	if (pgd_none(pgd))
		return NULL;
	p4dp = p4d_offset_lockless(pgdp, pgd, addr);
	p4d = READ_ONCE(*p4dp);
	if (p4d_none(p4d))
		return NULL;
	pudp = pud_offset_lockless(p4dp, p4d, addr);
	pud = READ_ONCE(*pudp);
	if (pud_none(pud) || pud_leaf(pud))
		return NULL;
	pmd = pmdp_get_lockless(pmd_offset_lockless(pudp, pud, addr));
	if (pmd_none(pmd) || !pmd_present(pmd) || pmd_leaf(pmd))
		return NULL;
	return pte_offset_kernel(&pmd, addr);
}

/* is the page of an entry one that is searched for? */
static bool erofs_chunk_is_searched(const struct erofs_chunk_search *search, pte_t pte)
{
	struct folio *folio;
	struct page *page;
	pgoff_t nr;

	if (!pte_present(pte) || pte_special(pte))
		return false;
	page = pte_page(pte);
	folio = page_folio(page);
	if (READ_ONCE(folio->mapping) != search->group->cache->file->f_mapping)
		return false;
	nr = READ_ONCE(folio->index) + folio_page_idx(folio, page) - search->group->first;
	return nr < EROFS_CHUNK_REGION && test_bit(nr, search->pages);
}

/*
 * Search a part of a VMA that one page table maps, in the way of get_user_pages_fast(): an
 * entry may change as soon as it is read, and its page may be another's.  Then a page is
 * unmapped that need not be, or stays until the next search.
 */
static void erofs_chunk_search_table(struct erofs_chunk_search *search,
				     struct vm_area_struct *vma, unsigned long addr,
				     unsigned long end)
{
	unsigned long *found = READ_ONCE(vma->vm_flags) & VM_LOCKED ? search->locked :
			       search->found;
	pgoff_t i = vma->vm_pgoff + ((addr - vma->vm_start) >> PAGE_SHIFT) - search->first;
	unsigned long flags;
	pte_t *ptep;

	local_irq_save(flags);
	ptep = erofs_chunk_page_table(vma->vm_mm, addr);
	for (; ptep && addr < end; addr += PAGE_SIZE, ++ptep, ++i)
		if (erofs_chunk_is_searched(search, ptep_get_lockless(ptep)))
			__set_bit(i, found);
	local_irq_restore(flags);
}

static unsigned long erofs_vma_first(struct vm_area_struct *vma)
{
	return vma->vm_pgoff;
}

static unsigned long erofs_vma_last(struct vm_area_struct *vma)
{
	return vma->vm_pgoff + vma_pages(vma) - 1;
}

/* the tree of a mapping, of which the core exports no search */
INTERVAL_TREE_DEFINE(struct vm_area_struct, shared.rb, unsigned long, shared.rb_subtree_last,
		     erofs_vma_first, erofs_vma_last, static __maybe_unused, erofs_vma_tree)

/*
 * Search all who map the file.  The lock keeps the VMAs, and who takes one apart takes it from
 * the tree before its page tables go.  A page table that goes without its VMA, because it
 * is empty or a huge page takes its place, is freed after a grace period of RCU, or after an
 * interrupt that waits for ours to be on.
 */
static void erofs_chunk_search(struct erofs_chunk_search *search,
			       struct address_space *mapping)
{
	const pgoff_t first = search->first, last = first + EROFS_CHUNK_REGION - 1;
	struct vm_area_struct *vma;

	i_mmap_lock_read(mapping);
	for (vma = erofs_vma_tree_iter_first(&mapping->i_mmap, first, last); vma;
	     vma = erofs_vma_tree_iter_next(vma, first, last)) {
		const pgoff_t from = max(vma->vm_pgoff, first);
		const pgoff_t to = min(erofs_vma_last(vma), last);
		unsigned long addr = vma->vm_start + ((from - vma->vm_pgoff) << PAGE_SHIFT);
		const unsigned long end = addr + ((to - from + 1) << PAGE_SHIFT);

		for (; addr < end; addr = pmd_addr_end(addr, end))
			erofs_chunk_search_table(search, vma, addr, pmd_addr_end(addr, end));
		cond_resched();
	}
	i_mmap_unlock_read(mapping);
}

/* false if nobody maps the file */
static bool erofs_chunk_unmap_use(struct inode *inode, struct erofs_chunk_search *search)
{
	struct address_space *mapping = inode->i_mapping;
	unsigned int start, end;

	if (!mapping_mapped(mapping))
		return false;
	bitmap_zero(search->found, EROFS_CHUNK_REGION);
	bitmap_zero(search->locked, EROFS_CHUNK_REGION);
	erofs_chunk_search(search, mapping);
	/* who locks a page now may come too late, as for reclaim */
	bitmap_andnot(search->found, search->found, search->locked, EROFS_CHUNK_REGION);
	for_each_set_bitrange(start, end, search->found, EROFS_CHUNK_REGION)
		unmap_mapping_pages(mapping, search->first + start, end - start, false);
	if (!bitmap_empty(search->found, EROFS_CHUNK_REGION))
		atomic_long_inc(&erofs_chunk_share(inode)->unmapped);
	return true;
}

/* the next use of a list, which is idle from here on; its inode stays until it is unmapped */
static struct erofs_chunk_rmap *erofs_chunk_next_use(struct erofs_chunk_group *group,
						     struct erofs_chunk_uses *uses,
						     pgoff_t *region)
{
	struct erofs_chunk_rmap *rmap = NULL;
	struct erofs_chunk_use *use;

	spin_lock(&group->lock);
	use = list_first_entry_or_null(&uses->list, struct erofs_chunk_use, of_group);
	if (use) {
		erofs_chunk_move_use(use, false);
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
 * Pages that are locked in memory (mlock) stay mapped, by all who map the file.
 */
void erofs_chunk_unmap(struct erofs_chunk_group *group, const unsigned long *pages,
		       bool touched)
{
	struct erofs_chunk_uses *uses = touched ? &group->touched : &group->idle;
	unsigned int left = touched ? EROFS_CHUNK_TOUCHED : EROFS_CHUNK_IDLE;
	unsigned int nr = READ_ONCE(uses->nr);
	struct erofs_chunk_search search = { .group = group, .pages = pages };
	struct erofs_chunk_rmap *rmap;

	/* each once; those that nobody maps cost nothing */
	while (nr-- && left) {
		rmap = erofs_chunk_next_use(group, uses, &search.first);
		if (!rmap)
			break;
		left -= erofs_chunk_unmap_use(rmap->inode, &search);
		/* pairs with erofs_chunk_evict_inode(): by address only, as it may be gone */
		if (atomic_dec_and_test(&rmap->unmapping))
			wake_up_var(&rmap->unmapping);
		cond_resched();
	}
}
