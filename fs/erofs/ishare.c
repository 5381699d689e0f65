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
 *   an image that is not in use.  A member is evicted after its reads have ended.
 *
 * Trust: who can mount with a domain vouches for the images in it.  Only fingerprints
 * that the super block declares count, not any xattr of that name, which may come from
 * an archive somebody else has made.  Mounts with inode_share_verify do not trust
 * fingerprints either (ishare_verify.c): they share among themselves, with shared
 * inodes of their own.
 */
#include <linux/backing-dev.h>
#include <linux/bio.h>
#include <linux/capability.h>
#include <linux/fs_parser.h>
#include <linux/jhash.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>
#include <linux/random.h>
#include <linux/wait_bit.h>
#include "chunkshare.h"
#include "ishare.h"
#include "xattr.h"

#define CREATE_TRACE_POINTS
#include "ishare_trace.h"

/* as of Linux 7.0: the fingerprint's xattr is the long prefix with this number */
#define EROFS_FEATURE_COMPAT_ISHARE_XATTRS	0x00000020
#define EROFS_SB_ISHARE_XATTR_PREFIX_ID		105	/* byte of the super block */

static DEFINE_MUTEX(erofs_ishare_lock);		/* of the domains and their mounts */
static LIST_HEAD(erofs_ishare_domains);
static u32 erofs_ishare_seed __read_mostly;

static char *erofs_ishare_default;

/* without the newline of who echoes it into sysfs */
static int erofs_ishare_set_default(const char *val, const struct kernel_param *kp)
{
	char *copy = kstrdup(val, GFP_KERNEL);
	int err = copy ? param_set_charp(strim(copy), kp) : -ENOMEM;

	kfree(copy);
	return err;
}

static const struct kernel_param_ops erofs_ishare_default_ops = {
	.set	= erofs_ishare_set_default,
	.get	= param_get_charp,
	.free	= param_free_charp,
};
module_param_cb(ishare_domain, &erofs_ishare_default_ops, &erofs_ishare_default, 0600);
MODULE_PARM_DESC(ishare_domain,
		 "Domain of mounts that name none: they all share pages by fingerprint (default: none)");

/* ---- domains ---- */

static void erofs_ishare_free_inode(struct inode *inode)
{
	/* not before: lookups compare with it until the inode is unhashed */
	kfree(inode->i_private);
	free_inode_nonrcu(inode);
}

static const struct super_operations erofs_ishare_sops = {
	.free_inode	= erofs_ishare_free_inode,
	.statfs		= simple_statfs,
};

static int erofs_ishare_init_fs_context(struct fs_context *fc)
{
	struct pseudo_fs_context *ctx = init_pseudo(fc, EROFS_SUPER_MAGIC);

	if (!ctx)
		return -ENOMEM;
	ctx->ops = &erofs_ishare_sops;
	return 0;
}

static struct file_system_type erofs_ishare_fs_type = {
	.owner		= THIS_MODULE,
	.name		= "erofs_ishare",
	.init_fs_context = erofs_ishare_init_fs_context,
	.kill_sb	= kill_anon_super,
};

/* the domain of this name, with one more mount, under erofs_ishare_lock */
static struct erofs_ishare_domain *erofs_ishare_get_domain(const char *id)
{
	struct erofs_ishare_domain *domain;
	const size_t size = strlen(id) + 1;
	int err;

	list_for_each_entry(domain, &erofs_ishare_domains, list) {
		if (!strcmp(domain->id, id)) {
			++domain->mounts;
			return domain;
		}
	}
	domain = kzalloc(struct_size(domain, id, size), GFP_KERNEL);
	if (!domain)
		return ERR_PTR(-ENOMEM);
	memcpy(domain->id, id, size);
	domain->mnt = kern_mount(&erofs_ishare_fs_type);
	err = PTR_ERR_OR_ZERO(domain->mnt);
	if (!err) {
		/* read-ahead needs one; what it is told to read comes in large pieces */
		err = super_setup_bdi(domain->mnt->mnt_sb);
		if (err)
			kern_unmount(domain->mnt);
		else
			domain->mnt->mnt_sb->s_bdi->io_pages = BIO_MAX_VECS;
	}
	if (err) {
		kfree(domain);
		return ERR_PTR(err);
	}
	get_random_once(&erofs_ishare_seed, sizeof(erofs_ishare_seed));
	domain->mounts = 1;
	list_add(&domain->list, &erofs_ishare_domains);
	return domain;
}

