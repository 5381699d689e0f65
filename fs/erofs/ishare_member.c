// SPDX-License-Identifier: GPL-2.0-only
/*
 * One page cache for files of equal content.
 *
 * Files with the same fingerprint (an xattr that mkfs.erofs writes) on mounts of the
 * same domain use the page cache of one shared inode.  A file keeps its own inode
 * for all else; only inode->i_mapping, and with it file->f_mapping, is that of the
 * shared inode, as it is with block device files.  So stat(), /proc/PID/maps,
 * permissions, security modules, fanotify, locks and uprobes see the file that was
 * opened, and everything that goes by the mapping (read, mmap, splice, read-ahead,
 * reclaim, migration, reverse mapping, cachestat) sees one set of pages.
 *
 * Who lives how long:
 *
 * - A domain is a pseudo super block, which holds the shared inodes.  It is there as
 *   long as there are mounts that name it.
 * - An inode joins at an open, at the first as a rule, and leaves when it is
 *   evicted.  In between it is a member of the shared inode and holds a reference
 *   to it.  A file that was open before its inode joined keeps the mapping it has.
 * - A shared inode without members stays cached with its pages, as inodes of any
 *   file system do that nobody has open, until memory is needed or its domain goes.
 *   If its last member leaves because the member's file system is unmounted, it goes
 *   at once.
 * - Blocks are read through the file that asks (ishare_io.c), so nothing refers to
 *   an image that is not in use.  If they cannot be read, another member lends its own:
 *   its inode is held for that time, and its mount before it begins to go.
 * - Eviction waits for nothing.  It may be reclaim that evicts, on behalf of a read that
 *   has a folio of the same shared inode locked.  What is left to do once the reads by
 *   the blocks of a member have ended is left to a worker, and unmounting waits for it.
 *
 * What is read from the image of one member is what the others get, so a mount that shares
 * denies writing to its files (backing.c).
 *
 * Trust: who can mount with a domain vouches for the images in it.  Only fingerprints
 * that the super block declares count, and only where an inode has just the one: an
 * archive somebody else has made may bring an xattr of that name (fingerprint.c).
 * Mounts with inode_share_verify do not trust fingerprints either (ishare_verify.c):
 * they share among themselves, with shared inodes of their own.  The default domain is
 * one of those, unless the module is told to believe.
 */
#include <linux/jhash.h>
#include <linux/once.h>
#include <linux/random.h>
#include <linux/sched/signal.h>
#include <linux/wait_bit.h>
#include "chunkshare.h"
#include "compat.h"
#include "fingerprint.h"
#include "ishare.h"
#include "xattr.h"

#define CREATE_TRACE_POINTS
#include "ishare_trace.h"

struct erofs_fingerprint {
	bool verified;
	unsigned int len;
	u8 bytes[EROFS_FINGERPRINT_MAX];
};

static void erofs_ishare_refuse(struct inode *inode, struct erofs_ishare *is,
				const char *why)
{
	if (!xchg(&is->refused, true))
		erofs_err(inode->i_sb, "nid %llu is not shared, nor are others like it: %s",
			  EROFS_I(inode)->nid, why);
}

/* 1 with the fingerprint of @inode in @fp, 0 if it has none that can be used */
static int erofs_ishare_fingerprint(struct inode *inode, struct erofs_ishare *is,
				    struct erofs_fingerprint *fp)
{
	int len;

	if (!is->xattr_name || !i_size_read(inode))
		return 0;
	len = erofs_getxattr(inode, is->xattr_index, is->xattr_name, fp->bytes,
			     sizeof(fp->bytes));
	if (len == -ENODATA || len == -ERANGE || !len)
		return 0;
	if (len < 0)
		return len;
	fp->len = len;
	len = erofs_xattr_count(inode, is->xattr_index, is->xattr_name);
	if (len > 1)
		erofs_ishare_refuse(inode, is, "it has more than one fingerprint");
	return len < 0 ? len : len == 1;
}

static int erofs_share_eq(struct inode *inode, void *data)
{
	const struct erofs_fingerprint *fp = data;
	const struct erofs_share *share = inode->i_private;

	return share->len == fp->len && share->verified == fp->verified &&
		!memcmp(share->fingerprint, fp->bytes, fp->len);
}

struct erofs_share_new {
	struct erofs_fingerprint fp;	/* first: erofs_share_eq() takes it */
	struct erofs_share *share;
};

static int erofs_share_set(struct inode *inode, void *data)
{
	struct erofs_share_new *new = data;
	struct erofs_share *share = new->share;

	share->inode = inode;
	share->verified = new->fp.verified;
	share->len = new->fp.len;
	memcpy(share->fingerprint, new->fp.bytes, new->fp.len);
	inode->i_private = share;
	new->share = NULL;
	return 0;
}

