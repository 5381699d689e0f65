// SPDX-License-Identifier: GPL-2.0-only
/*
 * cached FILE [SPARSE] - print how many pages of FILE are in the page cache; with
 * SPARSE, a file of the same bytes, only of those that are holes there.
 *
 * cached --mapped FILE - the same, as a mapping of it has them: that is the page cache of
 * all who share, where the file's own is another.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static long cached_mapped(const char *name)
{
	const int fd = open(name, O_RDONLY);
	const off_t size = lseek(fd, 0, SEEK_END);
	const size_t nr = size / getpagesize() + 1;
	unsigned char *there = calloc(nr, 1);
	void *p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	long pages = 0;
	size_t i;

	if (!there || p == MAP_FAILED || mincore(p, size, there))
		err(1, "%s", name);
	for (i = 0; i < nr; i++)
		pages += there[i] & 1;
	return pages;
}

int main(int argc, char **argv)
{
	int fd, sparse;

	if (argc != 2 && argc != 3) {
		fprintf(stderr, "usage: cached FILE [SPARSE], or --mapped FILE\n");
		return 2;
	}
	if (!strcmp(argv[1], "--mapped")) {
		printf("%ld\n", cached_mapped(argv[2]));
		return 0;
	}
	fd = open(argv[1], O_RDONLY);
	sparse = open(argv[argc - 1], O_RDONLY);
	if (fd < 0 || sparse < 0 || cached_pages(fd) < 0)
		err(1, "%s", argv[1]);
	printf("%ld\n", argc == 2 ? cached_pages(fd) : cached_holes(fd, sparse));
	return 0;
}
