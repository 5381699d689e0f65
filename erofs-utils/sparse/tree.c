// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "erofs/inode.h"
#include "erofs/exclude.h"
#include "erofs/xattr.h"
#include "guard.h"
#include "source.h"
#include "tree.h"

/* an inode, its fingerprint, its entry in a directory; each has to be aligned */
#define METADATA_SIZE	256

static int add_directory(struct sparse_tree *tree, struct erofs_inode *dir,
			 const char *path);

/* functions of the C library that look at a link, or at what it leads to */
struct xattr_calls {
	ssize_t (*list)(const char *path, char *names, size_t size);
	ssize_t (*get)(const char *path, const char *name, void *value, size_t size);
};

static const struct xattr_calls of_link = { llistxattr, lgetxattr };
static const struct xattr_calls of_target = { listxattr, getxattr };

static int import_xattr(struct erofs_inode *inode, const char *path,
			const char *name, const struct xattr_calls *calls)
{
	ssize_t size = calls->get(path, name, NULL, 0);
	char *value;
	int err;

	if (size < 0)
		return errno == ENODATA ? 0 : -errno;
	value = malloc(size + 1);
	if (!value)
		return -ENOMEM;
	size = calls->get(path, name, value, size);
	err = size < 0 ? -errno : erofs_vfs_setxattr(inode, name, value, size);
	free(value);
	return err;
}

static int import_xattrs(struct erofs_inode *inode, const char *path)
{
	/* a link that is followed has become what it leads to */
	const struct xattr_calls *calls = S_ISLNK(inode->i_mode) ? &of_link : &of_target;
	ssize_t size = calls->list(path, NULL, 0);
	char *names, *name;
	int err = 0;

	if (size <= 0)
		return size < 0 && errno != ENOTSUP ? -errno : 0;
	names = malloc(size);
	if (!names)
		return -ENOMEM;
	size = calls->list(path, names, size);
	if (size < 0)
		err = -errno;
	for (name = names; !err && name < names + size;
	     name += strlen(name) + 1) {
		/* it is about another content, or it is what we will write */
		if (!erofs_guard_drop(name, path))
			err = import_xattr(inode, path, name, calls);
	}
	free(names);
	return err;
}

static int import_link(struct erofs_inode *inode, const char *path)
{
	ssize_t len;

	inode->i_link = malloc(PATH_MAX);
	if (!inode->i_link)
		return -ENOMEM;
	len = readlink(path, inode->i_link, PATH_MAX);
	if (len < 0)
		return -errno;
	if (len == PATH_MAX)
		return -ENAMETOOLONG;
	inode->i_link[len] = '\0';
	inode->i_size = len;
	return 0;
}

static int list_file(struct sparse_tree *tree, struct erofs_inode *inode,
		     const struct stat *st)
{
	const char *name;

	if (tree->count == tree->room) {
		size_t room = tree->room * 2 + 16;
		struct sparse_file *file;

		file = realloc(tree->file, room * sizeof(*file));
		if (!file)
			return -ENOMEM;
		tree->file = file;
		tree->room = room;
	}
	name = inode->i_srcpath + tree->prefix;
	name += *name == '/';	/* below a root that was given */
	if (sparse_source_is_stream(inode->i_srcpath))
		name = SPARSE_STDIN_NAME;
	tree->file[tree->count++] = (struct sparse_file) { inode, name, *st };
	tree->bytes += st->st_size < st->st_blocks * 512 ?
		st->st_size : st->st_blocks * 512;
	inode->i_size = st->st_size;
	return 0;
}

/* what upstream's importer asks of an inode, whatever it is */
static int fill_inode(struct sparse_tree *tree, struct erofs_inode *inode,
		      const char *path, struct stat *st)
{
	int err;

	err = __erofs_fill_inode(tree->im, inode, st, path);
	if (err)
		return err;
	inode->i_mode = st->st_mode;
	if (!tree->im->params->no_xattrs && !sparse_source_is_stream(path)) {
		err = import_xattrs(inode, path);
		if (err)
			return err;
	}
	switch (st->st_mode & S_IFMT) {
	case S_IFREG:
		return list_file(tree, inode, st);
	case S_IFLNK:
		return import_link(inode, path);
	case S_IFDIR:
		return 0;
	default:
		inode->u.i_rdev = erofs_new_encode_dev(st->st_rdev);
		return 0;
	}
}

static int new_inode(struct sparse_tree *tree, struct erofs_inode *dir,
		     const char *path, struct stat *st,
		     struct erofs_inode **inodep)
{
	struct erofs_inode *inode;

	inode = erofs_new_inode(tree->im->sbi);
	if (IS_ERR(inode))
		return PTR_ERR(inode);
	*inodep = inode;
	inode->i_srcpath = strdup(path);
	if (!inode->i_srcpath)
		return -ENOMEM;
	inode->i_parent = dir;
	inode->i_nlink = 1;
	/* by this a second name of the same file is found */
	inode->dev = st->st_dev;
	inode->i_ino[1] = st->st_ino;
	erofs_insert_ihash(inode);
	return fill_inode(tree, inode, path, st);
}

