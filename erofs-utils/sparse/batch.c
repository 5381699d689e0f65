// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
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

/* the next data.  Return: 1, 0 at the end of the file, or a negative errno. */
static int find_data(struct sparse_walk *walk)
{
	struct sparse_extent *extent = &walk->extent;

	if (extent->start < extent->end)
		return 1;
	return sparse_extent_next(walk->fd, extent->end,
				  sparse_blocks(walk->size), extent);
}

/* add the chunk that the next data is in */
static int plan_chunk(struct sparse_batch *batch, struct sparse_walk *walk)
{
	struct sparse_extent *extent = &walk->extent;
	u64 blocks = sparse_blocks(walk->size);
	u64 block = extent->start >> walk->shift << walk->shift;
	u64 end = block + (1ULL << walk->shift);
	int ret;

	for (; block < end && block < blocks; block++) {
		ret = find_data(walk);
		if (ret < 0)
			return ret;
		batch->hole[batch->count] = !ret || block < extent->start;
		extent->start += !batch->hole[batch->count];
		batch->block[batch->count++] = block;
	}
	return 0;
}

/* as much of a stream as makes a batch, or as there is */
static ssize_t fill(int fd, u8 *buf)
{
	struct pollfd readable = { .fd = fd, .events = POLLIN };
	size_t len = 0;
	ssize_t ret;

	while (len < SPARSE_BATCH_BLOCKS * SPARSE_BLOCK_SIZE) {
		ret = read(fd, buf + len,
			   SPARSE_BATCH_BLOCKS * SPARSE_BLOCK_SIZE - len);
		if (ret < 0 && errno == EINTR)
			continue;
		/* whoever has the other end may have set O_NONBLOCK for both */
		if (ret < 0 && errno == EAGAIN && poll(&readable, 1, -1) >= 0)
			continue;
		if (ret < 0)
			return -errno;
		if (!ret)
			break;
		len += ret;
	}
	return len;
}

static int plan_stream(struct sparse_batch *batch, struct sparse_walk *walk)
{
	/* batches are whole but for the last */
	u64 block = sparse_blocks(walk->size);
	ssize_t len = fill(walk->fd, batch->data);

	if (len < 0)
		return len;
	walk->size += len;
	if (walk->size >= SPARSE_FILE_MAX)
		return -EFBIG;
	batch->size = walk->size;
	batch->loaded = true;
	while (batch->count < sparse_blocks(len)) {
		batch->hole[batch->count] = false;
		batch->block[batch->count++] = block++;
	}
	memset(batch->data + len, 0, batch->count * SPARSE_BLOCK_SIZE - len);
	return 0;
}

int sparse_batch_plan(struct sparse_batch *batch, struct sparse_walk *walk)
{
	int ret;

	batch->fd = walk->fd;
	batch->size = walk->size;
	batch->shift = walk->shift;
	batch->loaded = false;
	batch->count = 0;
	if (walk->stream)
		return plan_stream(batch, walk);
	while (batch->count < SPARSE_BATCH_BLOCKS) {
		ret = find_data(walk);
		if (ret <= 0)
			return ret;
		ret = plan_chunk(batch, walk);
		if (ret)
			return ret;
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

	if (batch->loaded)
		return 0;
	for (first = 0; first < batch->count; first = end) {
		u8 *data = batch->data + first * SPARSE_BLOCK_SIZE;
		u64 pos = batch->block[first] << SPARSE_BLOCK_BITS;
		size_t len, left = 0;

		for (end = first + 1; end < batch->count; end++)
			if (batch->block[end] != batch->block[end - 1] + 1 ||
			    batch->hole[end] != batch->hole[first])
				break;
		len = (end - first) * SPARSE_BLOCK_SIZE;
		if (batch->hole[first]) {
			memset(data, 0, len);
			continue;
		}
		if (pos + len > batch->size)
			left = pos + len - batch->size;
		err = read_fully(batch->fd, data, len - left, pos);
		if (err)
			return err;
		memset(data + len - left, 0, left);
	}
	return 0;
}

/* Return: 1 if a chunk holds nothing but zeros, 0 if not, or a negative errno. */
static int scan_chunk(struct sparse_batch *batch, unsigned int first,
		      unsigned int count, struct sparse_hash *hash)
{
	unsigned int i;
	int zero = 1, err;

	for (i = first; i < first + count; i++) {
		const u8 *data = batch->data + i * SPARSE_BLOCK_SIZE;

		batch->zero[i] = batch->hole[i] ||
			sparse_is_zero(data, SPARSE_BLOCK_SIZE);
		if (batch->zero[i])
			continue;
		zero = 0;
		if (!hash)
			continue;
		err = sparse_hash_data(hash, data, SPARSE_BLOCK_SIZE,
				       batch->digest[i]);
		if (err)
			return err;
	}
	return zero;
}

int sparse_batch_scan(struct sparse_batch *batch, struct sparse_hash *hash)
{
	unsigned int i, count;
	int ret;

	for (i = 0; i < batch->count; i += count) {
		count = sparse_batch_chunk(batch, i);
		ret = scan_chunk(batch, i, count, hash);
		if (ret < 0)
			return ret;
		if (!ret)
			batch->hash[i] = XXH3_64bits(batch->data +
						     i * SPARSE_BLOCK_SIZE,
						     count * SPARSE_BLOCK_SIZE);
	}
	return 0;
}
