// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#include <errno.h>

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

/* close what of it is open; it is opened again when it is its turn */
static void give_up(struct sparse_ahead *ahead, struct sparse_ahead_part *part)
{
	unsigned int i;

	if (part->count)
		sparse_pool_wait(ahead->pool, &part->job);
	for (i = 0; i < part->count; i++)
		sparse_source_close(&part->source[i]);
}

int sparse_ahead_open(struct sparse_ahead *ahead, size_t index, struct sparse_source *source)
{
	struct sparse_ahead_part *part = &ahead->part[index / SPARSE_AHEAD_FILES % 2];
	unsigned int i = index % SPARSE_AHEAD_FILES;
	int err;

	if (!index)
		submit(ahead, 0);
	if (!i) {
		submit(ahead, index + SPARSE_AHEAD_FILES);
		sparse_pool_wait(ahead->pool, &part->job);
	}
	*source = part->source[i];
	part->source[i].fd = -1;
	if (source->fd >= 0)
		return 0;
	/* now for the error, unless it is that too many are open */
	err = sparse_source_open(source, part->file[i].inode->i_srcpath);
	if (err != -EMFILE && err != -ENFILE)
		return err;
	give_up(ahead, &ahead->part[0]);
	give_up(ahead, &ahead->part[1]);
	return sparse_source_open(source, part->file[i].inode->i_srcpath);
}

void sparse_ahead_end(struct sparse_ahead *ahead)
{
	struct sparse_ahead_part *part;

	for (part = ahead->part; part < ahead->part + ARRAY_SIZE(ahead->part); part++) {
		give_up(ahead, part);
		part->count = 0;
	}
}
