/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_SOURCE_H
#define EROFS_SPARSE_SOURCE_H

#include <sys/stat.h>

#include "chunkmap.h"
#include "extent.h"
#include "failure.h"

/* what stands for standard input on the command line, and its name in the image */
#define SPARSE_STDIN		"-"
#define SPARSE_STDIN_NAME	"stdin"

/* a block map has 4 or 8 bytes a block: up to 8 GiB for one page anywhere in the file */
#define SPARSE_FILE_MAX		((u64)1 << 42)

struct sparse_layout;
struct sparse_source;

/**
 * struct sparse_source_ops - what a kind of source can do
 * @next: find the next data from a block on, as sparse_extent_next(); NULL if the source
 *	has to be read in order: then only its end says how long it is
 * @read: read some of it; all of that, but for the end.  By any thread, if there is @next.
 *	Return: how many bytes, or a negative errno
 */
struct sparse_source_ops {
	int (*next)(struct sparse_source *source, u64 block,
		    struct sparse_extent *extent);
	ssize_t (*read)(const struct sparse_source *source, void *buf, size_t len, u64 pos);
};

extern const struct sparse_source_ops
	sparse_source_raw,	/* a file or block device as it is */
	sparse_source_stream,	/* what cannot seek */
	sparse_source_delta,	/* a file whose holes mean what other devices have */
	sparse_source_layout;	/* what is elsewhere in a file, as the memory in an ELF core */

/**
 * struct sparse_source - where the bytes of a file come from
 * @ops: what kind it is
 * @path: as the user knows it
 * @fd: open for reading
 * @st: what it was when it was opened
 * @size: bytes that the file in the image has; of a stream those that were read so far
 * @layout: of sparse_source_layout: where they are in @fd
 * @below: of sparse_source_delta: the addresses of what other devices have
 */
struct sparse_source {
	const struct sparse_source_ops *ops;
	const char *path;
	int fd;
	struct stat st;
	u64 size;
	const struct sparse_layout *layout;
	const struct sparse_chunkmap *below;
	/* private: of a delta, the data found last */
	struct sparse_extent data;
	/* some of it was in the page cache; else blocks to be dropped next, and used since */
	bool cached;
	u64 drop_first;
	u64 drop_end;
	unsigned int used;
};

/**
 * sparse_source_is_stream() - whether a snapshot is standard input
 * @path: as given on the command line
 */
bool sparse_source_is_stream(const char *path);

/**
 * sparse_source_open() - open a snapshot
 * @source: filled in; @fd is -1 after a failure
 * @path: as given on the command line, to live as long
 *
 * @st is what it is, or is to be in the image: a block device becomes a regular file of its
 * size, and so does a stream, whose size is 0: nobody knows it yet.  By st_dev and st_ino
 * two names of one file are found: a device has its own number and 0, a stream is nothing
 * else and has 0 and 0.  A FIFO is not waited for.
 *
 * Return: 0 or a negative errno.
 */
int sparse_source_open(struct sparse_source *source, const char *path);

/** sparse_source_prefetch() - have the beginning read, unless it may be a hole; by any thread */
void sparse_source_prefetch(const struct sparse_source *source);

/**
 * sparse_source_used() - some blocks are not needed any more
 * @source: open
 * @block: number of the first of them; nor are those before it
 * @count: how many they are
 *
 * What was not in the page cache does not stay there.
 */
void sparse_source_used(struct sparse_source *source, u64 block, unsigned int count);

/** sparse_source_done() - none of its blocks is needed any more; what comes now, stays */
void sparse_source_done(struct sparse_source *source);

/** sparse_source_close() - close it, none of it being needed any more; again is fine, too */
void sparse_source_close(struct sparse_source *source);

/**
 * sparse_source_check() - see that nobody wrote to it
 * @source: open
 * @was: what it was, by sparse_source_open() or lstat(): size and times, which are of a
 *	block device those of the node that it was opened by
 */
int sparse_source_check(const struct sparse_source *source, const struct stat *was,
			struct sparse_failure *failure);

/**
 * sparse_source_next() - find the next data
 * @source: open, not a stream
 * @block: number of the block to start from
 * @extent: set to data that is read, or to blocks that are known to be on another device
 *
 * Return: 1, 0 if only a hole is left, or a negative errno.
 */
int sparse_source_next(struct sparse_source *source, u64 block,
		       struct sparse_extent *extent, struct sparse_failure *failure);

/**
 * sparse_source_read() - read a part, all of it
 * @source: open, not a stream
 * @buf: where to put it
 * @len: how many bytes
 * @pos: where they are
 * @failure: where a failure is noted; that the file ends before is one, too
 */
int sparse_source_read(const struct sparse_source *source, void *buf, size_t len, u64 pos,
		       struct sparse_failure *failure);

/**
 * sparse_source_load() - read what comes next in a stream
 * @source: open, a stream; its size grows
 * @buf: where to put it
 * @len: how many bytes there is room for
 * @failure: where a failure is noted; that it does not end before SPARSE_FILE_MAX is one
 *
 * Return: how many bytes, less than @len only at the end, or a negative errno.
 */
ssize_t sparse_source_load(struct sparse_source *source, void *buf, size_t len,
			   struct sparse_failure *failure);

#endif
