// SPDX-License-Identifier: GPL-2.0-only
/*
 * Look at all that is in a mounted image.  What no damage has to do with is as it was, or
 * cannot be read; what is damaged may be anything, but the same in every way.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "images.h"

#define MOST_FILES	64	/* inodes of an image that are looked at */
#define MOST_NAMES	100000	/* of a directory, before it is taken for endless */
#define DEPTH		6

struct tour {
	struct trial *trial;
	struct base *record;	/* where to note what is golden, or NULL */
	size_t top;		/* bytes of the paths that are the mount's */
	ino_t seen[MOST_FILES];
	unsigned int nr;
};

void complain(struct trial *trial, const char *path, const char *format, ...)
{
	va_list args;

	/* one thing is told of an image; the rest may follow from it */
	if (!trial->failed++) {
		printf("#   %s: ", path);
		va_start(args, format);
		vprintf(format, args);
		va_end(args);
		putchar('\n');
	}
}

void note_error(struct trial *trial, const char *path, const char *what, int error)
{
	switch (error) {
	case EIO:
	case EUCLEAN:
	case EOPNOTSUPP:
		if (error < 64)
			trial->errnos |= 1ULL << error;
		else
			trial->errnos |= error == EUCLEAN ? 1 : 1ULL << 63;
		break;
	default:
		complain(trial, path, "%s: %s", what, strerror(error));
	}
}

static uint64_t hash(uint64_t h, const void *data, size_t n)
{
	const unsigned char *p = data;

	/* FNV-1a */
	while (n--)
		h = (h ^ *p++) * 0x100000001b3;
	return h;
}

#define HASH_START	0xcbf29ce484222325

/* --- what damage can change */

/* who is damaged by damage of this class; the inode of fragments is all files that use it */
static bool damaged(const struct trial *trial, ino_t ino, enum damage_class class)
{
	const struct damage_image *image = &trial->base->image;
	unsigned int i;

	for (i = 0; i < trial->damages; i++) {
		const struct damage *d = &trial->damage[i];

		if (d->class == class &&
		    (d->node < 0 || d->node == image->packed || image->node[d->node].nid == ino))
			return true;
	}
	return false;
}

static bool everything_touched(const struct trial *trial, ino_t ino)
{
	return damaged(trial, ino, DAMAGE_SUPER) || damaged(trial, ino, DAMAGE_BYTE) ||
		damaged(trial, ino, DAMAGE_INODE);
}

static const struct damage_node *node_of(const struct trial *trial, ino_t ino)
{
	const struct damage_image *image = &trial->base->image;
	unsigned int i;

	for (i = 0; i < image->nodes; i++)
		if (image->node[i].nid == ino)
			return &image->node[i];
	return NULL;
}

static bool compressed(unsigned int layout)
{
	return layout == 1 || layout == 3;
}

bool content_touched(const struct trial *trial, ino_t ino)
{
	unsigned int i;

	if (everything_touched(trial, ino) || damaged(trial, ino, DAMAGE_DEVICE) ||
	    damaged(trial, ino, DAMAGE_CHUNK) || damaged(trial, ino, DAMAGE_CLUSTER))
		return true;
	/* who believes fingerprints is given what any file of the image has of that name */
	for (i = 0; trial->way->believed && i < trial->damages; i++)
		if (trial->damage[i].class != DAMAGE_DIRECTORY)
			return true;
	return false;
}

/*
 * What a compressed block decodes to depends on what asks first, if its extents disagree
 * about it: two of one file, or of two.  And a part of it may be fine when the whole is not.
 */
bool is_consistent(const struct trial *trial, ino_t ino)
{
	const struct damage_node *node = node_of(trial, ino);
	size_t pos = node ? node->pos : 0;

	if (!content_touched(trial, ino))
		return true;
	return node && !compressed(node->layout) && pos < trial->size &&
		!compressed(trial->bytes[pos] >> 1 & 7) && !damaged(trial, ino, DAMAGE_SUPER) &&
		trial->base->image.packed < 0;
}

