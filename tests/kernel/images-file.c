// SPDX-License-Identifier: GPL-2.0-only
/*
 * Read a file by every way there is, in any order, now and then after its pages were
 * dropped: what one way says of a page, an error or these bytes, all others say.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "images.h"
#include "ways.h"

#define PAGE		WAYS_PAGE
#define WINDOW		16	/* pages that are looked at in one go */
#define MOST_EXTENTS	10000	/* of a file that are looked at */

/* a window, and what its pages are by the first way that was tried */
struct view {
	struct window w;
	struct trial *trial;
	const char *path;
	int result[WINDOW];	/* bytes, or a negative errno */
	char want[WINDOW][PAGE];
};

static void compare(const struct view *v, size_t page, const char *name, int n, const char *buf)
{
	int want = v->result[page];
	bool read = n >= 0, readable = want >= 0;
	intmax_t number = v->w.start / PAGE + page;

	if (read != readable)
		complain(v->trial, v->path, "page %jd: %s says %d, another way %d", number,
			 name, n, want);
	else if (n >= 0 && n != (int)window_length(&v->w, page))
		complain(v->trial, v->path, "page %jd: %s: %d bytes", number, name, n);
	else if (n >= 0 && memcmp(buf, v->want[page], n))
		complain(v->trial, v->path, "page %jd: %s reads other bytes", number, name);
}

/* by one way, forwards or backwards; the first one decides what a page is */
static void pass(struct view *v, const struct reading_way *way, bool first, bool consistent)
{
	bool back = damage_below(&v->trial->random, 2);
	char buf[PAGE];
	size_t i, page;

	for (i = 0; i < v->w.pages; i++) {
		int n;

		page = back ? v->w.pages - 1 - i : i;
		n = way->read(&v->w, page, buf);
		if (n == WAYS_NO_ANSWER)
			continue;
		if (n < 0 && !way->fault)
			note_error(v->trial, v->path, way->name, -n);
		if (first) {
			v->result[page] = n;
			memcpy(v->want[page], buf, n < 0 ? 0 : n);
		}
		if (first || consistent)
			compare(v, page, way->name, n, buf);
	}
}

/* as much as there is at a time: what comes before an error is right */
static void read_all(const struct view *v)
{
	static char buf[WINDOW * PAGE];
	ssize_t n = pread(v->w.fd, buf, v->w.bytes, v->w.start);
	size_t page;

	if (n < 0)
		note_error(v->trial, v->path, "a long pread", errno);
	for (page = 0; page < v->w.pages; page++) {
		ssize_t rest = n - (ssize_t)(page * PAGE), length = window_length(&v->w, page);

		if (rest < length) {
			if (v->result[page] >= 0)
				complain(v->trial, v->path, "a long pread ends at page %zu: %zd",
					 page, n);
			break;
		}
		compare(v, page, "a long pread", length, buf + page * PAGE);
	}
}

static void ask_for_pages(const struct window *w, unsigned int how)
{
	unsigned char resident[WINDOW];

	switch (how) {
	case 0:
		readahead(w->fd, w->start, w->bytes);
		break;
	case 1:
		posix_fadvise(w->fd, w->start, w->bytes, POSIX_FADV_WILLNEED);
		break;
	case 2:
		posix_fadvise(w->fd, 0, 0, POSIX_FADV_RANDOM);
		break;
	case 3:
		madvise(w->shared, w->bytes, MADV_WILLNEED);
		break;
	case 4:
		madvise(w->private, w->bytes, MADV_POPULATE_READ);
		break;
	}
	mincore(w->shared, w->bytes, resident);
}

static void drop_pages(const struct window *w)
{
	madvise(w->shared, w->bytes, MADV_DONTNEED);
	madvise(w->private, w->bytes, MADV_DONTNEED);
	posix_fadvise(w->fd, 0, 0, POSIX_FADV_DONTNEED);
}

/* all ways, in any order that begins with one that has an answer */
static void choose_order(struct damage_random *random, const struct reading_way **order)
{
	unsigned int i, j;

	for (i = 0; i < nr_reading_ways; i++) {
		j = damage_below(random, i + 1);
		order[i] = order[j];
		order[j] = &reading_ways[i];
	}
	for (i = 0; order[i]->may_pass; i++)
		;
	j = order[i] - reading_ways;
	order[i] = order[0];
	order[0] = &reading_ways[j];
}