static void erofs_ishare_put_domain(struct erofs_ishare_domain *domain)
{
	mutex_lock(&erofs_ishare_lock);
	if (!--domain->mounts) {
		list_del(&domain->list);
		kern_unmount(domain->mnt);
		kfree(domain);
	}
	mutex_unlock(&erofs_ishare_lock);
}

/* ---- mounts ---- */

enum { Opt_inode_share, Opt_inode_share_verify, Opt_domain_id };

static const struct fs_parameter_spec erofs_ishare_parameters[] = {
	fsparam_flag("inode_share",	Opt_inode_share),
	fsparam_flag("inode_share_verify", Opt_inode_share_verify),
	fsparam_string("domain_id",	Opt_domain_id),
	{}
};

static struct erofs_ishare *erofs_ishare_alloc(struct erofs_sb_info *sbi)
{
	struct erofs_ishare *is = sbi->ishare;

	if (!is) {
		is = kzalloc(sizeof(*is), GFP_KERNEL);
		if (is) {
			mutex_init(&is->lock);
			INIT_LIST_HEAD(&is->members);
			sbi->ishare = is;
		}
	}
	return is;
}

/**
 * erofs_ishare_parse_param - take the mount options inode_share* and domain_id=
 * @fc: the mount to be
 * @param: an option
 *
 * Return: 0, -ENOPARAM if it is none of them, or another error, said to the caller.
 */
int erofs_ishare_parse_param(struct fs_context *fc, struct fs_parameter *param)
{
	struct fs_parse_result result;
	struct erofs_ishare *is;
	int opt = fs_parse(fc, erofs_ishare_parameters, param, &result);

	if (opt < 0)
		return opt;
	/* fscache mounts have a domain_id of their own */
	if (opt == Opt_domain_id && IS_ENABLED(CONFIG_EROFS_FS_ONDEMAND))
		return -ENOPARAM;
	if (!capable(CAP_SYS_ADMIN)) {
		errorfc(fc, "%s: only for CAP_SYS_ADMIN in the initial namespace",
			param->key);
		return -EPERM;
	}
	is = erofs_ishare_alloc(fc->s_fs_info);
	if (!is)
		return -ENOMEM;
	if (opt != Opt_domain_id) {
		is->wanted = true;
		is->verify |= opt == Opt_inode_share_verify;
		return 0;
	}
	if (!*param->string)
		return invalfc(fc, "domain_id is empty");
	kfree(is->domain_id);
	is->domain_id = kstrdup(param->string, GFP_KERNEL);
	return is->domain_id ? 0 : -ENOMEM;
}

/* as if its options had been given, if there is a default for all mounts */
static int erofs_ishare_default_domain(struct erofs_sb_info *sbi)
{
	struct erofs_ishare *is;
	int err = 0;

	kernel_param_lock(THIS_MODULE);
	if (erofs_ishare_default && *erofs_ishare_default) {
		is = erofs_ishare_alloc(sbi);
		if (is)
			is->domain_id = kstrdup(erofs_ishare_default, GFP_KERNEL);
		if (!is || !is->domain_id)
			err = -ENOMEM;
		else
			is->wanted = true;
	}
	kernel_param_unlock(THIS_MODULE);
	return err;
}

