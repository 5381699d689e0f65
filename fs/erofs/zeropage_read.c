// SPDX-License-Identifier: GPL-2.0-only
/*
 * Holes that are read with read(), splice() and their kin.
 *
 * Zeros go straight to the caller; the page cache is asked for data only.  Since
 * a hole never enters the page cache by these ways, there is nothing of it to be
 * reclaimed and nothing to keep coherent: whoever finds a page of it there, from a
 * time when the switch was off, finds zeros as well.
 */
#include <linux/pagemap.h>
#include <linux/pipe_fs_i.h>
#include <linux/uio.h>
#include "compat.h"
#include "chunkshare.h"
#include "resolve.h"
#include "zeropage.h"

/* zeros written at a stretch before others get the CPU and signals are seen */
#define EROFS_ZERO_STRETCH	SZ_1M

/*
 * What kind the bytes from @pos on are, and how many of them, in *@count.  A chunk
 * index that cannot be read is left to the page cache, which reports it.
 */
static enum erofs_kind erofs_zeropage_extent(struct inode *inode, loff_t pos, size_t *count)
{
	struct erofs_run run = {
		.first = pos >> PAGE_SHIFT,
		.end = ((pos + *count - 1) >> PAGE_SHIFT) + 1,
		.anywhere = true,
	};

	if (erofs_resolve(inode, run.first, false, &run))
		return EROFS_DATA;
	*count = min_t(u64, *count, ((u64)run.end << PAGE_SHIFT) - pos);
	return run.kind;
}

/**
 * erofs_zeropage_read_hole - read from a hole
 * @iocb: file and position
 * @to: where the zeros go
 * @count: bytes, none of them beyond the hole
 *
 * Return: bytes read, fewer if a fatal signal came, or -EFAULT if there were none.
 */
ssize_t erofs_zeropage_read_hole(struct kiocb *iocb, struct iov_iter *to, size_t count)
{
	struct file *file = iocb->ki_filp;
	size_t done = 0;

	while (done < count) {
		size_t part = min_t(size_t, count - done, EROFS_ZERO_STRETCH);
		size_t n = iov_iter_zero(part, to);

		done += n;
		if (n < part || fatal_signal_pending(current))
			break;
		cond_resched();
	}
	iocb->ki_pos += done;
	/* data behind the hole goes on with the sequence */
	WRITE_ONCE(file->f_ra.prev_pos, iocb->ki_pos);
	erofs_zeropage_count(file_inode(file), read_bytes, done);
	return done ? done : -EFAULT;
}

static ssize_t erofs_zeropage_read_data(struct kiocb *iocb, struct iov_iter *to,
					size_t count)
{
	size_t rest = iov_iter_count(to) - count;
	ssize_t ret;

	iov_iter_truncate(to, count);
	ret = filemap_read(iocb, to, 0);
	iov_iter_reexpand(to, iov_iter_count(to) + rest);
	return ret;
}

/* before data at @pos is read, of [@start, @end) that is wanted */
static void erofs_zeropage_read_ahead(struct file *file, loff_t pos, loff_t start,
				      loff_t end)
{
	const pgoff_t index = pos >> PAGE_SHIFT;
	struct folio *folio = filemap_get_folio(file->f_mapping, index);

	erofs_readahead_read(file, folio, index, start >> PAGE_SHIFT,
			     DIV_ROUND_UP_ULL(end, PAGE_SIZE));
	if (!IS_ERR(folio))
		folio_put(folio);
}

/**
 * erofs_zeropage_read_iter - buffered read of a regular file that is not DAX
 * @iocb: file and position
 * @to: where the bytes go
 *
 * Return: bytes read, 0 at the end of the file, or a negative error if there was
 * one before the first byte.
 */
