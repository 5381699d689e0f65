// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "extent.h"

/* from Linux 6.5 on, which the headers may be older than */
#ifndef SYS_cachestat
#define SYS_cachestat	451
#endif

int sparse_data_next(int fd, u64 pos, u64 end, u64 *data, u64 *hole)
{
	off_t ret;

	if (pos >= end)
		return 0;
	*data = pos;
	*hole = end;
	ret = lseek(fd, pos, SEEK_DATA);
	if (ret < 0 && errno == ENXIO)
		return 0;
	if (ret < 0 && (errno == EINVAL || errno == EOPNOTSUPP))
		return 1;
	if (ret < 0)
		return -errno;
	if ((u64)ret >= end)
		return 0;
	*data = ret;
	ret = lseek(fd, ret, SEEK_HOLE);
	/* ENXIO: it shrank in between, which whoever reads it will see */
	if (ret < 0 && errno != ENXIO)
		return -errno;
	if (ret >= 0 && (u64)ret < end)
		*hole = ret;
	return 1;
}

ssize_t sparse_data_read(int fd, void *buf, size_t len, u64 pos)
{
	size_t done = 0;
	ssize_t ret;

	while (done < len) {
		ret = pread(fd, (u8 *)buf + done, len - done, pos + done);
		if (ret < 0 && errno == EINTR)
			continue;
		if (ret < 0)
			return -errno;
		if (!ret)
			break;
		done += ret;
	}
	return done;
}

bool sparse_data_is_cached(int fd)
{
	/* all of the file; the first figure is that of pages in the cache */
	const u64 range[2] = { 0, 0 };
	u64 figures[5];
	struct statfs fs;

	/* the kernel looks at the wrong file there, and would drop the pages of the right one */
	if (fstatfs(fd, &fs) || fs.f_type == OVERLAYFS_SUPER_MAGIC)
		return true;
	return syscall(SYS_cachestat, fd, range, figures, 0) || figures[0];
}

void sparse_data_drop(int fd, u64 pos, u64 len)
{
	posix_fadvise(fd, pos, len, POSIX_FADV_DONTNEED);
}

int sparse_extent_next(int fd, u64 block, u64 blocks,
		       struct sparse_extent *extent)
{
	u64 data, hole;
	int ret;

	ret = sparse_data_next(fd, block << SPARSE_BLOCK_BITS,
			       blocks << SPARSE_BLOCK_BITS, &data, &hole);
	if (ret <= 0)
		return ret;
	*extent = (struct sparse_extent) {
		data >> SPARSE_BLOCK_BITS, sparse_blocks(hole), 0,
	};
	return 1;
}
