/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __EROFS_READER_H
#define __EROFS_READER_H

#include <linux/wait_bit.h>
#include "internal.h"

/* requests in flight, for which somebody waits before the devices go */
struct erofs_reads {
	atomic_t nr;
	void (*end)(struct folio *folio, int err);	/* for each folio of a request */
};

/* reads folios from the devices of a mount, those that follow each other by one request */
struct erofs_reader {
	struct super_block *sb;
	struct erofs_reads *reads;
	unsigned int pages;		/* at most, that will be asked for */
	blk_opf_t opf;			/* flags beside REQ_OP_READ */
	struct erofs_map_dev dev;	/* where @bio ends */
	struct bio *bio;
};

int erofs_reader_add(struct erofs_reader *rd, struct folio *folio, unsigned int ofs,
		     unsigned int len, unsigned int device_id, erofs_off_t pos);
void erofs_reader_submit(struct erofs_reader *rd);

static inline void erofs_reads_wait(struct erofs_reads *reads)
{
	wait_var_event(&reads->nr, !atomic_read(&reads->nr));
}

#endif	/* __EROFS_READER_H */
