// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading ahead along the data of files that have holes.
 *
 * The core reads ahead by windows of pages, and the file system is asked when folios
 * for the whole window are in the page cache.  Around a hole most of them may be for
 * nothing: some devices have 8 MiB read ahead, which can be for the sake of a single
 * page of data.  So read() and faults come here first with a page of data.  A window
 * without holes is left to the core; of any other the data is read here, run by run.
 *
 * The state of a file is changed without a lock by all who read it at once, here and in the
 * core.  It says what is likely to be wanted next, and nothing worse comes of a mixture.
 */
#include <linux/blkdev.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/vmstat.h>
#include "compat.h"
#include "chunkshare.h"
#include "resolve.h"
#include "zeropage.h"

/* misses, over the hits, from which on the core reads nothing around them either */
#define EROFS_LOTSAMISS		100

/* pages that one read() has read at a time, if the device has no more read ahead */
#define EROFS_READ_STRETCH	512

/* a window goes on so many times as far as it would without holes, to have its data */
#define EROFS_SPAN		16

/* pages of a file that are to be read ahead */
struct erofs_ra_window {
	pgoff_t start;
	pgoff_t nr;
	pgoff_t mark;	/* page that has the next window read when it is used */
	bool ours;	/* not one that the core can be left alone with, see above */
};

/*
 * Would the core allocate folios for holes, or in the cache of the wrong inode?  Or might
 * it, as what is there is not known yet?  Who asks may hold the lock of a fault.
 */
static bool erofs_window_is_ours(struct inode *inode, const struct erofs_ra_window *win)
{
	const pgoff_t eof = DIV_ROUND_UP_ULL(i_size_read(inode), PAGE_SIZE);
	const pgoff_t end = win->start + win->nr;
	struct erofs_run run = { .first = win->start, .end = min(end, eof) };
	int err;

	if (erofs_chunk_shared(inode))
		return true;
	/* the extents of a compressed file would have to be looked up one by one */
	if (EROFS_I(inode)->datalayout != EROFS_INODE_CHUNK_BASED)
		return false;
	if (win->start >= eof)
		return true;
	err = erofs_resolve(inode, win->start, true, &run);
	if (err)
		return err == -EAGAIN;
	return run.kind == EROFS_HOLE || run.end < min(end, eof);
}

/*
 * Begin to read the data of @win.  With @cached no part of the chunk index is waited for:
 * it is read as far as that is in memory.
 */
static void erofs_window_read(struct file *file, const struct erofs_ra_window *win,
			      bool cached)
{
	struct inode *inode = file_inode(file);
	const pgoff_t eof = DIV_ROUND_UP_ULL(i_size_read(inode), PAGE_SIZE);
	const pgoff_t end = win->start + win->nr;
	struct file_ra_state *ra = &file->f_ra;
	DEFINE_READAHEAD(rac, file, ra, file->f_mapping, win->start);
	/* reclaim must not wait for folios that are not submitted yet */
	unsigned int nofs = memalloc_nofs_save();
	struct blk_plug plug;

	WRITE_ONCE(ra->start, win->start);
	WRITE_ONCE(ra->size, win->nr);
	WRITE_ONCE(ra->async_size, end - min(win->mark, end));
	blk_start_plug(&plug);
	if (erofs_chunk_shared(inode))
		/* where folios on the device end it may have gone further */
		WRITE_ONCE(ra->size, erofs_chunk_readahead(file, win->start, win->nr,
							   win->mark, cached) - win->start);
	else
		erofs_readahead_data(&rac, inode, win->start, min(end, eof), win->mark,
				     cached);
	blk_finish_plug(&plug);
	memalloc_nofs_restore(nofs);
}

/* what a fault on a page that is not cached has read, as the core would have it */
static void erofs_window_around(struct vm_fault *vmf, struct erofs_ra_window *win)
{
	const struct file_ra_state *ra = &vmf->vma->vm_file->f_ra;
	const unsigned int ra_pages = READ_ONCE(ra->ra_pages);
	const vm_flags_t flags = vmf->vma->vm_flags;

	*win = (struct erofs_ra_window) {
		.start = vmf->pgoff,
		.nr = 1,
		.mark = ULONG_MAX,
	};
	if (IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE) && (flags & VM_HUGEPAGE)) {
		win->nr = PMD_SIZE >> PAGE_SHIFT;
		win->start = ALIGN_DOWN(vmf->pgoff, win->nr);
	} else if (flags & VM_SEQ_READ) {
		win->nr = max(ra_pages, 1U);
	} else if (!(flags & VM_RAND_READ) && ra_pages &&
		   READ_ONCE(ra->mmap_miss) <= EROFS_LOTSAMISS) {
		win->nr = ra_pages;
		win->start -= min(win->start, win->nr / 2);
	}
	if (win->nr > 1)
		win->mark = win->start + win->nr - win->nr / 4;
	win->ours = erofs_window_is_ours(file_inode(vmf->vma->vm_file), win);
}