/* the shared inode of a fingerprint, with a reference; it is made if need be */
static struct erofs_share *erofs_share_get(struct super_block *sb,
					   struct erofs_share_new *new, loff_t size)
{
	static u32 seed __read_mostly;
	struct inode *inode;

	get_random_once(&seed, sizeof(seed));
	new->share = kzalloc(sizeof(*new->share), GFP_KERNEL_ACCOUNT);
	if (!new->share)
		return ERR_PTR(-ENOMEM);
	spin_lock_init(&new->share->lock);
	INIT_LIST_HEAD(&new->share->members);
	inode = iget5_locked(sb, jhash(new->fp.bytes, new->fp.len, seed),
			     erofs_share_eq, erofs_share_set, new);
	kfree(new->share);	/* NULL if the inode has it */
	if (!inode)
		return ERR_PTR(-ENOMEM);
	if (erofs_inode_is_new(inode)) {
		inode->i_ino = get_next_ino();
		inode->i_mode = S_IFREG | 0444;
		inode->i_size = size;
		simple_inode_init_ts(inode);
		inode->i_mapping->a_ops = &erofs_ishare_aops;
		mapping_set_large_folios(inode->i_mapping);
		unlock_new_inode(inode);
	}
	return inode->i_private;
}

/*
 * Is the content of an inode that of its fingerprint, for good?  What compressed blocks
 * decode to is not: which of the extents that refer to a pcluster decides on how, and
 * where in it, depends on what is read together and on what is cached.
 */
static bool erofs_ishare_is_true(struct inode *inode, struct file *file,
				 struct erofs_ishare *is,
				 const struct erofs_fingerprint *fp, int *err)
{
	if (erofs_inode_is_data_compressed(EROFS_I(inode)->datalayout))
		return false;
	*err = erofs_ishare_verify(inode, file, fp->bytes, fp->len);
	if (*err == -EBADMSG)
		erofs_ishare_refuse(inode, is, "its fingerprint is no digest of its content");
	else if (*err == -EFBIG)
		erofs_ishare_refuse(inode, is, "its content is much larger than its image");
	return !*err;
}

/* 1 with the fingerprint that @inode may share by; 0 if it may not; an error for now */
static int erofs_ishare_may_join(struct inode *inode, struct file *file,
				 struct erofs_ishare *is, struct erofs_fingerprint *fp)
{
	int ret = erofs_ishare_fingerprint(inode, is, fp), err = 0;

	fp->verified = is->verify;
	if (ret > 0 && is->verify && !erofs_ishare_is_true(inode, file, is, fp, &err))
		ret = err;
	/* who opens it again is not to wait for the same error, unless it was the opener's */
	return ret > 0 || ret == -ENOMEM || fatal_signal_pending(current) ? ret : 0;
}

/*
 * Blocks of compressed files are read by code that does not count reads for us, but
 * its reads end when the folios that they are for are unlocked.
 */
static void erofs_ishare_wait_folios(struct address_space *mapping)
{
	struct folio_batch fbatch;
	pgoff_t index = 0;
	unsigned int i;

	folio_batch_init(&fbatch);
	while (filemap_get_folios(mapping, &index, ULONG_MAX, &fbatch)) {
		for (i = 0; i < folio_batch_count(&fbatch); ++i)
			folio_wait_locked(fbatch.folios[i]);
		folio_batch_release(&fbatch);
		cond_resched();
	}
}

/* what is left of a member, whose inode is gone, when its reads have ended */
static void erofs_ishare_left(struct work_struct *work)
{
	struct erofs_member *member = container_of(work, struct erofs_member, leave);
	struct inode *shared = member->share->inode;
	struct erofs_ishare *is = member->mount;

	erofs_reads_wait(&member->reads);
	if (member->compressed)
		erofs_ishare_wait_folios(shared->i_mapping);
	if (member->forget)
		d_mark_dontcache(shared);
	iput(shared);
	kfree(member);
	if (atomic_dec_and_test(&is->leaving))
		wake_up_var(&is->leaving);
}

/* make @inode a member of the shared inode of @new; its rwsem is held */
static void erofs_ishare_join(struct inode *inode, struct erofs_ishare *is,
			      struct erofs_share_new *new)
{
	struct erofs_member *member = kzalloc(sizeof(*member), GFP_KERNEL_ACCOUNT);
	struct erofs_share *share;

	if (!member)
		return;
	share = erofs_share_get(is->domain->mnt->mnt_sb, new, i_size_read(inode));
	if (IS_ERR(share)) {
		kfree(member);
		return;
	}
	if (i_size_read(share->inode) != i_size_read(inode)) {
		erofs_ishare_refuse(inode, is, "a file with its fingerprint has another size");
		iput(share->inode);
		kfree(member);
		return;
	}