static const struct golden *golden_of(const struct trial *trial, ino_t ino)
{
	unsigned int i;

	for (i = 0; i < trial->base->nr; i++)
		if (trial->base->golden[i].ino == ino)
			return &trial->base->golden[i];
	return NULL;
}

/* --- xattrs and names */

/* a hash of all of them; 0 if there was an error */
static uint64_t look_at_xattrs(struct trial *trial, const char *path)
{
	static char names[65536], value[65536];
	uint64_t h = HASH_START;
	ssize_t n = llistxattr(path, names, sizeof(names)), size, again;
	const char *name;

	if (n < 0) {
		/* more than user space may be given */
		if (errno != E2BIG && errno != ERANGE)
			note_error(trial, path, "listxattr", errno);
		return 0;
	}
	for (name = names; name < names + n; name += strlen(name) + 1) {
		size = lgetxattr(path, name, NULL, 0);
		again = lgetxattr(path, name, value, sizeof(value));
		/* how long it is may be known where it cannot be read */
		if (size != again && !(again < 0 && errno == EIO))
			complain(trial, path, "xattr %s: %zd bytes, then %zd", name, size, again);
		if (again < 0) {
			/* two of one name, or one that is empty, or that nobody answers for */
			if (errno != ENODATA && errno != EOPNOTSUPP && errno != EPERM &&
			    errno != EINVAL && errno != ERANGE)
				note_error(trial, path, name, errno);
			h = 0;
		}
		if (h && again >= 0)
			h = hash(hash(h, name, strlen(name) + 1), value, again);
	}
	if (lgetxattr(path, "user.that-nobody-has", value, sizeof(value)) >= 0)
		complain(trial, path, "it has an xattr that nobody has");
	return h;
}

static void tour(struct tour *t, const char *path, unsigned int depth);

/* all names; of the inodes behind them, some */
static uint64_t look_at_names(struct tour *t, const char *path, unsigned int depth)
{
	DIR *dir = opendir(path);
	uint64_t h = HASH_START;
	struct dirent *entry;
	char name[PATH_MAX];
	unsigned int nr;

	if (!dir) {
		note_error(t->trial, path, "opendir", errno);
		return 0;
	}
	for (nr = 0; errno = 0, (entry = readdir(dir)); nr++) {
		if (nr == MOST_NAMES) {
			complain(t->trial, path, "a directory without an end");
			break;
		}
		h = hash(h, entry->d_name, strlen(entry->d_name) + 1);
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
		    strlen(path) + strlen(entry->d_name) + 2 > sizeof(name))
			continue;
		if (t->record || nr < 8 || !damage_below(&t->trial->random, 16)) {
			snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
			tour(t, name, depth + 1);
			errno = 0;
		}
	}
	if (errno) {
		note_error(t->trial, path, "readdir", errno);
		h = 0;
	}
	closedir(dir);
	return h;
}

/* --- inodes */

static void record(struct tour *t, const char *path, const struct stat *st, uint64_t names,
		   uint64_t xattrs)
{
	struct base *base = t->record;
	struct golden *g;
	char tree[PATH_MAX], link[PATH_MAX];
	ssize_t n;
	int fd;

	base->golden = realloc(base->golden, (base->nr + 1) * sizeof(*g));
	if (!base->golden)
		err(1, "golden files");
	g = &base->golden[base->nr++];
	*g = (struct golden) {
		.ino = st->st_ino, .mode = st->st_mode, .size = st->st_size,
		.path = strdup(path + t->top), .names = names, .xattrs = xattrs,
	};
	snprintf(tree, sizeof(tree), "%s%s", images_tree, g->path);
	if (S_ISREG(g->mode) && g->size) {
		struct stat want;

		fd = open(tree, O_RDONLY);
		if (fd < 0 || fstat(fd, &want) || want.st_size != g->size)
			errx(1, "%s of %s is not what it was made of", g->path, base->name);
		g->bytes = mmap(NULL, g->size, PROT_READ, MAP_PRIVATE, fd, 0);
		close(fd);
		if (g->bytes == MAP_FAILED)
			err(1, "%s", tree);
	} else if (S_ISLNK(g->mode)) {
		n = readlink(tree, link, sizeof(link) - 1);
		if (n < 0)
			err(1, "%s", tree);
		link[n] = '\0';
		g->bytes = strdup(link);
	}
}

