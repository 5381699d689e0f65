// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "digests.h"

/* written as it is in memory: on a host with another order of bytes it is another one */
#define MAGIC		0x73747365676964ULL

/* leaves start at a page */
#define LEAVES		4096

/**
 * struct digests_header - what the file begins with
 * @magic: MAGIC
 * @blocks: how many leaves follow at LEAVES
 * @dev: of the image's inode, and so on
 * @root: the image's fs-verity digest
 */
struct digests_header {
	u64 magic;
	u64 blocks;
	u64 dev;
	u64 ino;
	u64 size;
	u64 mtime[2];
	u64 ctime[2];
	u8 root[SPARSE_DIGEST_SIZE];
};

static struct digests_header header_of(const struct stat *st, u64 blocks,
				       const u8 *root)
{
	struct digests_header header = {
		.magic = MAGIC,
		.blocks = blocks,
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = st->st_size,
		.mtime = { st->st_mtim.tv_sec, st->st_mtim.tv_nsec },
		.ctime = { st->st_ctim.tv_sec, st->st_ctim.tv_nsec },
	};

	memcpy(header.root, root, SPARSE_DIGEST_SIZE);
	return header;
}

/* "image.digests", or in @directory what to make files in; NULL if there is no memory */
static char *name_file(const char *path, bool directory)
{
	const char *slash = strrchr(path, '/');
	char *name;
	int ret;

	if (directory)
		ret = asprintf(&name, "%.*s.", slash ? (int)(slash + 1 - path) : 0, path);
	else
		ret = asprintf(&name, "%s" SPARSE_DIGESTS_SUFFIX, path);
	return ret < 0 ? NULL : name;
}

static int open_file(const char *path)
{
	char *name = name_file(path, false);
	int fd = -1;

	if (name)
		fd = open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	free(name);
	return fd;
}

static bool is_trusted(int fd, const struct stat *image, u64 size)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISREG(st.st_mode) &&
		(st.st_uid == geteuid() || !st.st_uid) &&
		!(st.st_mode & 0022) &&
		st.st_dev == image->st_dev && (u64)st.st_size == size;
}

bool sparse_digests_load(struct sparse_digests *digests, const char *path,
			 const struct stat *st, u64 blocks,
			 u8 root[SPARSE_DIGEST_SIZE])
{
	u64 size = LEAVES + blocks * SPARSE_DIGEST_SIZE;
	struct digests_header header, wanted;
	void *mapping = MAP_FAILED;
	int fd = open_file(path);

	if (fd < 0)
		return false;
	if (is_trusted(fd, st, size) &&
	    pread(fd, &header, sizeof(header), 0) == sizeof(header)) {
		wanted = header_of(st, blocks, header.root);
		if (!memcmp(&header, &wanted, sizeof(header)))
			mapping = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	}
	close(fd);
	if (mapping == MAP_FAILED)
		return false;
	digests->mapping = mapping;
	digests->leaf = (void *)((u8 *)mapping + LEAVES);
	digests->blocks = blocks;
	memcpy(root, header.root, SPARSE_DIGEST_SIZE);
	return true;
}

/*
 * The file has no name until it is complete.  Its time is that of the file system, whose
 * clock need not be ours, before the first block is read.  A device has no times.
 */
static int create_file(const char *path, const struct stat *image)
{
	char *directory = name_file(path, true);
	struct stat st;
	int fd = -1;

	if (directory && image->st_ino)
		fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	free(directory);
	if (fd < 0 || (!fstat(fd, &st) && st.st_dev == image->st_dev &&
		       st.st_mtim.tv_sec > image->st_ctim.tv_sec))
		return fd;
	close(fd);
	return -1;
}

int sparse_digests_start(struct sparse_digests *digests, const char *path,
			 const struct stat *st, u64 blocks)
{
	digests->leaf = calloc(blocks, sizeof(*digests->leaf));
	if (!digests->leaf)
		return -ENOMEM;
	digests->blocks = blocks;
	digests->fd = create_file(path, st);
	return 0;
}

static bool write_fully(int fd, const void *data, size_t len, off_t pos)
{
	ssize_t ret;

	for (; len; data = (const u8 *)data + ret, len -= ret, pos += ret) {
		ret = pwrite(fd, data, len, pos);
		if (ret <= 0)
			return false;
	}
	return true;
}

/* whether nothing of somebody else's has the name, or it has none any more */
static bool clear_name(const char *path, const char *name)
{
	u64 magic;
	bool ours;
	int fd = open_file(path);

	if (fd < 0)
		return errno == ENOENT;
	ours = pread(fd, &magic, sizeof(magic), 0) == sizeof(magic) && magic == MAGIC;
	close(fd);
	return ours && !unlink(name);
}

/* it need not reach the disk: after a crash it is what it was, or its tree does not fit */
void sparse_digests_keep(struct sparse_digests *digests, const char *path,
			 const struct stat *st, const u8 root[SPARSE_DIGEST_SIZE])
{
	struct digests_header header = header_of(st, digests->blocks, root);
	size_t size = digests->blocks * SPARSE_DIGEST_SIZE;
	char proc[64], *name;

	if (digests->fd < 0)
		return;
	name = name_file(path, false);
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", digests->fd);
	if (name && write_fully(digests->fd, digests->leaf, size, LEAVES) &&
	    write_fully(digests->fd, &header, sizeof(header), 0) &&
	    clear_name(path, name))
		/* who was faster has the name */
		linkat(AT_FDCWD, proc, AT_FDCWD, name, AT_SYMLINK_FOLLOW);
	free(name);
	/* there may be many bases */
	close(digests->fd);
	digests->fd = -1;
}

void sparse_digests_exit(struct sparse_digests *digests)
{
	if (digests->mapping)
		munmap(digests->mapping, LEAVES + digests->blocks * SPARSE_DIGEST_SIZE);
	else
		free(digests->leaf);
	if (digests->fd >= 0)
		close(digests->fd);
	*digests = SPARSE_DIGESTS_NONE;
}