ssize_t erofs_zeropage_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	const loff_t size = i_size_read(inode), start = iocb->ki_pos;
	ssize_t done = 0, ret = 0;

	if (erofs_chunk_shared(inode))
		return erofs_chunk_read(iocb, to);
	if (!erofs_zeropage_active(inode))
		return filemap_read(iocb, to, 0);

	while (iov_iter_count(to) && iocb->ki_pos < size) {
		size_t count = min_t(u64, iov_iter_count(to), size - iocb->ki_pos);

		if (erofs_zeropage_extent(inode, iocb->ki_pos, &count) == EROFS_HOLE) {
			ret = erofs_zeropage_read_hole(iocb, to, count);
		} else {
			erofs_zeropage_read_ahead(iocb->ki_filp, iocb->ki_pos, start,
						  iocb->ki_pos + iov_iter_count(to));
			ret = erofs_zeropage_read_data(iocb, to, count);
		}
		if (ret > 0)
			done += ret;
		if (ret < (ssize_t)count)
			break;
	}
	return done ? done : ret;
}

/* the zero page in a pipe needs no reference: nobody can free it */
static bool erofs_zero_pipe_get(struct pipe_inode_info *pipe,
				struct pipe_buffer *buf)
{
	return true;
}

static void erofs_zero_pipe_release(struct pipe_inode_info *pipe,
				    struct pipe_buffer *buf)
{
}

static bool erofs_zero_pipe_try_steal(struct pipe_inode_info *pipe,
				      struct pipe_buffer *buf)
{
	return false;
}

static const struct pipe_buf_operations erofs_zero_pipe_ops = {
	.release	= erofs_zero_pipe_release,
	.try_steal	= erofs_zero_pipe_try_steal,
	.get		= erofs_zero_pipe_get,
};

static ssize_t erofs_zeropage_splice_hole(struct file *in, loff_t *ppos,
					  struct pipe_inode_info *pipe, size_t len)
{
	size_t done = 0;

	while (done < len) {
		struct pipe_buffer buf = {
			.ops = &erofs_zero_pipe_ops,
			.page = ZERO_PAGE(0),
			.offset = offset_in_page(*ppos),
		};
		ssize_t n;

		buf.len = min_t(size_t, len - done, PAGE_SIZE - buf.offset);
		n = add_to_pipe(pipe, &buf);
		if (n < 0)
			return done ? done : n;
		done += n;
		*ppos += n;
		erofs_zeropage_count(file_inode(in), read_bytes, n);
		if (pipe_full(pipe->head, pipe->tail, pipe->max_usage))
			break;
	}
	WRITE_ONCE(in->f_ra.prev_pos, *ppos);
	return done;
}

/**
 * erofs_zeropage_splice_read - splice from a regular file into a pipe
 * @in: the file
 * @ppos: position in it, moved on by what was spliced
 * @pipe: the pipe, locked
 * @len: bytes wanted
 * @flags: SPLICE_F_*
 *
 * Data goes by page-cache pages, holes by the zero page; one kind a call.
 *
 * Return: bytes spliced, 0 at the end of the file, or a negative error.
 */
ssize_t erofs_zeropage_splice_read(struct file *in, loff_t *ppos,
				   struct pipe_inode_info *pipe, size_t len,
				   unsigned int flags)
{
	struct inode *inode = file_inode(in);
	const loff_t size = i_size_read(inode);

	if (erofs_zeropage_active(inode) && !IS_DAX(inode) && len &&
	    *ppos < size) {
		const size_t wanted = min_t(u64, len, size - *ppos);

		len = wanted;
		if (erofs_zeropage_extent(inode, *ppos, &len) == EROFS_HOLE)
			return erofs_zeropage_splice_hole(in, ppos, pipe, len);
		if (!erofs_chunk_shared(inode))
			erofs_zeropage_read_ahead(in, *ppos, *ppos, *ppos + wanted);
	}
	/* pages of the device's cache are not those of the file that splice() asks for */
	if (erofs_chunk_shared(inode))
		return copy_splice_read(in, ppos, pipe, len, flags);
	return filemap_splice_read(in, ppos, pipe, len, flags);
}