static void look_at_link(struct trial *trial, const char *path, const char *golden)
{
	char link[PATH_MAX + 1];
	ssize_t n = readlink(path, link, PATH_MAX);

	if (n < 0) {
		note_error(trial, path, "readlink", errno);
		return;
	}
	link[n] = '\0';
	if (golden && strcmp(golden, link))
		complain(trial, path, "leads to '%s'", link);
	/* a way through it ends somewhere */
	(void)!access(path, R_OK);
}

/* the kernel reads the first page and may read more; what it runs is nobody's business */
static void execute(const char *path)
{
	pid_t pid = fork();

	if (!pid) {
		char *const argv[] = { (char *)path, NULL };

		close(0);
		close(1);
		close(2);
		alarm(10);
		execv(path, argv);
		_exit(127);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

static void look_at_file(struct trial *trial, const char *path, const struct stat *st,
			 const char *golden)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0) {
		note_error(trial, path, "open", errno);
		return;
	}
	read_file(trial, path, fd, st->st_size, golden, is_consistent(trial, st->st_ino));
	close(fd);
	if (st->st_mode & 0111 && !damage_below(&trial->random, 4))
		execute(path);
}

/* what has the same number as before, and was not touched, is what it was */
static void compare_golden(struct trial *trial, const char *path, const struct stat *st,
			   const struct golden *golden, uint64_t names, uint64_t xattrs)
{
	ino_t ino = st->st_ino;

	if (everything_touched(trial, ino))
		return;
	if (st->st_mode != golden->mode || st->st_size != golden->size)
		complain(trial, path, "mode %o and %jd bytes, were %o and %jd", st->st_mode,
			 (intmax_t)st->st_size, golden->mode, (intmax_t)golden->size);
	if (names && !damaged(trial, ino, DAMAGE_DIRECTORY) && names != golden->names)
		complain(trial, path, "other names");
	if (xattrs && !damaged(trial, ino, DAMAGE_XATTR) && xattrs != golden->xattrs)
		complain(trial, path, "other xattrs");
}

static void tour(struct tour *t, const char *path, unsigned int depth)
{
	struct trial *trial = t->trial;
	const struct golden *golden;
	uint64_t names = 0, xattrs;
	const char *bytes;
	struct stat st;
	unsigned int i;

	if (lstat(path, &st)) {
		/* a name that is listed and leads nowhere, or to a folder above it */
		if (errno != ENOENT && errno != ENAMETOOLONG && errno != ENOTDIR &&
		    errno != ELOOP)
			note_error(trial, path, "lstat", errno);
		return;
	}
	for (i = 0; i < t->nr; i++)
		if (t->seen[i] == st.st_ino)
			return;
	if (t->nr == MOST_FILES || depth > DEPTH)
		return;
	t->seen[t->nr++] = st.st_ino;
	trial->files++;
	golden = t->record ? NULL : golden_of(trial, st.st_ino);
	bytes = golden && !content_touched(trial, st.st_ino) ? golden->bytes : NULL;
	xattrs = look_at_xattrs(trial, path);
	if (S_ISDIR(st.st_mode))
		names = look_at_names(t, path, depth);
	else if (S_ISLNK(st.st_mode))
		look_at_link(trial, path, bytes);
	else if (S_ISREG(st.st_mode) && !t->record)
		look_at_file(trial, path, &st, bytes);
	if (t->record)
		record(t, path, &st, names, xattrs);
	else if (golden)
		compare_golden(trial, path, &st, golden, names, xattrs);
}

void walk(struct trial *trial, const char *top, struct base *base)
{
	struct tour t = { .trial = trial, .record = base, .top = strlen(top) };

	tour(&t, top, 0);
}
