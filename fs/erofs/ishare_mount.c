// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mounts that share by fingerprint: their options, their domain, and their blocks, which
 * they lend to others; see ishare_member.c for the files.
 */
#include <crypto/hash.h>
#include <linux/capability.h>
#include <linux/fs_parser.h>
#include <linux/module.h>
#include <linux/wait_bit.h>
#include "backing.h"
#include "compat.h"
#include "ishare.h"

static char *erofs_ishare_default;
static bool erofs_ishare_default_verify __read_mostly = true;

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
module_param_named(ishare_verify, erofs_ishare_default_verify, bool, 0600);
MODULE_PARM_DESC(ishare_verify,
		 "Verify the fingerprints of mounts in the domain ishare_domain (default: Y)");

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
			refcount_set(&is->lent, 1);
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
		if (!is || !is->domain_id) {
			err = -ENOMEM;
		} else {
			is->wanted = true;
			is->by_default = true;
			is->verify = erofs_ishare_default_verify;
		}
	}
	kernel_param_unlock(THIS_MODULE);
	return err;
}

/* learn which xattr has the fingerprints; leaves the name NULL if none does */
static int erofs_ishare_find_xattr(struct super_block *sb,
				   struct erofs_ishare *is)
{
	struct erofs_sb_info *sbi = EROFS_SB(sb);
	const struct erofs_xattr_prefix_item *item;
	int id;

	if (!(sbi->feature_compat & EROFS_FEATURE_COMPAT_ISHARE_XATTRS))
		return 0;
	id = erofs_ishare_prefix_id(sb);
	if (id < 0)
		return id;
	if (id >= sbi->xattr_prefix_count) {
		erofs_err(sb, "the fingerprint's xattr prefix %d is not there", id);
		return 0;
	}
	item = &sbi->xattr_prefixes[id];
	is->xattr_index = item->prefix->base_index;
	is->xattr_name = kmemdup_nul(item->prefix->infix, item->infix_len, GFP_KERNEL);
	return is->xattr_name ? 0 : -ENOMEM;
}

/* a name may lead to it, but who reads fragments or metadata from it has it locked besides */
static void erofs_ishare_exclude(struct inode *internal)
{
	if (internal)
		set_bit(EROFS_I_UNSHARED_BIT, &EROFS_I(internal)->flags);
}

static int erofs_ishare_alloc_sha256(struct erofs_ishare *is, struct fs_context *fc)
{
	struct crypto_shash *sha256 = crypto_alloc_shash("sha256", 0, 0);

	if (IS_ERR(sha256)) {
		errorfc(fc, "inode_share_verify: the kernel has no SHA-256");
		return PTR_ERR(sha256);
	}
	is->sha256 = sha256;
	return 0;
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
	if (is->verify) {
		err = erofs_ishare_alloc_sha256(is, fc);
		if (err)
			return err;
	}

	/* what is written to the image would get to those that share with it */
	err = erofs_deny_write(sb, fc, "inode_share");
	if (err == -ETXTBSY && is->by_default) {
		erofs_info(sb, "inode_share: the image is open for writing, its files are not shared");
		return 0;
	}
	if (err)
		return err;

	erofs_ishare_exclude(sbi->packed_inode);
	erofs_ishare_exclude(erofs_metabox_inode(sbi));

	is->domain = erofs_ishare_get_domain(is->domain_id);
	err = PTR_ERR_OR_ZERO(is->domain);
	if (err)
		is->domain = NULL;
	if (!err)
		err = erofs_ishare_register(sb);
	if (err)
		erofs_ishare_exit_sb(sb);
	return err;
}

/* does a mount share as the options @want say? */
static bool erofs_ishare_is_as(const struct erofs_ishare *is,
			       const struct erofs_ishare *want)
{
	if (!is || !want)
		return is == want;
	/* without a domain it was left to itself, see erofs_ishare_init_sb() */
	return is->domain && is->verify == want->verify && want->domain_id &&
		!strcmp(is->domain_id, want->domain_id);
}

