// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "source.h"

bool sparse_source_is_stream(const char *path)
{
	return !strcmp(path, SPARSE_STDIN);
}

int sparse_source_stat(int fd, struct stat *st)
{
	off_t size;

	if (fstat(fd, st))
		return -errno;
	if (!S_ISBLK(st->st_mode))
		return 0;
	size = lseek(fd, 0, SEEK_END);
	if (size < 0)
		return -errno;
	st->st_mode = S_IFREG | (st->st_mode & 0777);
	st->st_dev = st->st_rdev;
	st->st_ino = 0;
	st->st_rdev = 0;
	st->st_size = size;
	st->st_blocks = size >> 9;
	return 0;
}

static int open_stream(struct stat *st)
{
	int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (fstat(fd, st)) {
		close(fd);
		return -errno;
	}
	/* who may read a pipe says nothing about its content: it is memory */
	if (!S_ISDIR(st->st_mode))
		st->st_mode = S_IFREG | 0600;
	st->st_nlink = 1;
	st->st_dev = 0;
	st->st_ino = 0;
	st->st_rdev = 0;
	st->st_size = 0;
	st->st_blocks = 0;
	return fd;
}

int sparse_source_open(const char *path, struct stat *st)
{
	int fd, err;

	if (sparse_source_is_stream(path))
		return open_stream(st);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = sparse_source_stat(fd, st);
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

static bool is_other_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec || a->tv_nsec != b->tv_nsec;
}

bool sparse_source_was_changed(const struct stat *was, const struct stat *is)
{
	return was->st_dev != is->st_dev || was->st_ino != is->st_ino ||
		was->st_size != is->st_size ||
		is_other_time(&was->st_mtim, &is->st_mtim) ||
		/* whoever sets the one back moves the other */
		is_other_time(&was->st_ctim, &is->st_ctim);
}

int sparse_source_read(int fd, u8 *buf, size_t len, off_t pos)
{
	ssize_t ret;

	while (len) {
		ret = pread(fd, buf, len, pos);
		if (ret < 0 && errno == EINTR)
			continue;
		if (ret <= 0)
			return ret < 0 ? -errno : -ETXTBSY;
		buf += ret;
		pos += ret;
		len -= ret;
	}
	return 0;
}
