// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading chunks into the page cache of their device, and from there.
 *
 * Who asks for a page of a file reads ahead along the file, wherever its chunks are on
 * the device.  Blocks are read by the mount of the file that asks.
 */
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/fadvise.h>
#include <linux/sched/mm.h>
#include <linux/swap.h>
#include <linux/uio.h>
#include <linux/wait_bit.h>
#include "compat.h"
#include "chunkshare.h"
#include "zeropage.h"

/* pages that fadvise() has read between two looks at signals */
#define EROFS_CHUNK_STRETCH	512

/*
 * A large folio of which a page's memory has failed is lost: its pages would be handed out
 * again, the bad one among them.  Of a small one memory failure keeps a reference itself.
 * Reclaim comes without a reference that could be added to, and leaves those folios alone.
 */
static void erofs_chunk_free_folio(struct folio *folio)
{
	if (folio_test_large(folio) && folio_contain_hwpoisoned_page(folio) &&
	    folio_ref_count(folio))
		folio_get(folio);
}

/* who pays for a folio can have it back on another node, too */
static int erofs_chunk_migrate_folio(struct address_space *mapping, struct folio *dst,
				     struct folio *src, enum migrate_mode mode)
{
	const gfp_t gfp = mode == MIGRATE_ASYNC ? GFP_NOWAIT | __GFP_NOWARN : GFP_NOFS;
	int err = 0;

	if (folio_nid(dst) != folio_nid(src))
		err = erofs_chunk_charge(mapping->host->i_private, src, folio_nid(dst), gfp);
	return err ? err : filemap_migrate_folio(mapping, dst, src, mode);
}

const struct address_space_operations erofs_chunk_aops = {
	.free_folio	= erofs_chunk_free_folio,
	.migrate_folio	= erofs_chunk_migrate_folio,
};

static void erofs_chunk_end_io(struct bio *bio)
{
	struct erofs_chunk_share *cs = bio->bi_private;
	const bool success = !bio->bi_status;
	struct folio_iter fi;

	bio_for_each_folio_all(fi, bio)
		folio_end_read(fi.folio, success);
	/* those of file-backed mounts are freed by who allocated them */
	if (bio->bi_bdev)
		bio_put(bio);
	if (atomic_dec_and_test(&cs->reads))
		wake_up_var(&cs->reads);
}

struct erofs_chunk_reader {
	struct super_block *sb;
	struct erofs_map_dev dev;	/* of page @first of the cache */
	pgoff_t first;
	pgoff_t next;			/* page after those in @bio */
	struct bio *bio;
	blk_opf_t opf;
};

static int erofs_chunk_reader_init(struct erofs_chunk_reader *rd,
				   struct file *file,
				   const struct erofs_chunk_run *run, blk_opf_t opf)
{
	*rd = (struct erofs_chunk_reader) {
		.sb = file_inode(file)->i_sb,
		.dev = {
			.m_deviceid = run->device_id,
			.m_pa = run->pos,
		},
		.first = run->page,
		.opf = REQ_OP_READ | opf,
	};
	return erofs_map_dev(rd->sb, &rd->dev);
}

static void erofs_chunk_submit(struct erofs_chunk_reader *rd)
{
	struct erofs_chunk_share *cs = EROFS_SB(rd->sb)->chunk_share;
	struct bio *bio = rd->bio;

	if (!bio)
		return;
	rd->bio = NULL;
	atomic_inc(&cs->reads);
	bio->bi_private = cs;
	bio->bi_end_io = erofs_chunk_end_io;
	if (bio->bi_bdev)
		submit_bio(bio);
	else
		erofs_fileio_submit_bio(bio);
}

/* read a locked folio, with those before it if it follows them */
static void erofs_chunk_add(struct erofs_chunk_reader *rd, struct folio *folio,
			    pgoff_t nr)
{
	const size_t size = folio_size(folio);

	if (rd->bio && (folio->index != rd->next ||
			!bio_add_folio(rd->bio, folio, size, 0)))
		erofs_chunk_submit(rd);
	if (!rd->bio) {
		erofs_off_t pos = erofs_dev_pos(&rd->dev) +
			(((s64)folio->index - (s64)rd->first) << PAGE_SHIFT);

		rd->bio = erofs_is_fileio_mode(EROFS_SB(rd->sb)) ?
			erofs_fileio_bio_alloc(&rd->dev) :
			bio_alloc(rd->dev.m_bdev, bio_max_segs(nr), rd->opf,
				  GFP_KERNEL);
		rd->bio->bi_iter.bi_sector = pos >> SECTOR_SHIFT;
		bio_add_folio_nofail(rd->bio, folio, size, 0);
	}
	rd->next = folio_next_index(folio);
}