/**
 * erofs_ishare_check_tree - a device that is mounted already keeps what it shares
 * @fc: a mount, whose root is there unless @err
 * @err: what came of it so far
 *
 * Another mount of the same device is one of the same super block, whatever its
 * options say.
 *
 * Return: @err, or -EBUSY if the super block there has another domain, or verifies
 * where this one is not to or the other way round.
 */
int erofs_ishare_check_tree(struct fs_context *fc, int err)
{
	struct erofs_sb_info *sbi = fc->s_fs_info;
	struct super_block *sb;
	bool defaulted;

	/* a new super block has taken it */
	if (err || !sbi)
		return err;
	defaulted = !sbi->ishare;
	if (defaulted)
		err = erofs_ishare_default_domain(sbi);
	/* software that cannot pass options gets what is there */
	defaulted &= !!sbi->ishare;
	sb = fc->root->d_sb;
	if (!err && (defaulted || erofs_ishare_is_as(EROFS_SB(sb)->ishare, sbi->ishare)))
		return 0;
	if (!err) {
		errorfc(fc, "mounted already, with another domain_id or inode_share_verify");
		err = -EBUSY;
	}
	dput(fc->root);
	fc->root = NULL;
	deactivate_locked_super(sb);
	return err;
}

/**
 * erofs_ishare_reconfigure - a mount keeps what it shares when it is mounted anew
 * @fc: with the options, which may leave the domain out as /proc/mounts does
 *
 * Return: 0, or -EINVAL if the options say something else than is the case.
 */
int erofs_ishare_reconfigure(struct fs_context *fc)
{
	const struct erofs_ishare *want = ((struct erofs_sb_info *)fc->s_fs_info)->ishare;
	const struct erofs_ishare *is = EROFS_SB(fc->root->d_sb)->ishare;

	if (!want || (is && is->verify == want->verify &&
		      (!want->domain_id || !strcmp(is->domain_id, want->domain_id))))
		return 0;
	return invalfc(fc, "inode_share* and domain_id cannot be changed: unmount first");
}

static void erofs_ishare_put_lent(struct erofs_ishare *is)
{
	if (refcount_dec_and_test(&is->lent))
		wake_up_var(&is->lent);
}

/**
 * erofs_ishare_lend - have a member stay while somebody else reads its blocks
 * @member: on the list of its shared inode, whose lock is held
 *
 * Return: false if the member or its mount is about to go.
 */
bool erofs_ishare_lend(struct erofs_member *member)
{
	struct erofs_ishare *is = EROFS_I_SB(member->inode)->ishare;

	if (!refcount_inc_not_zero(&is->lent))
		return false;
	if (igrab(member->inode))
		return true;
	erofs_ishare_put_lent(is);
	return false;
}

/**
 * erofs_ishare_give_back - undo erofs_ishare_lend()
 * @member: the member
 *
 * Context: may sleep.
 */
void erofs_ishare_give_back(struct erofs_member *member)
{
	struct erofs_ishare *is = EROFS_I_SB(member->inode)->ishare;

	iput(member->inode);
	erofs_ishare_put_lent(is);
}

/**
 * erofs_ishare_shutdown_sb - have nobody use the blocks of a mount any more
 * @sb: a super block that is about to be shut down, which has to find its inodes unused
 */
void erofs_ishare_shutdown_sb(struct super_block *sb)
{
	struct erofs_ishare *is = EROFS_SB(sb)->ishare;

	if (!is)
		return;
	erofs_ishare_put_lent(is);
	wait_var_event(&is->lent, !refcount_read(&is->lent));
}

/**
 * erofs_ishare_exit_sb - undo erofs_ishare_init_sb()
 * @sb: a super block whose files are all evicted
 */
void erofs_ishare_exit_sb(struct super_block *sb)
{
	struct erofs_ishare *is = EROFS_SB(sb)->ishare;

	if (!is)
		return;
	if (is->domain) {
		erofs_ishare_unregister(is);
		/* members that have left may have reads in flight */
		wait_var_event(&is->leaving, !atomic_read(&is->leaving));
	}
	erofs_allow_write(sb);
	if (!is->domain)
		return;
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
	if (is->sha256)
		crypto_free_shash(is->sha256);
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