static void erofs_count_miss(struct vm_fault *vmf)
{
	struct file_ra_state *ra = &vmf->vma->vm_file->f_ra;
	const unsigned int miss = READ_ONCE(ra->mmap_miss);

	if (!(vmf->vma->vm_flags & (VM_RAND_READ | VM_SEQ_READ)) &&
	    miss < EROFS_LOTSAMISS * 10)
		WRITE_ONCE(ra->mmap_miss, miss + 1);
	count_vm_event(PGMAJFAULT);
}

/*
 * Make @win as long as @nr pages of data are from its start on, as far as that is known.
 * They lie in a row on the device, and holes do not give it the time to read them.
 */
static void erofs_window_span(struct inode *inode, pgoff_t nr, struct erofs_ra_window *win)
{
	const pgoff_t eof = DIV_ROUND_UP_ULL(i_size_read(inode), PAGE_SIZE);
	const pgoff_t end = min(win->start + nr * EROFS_SPAN, eof);
	pgoff_t index = win->start, data = 0;
	bool after_data = false;

	win->nr = nr;
	win->ours = erofs_chunk_shared(inode);
	if (EROFS_I(inode)->datalayout != EROFS_INODE_CHUNK_BASED)
		return;
	if (index >= eof)
		win->ours = true;
	while (index < end && data < nr) {
		/* no more of the index is looked at than it takes */
		struct erofs_run run = {
			.first = index,
			.end = after_data ? end : min(end, index + nr - data),
			.anywhere = true,
		};
		int err = erofs_resolve(inode, index, true, &run);

		if (err) {
			win->ours |= err == -EAGAIN;
			break;
		}
		after_data = run.kind == EROFS_DATA;
		if (after_data)
			data += run.end - index;
		else
			win->ours = true;
		index = run.end;
	}
	win->nr = max(index - win->start, nr);
}

/* what follows once page @index is used, by who wants @nr at a time, if it has the mark */
static bool erofs_window_next(struct file *file, struct folio *folio, pgoff_t index,
			      pgoff_t nr, struct erofs_ra_window *win)
{
	const unsigned int ra_pages = READ_ONCE(file->f_ra.ra_pages);
	const pgoff_t start = READ_ONCE(file->f_ra.start);
	const unsigned int size = READ_ONCE(file->f_ra.size);

	if (!folio_test_readahead(folio) || !ra_pages)
		return false;
	/* another file may have left the mark */
	win->start = index - start < size ? start + size : index + 1;
	nr = max_t(pgoff_t, ra_pages, min_t(pgoff_t, nr, EROFS_READ_STRETCH));
	erofs_window_span(file_inode(file), nr, win);
	/* in the middle of a run it would be the core that finds the mark */
	win->mark = win->start + 1;
	return true;
}

/* what read() of @nr pages has read if the first of them is not cached */
static void erofs_window_ahead(struct file *file, pgoff_t index, pgoff_t nr,
			       struct erofs_ra_window *win)
{
	const unsigned int ra_pages = READ_ONCE(file->f_ra.ra_pages);
	const loff_t prev_pos = READ_ONCE(file->f_ra.prev_pos);

	win->start = index;
	win->nr = min_t(pgoff_t, nr, EROFS_READ_STRETCH);
	win->mark = ULONG_MAX;
	/* the sequence goes on, or begins; otherwise what was asked for */
	if (!(file->f_mode & FMODE_RANDOM) && ra_pages &&
	    index - (prev_pos >> PAGE_SHIFT) <= 1) {
		win->nr = max_t(pgoff_t, win->nr, ra_pages);
		win->mark = index + win->nr / 2;
	}
	win->ours = erofs_window_is_ours(file_inode(file), win);
}

/* read @win, then have its page @index in memory; no lock of a fault is held */
static void erofs_window_wait(struct file *file, const struct erofs_ra_window *win,
			      pgoff_t index)
{
	struct folio *folio;

	erofs_window_read(file, win, false);
	if (erofs_chunk_shared(file_inode(file)))
		return erofs_chunk_wait(file, index);
	folio = filemap_get_folio(file->f_mapping, index);
	if (!IS_ERR(folio)) {
		folio_wait_locked_killable(folio);
		if (!folio_test_uptodate(folio)) {
			folio_put(folio);
			folio = ERR_PTR(-EIO);
		}
	}
	/* as soon as nobody reads ahead, or in vain; who comes back has the error */
	if (IS_ERR(folio) && !fatal_signal_pending(current))
		folio = read_mapping_folio(file->f_mapping, index, file);
	if (!IS_ERR(folio))
		folio_put(folio);
}

