// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "batch.h"
#include "zero.h"

int sparse_batch_init(struct sparse_batch *batch)
{
	batch->data = aligned_alloc(SPARSE_BLOCK_SIZE,
				    SPARSE_BATCH_BLOCKS * SPARSE_BLOCK_SIZE);
	return batch->data ? 0 : -ENOMEM;
}

void sparse_batch_exit(struct sparse_batch *batch)
{
	free(batch->data);
}

int sparse_batch_plan(struct sparse_batch *batch, struct sparse_walk *walk)
{
	struct sparse_extent *extent = &walk->extent;
	int ret;

	batch->fd = walk->fd;
	batch->size = walk->size;
	batch->count = 0;
	while (batch->count < SPARSE_BATCH_BLOCKS) {
		if (extent->start == extent->end) {
			ret = sparse_extent_next(walk->fd, extent->end,
						 sparse_blocks(walk->size),
						 extent);
			if (ret <= 0)
				return ret;
		}
		batch->block[batch->count++] = extent->start++;
	}
	return 0;
}

static int read_fully(int fd, u8 *buf, size_t len, off_t pos)
{
	ssize_t ret;

	while (len) {
		ret = pread(fd, buf, len, pos);
		if (ret < 0 && errno == EINTR)
			continue;
		if (ret <= 0)
			return ret < 0 ? -errno : -ETXTBSY;
		buf += ret;
		pos += ret;
		len -= ret;
	}
	return 0;
}

int sparse_batch_read(struct sparse_batch *batch)
{
	unsigned int first, end;
	int err;

	for (first = 0; first < batch->count; first = end) {
		u8 *data = batch->data + first * SPARSE_BLOCK_SIZE;
		u64 pos = batch->block[first] << SPARSE_BLOCK_BITS;
		size_t len, left = 0;

		for (end = first + 1; end < batch->count; end++)
			if (batch->block[end] != batch->block[end - 1] + 1)
				break;
		len = (end - first) * SPARSE_BLOCK_SIZE;
		if (pos + len > batch->size)
			left = pos + len - batch->size;
		err = read_fully(batch->fd, data, len - left, pos);
		if (err)
			return err;
		memset(data + len - left, 0, left);
	}
	return 0;
}

int sparse_batch_scan(struct sparse_batch *batch, struct sparse_hash *hash)
{
	unsigned int i;
	int err;

	for (i = 0; i < batch->count; i++) {
		const u8 *data = batch->data + i * SPARSE_BLOCK_SIZE;

		batch->zero[i] = sparse_is_zero(data, SPARSE_BLOCK_SIZE);
		if (batch->zero[i])
			continue;
		batch->hash[i] = XXH3_64bits(data, SPARSE_BLOCK_SIZE);
		if (!hash)
			continue;
		err = sparse_hash_data(hash, data, SPARSE_BLOCK_SIZE,
				       batch->digest[i]);
		if (err)
			return err;
	}
	return 0;
}