/* learn which xattr has the fingerprints; leaves the name NULL if none does */
static int erofs_ishare_find_xattr(struct super_block *sb,
				   struct erofs_ishare *is)
{
	struct erofs_sb_info *sbi = EROFS_SB(sb);
	struct erofs_buf buf = __EROFS_BUF_INITIALIZER;
	const struct erofs_xattr_prefix_item *item;
	const u8 *dsb;
	u8 id;

	if (!(sbi->feature_compat & EROFS_FEATURE_COMPAT_ISHARE_XATTRS))
		return 0;
	dsb = erofs_read_metabuf(&buf, sb, EROFS_SUPER_OFFSET, EROFS_KMAP);
	if (IS_ERR(dsb))
		return PTR_ERR(dsb);
	id = dsb[EROFS_SB_ISHARE_XATTR_PREFIX_ID];
	erofs_put_metabuf(&buf);
	if (id >= sbi->xattr_prefix_count) {
		erofs_err(sb, "the fingerprint's xattr prefix %u is not there", id);
		return 0;
	}
	item = &sbi->xattr_prefixes[id];
	is->xattr_index = item->prefix->base_index;
	is->xattr_name = kmemdup_nul(item->prefix->infix, item->infix_len, GFP_KERNEL);
	return is->xattr_name ? 0 : -ENOMEM;
}

/**
 * erofs_ishare_init_sb - let a mount share, if it was asked to
 * @sb: its super block, complete otherwise
 * @fc: for messages
 *
 * Return: 0 or a negative error.
 */
int erofs_ishare_init_sb(struct super_block *sb, struct fs_context *fc)
{
	struct erofs_sb_info *sbi = EROFS_SB(sb);
	struct erofs_ishare *is;
	int err;

	/* software that cannot pass options gets what it can, not an error */
	if (!sbi->ishare && !erofs_is_fscache_mode(sb)) {
		err = erofs_ishare_default_domain(sbi);
		if (err)
			return err;
	}
	is = sbi->ishare;
	if (!is)
		return 0;
	if (is->wanted != !!is->domain_id)
		return invalfc(fc, "%s needs %s", is->wanted ? "inode_share" : "domain_id",
			       is->wanted ? "domain_id=NAME" : "inode_share");
	if (erofs_is_fscache_mode(sb))
		return invalfc(fc, "inode_share is not for fscache mounts");
	err = erofs_ishare_find_xattr(sb, is);
	if (err)
		return err;
	if (!is->xattr_name)
		erofs_info(sb, "inode_share: the image has no fingerprints, its files are not shared");

	mutex_lock(&erofs_ishare_lock);
	is->domain = erofs_ishare_get_domain(is->domain_id);
	err = PTR_ERR_OR_ZERO(is->domain);
	if (err)
		is->domain = NULL;
	mutex_unlock(&erofs_ishare_lock);
	if (!err)
		err = erofs_ishare_register(sb);
	if (err)
		erofs_ishare_exit_sb(sb);
	return err;
}

/**
 * erofs_ishare_check_tree - a device that is mounted already keeps its domain
 * @fc: a mount, whose root is there unless @err
 * @err: what came of it so far
 *
 * Another mount of the same device is one of the same super block, whatever its
 * options say.
 *
 * Return: @err, or -EBUSY if the super block there has another domain.
 */
int erofs_ishare_check_tree(struct fs_context *fc, int err)
{
	struct erofs_sb_info *sbi = fc->s_fs_info;
	struct super_block *sb;
	const char *want, *have;

	/* a new super block has taken it */
	if (err || !sbi)
		return err;
	if (!sbi->ishare)
		err = erofs_ishare_default_domain(sbi);
	sb = fc->root->d_sb;
	want = sbi->ishare ? sbi->ishare->domain_id : NULL;
	have = EROFS_SB(sb)->ishare ? EROFS_SB(sb)->ishare->domain_id : NULL;
	if (!err && !(want && have ? strcmp(want, have) : want != have))
		return 0;
	if (!err) {
		errorfc(fc, "the device is mounted already, with another domain_id or none");
		err = -EBUSY;
	}
	dput(fc->root);
	fc->root = NULL;
	deactivate_locked_super(sb);
	return err;
}

