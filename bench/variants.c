// SPDX-License-Identifier: GPL-2.0-only
/*
 * variants FILE... - map the files privately, all at the same time, and read every
 * page: "cached-kb KB", what the page cache has grown by.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../tests/kernel/guest.h"

int main(int argc, char **argv)
{
	long before;
	int i;

	if (argc < 2) {
		fprintf(stderr, "usage: variants FILE...\n");
		return 2;
	}
	drop_caches();
	before = number_in("/proc/meminfo", "Cached");
	for (i = 1; i < argc; i++) {
		int fd = open(argv[i], O_RDONLY);
		struct stat st;
		off_t at;
		char *p;

		if (fd < 0 || fstat(fd, &st))
			err(1, "%s", argv[i]);
		p = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
		if (p == MAP_FAILED)
			err(1, "%s", argv[i]);
		for (at = 0; at < st.st_size; at += getpagesize())
			(void)*(volatile char *)(p + at);
	}
	printf("cached-kb %ld\n", number_in("/proc/meminfo", "Cached") - before);
	return 0;
}
