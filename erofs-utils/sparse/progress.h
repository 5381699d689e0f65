/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_PROGRESS_H
#define EROFS_SPARSE_PROGRESS_H

#include <stdio.h>

#include "sparse.h"

/**
 * struct sparse_progress - how far we are, shown on a terminal
 * @total: bytes to be read, about; 0 if nobody knows
 * @done: bytes that were read
 * @active: whether there is somebody to show it to
 */
struct sparse_progress {
	u64 total;
	u64 done;
	bool active;
	/* private: in seconds */
	double start;
	double shown;
};

/**
 * sparse_progress_start() - take the time
 * @progress: @total and @active set, the rest zero
 */
void sparse_progress_start(struct sparse_progress *progress);

/** sparse_progress_add() - note that so many blocks were read */
void sparse_progress_add(struct sparse_progress *progress, u64 blocks);

/** sparse_progress_clear() - clear the line: something else is to be said there */
void sparse_progress_clear(const struct sparse_progress *progress);

/** sparse_progress_stop() - clear the line.  Return: seconds since the start. */
double sparse_progress_stop(struct sparse_progress *progress);

/**
 * struct sparse_summary - what is said at the end
 * @path: the image
 * @files: how many regular files it holds
 * @cores: how many of them were ELF cores
 * @bytes: their sizes added up
 * @index: bytes of block maps
 * @image: size of the image in bytes
 * @seconds: what it took
 * @uuid: of the image, as text
 * @bases: how many other images are referenced
 * @counts: of blocks
 */
struct sparse_summary {
	const char *path;
	u64 files;
	u64 cores;
	u64 bytes;
	u64 index;
	u64 image;
	double seconds;
	const char *uuid;
	unsigned int bases;
	struct sparse_counts counts;
};

/** sparse_estimate_print() - print what an image would have, of which @image is the most */
void sparse_estimate_print(FILE *f, const struct sparse_summary *summary);

/** sparse_summary_print() - print it to @f */
void sparse_summary_print(FILE *f, const struct sparse_summary *summary);

#endif
