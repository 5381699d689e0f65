// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "extent.h"
#include "store.h"

/* how often a part is dropped, until the end: the disk may be slow to write it */
#define DROP_TURNS	8

static off_t position(const struct sparse_store *store, u32 index)
{
	return ((off_t)store->start + index) << SPARSE_BLOCK_BITS;
}

/* write all, which the kernel may do in parts */
static int write_fully(const struct sparse_store *store, struct iovec *iov, int count,
		       off_t pos, struct sparse_failure *failure)
{
	ssize_t ret;

	while (count) {
		ret = pwritev(store->fd, iov, count, pos);
		if (ret < 0 && errno == EINTR)
			continue;
		if (ret < 0)
			return sparse_fail(failure, SPARSE_WRITE, store->path, -errno);
		pos += ret;
		for (; count && (size_t)ret >= iov->iov_len; iov++, count--)
			ret -= iov->iov_len;
		if (count) {
			iov->iov_base = (u8 *)iov->iov_base + ret;
			iov->iov_len -= ret;
		}
	}
	return 0;
}

int sparse_store_write(const struct sparse_store *store, const struct sparse_run *run,
		       struct sparse_failure *failure)
{
	struct iovec iov[SPARSE_RUN_BLOCKS];
	unsigned int i;
	int count = 0;

	for (i = 0; i < run->count; i++) {
		const u8 *block = run->block[i];

		if (count && (u8 *)iov[count - 1].iov_base +
				iov[count - 1].iov_len == block) {
			iov[count - 1].iov_len += SPARSE_BLOCK_SIZE;
			continue;
		}
		iov[count].iov_base = (void *)block;
		iov[count++].iov_len = SPARSE_BLOCK_SIZE;
	}
	return write_fully(store, iov, count, position(store, run->first), failure);
}

void sparse_store_sync(const struct sparse_store *store, u32 first, u32 end)
{
	sync_file_range(store->fd, position(store, first),
			(off_t)(end - first) << SPARSE_BLOCK_BITS,
			SYNC_FILE_RANGE_WRITE);
	/* what was begun before the last time has arrived, most of it; the rest has more turns */
	if (first > SPARSE_DROP_BLOCKS) {
		end = first - SPARSE_DROP_BLOCKS;
		first = end > DROP_TURNS * SPARSE_DROP_BLOCKS ?
			end - DROP_TURNS * SPARSE_DROP_BLOCKS : 0;
		sparse_data_drop(store->fd, position(store, first),
				 (u64)(end - first) << SPARSE_BLOCK_BITS);
	}
}