/**
 * erofs_ishare_exit_sb - undo erofs_ishare_init_sb()
 * @sb: a super block whose files are all evicted
 */
void erofs_ishare_exit_sb(struct super_block *sb)
{
	struct erofs_ishare *is = EROFS_SB(sb)->ishare;

	if (!is || !is->domain)
		return;
	erofs_ishare_unregister(is);
	erofs_ishare_put_domain(is->domain);
	is->domain = NULL;
}

/**
 * erofs_ishare_free - free what the mount options left
 * @sbi: of a mount that is gone, or never came to be
 */
void erofs_ishare_free(struct erofs_sb_info *sbi)
{
	struct erofs_ishare *is = sbi->ishare;

	if (!is)
		return;
	sbi->ishare = NULL;
	kfree(is->domain_id);
	kfree(is->xattr_name);
	kfree(is);
}

/**
 * erofs_ishare_show_options - for /proc/mounts, which does not name the domain
 * @seq: where to
 * @sbi: of the mount
 */
void erofs_ishare_show_options(struct seq_file *seq, struct erofs_sb_info *sbi)
{
	if (sbi->ishare && sbi->ishare->domain)
		seq_puts(seq, sbi->ishare->verify ? ",inode_share_verify" :
			 ",inode_share");
}

/* ---- inodes ---- */

