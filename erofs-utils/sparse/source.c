// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "source.h"

/* a batch: of larger files the kernel's own read-ahead has the rest */
#define PREFETCH_BYTES	(256 * 1024)

/* blocks: the largest folios have as many, and one that is dropped in part stays */
#define DROP_ALIGN	512

bool sparse_source_is_stream(const char *path)
{
	return !strcmp(path, SPARSE_STDIN);
}

static int raw_next(struct sparse_source *source, u64 block, struct sparse_extent *extent)
{
	return sparse_extent_next(source->fd, block, sparse_blocks(source->size), extent);
}

static ssize_t raw_read(const struct sparse_source *source, void *buf, size_t len, u64 pos)
{
	return sparse_data_read(source->fd, buf, len, pos);
}

const struct sparse_source_ops sparse_source_raw = { raw_next, raw_read };

/* data of the file, or what lies below its holes, whichever comes first */
static int delta_next(struct sparse_source *source, u64 block, struct sparse_extent *extent)
{
	const u32 *below = source->below->addr;
	struct sparse_extent *data = &source->data;
	u64 end;
	int ret;

	if (block >= data->end) {
		ret = raw_next(source, block, data);
		if (ret < 0)
			return ret;
		if (!ret)
			*data = (struct sparse_extent) { UINT64_MAX, UINT64_MAX, 0 };
	}
	end = data->start < source->below->blocks ? data->start : source->below->blocks;
	while (block < end && !below[block])
		block++;
	if (block >= end && data->start == UINT64_MAX)
		return 0;
	*extent = (struct sparse_extent) { block, data->end, 0 };
	if (block >= end)
		return 1;
	extent->addr = below[block];
	for (extent->end = block + 1; extent->end < end; extent->end++)
		if (below[extent->end] != extent->addr + (extent->end - block))
			break;
	return 1;
}

const struct sparse_source_ops sparse_source_delta = { delta_next, raw_read };

static ssize_t stream_read(const struct sparse_source *source, void *buf, size_t len, u64 pos)
{
	struct pollfd readable = { .fd = source->fd, .events = POLLIN };
	size_t done = 0;
	ssize_t ret;

	(void)pos;
	while (done < len) {
		ret = read(source->fd, (u8 *)buf + done, len - done);
		if (ret < 0 && errno == EINTR)
			continue;
		/* whoever has the other end may have set O_NONBLOCK for both */
		if (ret < 0 && errno == EAGAIN && poll(&readable, 1, -1) >= 0)
			continue;
		if (ret < 0)
			return -errno;
		if (!ret)
			break;
		done += ret;
	}
	return done;
}

const struct sparse_source_ops sparse_source_stream = { NULL, stream_read };

static int get_stat(int fd, struct stat *st)
{
	off_t size;

	if (fstat(fd, st))
		return -errno;
	if (!S_ISBLK(st->st_mode))
		return 0;
	size = lseek(fd, 0, SEEK_END);
	if (size < 0)
		return -errno;
	st->st_mode = S_IFREG | (st->st_mode & 0777);
	st->st_dev = st->st_rdev;
	st->st_ino = 0;
	st->st_rdev = 0;
	st->st_size = size;
	st->st_blocks = size >> 9;
	return 0;
}

static int get_stat_of_stream(int fd, struct stat *st)
{
	if (fstat(fd, st))
		return -errno;
	/* who may read a pipe says nothing about its content: it is memory */
	if (!S_ISDIR(st->st_mode))
		st->st_mode = S_IFREG | 0600;
	st->st_nlink = 1;
	st->st_dev = 0;
	st->st_ino = 0;
	st->st_rdev = 0;
	st->st_size = 0;
	st->st_blocks = 0;
	return 0;
}

