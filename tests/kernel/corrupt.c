// SPDX-License-Identifier: GPL-2.0-only
/*
 * corrupt FILE REFERENCE IMAGE - say in one line what is in a file of a damaged image: its
 * size, and for its pages, by number, how they come back:
 *
 *	EIO, EUCLEAN	as this error, or as SIGBUS from a mapping
 *	right		with the bytes of REFERENCE
 *	block N		with the bytes of a block of IMAGE
 *
 *	blocks N, by M	with those of blocks of IMAGE, each M after the one before
 *	zeros, other	with such
 *
 * Of a large file the first 1,024 pages and the last one are looked at.  Each page is read
 * by every way there is (ways.h), all pages by one way after the other, and once more when
 * they are cached: what is not said by all of them fails.  That is without read-ahead.  With
 * it a page comes back with the same bytes, or with the error of another page that was read
 * together with it.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "ways.h"

#define PAGE	WAYS_PAGE
#define MOST	1024	/* pages */

struct content {
	const char *p;
	size_t size;
};

static struct content reference, image;
static bool errors;
static int result[MOST];	/* of a page, by the first way: bytes, or a negative errno */
static char bytes[MOST][PAGE];

static struct content map(const char *path)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	struct content c;

	if (fd < 0 || fstat(fd, &st))
		err(1, "%s", path);
	c.size = st.st_size;
	c.p = mmap(NULL, c.size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (c.p == MAP_FAILED)
		err(1, "%s", path);
	close(fd);
	return c;
}

/* all pages by one way; the first way @decides */
static void pass(struct window *w, const struct reading_way *way, bool decides, bool ahead)
{
	const size_t first = w->start / PAGE;
	char buf[PAGE];
	size_t i;

	for (i = 0; i < w->pages; i++) {
		const int n = way->read(w, i, buf);

		if (n == WAYS_NO_ANSWER)
			continue;
		if (decides) {
			result[i] = n;
			memcpy(bytes[i], buf, n < 0 ? 0 : n);
			errors |= n < 0;
		}
		if (ahead && errors && n < 0)
			continue;
		if (n >= 0 && n != (int)window_length(w, i))
			errx(1, "page %zu by %s: %d bytes", first + i, way->name, n);
		/* a fault has no number */
		if (way->fault && n < 0 && result[i] < 0)
			continue;
		if (n != result[i])
			errx(1, "page %zu by %s: %d, and %d by %s", first + i, way->name, n,
			     result[i], reading_ways->name);
		if (n >= 0 && memcmp(buf, bytes[i], n))
			errx(1, "page %zu by %s: other bytes", first + i, way->name);
	}
}

/* the pages by all ways, each of which begins with nothing, and then with what there is */
static void all_passes(struct window *w, bool ahead)
{
	const struct reading_way *way;

	posix_fadvise(w->fd, 0, 0, ahead ? POSIX_FADV_NORMAL : POSIX_FADV_RANDOM);
	madvise(w->shared, w->bytes, ahead ? MADV_NORMAL : MADV_RANDOM);
	madvise(w->private, w->bytes, ahead ? MADV_NORMAL : MADV_RANDOM);
	for (way = reading_ways; way < reading_ways + nr_reading_ways; way++) {
		madvise(w->shared, w->bytes, MADV_DONTNEED);
		madvise(w->private, w->bytes, MADV_DONTNEED);
		posix_fadvise(w->fd, 0, 0, POSIX_FADV_DONTNEED);
		pass(w, way, !ahead && way == reading_ways, ahead);
	}
	for (way = reading_ways; way < reading_ways + nr_reading_ways; way++)
		pass(w, way, false, ahead);
}

static bool is_page_of(const struct content *c, size_t index, const char *p, size_t n)
{
	return index < c->size / PAGE + !!(c->size % PAGE) && index * PAGE + n <= c->size &&
		!memcmp(c->p + index * PAGE, p, n);
}

/* what some pages are, and of which block the first and the last have the bytes, or -1 */
struct run {
	const char *name;
	size_t first, last;
	long block, last_block;
};

/* what page @index of the file is, that came as @p with @n bytes */
static struct run run_of(size_t index, const char *p, int n)
{
	struct run run = { "other", index, index, -1, -1 };
	size_t block;
	int i;

	for (i = 0; i < n && !p[i]; i++)
		;
	if (n < 0)
		run.name = strerrorname_np(-n);
	else if (is_page_of(&reference, index, p, n))
		run.name = "right";
	else if (i == n)
		run.name = "zeros";
	else
		for (block = 0; block < image.size / PAGE; block++)
			if (is_page_of(&image, block, p, n)) {
				run.name = "block";
				run.block = block;
				run.last_block = block;
				break;
			}
	return run;
}

/* how much further on the image the blocks of a run are from page to page */
static long step_of(const struct run *r)
{
	return r->last == r->first ? 0 :
		(r->last_block - r->block) / (long)(r->last - r->first);
}

static bool goes_on(const struct run *r, const struct run *next)
{
	return !strcmp(r->name, next->name) &&
		(r->last == r->first || next->block - r->last_block == step_of(r));
}

static void print_run(const struct run *r)
{
	printf(r->last == r->first ? ", %zu" : ", %zu-%zu", r->first, r->last);
	if (r->block < 0)
		printf(" %s", r->name);
	else if (step_of(r))
		printf(" blocks %ld, by %ld", r->block, step_of(r));
	else
		printf(" block %ld", r->block);
}

static void look_at(int fd, off_t size, off_t first, size_t pages)
{
	struct window w;
	struct run run;
	size_t i;

	if (window_open(&w, fd, size, first, pages))
		err(1, "mmap");
	all_passes(&w, false);
	all_passes(&w, true);
	window_close(&w);
	run = run_of(first, bytes[0], result[0]);
	for (i = 1; i < pages; i++) {
		const struct run next = run_of(first + i, bytes[i], result[i]);

		if (goes_on(&run, &next)) {
			run.last = next.last;
			run.last_block = next.last_block;
		} else {
			print_run(&run);
			run = next;
		}
	}
	print_run(&run);
}

int main(int argc, char **argv)
{
	struct stat st;
	off_t pages;
	int fd;

	if (argc != 4) {
		fprintf(stderr, "usage: corrupt FILE REFERENCE IMAGE\n");
		return 2;
	}
	reference = map(argv[2]);
	image = map(argv[3]);
	fd = open(argv[1], O_RDONLY);
	if (fd < 0 || fstat(fd, &st)) {
		printf("open: %s\n", strerrorname_np(errno));
		return 0;
	}
	printf("%jd bytes", (intmax_t)st.st_size);
	pages = st.st_size / PAGE + !!(st.st_size % PAGE);
	if (pages)
		look_at(fd, st.st_size, 0, pages < MOST ? pages : MOST);
	/* the last page of the greatest size cannot be mapped */
	if (pages > MOST && pages <= INT64_MAX / PAGE)
		look_at(fd, st.st_size, pages - 1, 1);
	putchar('\n');
	return 0;
}