static void look_at(struct trial *trial, const char *path, int fd, off_t size, off_t first,
		    size_t pages, const char *golden, bool consistent)
{
	const struct reading_way *order[nr_reading_ways];
	static struct view v;
	unsigned int i;
	size_t page;

	v.trial = trial;
	v.path = path;
	if (window_open(&v.w, fd, size, first, pages)) {
		/* a page may be read that is too far behind for a mapping */
		if (errno != EOVERFLOW)
			complain(trial, path, "mmap: %s", strerror(errno));
		return;
	}
	choose_order(&trial->random, order);
	ask_for_pages(&v.w, damage_below(&trial->random, 6));
	for (i = 0; i < nr_reading_ways; i++) {
		pass(&v, order[i], !i, consistent);
		if (!damage_below(&trial->random, 4))
			drop_pages(&v.w);
	}
	if (consistent)
		read_all(&v);
	for (page = 0; page < pages; page++) {
		trial->pages++;
		trial->errors += v.result[page] < 0;
		if (golden && v.result[page] >= 0 &&
		    memcmp(v.want[page], golden + v.w.start + page * PAGE, v.result[page]))
			complain(trial, path, "page %jd is not what it was",
				 (intmax_t)(first + page));
	}
	window_close(&v.w);
}

/* holes and data take turns up to the end, and a hole reads as zeros */
static void check_holes(struct trial *trial, const char *path, int fd, off_t size)
{
	static const char zeros[PAGE];
	unsigned int steps = 0;
	off_t pos = 0, data;
	char buf[PAGE];

	while (pos < size) {
		data = lseek(fd, pos, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			data = size;
		if (data < 0) {
			note_error(trial, path, "SEEK_DATA", errno);
			return;
		}
		if (data < pos) {
			complain(trial, path, "SEEK_DATA: %jd after %jd", (intmax_t)data,
				 (intmax_t)pos);
			return;
		}
		if (data > pos && pread(fd, buf, PAGE, pos) > 0 &&
		    memcmp(buf, zeros, data - pos < PAGE ? data - pos : PAGE))
			complain(trial, path, "a hole at %jd has bytes", (intmax_t)pos);
		/* a damaged size may be anything */
		if (data == size || ++steps > MOST_EXTENTS)
			return;
		pos = lseek(fd, data, SEEK_HOLE);
		if (pos < 0) {
			note_error(trial, path, "SEEK_HOLE", errno);
			return;
		}
		if (pos <= data) {
			complain(trial, path, "SEEK_HOLE: %jd after %jd", (intmax_t)pos,
				 (intmax_t)data);
			return;
		}
	}
}

static void check_extents(struct trial *trial, const char *path, int fd)
{
	struct { struct fiemap head; struct fiemap_extent extent[32]; } map;
	uint64_t pos = 0;
	unsigned int i, steps;

	for (steps = 0; steps < MOST_EXTENTS / 32; steps++) {
		memset(&map, 0, sizeof(map));
		map.head.fm_start = pos;
		map.head.fm_length = FIEMAP_MAX_OFFSET - pos;
		map.head.fm_extent_count = 32;
		if (ioctl(fd, FS_IOC_FIEMAP, &map.head)) {
			note_error(trial, path, "FIEMAP", errno);
			return;
		}
		for (i = 0; i < map.head.fm_mapped_extents; i++) {
			if (map.extent[i].fe_logical + map.extent[i].fe_length <= pos) {
				complain(trial, path, "FIEMAP does not go on at %ju",
					 (uintmax_t)pos);
				return;
			}
			pos = map.extent[i].fe_logical + map.extent[i].fe_length;
		}
		if (!i || map.extent[i - 1].fe_flags & FIEMAP_EXTENT_LAST)
			return;
	}
}

void read_file(struct trial *trial, const char *path, int fd, off_t size, const char *golden,
	       bool consistent)
{
	off_t pages = size / PAGE + !!(size % PAGE), middle;

	if (damage_below(&trial->random, 2))
		check_extents(trial, path, fd);
	if (pages)
		look_at(trial, path, fd, size, 0, pages < WINDOW ? pages : WINDOW, golden,
			consistent);
	if (pages > WINDOW) {
		middle = WINDOW + damage_below(&trial->random, pages - WINDOW);
		look_at(trial, path, fd, size, middle, pages - middle < 8 ? pages - middle : 8,
			golden, consistent);
		look_at(trial, path, fd, size, pages - 1, 1, golden, consistent);
	}
	if (consistent)
		check_holes(trial, path, fd, size);
}
