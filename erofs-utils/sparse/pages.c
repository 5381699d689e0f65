// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pages.h"

void sparse_pages_init(struct sparse_pages *pages, struct sparse_source *source,
		       unsigned int shift)
{
	*pages = (struct sparse_pages) { .source = source, .shift = shift };
}

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

static void add(struct sparse_batch *batch, u64 block, bool hole, u32 base)
{
	batch->base[batch->count] = base;
	batch->hole[batch->count] = hole;
	batch->block[batch->count++] = block;
}

/* the next data.  Return: 1, 0 at the end of the file, or a negative errno. */
static int find_data(struct sparse_pages *pages, struct sparse_failure *failure)
{
	struct sparse_extent *extent = &pages->extent;

	if (extent->start < extent->end)
		return 1;
	return sparse_source_next(pages->source, extent->end, extent, failure);
}

/* add the chunk that the next data is in */
static int plan_chunk(struct sparse_batch *batch, struct sparse_pages *pages,
		      struct sparse_failure *failure)
{
	struct sparse_extent *extent = &pages->extent;
	u64 blocks = sparse_blocks(pages->source->size);
	u64 block = extent->start >> pages->shift << pages->shift;
	u64 end = block + (1ULL << pages->shift);
	bool hole;
	int ret;

	for (; block < end && block < blocks; block++) {
		ret = find_data(pages, failure);
		if (ret < 0)
			return ret;
		hole = !ret || block < extent->start;
		add(batch, block, hole, hole ? 0 : extent->addr);
		extent->start += !hole;
		extent->addr += extent->addr && !hole;
	}
	return 0;
}

/* batches of a stream are whole but for the last */
static int load(struct sparse_batch *batch, struct sparse_pages *pages,
		struct sparse_failure *failure)
{
	u64 block = sparse_blocks(pages->source->size);
	ssize_t len;

	len = sparse_source_load(pages->source, batch->data,
				 SPARSE_BATCH_BLOCKS * SPARSE_BLOCK_SIZE, failure);
	if (len < 0)
		return len;
	batch->loaded = true;
	while (batch->count < sparse_blocks(len))
		add(batch, block++, false, 0);
	memset(batch->data + len, 0, batch->count * SPARSE_BLOCK_SIZE - len);
	return 0;
}

int sparse_pages_run(struct sparse_pages *pages, struct sparse_batch *batch,
		     struct sparse_failure *failure)
{
	int ret;

	batch->source = pages->source;
	batch->shift = pages->shift;
	batch->loaded = false;
	batch->count = 0;
	if (!pages->source->ops->next)
		return load(batch, pages, failure);
	while (batch->count < SPARSE_BATCH_BLOCKS) {
		ret = find_data(pages, failure);
		if (ret > 0)
			ret = plan_chunk(batch, pages, failure);
		else if (!ret)
			break;
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
static int read_file(const struct sparse_batch *batch, unsigned int first, size_t len,
		     struct sparse_failure *failure)
{
	u8 *data = batch->data + first * SPARSE_BLOCK_SIZE;
	u64 pos = batch->block[first] << SPARSE_BLOCK_BITS;
	size_t left = 0;

	if (pos + len > batch->source->size)
		left = pos + len - batch->source->size;
	memset(data + len - left, 0, left);
	return sparse_source_read(batch->source, data, len - left, pos, failure);
}

int sparse_pages_read(struct sparse_batch *batch, struct sparse_failure *failure)
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
			err = read_file(batch, first, len, failure);
		if (err)
			return err;
	}
	return 0;
}
