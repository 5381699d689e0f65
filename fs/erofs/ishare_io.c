// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading for the page cache of shared inodes.
 *
 * A folio of a shared inode is filled with the blocks of the file that asks for it:
 * that file is open, so its image, its devices and its index stay.  If they cannot be
 * read, the blocks of other members are tried before the error is given to who asked;
 * each lends them for as long as that takes (erofs_ishare_lend()).
 *
 * Folios are counted by erofs_onlinefolio_*(), as in file-backed mounts.
 */
#include <linux/pagemap.h>
#include <linux/psi.h>
#include "compat.h"
#include "ishare.h"
#include "zeropage.h"

struct erofs_ishare_read {
	struct erofs_member *member;
	struct erofs_map_blocks map;
	struct erofs_reader reader;
};

/* what a block has behind the end of the file is in no fingerprint */
static void erofs_ishare_zero_tail(struct folio *folio)
{
	loff_t size = i_size_read(folio->mapping->host), pos = folio_pos(folio);

	if (pos + folio_size(folio) > size)
		folio_zero_segment(folio, size - pos, folio_size(folio));
}

/**
 * erofs_ishare_end_read - a part of a folio has been read, or could not be
 * @folio: of a shared inode
 * @err: 0 or a negative error
 */
void erofs_ishare_end_read(struct folio *folio, int err)
{
	erofs_ishare_zero_tail(folio);
	erofs_onlinefolio_end(folio, err, false);
}

static void erofs_ishare_begin(struct erofs_ishare_read *rd, struct erofs_member *member,
			       unsigned int pages, blk_opf_t opf)
{
	*rd = (struct erofs_ishare_read) {
		.member = member,
		.reader = {
			.sb = member->inode->i_sb,
			.reads = &member->reads,
			.pages = pages,
			.opf = opf,
		},
	};
}

/* have a part of a folio read; *@added: the part before it will be, by the same request */
static int erofs_ishare_add(struct erofs_ishare_read *rd, struct folio *folio,
			    unsigned int ofs, unsigned int len, erofs_off_t pa,
			    bool *added)
{
	int ret = erofs_reader_add(&rd->reader, folio, ofs, len, rd->map.m_deviceid, pa);

	if (ret < 0)
		return ret;
	/* it is seen once at the end of a request for each run of it in there */
	if (ret || !*added)
		erofs_onlinefolio_split(folio);
	*added = true;
	return 0;
}

static int erofs_ishare_copy_inline(struct inode *inode, struct folio *folio,
				    unsigned int ofs, unsigned int len,
				    erofs_off_t pa)
{
	struct erofs_buf buf = __EROFS_BUF_INITIALIZER;
	int err = erofs_inode_metabuf(&buf, inode);
	void *src;

	if (err)
		return err;
	src = erofs_inode_meta(&buf, pa);
	if (IS_ERR(src))
		return PTR_ERR(src);
	memcpy_to_folio(folio, ofs, src, len);
	erofs_put_metabuf(&buf);
	return 0;
}

/* fill one locked folio, which is unlocked when that has ended, well or not */
static int erofs_ishare_fill(struct erofs_ishare_read *rd, struct folio *folio)
{
	struct inode *inode = rd->member->inode;
	struct erofs_map_blocks *map = &rd->map;
	const loff_t pos = folio_pos(folio);
	const unsigned int size = folio_size(folio);
	unsigned int ofs = 0, len;
	bool added = false;
	int err = 0;

	erofs_onlinefolio_init(folio);
	while (ofs < size) {
		u64 skip;

		if (!in_range(pos + ofs, map->m_la, map->m_llen)) {
			map->m_la = pos + ofs;
			map->m_llen = size - ofs;
			err = erofs_map_blocks(inode, map);
			if (err)
				break;
		}
		skip = pos + ofs - map->m_la;
		len = min_t(u64, map->m_llen - skip, size - ofs);
		if (map->m_flags & EROFS_MAP_META)
			err = erofs_ishare_copy_inline(inode, folio, ofs, len,
						       map->m_pa + skip);
		else if (map->m_flags & EROFS_MAP_MAPPED)
			err = erofs_ishare_add(rd, folio, ofs, len,
					       map->m_pa + skip, &added);
		else
			folio_zero_segment(folio, ofs, ofs + len);
		if (err)
			break;
		if (!(map->m_flags & EROFS_MAP_MAPPED) ||
		    (map->m_flags & EROFS_MAP_META))
			added = false;
		ofs += len;
	}
	erofs_onlinefolio_end(folio, err, false);
	return err;
}

/* all folios of @rac by the blocks of @member, which stays */
static void erofs_ishare_readahead_from(struct readahead_control *rac,
					struct erofs_member *member, blk_opf_t opf)
{
	struct inode *inode = member->inode;
	struct erofs_ishare_read rd;
	struct folio *folio;

