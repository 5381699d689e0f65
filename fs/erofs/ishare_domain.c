// SPDX-License-Identifier: GPL-2.0-only
/*
 * Domains: who shares with whom.
 *
 * A domain is a pseudo super block, which holds the shared inodes.  It is there as long as
 * there are mounts that name it.
 */
#include <linux/backing-dev.h>
#include <linux/bio.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>
#include "ishare.h"

static DEFINE_MUTEX(erofs_ishare_lock);		/* of what follows, and the numbers of mounts */
static LIST_HEAD(erofs_ishare_domains);

static void erofs_share_free_inode(struct inode *inode)
{
	/* not before: lookups compare with it until the inode is unhashed */
	kfree(inode->i_private);
	free_inode_nonrcu(inode);
}

static const struct super_operations erofs_ishare_sops = {
	.free_inode	= erofs_share_free_inode,
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
static struct erofs_ishare_domain *erofs_ishare_find_domain(const char *id)
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
	err = -ENOMEM;
	domain->wq = alloc_workqueue("erofs_ishare", WQ_UNBOUND, 0);
	if (!domain->wq)
		goto err_free;
	domain->mnt = kern_mount(&erofs_ishare_fs_type);
	err = PTR_ERR_OR_ZERO(domain->mnt);
	if (err)
		goto err_wq;
	/* read-ahead needs one; what it is told to read comes in large pieces */
	err = super_setup_bdi(domain->mnt->mnt_sb);
	if (err)
		goto err_mnt;
	domain->mnt->mnt_sb->s_bdi->io_pages = BIO_MAX_VECS;
	domain->mounts = 1;
	list_add(&domain->list, &erofs_ishare_domains);
	return domain;

err_mnt:
	kern_unmount(domain->mnt);
err_wq:
	destroy_workqueue(domain->wq);
err_free:
	kfree(domain);
	return ERR_PTR(err);
}

/**
 * erofs_ishare_get_domain - the domain of a name, which is made if need be
 * @id: the name
 *
 * Return: the domain, with one more mount, or an error pointer.
 */
struct erofs_ishare_domain *erofs_ishare_get_domain(const char *id)
{
	struct erofs_ishare_domain *domain;

	mutex_lock(&erofs_ishare_lock);
	domain = erofs_ishare_find_domain(id);
	mutex_unlock(&erofs_ishare_lock);
	return domain;
}

/**
 * erofs_ishare_put_domain - one mount less
 * @domain: the domain
 */
void erofs_ishare_put_domain(struct erofs_ishare_domain *domain)
{
	mutex_lock(&erofs_ishare_lock);
	if (!--domain->mounts) {
		list_del(&domain->list);
		destroy_workqueue(domain->wq);
		kern_unmount(domain->mnt);
		kfree(domain);
	}
	mutex_unlock(&erofs_ishare_lock);
}