/* a new folio, which who pays for it can have back */
static struct folio *erofs_chunk_new_folio(const struct erofs_chunk_run *run, pgoff_t page,
					   pgoff_t nr, unsigned int max_order, gfp_t gfp)
{
	struct address_space *mapping = erofs_chunk_mapping(run);
	struct folio *folio = erofs_new_folio(mapping, page, nr, max_order, gfp);
	int err;

	if (IS_ERR(folio))
		return folio;
	err = erofs_chunk_charge(run->cache, folio, folio_nid(folio), gfp);
	if (!err)
		return folio;
	generic_error_remove_folio(mapping, folio);
	folio_unlock(folio);
	folio_put(folio);
	return ERR_PTR(err);
}

/*
 * Begin to read what is not there yet of a run.  The mark is for page @mark of it, or the
 * first one from there on that is not there.  Returns @mark, as it is then.
 */
static pgoff_t erofs_chunk_read_run(struct file *file, const struct erofs_chunk_run *run,
				    pgoff_t mark)
{
	struct address_space *mapping = erofs_chunk_mapping(run);
	const gfp_t gfp = readahead_gfp_mask(mapping);
	const pgoff_t end = run->page + run->nr;
	struct erofs_chunk_reader rd;
	pgoff_t page = run->page;
	struct folio *folio;

	if (erofs_chunk_reader_init(&rd, file, run, REQ_RAHEAD))
		return mark;
	while (page < end) {
		folio = filemap_get_folio(mapping, page);
		if (!IS_ERR(folio)) {
			const pgoff_t next = folio_next_index(folio);

			folio_put(folio);
			if (run->page + mark - page < next - page)
				mark = next - run->page;
			page = next;
			continue;
		}
		folio = erofs_chunk_new_folio(run, page, end - page, EROFS_CHUNK_MAX_ORDER, gfp);
		if (IS_ERR(folio)) {
			if (PTR_ERR(folio) != -EEXIST)
				break;
			continue;
		}
		if (run->page + mark - folio->index < folio_nr_pages(folio))
			folio_set_readahead(folio);
		page = folio_next_index(folio);
		erofs_chunk_add(&rd, folio, end - folio->index);
		folio_put(folio);	/* it stays while it is locked */
	}
	erofs_chunk_submit(&rd);
	return mark;
}

/**
 * erofs_chunk_readahead - begin to read pages of a file that are not cached
 * @file: a shared file
 * @index: first page
 * @nr: how many
 * @mark: page that, when it is used, has those behind them read, see
 *	erofs_readahead_used(), or one that is none of them
 * @cached: go no further than where the chunk index is in memory
 *
 * Errors are left to who needs the pages.  Best called with requests plugged.
 *
 * Return: the page after the last that is cached now, or on its way.
 */
pgoff_t erofs_chunk_readahead(struct file *file, pgoff_t index, pgoff_t nr,
			      pgoff_t mark, bool cached)
{
	struct inode *inode = file_inode(file);
	const pgoff_t eof = DIV_ROUND_UP_ULL(i_size_read(inode), PAGE_SIZE);
	pgoff_t end;

	if (index >= eof)
		return index;
	end = index + min(nr, eof - index);
	while (index < end) {
		struct erofs_run run = {
			.first = index,
			.end = min(end + EROFS_CHUNK_AROUND - 1, eof),
		};

		if (erofs_resolve(inode, index, cached, &run))
			break;
		if (run.kind == EROFS_HOLE) {
			run.end = min(run.end, end);
			/* if the mark falls into it, it is passed on to what follows */
			if (mark - index < run.end - index)
				mark = run.end;
		} else {
			/* so that folios do not get smaller to the end of each request */
			run.chunk.nr = min(run.chunk.nr, ALIGN(run.chunk.page + end - index,
							       EROFS_CHUNK_AROUND) -
					   run.chunk.page);
			run.end = index + run.chunk.nr;
			mark = index + erofs_chunk_read_run(file, &run.chunk, mark - index);
		}
		index = run.end;
	}
	return index;
}

/* read one locked folio; it is unlocked when that has ended */
static int erofs_chunk_reread(struct file *file, const struct erofs_chunk_run *run,
			      struct folio *folio)
{
	struct erofs_chunk_reader rd;
	int err = erofs_chunk_reader_init(&rd, file, run, 0);

