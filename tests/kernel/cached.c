// SPDX-License-Identifier: GPL-2.0-only
/*
 * cached FILE [SPARSE] - print how many pages of FILE are in the page cache; with
 * SPARSE, a file of the same bytes, only of those that are holes there.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include "guest.h"

static long cached_holes(int fd, int sparse)
{
	off_t end = lseek(sparse, 0, SEEK_END), hole, data;
	long pages = 0;

	for (hole = 0; hole < end; hole = data) {
		hole = lseek(sparse, hole, SEEK_HOLE);
		data = lseek(sparse, hole, SEEK_DATA);
		if (data < 0)
			data = end;
		if (data > hole)
			pages += cached_pages_at(fd, hole, data - hole);
	}
	return pages;
}

int main(int argc, char **argv)
{
	int fd, sparse;

	if (argc != 2 && argc != 3) {
		fprintf(stderr, "usage: cached FILE [SPARSE]\n");
		return 2;
	}
	fd = open(argv[1], O_RDONLY);
	sparse = open(argv[argc - 1], O_RDONLY);
	if (fd < 0 || sparse < 0 || cached_pages(fd) < 0)
		err(1, "%s", argv[1]);
	printf("%ld\n", argc == 2 ? cached_pages(fd) : cached_holes(fd, sparse));
	return 0;
}
