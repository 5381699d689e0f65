// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading folios that are in no page cache of a mounted file, from block devices and from
 * files that are mounted.
 */
#include <linux/bio.h>
#include "compat.h"
#include "reader.h"

static void erofs_reader_end_io(struct bio *bio)
{
	struct erofs_reads *reads = bio->bi_private;
	const int err = blk_status_to_errno(bio->bi_status);
	struct folio_iter fi;

	bio_for_each_folio_all(fi, bio)
		reads->end(fi.folio, err);
	/* those of file-backed mounts are freed by who allocated them */
	if (bio->bi_bdev)
		bio_put(bio);
	/* who waits may free it from here on: only its address is used */
	if (atomic_dec_and_test(&reads->nr))
		wake_up_var(&reads->nr);
}

/**
 * erofs_reader_submit - have read what has been added
 * @rd: the reader
 */
void erofs_reader_submit(struct erofs_reader *rd)
{
	struct bio *bio = rd->bio;

	if (!bio)
		return;
	rd->bio = NULL;
	atomic_inc(&rd->reads->nr);
	bio->bi_private = rd->reads;
	bio->bi_end_io = erofs_reader_end_io;
	if (bio->bi_bdev)
		submit_bio(bio);
	else
		erofs_fileio_submit_bio(bio);
}

static void erofs_reader_begin(struct erofs_reader *rd, const struct erofs_map_dev *dev)
{
	rd->bio = erofs_is_fileio_mode(EROFS_SB(rd->sb)) ?
		erofs_fileio_bio_alloc((struct erofs_map_dev *)dev) :
		bio_alloc(dev->m_bdev, bio_max_segs(rd->pages), REQ_OP_READ | rd->opf, GFP_KERNEL);
	rd->bio->bi_iter.bi_sector = erofs_dev_pos(dev) >> SECTOR_SHIFT;
}

/**
 * erofs_reader_add - have a part of a locked folio read
 * @rd: the reader
 * @folio: of the page cache that @rd->reads->end() is for
 * @ofs: byte of the folio
 * @len: bytes
 * @device_id: device, as in a chunk index
 * @pos: byte of the device
 *
 * What was added before may be submitted, what is added now is not.
 *
 * Return: 1 if the part begins in a new request, 0 if it is in that of the last one, or a
 * negative error: it is in none.
 */
int erofs_reader_add(struct erofs_reader *rd, struct folio *folio, unsigned int ofs,
		     unsigned int len, unsigned int device_id, erofs_off_t pos)
{
	struct erofs_map_dev dev = {
		.m_deviceid = device_id,
		.m_pa = pos,
	};
	bool begun = false;
	int err = erofs_map_dev(rd->sb, &dev);

	if (err)
		return err;
	if (rd->bio && (dev.m_bdev != rd->dev.m_bdev || dev.m_dif != rd->dev.m_dif ||
			dev.m_pa != rd->dev.m_pa ||
			!bio_add_folio(rd->bio, folio, len, ofs)))
		erofs_reader_submit(rd);
	if (!rd->bio) {
		erofs_reader_begin(rd, &dev);
		bio_add_folio_nofail(rd->bio, folio, len, ofs);
		begun = true;
	}
	rd->dev = dev;
	rd->dev.m_pa += len;
	return begun;
}