	if (err) {
		folio_unlock(folio);
		return err;
	}
	erofs_chunk_add(&rd, folio, folio_nr_pages(folio));
	erofs_chunk_submit(&rd);
	return folio_wait_locked_killable(folio);
}

/* has the memory of a page of a folio failed? */
static bool erofs_chunk_failed(struct folio *folio, pgoff_t page)
{
	return folio_contain_hwpoisoned_page(folio) &&
		PageHWPoison(folio_file_page(folio, page));
}

/**
 * erofs_chunk_drop_failed - have a page whose memory has failed read anew to other memory
 * @folio: a locked folio of the cache
 * @page: of it, by its place in the cache
 *
 * Memory failure could not: it does not find who maps the page, so that all who come would
 * get SIGBUS for good.
 * As the folio is locked, nobody begins to map it; if somebody does map it, it stays.
 *
 * Return: true if it was such a one, and is in the cache no more.
 */
bool erofs_chunk_drop_failed(struct folio *folio, pgoff_t page)
{
	if (!erofs_chunk_failed(folio, page) || folio_mapped(folio))
		return false;
	/* of a regular file: this does not fail */
	generic_error_remove_folio(folio->mapping, folio);
	return true;
}

/*
 * A large folio of which a part could not be read is dropped: each page is tried by
 * itself.  Reading ahead may have put pages together of which one is behind the end of
 * the device, or on a bad sector.
 */
static bool erofs_chunk_drop_unread(struct folio *folio)
{
	if (folio_test_uptodate(folio) || !folio_test_large(folio))
		return false;
	generic_error_remove_folio(folio->mapping, folio);
	return true;
}

/**
 * erofs_chunk_read_folio - have a page in the cache, with what it holds
 * @file: a shared file
 * @run: where its page is
 *
 * Return: the folio, up to date and with a reference, or an error pointer: -EIO as well
 * if the memory of the page has failed and somebody maps it.
 */
struct folio *erofs_chunk_read_folio(struct file *file,
				     const struct erofs_chunk_run *run)
{
	struct address_space *mapping = erofs_chunk_mapping(run);
	struct folio *folio;
	int err;

	for (;;) {
		folio = filemap_get_folio(mapping, run->page);
		if (IS_ERR(folio)) {
			folio = erofs_chunk_new_folio(run, run->page, 1, 0,
						      mapping_gfp_mask(mapping));
			if (PTR_ERR_OR_ZERO(folio) == -EEXIST)
				continue;
			if (IS_ERR(folio))
				return folio;
			/* ours is the one reference beside that of the cache */
		} else {
			if (folio_test_uptodate(folio) && !erofs_chunk_failed(folio, run->page))
				return folio;
			err = folio_lock_killable(folio);
			if (err)
				break;
			if (folio->mapping != mapping ||
			    erofs_chunk_drop_failed(folio, run->page) ||
			    erofs_chunk_drop_unread(folio)) {
				folio_unlock(folio);
				folio_put(folio);
				if (fatal_signal_pending(current))
					return ERR_PTR(-EINTR);
				continue;
			}
			if (folio_test_uptodate(folio)) {
				if (erofs_chunk_failed(folio, run->page))
					err = -EIO;
				folio_unlock(folio);
				break;
			}
		}
		err = erofs_chunk_reread(file, run, folio);
		if (!err && !folio_test_uptodate(folio))
			err = -EIO;
		break;
	}
	if (!err)
		return folio;
	folio_put(folio);
	return ERR_PTR(err);
}

/**
 * erofs_chunk_unreadable - is there no device where a chunk is said to be?
 * @file: a shared file
 * @run: where its page is
 *
 * Context: does not sleep on I/O.
 */
bool erofs_chunk_unreadable(struct file *file, const struct erofs_chunk_run *run)
{
	struct erofs_chunk_reader rd;

	return erofs_chunk_reader_init(&rd, file, run, 0);
}

/**
 * erofs_chunk_wait - have a page of a file in the cache, or its error known
 * @file: a shared file
 * @index: the page; nothing is done if it is none that is shared
 */
void erofs_chunk_wait(struct file *file, pgoff_t index)
{
	struct erofs_run run = { .first = index, .end = index + 1 };
	struct folio *folio;

	if (erofs_resolve(file_inode(file), index, false, &run) || run.kind == EROFS_HOLE)
		return;
	folio = erofs_chunk_read_folio(file, &run.chunk);
	if (!IS_ERR(folio))
		folio_put(folio);
}

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