/**
 * erofs_readahead_fault - read ahead for a fault on data
 * @vmf: the fault, on a file that erofs_may_have_holes()
 * @folio: that is cached for the page, or an error pointer
 *
 * As the core does, it gives up the lock that the fault holds before it reads, if the
 * fault may be repeated, and waits for the page.  A fault that must not wait
 * (FAULT_FLAG_RETRY_NOWAIT) only begins to read what is known without that; one that has
 * been repeated waits for what it cannot go on without, with the lock.
 *
 * Return: VM_FAULT_RETRY, with that lock released, or no error: then the fault is to go
 * on.  VM_FAULT_MAJOR may be set in both.
 */
vm_fault_t erofs_readahead_fault(struct vm_fault *vmf, struct folio *folio)
{
	const bool nowait = vmf->flags & FAULT_FLAG_RETRY_NOWAIT, miss = IS_ERR(folio);
	struct file *file = vmf->vma->vm_file;
	const pgoff_t index = vmf->pgoff;
	struct erofs_ra_window win;
	vm_fault_t major = 0;

	if (miss)
		erofs_window_around(vmf, &win);
	else if ((vmf->vma->vm_flags & VM_RAND_READ) ||
		 !erofs_window_next(file, folio, index, 1, &win))
		return 0;
	if (!win.ours)
		return 0;
	if (miss) {
		erofs_count_miss(vmf);
		major = VM_FAULT_MAJOR;
	} else {
		folio_clear_readahead(folio);
	}

	if (nowait || !fault_flag_allow_retry_first(vmf->flags)) {
		/* nothing is waited for with the lock but what the fault is for */
		erofs_window_read(file, &win, nowait || !miss);
		return major;
	}
	get_file(file);
	release_fault_lock(vmf);
	if (miss)
		erofs_window_wait(file, &win, index);
	else
		erofs_window_read(file, &win, false);
	fput(file);
	return major | VM_FAULT_RETRY;
}

/**
 * erofs_index_fault - read what tells of pages where a fault may not wait for it
 * @vmf: the fault, of a page that nothing is known of as long as nothing is read
 * @first: the first page that has to be known of ...
 * @end: ... and the one after the last
 *
 * The lock that the fault holds is given up over the reads.  If it turns out that the page
 * is data, that is read as well: it could not be without the lock next time.
 *
 * Return: VM_FAULT_RETRY, with the lock released but for a fault that must not wait, which
 * somebody else repeats who may; or 0 for a fault that has been repeated.
 */
vm_fault_t erofs_index_fault(struct vm_fault *vmf, pgoff_t first, pgoff_t end)
{
	struct file *file = vmf->vma->vm_file;
	struct inode *inode = file_inode(file);
	const pgoff_t index = vmf->pgoff;
	struct erofs_run run = { .first = first, .end = end };
	struct erofs_ra_window win;
	vm_fault_t major = 0;

	/* KVM, which alone has such faults, has its own ways of waiting */
	if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
		return VM_FAULT_RETRY;
	if (!fault_flag_allow_retry_first(vmf->flags))
		return 0;
	erofs_window_around(vmf, &win);
	get_file(file);
	release_fault_lock(vmf);
	erofs_resolve(inode, first, false, &run);
	run = (struct erofs_run) { .first = index, .end = index + 1 };
	if (!erofs_resolve(inode, index, false, &run) && run.kind == EROFS_DATA) {
		count_vm_event(PGMAJFAULT);
		major = VM_FAULT_MAJOR;
		erofs_window_wait(file, &win, index);
	}
	fput(file);
	return major | VM_FAULT_RETRY;
}

/**
 * erofs_readahead_used - a cached folio is used: is it time to read what follows?
 * @file: the file it is used by
 * @folio: the folio
 * @index: page of the file
 * @nr: pages that the file is read by, holes included
 */
void erofs_readahead_used(struct file *file, struct folio *folio, pgoff_t index,
			  pgoff_t nr)
{
	struct erofs_ra_window win;

	if (!erofs_window_next(file, folio, index, nr, &win) || !win.ours)
		return;
	folio_clear_readahead(folio);
	erofs_window_read(file, &win, false);
}

/**
 * erofs_readahead_read - read ahead for read() and its kin
 * @file: the file
 * @folio: that is cached for page @index, or an error pointer
 * @index: page of the file, which is data
 * @first: first page that the call wants, ...
 * @end: ... and the one after the last, holes included
 */
void erofs_readahead_read(struct file *file, struct folio *folio, pgoff_t index,
			  pgoff_t first, pgoff_t end)
{
	struct erofs_ra_window win;

	if (!IS_ERR(folio))
		return erofs_readahead_used(file, folio, index, end - first);
	erofs_window_ahead(file, index, end - index, &win);
	if (win.ours)
		erofs_window_read(file, &win, false);
}
