// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "batch.h"
#include "source.h"
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

static void add(struct sparse_batch *batch, u64 block, u32 base)
{
	batch->base[batch->count] = base;
	batch->hole[batch->count] = false;
	batch->block[batch->count++] = block;
}

/* the next data.  Return: 1, 0 at the end of the file, or a negative errno. */
static int find_data(struct sparse_walk *walk)
{
	struct sparse_extent *extent = &walk->extent;

	if (extent->start < extent->end)
		return 1;
	if (walk->layout)
		return sparse_layout_next(walk->layout, walk->fd, extent->end,
					  extent);
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
		add(batch, block, 0);
		batch->hole[batch->count - 1] = !ret || block < extent->start;
		extent->start += !batch->hole[batch->count - 1];
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
	while (batch->count < sparse_blocks(len))
		add(batch, block++, 0);
	memset(batch->data + len, 0, batch->count * SPARSE_BLOCK_SIZE - len);
	return 0;
}

/* data of the file, and of what lies below its holes */
static int plan_delta(struct sparse_batch *batch, struct sparse_walk *walk)
{
	const u32 *below = walk->delta->addr;
	u64 data;
	int ret;

	while (batch->count < SPARSE_BATCH_BLOCKS) {
		ret = find_data(walk);
		if (ret < 0)
			return ret;
		data = ret ? walk->extent.start : walk->delta->blocks;
		while (walk->next < data && !below[walk->next])
			walk->next++;
		if (!ret && walk->next == data)
			return 0;
		if (walk->next == data)
			walk->extent.start++;
		add(batch, walk->next, walk->next == data ? 0 : below[walk->next]);
		walk->next++;
	}
	return 0;
}

int sparse_batch_plan(struct sparse_batch *batch, struct sparse_walk *walk)
{
	int ret;

	batch->fd = walk->fd;
	batch->size = walk->size;
	batch->layout = walk->layout;
	batch->shift = walk->shift;
	batch->delta = walk->delta;
	batch->loaded = false;
	batch->count = 0;
	if (walk->stream)
		return plan_stream(batch, walk);
	if (walk->delta)
		return plan_delta(batch, walk);
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

/* whether a block follows the one before it, and is read or not as that is */
static bool goes_on(const struct sparse_batch *batch, unsigned int i)
{
	return batch->block[i] == batch->block[i - 1] + 1 &&
		batch->hole[i] == batch->hole[i - 1] &&
		!batch->base[i] == !batch->base[i - 1];
}

/* blocks that follow each other in the file */
static int read_file(const struct sparse_batch *batch, unsigned int first, size_t len)
{
	u8 *data = batch->data + first * SPARSE_BLOCK_SIZE;
	u64 pos = batch->block[first] << SPARSE_BLOCK_BITS;
	size_t left = 0;
	int err;

	if (pos + len > batch->size)
		left = pos + len - batch->size;
	if (batch->layout)
		err = sparse_layout_read(batch->layout, batch->fd, data,
					 len - left, pos);
	else
		err = sparse_source_read(batch->fd, data, len - left, pos);
	memset(data + len - left, 0, left);
	return err;
}

int sparse_batch_read(struct sparse_batch *batch)
{
	unsigned int first, end;
	size_t len;
	int err;

	if (batch->loaded)
		return 0;
	for (first = 0; first < batch->count; first = end) {
		for (end = first + 1; end < batch->count; end++)
			if (!goes_on(batch, end))
				break;
		len = (end - first) * SPARSE_BLOCK_SIZE;
		err = 0;
		if (batch->hole[first])
			memset(batch->data + first * SPARSE_BLOCK_SIZE, 0, len);
		else if (!batch->base[first])
			err = read_file(batch, first, len);
		if (err)
			return err;
	}
	return 0;
}

static int scan_block(struct sparse_batch *batch, unsigned int i,
		      struct sparse_hash *hash)
{
	const u8 *data = batch->data + i * SPARSE_BLOCK_SIZE;
	u8 *digest = batch->digest[i];

	if (batch->base[i]) {
		memcpy(digest, sparse_space_leaf(batch->delta->space, batch->base[i]),
		       SPARSE_DIGEST_SIZE);
		batch->zero[i] = sparse_is_zero(digest, SPARSE_DIGEST_SIZE);
		return 0;
	}
	batch->zero[i] = batch->hole[i] || sparse_is_zero(data, SPARSE_BLOCK_SIZE);
	if (batch->zero[i])
		memset(digest, 0, SPARSE_DIGEST_SIZE);
	else if (hash)
		return sparse_hash_data(hash, data, SPARSE_BLOCK_SIZE, digest);
	return 0;
}

/* of the digests if there are any: they are shorter than the bytes */
static struct sparse_id hash_chunk(const struct sparse_batch *batch, unsigned int first,
				   unsigned int count, const struct sparse_key key[2],
				   bool have_digest)
{
	const u8 *data = batch->data + first * SPARSE_BLOCK_SIZE;
	struct sparse_id id[SPARSE_BATCH_BLOCKS] = { 0 };
	unsigned int i;

	if (have_digest)
		return sparse_key_hash(&key[0], batch->digest[first],
				       count * SPARSE_DIGEST_SIZE);
	for (i = 0; i < count; i++)
		if (!batch->zero[first + i])
			id[i] = sparse_key_hash(&key[0], data + i * SPARSE_BLOCK_SIZE,
						SPARSE_BLOCK_SIZE);
	if (count == 1)
		return id[0];
	return sparse_key_hash(&key[1], id, count * sizeof(id[0]));
}

int sparse_batch_scan(struct sparse_batch *batch, const struct sparse_key key[2],
		      const struct sparse_known *known, struct sparse_hash *hash)
{
	unsigned int first, count, i;
	bool zero;
	int err;

	for (first = 0; first < batch->count; first += count) {
		count = sparse_batch_chunk(batch, first);
		zero = true;
		for (i = first; i < first + count; i++) {
			err = scan_block(batch, i, hash);
			if (err)
				return err;
			zero &= batch->zero[i];
		}
		if (zero || batch->base[first])
			continue;
		batch->id[first] = hash_chunk(batch, first, count, key, hash);
		batch->base[first] = sparse_known_find(known, batch->digest[first],
						       &batch->id[first]);
	}
	return 0;
}
