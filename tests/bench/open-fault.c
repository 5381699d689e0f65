// SPDX-License-Identifier: GPL-2.0-only
/*
 * open-fault PASSES - open each of the files named on standard input, map it, touch
 * its first page and close it, PASSES times; prints the passes,
 * nanoseconds a file:
 *
 *	open-fault PASS...
 *
 * A pass before the first brings everything into memory.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "passes.h"

#define MOST_FILES	4096

static double pass(char **names, int nr)
{
	struct timespec start, end;
	int i;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (i = 0; i < nr; i++) {
		int fd = open(names[i], O_RDONLY);
		char *p = mmap(NULL, getpagesize(), PROT_READ, MAP_PRIVATE, fd, 0);

		if (p == MAP_FAILED)
			err(1, "%s", names[i]);
		(void)*(volatile char *)p;
		munmap(p, getpagesize());
		close(fd);
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	return ((end.tv_sec - start.tv_sec) * 1e9 + end.tv_nsec - start.tv_nsec) / nr;
}

int main(int argc, char **argv)
{
	static char *names[MOST_FILES], line[4096];
	double ns[MOST_PASSES];
	int passes = argc == 2 ? atoi(argv[1]) : 0, nr = 0, i;

	if (passes < 1 || passes > MOST_PASSES) {
		fprintf(stderr, "usage: open-fault PASSES <NAMES\n");
		return 2;
	}
	while (nr < MOST_FILES && fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = 0;
		names[nr++] = strdup(line);
	}
	if (!nr)
		errx(1, "no files");
	pass(names, nr);
	for (i = 0; i < passes; i++)
		ns[i] = pass(names, nr);
	report_passes("open-fault", ns, passes);
	return 0;
}