static int check_file(const struct sparse_tree *tree, const char *path,
		      const struct stat *st)
{
	const struct sparse_output *out = tree->out, *report = tree->report;

	if (!S_ISREG(st->st_mode))
		return 0;
	if (sparse_output_exists_as(out, st))
		return sparse_refuse(tree->failure, path,
				     " is to be packed, and is the image '%s'", out->path);
	if (report && sparse_output_exists_as(report, st))
		return sparse_refuse(tree->failure, path,
				     " is to be packed, and is the report '%s'", report->path);
	if ((u64)st->st_size >= SPARSE_FILE_MAX)
		return sparse_refuse(tree->failure, path,
				     " is too large: it has %llu bytes, 4 TiB or more",
				     (unsigned long long)st->st_size);
	return 0;
}

static int add_entry(struct sparse_tree *tree, struct erofs_inode *dir,
		     const char *path, const char *name, struct stat *st)
{
	struct erofs_inode *inode = NULL;
	struct erofs_dentry *d;
	int err;

	err = check_file(tree, path, st);
	if (err)
		return err;
	if (!S_ISDIR(st->st_mode) && !tree->im->params->hard_dereference)
		inode = erofs_iget(st->st_dev, st->st_ino);
	if (inode) {
		inode->i_nlink++;
	} else {
		err = new_inode(tree, dir, path, st, &inode);
		if (err)
			return sparse_fail(tree->failure, SPARSE_IMPORT, path, err);
	}
	d = erofs_d_alloc(dir, name);
	if (IS_ERR(d))
		return sparse_fail(tree->failure, SPARSE_IMPORT, path, PTR_ERR(d));
	tree->metadata += METADATA_SIZE + strlen(name);
	d->inode = inode;
	d->type = erofs_mode_to_ftype(inode->i_mode);
	return S_ISDIR(st->st_mode) ? add_directory(tree, inode, path) : 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int no_dots(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
}

static int add_child(struct sparse_tree *tree, struct erofs_inode *dir,
		     const char *path, const char *name)
{
	struct stat st;
	char *child;
	int err;

	if (asprintf(&child, "%s/%s", path, name) < 0)
		return sparse_fail(tree->failure, SPARSE_READ, path, -ENOMEM);
	if (erofs_is_exclude_path(NULL, child + tree->prefix))
		err = 0;
	else if (lstat(child, &st))
		err = sparse_fail(tree->failure, SPARSE_READ, child, -errno);
	else if (sparse_output_is_itself(tree->out, &st))
		err = 0;
	else
		err = add_entry(tree, dir, child, name, &st);
	free(child);
	return err;
}

static int add_directory(struct sparse_tree *tree, struct erofs_inode *dir,
			 const char *path)
{
	struct dirent **entries;
	int count, i, err = 0;

	/* file systems differ in their order, and the image is not to */
	count = scandir(path, &entries, no_dots, by_name);
	if (count < 0)
		return sparse_fail(tree->failure, SPARSE_LIST, path, -errno);
	for (i = 0; i < count; i++) {
		if (!err)
			err = add_child(tree, dir, path, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return err;
}

/* the last part of a path without a slash at its end */
static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool has_name(const struct erofs_inode *dir, const char *name)
{
	const struct erofs_dentry *d;

	list_for_each_entry(d, &dir->i_subdirs, d_child)
		if (!strcmp(d->name, name))
			return true;
	return false;
}

static int add_named(struct sparse_tree *tree, const char *path)
{
	struct erofs_inode *root = tree->im->root;
	const char *name = name_of(path);
	struct sparse_source source;
	int err;

	if (sparse_source_is_stream(path))
		name = SPARSE_STDIN_NAME;
	if (!*name || is_dot_dotdot(name))
		return sparse_refuse(tree->failure, path, " ends in no name to have in the image");
	if (has_name(root, name))
		return sparse_refuse(tree->failure, path,
				     ": another snapshot has the name '%s' already", name);
	err = sparse_source_open(&source, path);
	if (err)
		return sparse_fail(tree->failure, SPARSE_READ, path, err);
	sparse_source_close(&source);
	tree->prefix = name_of(path) - path;
	return add_entry(tree, root, path, name, &source.st);
}

static int add_snapshot(struct sparse_tree *tree, const char *operand)
{
	size_t len = strlen(operand);
	char *path;
	int err;

	while (len > 1 && operand[len - 1] == '/')
		len--;
	path = strndup(operand, len);
	if (!path)
		return sparse_fail(tree->failure, SPARSE_READ, operand, -ENOMEM);
	err = add_named(tree, path);
	free(path);
	return err;
}

int sparse_tree_add(struct sparse_tree *tree, char *const *paths, int count)
{
	struct erofs_inode *root = tree->im->root;
	struct stat st;
	int i, err = 0;

	if (count == 1 && !stat(paths[0], &st) && S_ISDIR(st.st_mode)) {
		err = fill_inode(tree, root, paths[0], &st);
		if (err)
			return sparse_fail(tree->failure, SPARSE_IMPORT, paths[0], err);
		tree->prefix = strlen(paths[0]);
		return add_directory(tree, root, paths[0]);
	}
	/* whoever runs us is not to show in the image */
	root->i_mode = S_IFDIR | 0755;
	root->i_uid = tree->im->params->fixed_uid == -1U ? 0 : root->i_uid;
	root->i_gid = tree->im->params->fixed_gid == -1U ? 0 : root->i_gid;
	for (i = 0; i < count && !err; i++)
		err = add_snapshot(tree, paths[i]);
	return err;
}

void sparse_tree_exit(struct sparse_tree *tree)
{
	free(tree->file);
}
