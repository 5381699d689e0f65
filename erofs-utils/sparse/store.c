// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "store.h"

static off_t position(const struct sparse_store *store, u32 index)
{
	return ((off_t)store->start + index) << SPARSE_BLOCK_BITS;
}

u32 sparse_store_put(struct sparse_store *store, const u8 *block)
{
	u32 index = store->written + store->pending;

	store->block[store->pending++] = block;
	return index;
}

/* write all, which the kernel may do in parts */
static int write_fully(int fd, struct iovec *iov, int count, off_t pos)
{
	ssize_t ret;

	while (count) {
		ret = pwritev(fd, iov, count, pos);
		if (ret < 0 && errno == EINTR)
			continue;
		if (ret < 0)
			return -errno;
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

int sparse_store_flush(struct sparse_store *store)
{
	struct iovec iov[SPARSE_STORE_PENDING];
	unsigned int i;
	int count = 0;
	int err;

	for (i = 0; i < store->pending; i++) {
		const u8 *block = store->block[i];

		if (count && (u8 *)iov[count - 1].iov_base +
				iov[count - 1].iov_len == block) {
			iov[count - 1].iov_len += SPARSE_BLOCK_SIZE;
			continue;
		}
		iov[count].iov_base = (void *)block;
		iov[count++].iov_len = SPARSE_BLOCK_SIZE;
	}
	err = write_fully(store->fd, iov, count,
			  position(store, store->written));
	if (err)
		return err;
	store->written += store->pending;
	store->pending = 0;
	return 0;
}

int sparse_store_equal(const struct sparse_store *store, u32 index,
		       const u8 *block)
{
	u8 stored[SPARSE_BLOCK_SIZE];
	size_t done = 0;
	ssize_t ret;

	if (index >= store->written)
		return !memcmp(store->block[index - store->written], block,
			       SPARSE_BLOCK_SIZE);
	while (done < sizeof(stored)) {
		ret = pread(store->fd, stored + done, sizeof(stored) - done,
			    position(store, index) + done);
		if (ret < 0 && errno == EINTR)
			continue;
		if (ret <= 0)
			return ret < 0 ? -errno : -EIO;
		done += ret;
	}
	return !memcmp(stored, block, sizeof(stored));
}