	if (member->compressed) {
		inode->i_data.a_ops->readahead(rac);
		return;
	}
	if (erofs_zeropage_readahead(rac, inode))
		return;
	erofs_ishare_begin(&rd, member, readahead_count(rac), opf);
	while ((folio = readahead_folio(rac)))
		erofs_ishare_fill(&rd, folio);
	erofs_reader_submit(&rd.reader);
}

/*
 * The member that is read by @file.  A file of another file system can have the mapping,
 * too, if that one uses the page cache of what it opens.
 */
static struct erofs_member *erofs_ishare_asker(struct address_space *mapping,
					       struct file *file)
{
	if (!file || file->f_mapping != mapping ||
	    file_inode(file)->i_sb->s_op != &erofs_sops)
		return NULL;
	return EROFS_I(file_inode(file))->ishare;
}

static void erofs_ishare_readahead(struct readahead_control *rac)
{
	struct erofs_member *member = erofs_ishare_asker(rac->mapping, rac->file);

	/* folios that are left are dropped, and read one by one when they are needed */
	if (member)
		erofs_ishare_readahead_from(rac, member, REQ_RAHEAD);
}

/*
 * The function that reads compressed files ahead reads what it likes of the pcluster, too:
 * it is the only one that can be told which inode the blocks are of.
 */
static void erofs_ishare_read_compressed(struct inode *inode, struct folio *folio)
{
	struct erofs_ishare_ra from = { .inode = inode };
	DEFINE_READAHEAD(rac, NULL, &from.ra, folio->mapping, folio->index);

	rac._nr_pages = folio_nr_pages(folio);
	folio_get(folio);	/* read-ahead gives up one */
	inode->i_data.a_ops->readahead(&rac);
	/* pages that it has added may have been there before: see readahead_expand() */
	if (rac._workingset)
		psi_memstall_leave(&rac._pflags);
}

/* one locked folio; waits until it is unlocked, or returns -EINTR to who is killed */
static int erofs_ishare_read_one(struct erofs_member *member, struct folio *folio)
{
	struct erofs_ishare_read rd;

	if (member->compressed) {
		erofs_ishare_read_compressed(member->inode, folio);
	} else {
		erofs_ishare_begin(&rd, member, folio_nr_pages(folio), 0);
		erofs_ishare_fill(&rd, folio);
		erofs_reader_submit(&rd.reader);
	}
	return folio_wait_locked_killable(folio);
}

/* members that are asked for what another could not read */
#define EROFS_LENDERS	4

/* the next member after @member, or the first, that lends its blocks; @member is given back */
static struct erofs_member *erofs_ishare_next(struct erofs_share *share,
					      struct erofs_member *member,
					      const struct erofs_member *tried)
{
	struct erofs_member *next = member, *found = NULL;

	spin_lock(&share->lock);
	/* it has stayed on the list as long as it was lent */
	next = list_prepare_entry(next, &share->members, of_share);
	list_for_each_entry_continue(next, &share->members, of_share) {
		if (next == tried || !erofs_ishare_lend(next))
			continue;
		found = next;
		break;
	}
	spin_unlock(&share->lock);
	if (member)
		erofs_ishare_give_back(member);
	return found;
}

/*
 * Try some members but @tried for a folio that is unlocked and not up to date.
 */
static void erofs_ishare_read_others(struct erofs_share *share,
				     const struct erofs_member *tried,
				     struct folio *folio)
{
	struct erofs_member *member = NULL;
	unsigned int asked = 0;

	while ((member = erofs_ishare_next(share, member, tried))) {
		if (asked++ == EROFS_LENDERS || folio_lock_killable(folio))
			break;
		if (folio_test_uptodate(folio) || !folio->mapping) {
			folio_unlock(folio);
			break;
		}
		if (erofs_ishare_read_one(member, folio) || folio_test_uptodate(folio))
			break;
	}
	if (member)
		erofs_ishare_give_back(member);
}

static int erofs_ishare_read_folio(struct file *file, struct folio *folio)
{
	struct erofs_share *share = erofs_share_of(folio->mapping);
	struct erofs_member *member = erofs_ishare_asker(folio->mapping, file);

	/* who asks for one folio waits for it: here it is known if that was in vain */
	if (!member)
		folio_unlock(folio);
	else if (erofs_ishare_read_one(member, folio))
		return 0;	/* the caller's wait fails just as well */
	if (!folio_test_uptodate(folio))
		erofs_ishare_read_others(share, member, folio);
	return 0;
}

/* no direct_IO: not all members have it, see erofs_ishare_open() */
const struct address_space_operations erofs_ishare_aops = {
	.read_folio	= erofs_ishare_read_folio,
	.readahead	= erofs_ishare_readahead,
	.migrate_folio	= filemap_migrate_folio,
};
