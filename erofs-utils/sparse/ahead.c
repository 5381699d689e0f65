// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#include "ahead.h"

static void run_open(struct sparse_job *job)
{
	struct sparse_ahead_part *part = container_of(job, struct sparse_ahead_part, job);
	unsigned int i;

	for (i = 0; i < part->count; i++)
		if (!sparse_source_open(&part->source[i], part->file[i].inode->i_srcpath))
			sparse_source_prefetch(&part->source[i]);
}

static void submit(struct sparse_ahead *ahead, size_t first)
{
	struct sparse_ahead_part *part = &ahead->part[first / SPARSE_AHEAD_FILES % 2];
	size_t left = ahead->tree->count - first;

	if (first >= ahead->tree->count)
		return;
	part->file = &ahead->tree->file[first];
	part->count = left < SPARSE_AHEAD_FILES ? left : SPARSE_AHEAD_FILES;
	part->job.run = run_open;
	sparse_pool_submit(ahead->pool, &part->job);
}

int sparse_ahead_open(struct sparse_ahead *ahead, size_t index, struct sparse_source *source)
{
	struct sparse_ahead_part *part = &ahead->part[index / SPARSE_AHEAD_FILES % 2];
	unsigned int i = index % SPARSE_AHEAD_FILES;

	if (!index)
		submit(ahead, 0);
	if (!i) {
		submit(ahead, index + SPARSE_AHEAD_FILES);
		sparse_pool_wait(ahead->pool, &part->job);
	}
	*source = part->source[i];
	part->source[i].fd = -1;
	/* now for the error; or there were too many open files for a moment */
	return source->fd < 0 ? sparse_source_open(source, part->file[i].inode->i_srcpath) : 0;
}

void sparse_ahead_end(struct sparse_ahead *ahead)
{
	struct sparse_ahead_part *part;
	unsigned int i;

	for (part = ahead->part; part < ahead->part + ARRAY_SIZE(ahead->part); part++) {
		if (part->count)
			sparse_pool_wait(ahead->pool, &part->job);
		for (i = 0; i < part->count; i++)
			sparse_source_close(&part->source[i]);
		part->count = 0;
	}
}