int sparse_source_open(struct sparse_source *source, const char *path)
{
	bool stream = sparse_source_is_stream(path);
	int err;

	*source = (struct sparse_source) {
		.ops = stream ? &sparse_source_stream : &sparse_source_raw,
		.path = path,
	};
	source->fd = stream ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) :
		open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (source->fd < 0)
		return -errno;
	err = stream ? get_stat_of_stream(source->fd, &source->st) :
		get_stat(source->fd, &source->st);
	source->size = source->st.st_size;
	source->cached = sparse_data_is_cached(source->fd);
	if (err)
		sparse_source_close(source);
	return err;
}

void sparse_source_prefetch(const struct sparse_source *source)
{
	if (!source->cached && (u64)source->st.st_blocks * 512 >= source->size)
		posix_fadvise(source->fd, 0, PREFETCH_BYTES, POSIX_FADV_WILLNEED);
}

void sparse_source_used(struct sparse_source *source, u64 block, unsigned int count)
{
	source->used += count;
	/* of a layout all goes in the end: its blocks are elsewhere in the file */
	if (source->cached || source->layout || source->used < SPARSE_DROP_BLOCKS)
		return;
	/* holes are read ahead into, too; each page once, whoever maps some of them meanwhile */
	if (source->drop_end > source->drop_first)
		sparse_data_drop(source->fd, source->drop_first << SPARSE_BLOCK_BITS,
				 (source->drop_end - source->drop_first) << SPARSE_BLOCK_BITS);
	source->drop_first = source->drop_end;
	source->drop_end = block / DROP_ALIGN * DROP_ALIGN;
	source->used = 0;
}

void sparse_source_done(struct sparse_source *source)
{
	if (!source->cached)
		sparse_data_drop(source->fd, 0, 0);
	source->cached = true;
}

void sparse_source_close(struct sparse_source *source)
{
	if (source->fd >= 0) {
		sparse_source_done(source);
		close(source->fd);
	}
	source->fd = -1;
}

static bool is_other_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec || a->tv_nsec != b->tv_nsec;
}

static int note_change(const struct sparse_source *source, struct sparse_failure *failure)
{
	return sparse_refuse(failure, source->path,
			     " was changed while it was read: try again");
}

int sparse_source_check(const struct sparse_source *source, const struct stat *was,
			struct sparse_failure *failure)
{
	struct stat is;
	int err = get_stat(source->fd, &is);

	if (err)
		return sparse_fail(failure, SPARSE_READ, source->path, err);
	if (was->st_dev == is.st_dev && was->st_ino == is.st_ino &&
	    was->st_size == is.st_size && !is_other_time(&was->st_mtim, &is.st_mtim) &&
	    /* whoever sets the one back moves the other */
	    !is_other_time(&was->st_ctim, &is.st_ctim))
		return 0;
	return note_change(source, failure);
}

int sparse_source_next(struct sparse_source *source, u64 block,
		       struct sparse_extent *extent, struct sparse_failure *failure)
{
	int ret = source->ops->next(source, block, extent);

	return ret < 0 ? sparse_fail(failure, SPARSE_READ, source->path, ret) : ret;
}

int sparse_source_read(const struct sparse_source *source, void *buf, size_t len, u64 pos,
		       struct sparse_failure *failure)
{
	ssize_t ret = source->ops->read(source, buf, len, pos);

	if (ret < 0)
		return sparse_fail_at(failure, SPARSE_READ, source->path, pos, ret);
	return (size_t)ret == len ? 0 : note_change(source, failure);
}

ssize_t sparse_source_load(struct sparse_source *source, void *buf, size_t len,
			   struct sparse_failure *failure)
{
	ssize_t ret = source->ops->read(source, buf, len, source->size);

	if (ret < 0)
		return sparse_fail_at(failure, SPARSE_READ, source->path, source->size, ret);
	source->size += ret;
	if (source->size < SPARSE_FILE_MAX)
		return ret;
	return sparse_refuse(failure, source->path, " is too large: it has 4 TiB or more");
}