struct erofs_fingerprint {
	bool verified;
	unsigned int len;
	u8 bytes[EROFS_FINGERPRINT_MAX];
};

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
	fp->len = len;
	return len < 0 ? len : 1;
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
	struct inode *inode;

	new->share = kzalloc(sizeof(*new->share), GFP_KERNEL_ACCOUNT);
	if (!new->share)
		return ERR_PTR(-ENOMEM);
	init_rwsem(&new->share->lock);
	mutex_init(&new->share->other_lock);
	INIT_LIST_HEAD(&new->share->members);
	inode = iget5_locked(sb, jhash(new->fp.bytes, new->fp.len, erofs_ishare_seed),
			     erofs_share_eq, erofs_share_set, new);
	kfree(new->share);	/* NULL if the inode has it */
	if (!inode)
		return ERR_PTR(-ENOMEM);
	if (inode->i_state & I_NEW) {
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

static void erofs_ishare_refuse(struct inode *inode, struct erofs_ishare *is,
				const char *why)
{
	if (!xchg(&is->refused, true))
		erofs_err(inode->i_sb, "nid %llu is not shared, nor are others like it: %s",
			  EROFS_I(inode)->nid, why);
}

/* make @inode a member of the shared inode of its fingerprint; its rwsem is held */
static int erofs_ishare_join(struct inode *inode, struct file *file,
			     struct erofs_ishare *is)
{
	struct erofs_share_new *new;
	struct erofs_member *member = NULL;
	struct erofs_share *share;
	int ret;

	new = kmalloc(sizeof(*new), GFP_KERNEL);
	if (!new)
		return -ENOMEM;
	ret = erofs_ishare_fingerprint(inode, is, &new->fp);
	if (ret <= 0)
		goto out;
	new->fp.verified = is->verify;
	if (is->verify) {
		ret = erofs_ishare_verify(inode, file, new->fp.bytes, new->fp.len);
		if (ret == -EBADMSG)
			erofs_ishare_refuse(inode, is,
					    "its fingerprint is not its content's fs-verity digest");
		if (ret)
			goto out;
	}
	ret = -ENOMEM;
	member = kzalloc(sizeof(*member), GFP_KERNEL_ACCOUNT);
	if (!member)
		goto out;
	share = erofs_share_get(is->domain->mnt->mnt_sb, new, i_size_read(inode));
	ret = PTR_ERR_OR_ZERO(share);
	if (ret)
		goto out;
	if (i_size_read(share->inode) != i_size_read(inode)) {
		erofs_ishare_refuse(inode, is, "a file with its fingerprint has another size");
		iput(share->inode);
		goto out;
	}

	member->inode = inode;
	member->share = share;
	down_write(&share->lock);
	list_add_tail(&member->of_share, &share->members);
	++share->nr_members;
	up_write(&share->lock);
	mutex_lock(&is->lock);
	list_add_tail(&member->of_mount, &is->members);
	mutex_unlock(&is->lock);
	trace_erofs_ishare_join(inode, share);
	inode->i_mapping = share->inode->i_mapping;
	/* pairs with erofs_ishare_open(), which does not take the rwsem */
	smp_store_release(&EROFS_I(inode)->ishare, member);
	member = NULL;
out:
	kfree(member);
	kfree(new);
	return ret;
}

/**
 * erofs_ishare_open - ->open of regular files
 * @inode: the inode
 * @file: the file, whose mapping is that of @inode
 *
 * Sharing is never a reason to fail an open: without memory, or with an xattr that
 * cannot be read, the file has the page cache of its own inode.
 *
 * Return: 0, or -EINVAL for O_DIRECT where it is not possible.
 */
int erofs_ishare_open(struct inode *inode, struct file *file)
{
	struct erofs_ishare *is = EROFS_I_SB(inode)->ishare;

	/* chunks are shared between files that differ, too */
	if (!is || !is->domain || IS_DAX(inode) || erofs_chunk_shared(inode))
		return 0;
	/* pairs with erofs_ishare_join() */
	if (!smp_load_acquire(&EROFS_I(inode)->ishare)) {
		inode_lock(inode);
		if (!EROFS_I(inode)->ishare)
			erofs_ishare_join(inode, file, is);
		inode_unlock(inode);
		if (!EROFS_I(inode)->ishare)
			return 0;
	}
	/* what the core asks of the mapping of those that are not shared */
	if ((file->f_flags & O_DIRECT) && !inode->i_data.a_ops->direct_IO)
		return -EINVAL;
	file->f_mapping = inode->i_mapping;
	return 0;
}

/* compressed files have the generic operations otherwise */
const struct file_operations erofs_ishare_ro_fops = {
	.open		= erofs_ishare_open,
	.llseek		= generic_file_llseek,
	.read_iter	= generic_file_read_iter,
	.mmap		= generic_file_readonly_mmap,
	.splice_read	= filemap_splice_read,
};

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

static void erofs_ishare_leave(struct erofs_member *member)
{
	struct inode *inode = member->inode;
	struct erofs_share *share = member->share;
	struct erofs_ishare *is = EROFS_I_SB(inode)->ishare;
	bool last;

	mutex_lock(&is->lock);
	list_del(&member->of_mount);
	mutex_unlock(&is->lock);
	down_write(&share->lock);
	list_del(&member->of_share);
	last = !--share->nr_members;
	up_write(&share->lock);

	/* nobody starts a read by its blocks any more */
	wait_var_event(&member->reads, !atomic_read(&member->reads));
	if (erofs_inode_is_data_compressed(EROFS_I(inode)->datalayout))
		erofs_ishare_wait_folios(inode->i_mapping);
	trace_erofs_ishare_leave(inode, share);
	inode->i_mapping = &inode->i_data;
	/* not kept for later if the last image that is known to have it goes */
	if (last && !(inode->i_sb->s_flags & SB_ACTIVE))
		d_mark_dontcache(share->inode);
	iput(share->inode);
	kfree(member);
}

/**
 * erofs_ishare_evict_inode - ->evict_inode of all inodes
 * @inode: the inode
 */
void erofs_ishare_evict_inode(struct inode *inode)
{
	struct erofs_member *member = EROFS_I(inode)->ishare;

	truncate_inode_pages_final(&inode->i_data);
	clear_inode(inode);
	erofs_chunk_evict_inode(inode);
	if (member)
		erofs_ishare_leave(member);
}
