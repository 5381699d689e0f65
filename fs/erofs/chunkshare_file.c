// SPDX-License-Identifier: GPL-2.0-only
/*
 * read() and fadvise() of shared files, whose data is in the page cache of its device.
 */
#include <linux/blkdev.h>
#include <linux/fadvise.h>
#include <linux/sched/mm.h>
#include <linux/swap.h>
#include <linux/uio.h>
#include "chunkshare.h"
#include "zeropage.h"

/* pages that fadvise() has read between two looks at signals */
#define EROFS_CHUNK_STRETCH	512

/* the folio of page @index, which read() of the pages from @first to @end wants */
static struct folio *erofs_chunk_read_next(struct file *file,
					   const struct erofs_chunk_run *run,
					   pgoff_t index, pgoff_t first, pgoff_t end)
{
	struct folio *folio = filemap_get_folio(erofs_chunk_mapping(run), run->page);

	erofs_readahead_read(file, folio, index, first, end);
	if (!IS_ERR(folio)) {
		if (folio_test_uptodate(folio) && !erofs_chunk_failed(folio, run->page))
			return folio;
		folio_put(folio);
	}
	return erofs_chunk_read_folio(file, run);
}

/* @run without its first @nr pages */
static void erofs_chunk_skip(struct erofs_chunk_run *run, pgoff_t nr)
{
	run->page += nr;
	run->pos += (erofs_off_t)nr << PAGE_SHIFT;
	run->nr -= nr;
}

/*
 * Copy @count bytes that lie in one run, which begins with the page of the first;
 * read() wants the pages from @first to @end.
 */
static ssize_t erofs_chunk_copy(struct kiocb *iocb, struct iov_iter *to,
				size_t count, pgoff_t first, pgoff_t end,
				struct erofs_chunk_run *run)
{
	struct file *file = iocb->ki_filp;
	struct folio *last = NULL;
	size_t done = 0;

	while (done < count) {
		const pgoff_t index = iocb->ki_pos >> PAGE_SHIFT;
		const size_t ofs = offset_in_page(iocb->ki_pos);
		struct folio *folio;
		size_t start, len, n;

		if (fatal_signal_pending(current))
			return done ? done : -EINTR;
		folio = erofs_chunk_read_next(file, run, index, first, end);
		if (IS_ERR(folio))
			return done ? done : PTR_ERR(folio);
		start = (run->page - folio->index) * PAGE_SIZE + ofs;
		len = min(count - done, folio_size(folio) - start);
		/* beside a page whose memory has failed, each is looked at */
		if (folio_contain_hwpoisoned_page(folio))
			len = min(len, PAGE_SIZE - ofs);
		n = copy_folio_to_iter(folio, start, len, to);
		if (folio != last)
			folio_mark_accessed(folio);
		last = folio;	/* to compare with only */
		folio_put(folio);
		iocb->ki_pos += n;
		done += n;
		WRITE_ONCE(file->f_ra.prev_pos, iocb->ki_pos);
		if (n < len)
			return done ? done : -EFAULT;
		erofs_chunk_skip(run, (iocb->ki_pos >> PAGE_SHIFT) - index);
		cond_resched();
	}
	return done;
}

/**
 * erofs_chunk_read - read from a shared file
 * @iocb: file and position
 * @to: where the bytes go
 *
 * Return: bytes read, or a negative error if there was one before the first.
 */
ssize_t erofs_chunk_read(struct kiocb *iocb, struct iov_iter *to)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	const loff_t size = i_size_read(inode);
	const size_t count = min_t(u64, iov_iter_count(to), max(size - iocb->ki_pos, 0));
	const pgoff_t first = iocb->ki_pos >> PAGE_SHIFT;
	const pgoff_t end = DIV_ROUND_UP_ULL(iocb->ki_pos + count, PAGE_SIZE);
	size_t done = 0;
	ssize_t ret = 0;

	while (done < count) {
		struct erofs_run run = { .first = iocb->ki_pos >> PAGE_SHIFT, .end = end };
		size_t len;

		ret = erofs_resolve(inode, run.first, false, &run);
		if (ret)
			break;
		len = min_t(u64, count - done, ((u64)run.end << PAGE_SHIFT) - iocb->ki_pos);
		ret = run.kind == EROFS_DATA ?
			erofs_chunk_copy(iocb, to, len, first, end, &run.chunk) :
			erofs_zeropage_read_hole(iocb, to, len);
		if (ret > 0)
			done += ret;
		if (ret < (ssize_t)len)
			break;
		cond_resched();
	}
	return done ? done : ret;
}

/* read ahead what is there of [@index, @end), or drop it from the caches */
static void erofs_chunk_advise(struct file *file, pgoff_t index, pgoff_t end,
			       bool need)
{
	/* as in erofs_window_read() */
	unsigned int nofs = memalloc_nofs_save();
	struct blk_plug plug;

	blk_start_plug(&plug);
	while (index < end && !fatal_signal_pending(current)) {
		struct erofs_run run = {
			.first = index,
			.end = index + min_t(pgoff_t, end - index, EROFS_CHUNK_STRETCH),
		};

		if (erofs_resolve(file_inode(file), index, false, &run))
			break;
		if (run.kind == EROFS_DATA && need)
			erofs_chunk_readahead(file, index, run.end - index, ULONG_MAX, false);
		else if (run.kind == EROFS_DATA)
			invalidate_mapping_pages(erofs_chunk_mapping(&run.chunk), run.chunk.page,
						 run.chunk.page + run.chunk.nr - 1);
		index = run.end;
		cond_resched();
	}
	blk_finish_plug(&plug);
	memalloc_nofs_restore(nofs);
}

/**
 * erofs_chunk_fadvise - ->fadvise
 * @file: a file
 * @pos: where from, bytes
 * @len: bytes, 0 for all
 * @advice: POSIX_FADV_*
 *
 * Return: 0 or a negative error.
 */
int erofs_chunk_fadvise(struct file *file, loff_t pos, loff_t len, int advice)
{
	const bool need = advice == POSIX_FADV_WILLNEED;
	loff_t size = i_size_read(file_inode(file)), end;

	if (!erofs_chunk_shared(file_inode(file)) || pos < 0 || len < 0 ||
	    (!need && advice != POSIX_FADV_DONTNEED))
		return generic_fadvise(file, pos, len, advice);
	/* the file's own page cache may have what was left to it */
	if (!need)
		generic_fadvise(file, pos, len, advice);
	if (pos >= size)
		return 0;
	end = len && len < size - pos ? pos + len : size;
	/* pages that are wanted in part are needed, but those can stay, too */
	if (need)
		erofs_chunk_advise(file, pos >> PAGE_SHIFT,
				   DIV_ROUND_UP_ULL(end, PAGE_SIZE), true);
	else
		erofs_chunk_advise(file, DIV_ROUND_UP_ULL(pos, PAGE_SIZE),
				   end == size ? DIV_ROUND_UP_ULL(end, PAGE_SIZE) :
				   end >> PAGE_SHIFT, false);
	return 0;
}
