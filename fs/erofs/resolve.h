/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __EROFS_RESOLVE_H
#define __EROFS_RESOLVE_H

#include "internal.h"

struct erofs_chunk_cache;

/* what pages of a file are; a page is a hole if all of it that lies within the file is */
enum erofs_kind { EROFS_HOLE, EROFS_DATA };

/* where pages are in the cache of their device (chunk_share) */
struct erofs_chunk_run {
	struct erofs_chunk_cache *cache;	/* NULL: they are in the file's own */
	pgoff_t page;			/* of that */
	pgoff_t nr;
	unsigned int device_id;		/* as erofs_map_dev() takes it ... */
	erofs_off_t pos;		/* ... with this position, bytes */
};

/* pages of a file that are alike: from the first to before the end */
struct erofs_run {
	pgoff_t first, end;
	pgoff_t most_data;	/* in: so much is enough if it is data; 0: there is no limit */
	bool anywhere;		/* in: where data is does not matter, @chunk is not set */
	enum erofs_kind kind;
	struct erofs_chunk_run chunk;	/* of data; then @first is the page that was asked for */
};

/* can this file have holes that we know how to find? */
static inline bool erofs_may_have_holes(struct inode *inode)
{
	const unsigned int layout = EROFS_I(inode)->datalayout;

	return layout == EROFS_INODE_CHUNK_BASED ||
		(IS_ENABLED(CONFIG_EROFS_FS_ZEROPAGE_ZIP) &&
		 erofs_inode_is_data_compressed(layout));
}

int erofs_resolve(struct inode *inode, pgoff_t index, bool cached, struct erofs_run *run);

#endif	/* __EROFS_RESOLVE_H */
