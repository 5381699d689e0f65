/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_AHEAD_H
#define EROFS_SPARSE_AHEAD_H

#include "pool.h"
#include "source.h"
#include "tree.h"

/* files that are opened by one job; the next as many are opened meanwhile */
#define SPARSE_AHEAD_FILES	32

/**
 * struct sparse_ahead - files of a tree that are open before it is their turn, and of
 * which the beginning is on its way into memory
 *
 * A file that is smaller than a batch is read by one request.  A disk that gets one at a
 * time takes as long as each of them takes, and most of it is waiting.
 *
 * @pool: threads
 * @tree: the files
 */
struct sparse_ahead {
	struct sparse_pool *pool;
	const struct sparse_tree *tree;
	/* private: those being taken, and those being opened */
	struct sparse_ahead_part {
		struct sparse_job job;
		const struct sparse_file *file;
		unsigned int count;
		struct sparse_source source[SPARSE_AHEAD_FILES];
	} part[2];
};

/**
 * sparse_ahead_open() - the next file, as by sparse_source_open()
 * @ahead: with @pool and @tree set, the rest zero
 * @index: of the file: 0, 1, ...
 * @source: to be closed by the caller
 *
 * Return: 0 or a negative errno.
 */
int sparse_ahead_open(struct sparse_ahead *ahead, size_t index, struct sparse_source *source);

/** sparse_ahead_end() - close what was opened and not taken; again is fine, too */
void sparse_ahead_end(struct sparse_ahead *ahead);

#endif
