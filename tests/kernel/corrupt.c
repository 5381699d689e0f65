// SPDX-License-Identifier: GPL-2.0-only
/*
 * corrupt FILE - read every page of a file of a damaged image, by read() and by a
 * private mapping.  Each page must come back with an error or with bytes, and by
 * both ways alike; prints "N pages, N errors".  The exit status is 0 if so.
 *
 * corrupt FILE REFERENCE - of a device that comes and goes: by either way, each page
 * must come back with an error or with the bytes of REFERENCE.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_PAGES	10240	/* a damaged size may be anything */

static sigjmp_buf bus;

static void on_sigbus(int sig)
{
	siglongjmp(bus, sig);
}

/* 0, or -1 for SIGBUS */
static int read_mapped(const char *p, char *buf, size_t n)
{
	if (sigsetjmp(bus, 1))
		return -1;
	memcpy(buf, p, n);
	return 0;
}

int main(int argc, char **argv)
{
	static char by_read[65536], by_map[65536];
	size_t page = getpagesize(), pages, i, errors = 0;
	struct stat st;
	char *p, *ref = NULL;
	int fd;

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: corrupt FILE [REFERENCE]\n");
		return 2;
	}
	fd = open(argv[1], O_RDONLY);
	if (fd < 0 || fstat(fd, &st))
		err(1, "%s", argv[1]);
	signal(SIGBUS, on_sigbus);
	pages = (st.st_size + page - 1) / page;
	if (pages > MOST_PAGES)
		pages = MOST_PAGES;
	p = pages ? mmap(NULL, pages * page, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
	if (p == MAP_FAILED)
		err(1, "mmap");
	if (argc == 3) {
		ref = mmap(NULL, pages * page, PROT_READ, MAP_PRIVATE,
			   open(argv[2], O_RDONLY), 0);
		if (ref == MAP_FAILED)
			err(1, "%s", argv[2]);
	}
	for (i = 0; i < pages; i++) {
		off_t rest = st.st_size - (off_t)(i * page);
		size_t want = rest < (off_t)page ? (size_t)rest : page;
		ssize_t n = pread(fd, by_read, page, i * page);
		int mapped = read_mapped(p + i * page, by_map, want);

		if (n < 0 && errno != EIO && errno != EUCLEAN)
			err(1, "page %zu", i);
		if (ref && ((n >= 0 && memcmp(by_read, ref + i * page, want)) ||
			    (!mapped && memcmp(by_map, ref + i * page, want))))
			errx(1, "page %zu: wrong bytes", i);
		if (ref) {
			errors += !(n >= 0 && !mapped);
			continue;
		}
		if (n < 0 ? !mapped : mapped)
			errx(1, "page %zu: read %zd, mapping %d", i, n, mapped);
		if (n >= 0 && (n != (ssize_t)want || memcmp(by_read, by_map, n)))
			errx(1, "page %zu: read and mapping differ", i);
		errors += n < 0;
	}
	printf("%zu pages, %zu errors\n", pages, errors);
	return 0;
}