	member->inode = inode;
	member->mount = is;
	member->share = share;
	member->reads.end = erofs_ishare_end_read;
	member->compressed = erofs_inode_is_data_compressed(EROFS_I(inode)->datalayout);
	INIT_WORK(&member->leave, erofs_ishare_left);
	spin_lock(&share->lock);
	list_add_tail(&member->of_share, &share->members);
	/* sysfs and traces read it without the lock */
	WRITE_ONCE(share->nr_members, share->nr_members + 1);
	spin_unlock(&share->lock);
	mutex_lock(&is->lock);
	list_add_tail(&member->of_mount, &is->members);
	mutex_unlock(&is->lock);
	trace_erofs_ishare_join(inode, share);
	/* others are opening it, too, and have the mapping of this inode until they come here */
	WRITE_ONCE(inode->i_mapping, share->inode->i_mapping);
	/* pairs with erofs_ishare_open(), which does not take the rwsem */
	smp_store_release(&EROFS_I(inode)->ishare, member);
}

/*
 * Returns false if @inode is not shared.  Who opens a file that others are about to open
 * for the first time verifies it as they do, so that nobody waits for who gets no time.
 */
static bool erofs_ishare_join_once(struct inode *inode, struct file *file,
				   struct erofs_ishare *is)
{
	struct erofs_inode *vi = EROFS_I(inode);
	struct erofs_share_new *new;
	int ret;

	/* pairs with erofs_ishare_join() */
	if (smp_load_acquire(&vi->ishare))
		return true;
	if (test_bit(EROFS_I_UNSHARED_BIT, &vi->flags))
		return false;
	new = kmalloc(sizeof(*new), GFP_KERNEL);
	if (!new)
		return false;
	ret = erofs_ishare_may_join(inode, file, is, &new->fp);
	if (!ret)
		set_bit(EROFS_I_UNSHARED_BIT, &vi->flags);
	if (ret > 0) {
		inode_lock(inode);
		if (!vi->ishare)
			erofs_ishare_join(inode, is, new);
		inode_unlock(inode);
	}
	kfree(new);
	/* somebody else may have joined meanwhile */
	return smp_load_acquire(&vi->ishare);
}

/**
 * erofs_ishare_open - ->open of regular files
 * @inode: the inode
 * @file: the file, whose mapping is that of @inode
 *
 * Sharing is never a reason to fail an open: without memory, or with an xattr that
 * cannot be read, the file has the page cache of its own inode.
 *
 * Direct reads go by the inode that was opened, so it is that one, and not the mapping,
 * which has to offer them: the flag O_DIRECT may be set later, too (fcntl(F_SETFL)).
 *
 * Return: 0; the core fails an O_DIRECT where FMODE_CAN_ODIRECT is not set.
 */
int erofs_ishare_open(struct inode *inode, struct file *file)
{
	struct erofs_ishare *is = EROFS_I_SB(inode)->ishare;

	/* chunks are shared between files that differ, too */
	if (!is || !is->domain || IS_DAX(inode) || erofs_chunk_shared(inode) ||
	    !erofs_ishare_join_once(inode, file, is))
		return 0;
	if (inode->i_data.a_ops->direct_IO)
		file->f_mode |= FMODE_CAN_ODIRECT;
	file->f_mapping = inode->i_mapping;
	return 0;
}

/*
 * The inode leaves at once, the rest when its reads have ended: who evicts may be reclaim,
 * on behalf of one of these reads.
 */
static void erofs_ishare_leave(struct erofs_member *member)
{
	struct inode *inode = member->inode;
	struct erofs_share *share = member->share;
	struct erofs_ishare *is = EROFS_I_SB(inode)->ishare;

	mutex_lock(&is->lock);
	list_del(&member->of_mount);
	mutex_unlock(&is->lock);
	spin_lock(&share->lock);
	list_del(&member->of_share);
	/* not kept for later if the last image that is known to have it goes */
	WRITE_ONCE(share->nr_members, share->nr_members - 1);
	member->forget = !share->nr_members && !(inode->i_sb->s_flags & SB_ACTIVE);
	spin_unlock(&share->lock);
	trace_erofs_ishare_leave(inode, share);
	inode->i_mapping = &inode->i_data;
	atomic_inc(&is->leaving);
	queue_work(is->domain->wq, &member->leave);
}

/**
 * erofs_ishare_evict_inode - have an inode leave, if it has joined
 * @inode: any inode, which is clear but for that
 */
void erofs_ishare_evict_inode(struct inode *inode)
{
	struct erofs_member *member = EROFS_I(inode)->ishare;

	if (member)
		erofs_ishare_leave(member);
}
