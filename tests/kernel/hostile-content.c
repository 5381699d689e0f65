// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is in the files of hostile.c.  Every byte can be computed from its place, so that
 * nobody who checks needs a copy, which would have to be in some page cache, too.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "hostile.h"

static const struct { const char *name; enum content content; uint64_t size; } names[] = {
	{ "data.img", DATA, (3 << 19) + 700 },
	{ "twin.img", DATA, (3 << 19) + 700 },	/* equal, another inode */
	{ "holes.img", HOLES, (6 << 20) + 5 * PAGE + 1234 },
	{ "small.bin", SMALL, 5000 },
	{ "answer", PROGRAM, 0 },		/* this program */
};

struct hostile_file files[MAX_FILES];
size_t nr_files;

/* runs of three, a page table's worth, runs of one and two; the end is data */
bool content_is_hole(enum content content, uint64_t page)
{
	if (content != HOLES)
		return false;
	if (page < 256)
		return page / 3 % 2;
	if (page < 1024)
		return page >= 384;
	return page < 1536 && page * 7 % 5 < 2;
}

static uint64_t word(enum content content, uint64_t i)
{
	return (i + 1) * 0x9e3779b97f4a7c15 + content * 0xd1342543de82ef95;
}

static bool part_is(enum content content, uint64_t pos, const char *p, size_t n)
{
	uint64_t want, have;

	for (; n && (pos % 8 || n < 8); pos++, p++, n--) {
		want = word(content, pos / 8);
		if (*p != ((char *)&want)[pos % 8])
			return false;
	}
	for (; n >= 8; pos += 8, p += 8, n -= 8) {
		memcpy(&have, p, 8);
		if (have != word(content, pos / 8))
			return false;
	}
	return !n || part_is(content, pos, p, n);
}

bool content_is(enum content content, uint64_t pos, const void *p, size_t n)
{
	static const char zeros[PAGE];

	while (n) {
		size_t part = PAGE - pos % PAGE;

		if (part > n)
			part = n;
		if (content_is_hole(content, pos / PAGE) ? memcmp(p, zeros, part) :
		    !part_is(content, pos, p, part))
			return false;
		pos += part;
		p = (const char *)p + part;
		n -= part;
	}
	return true;
}

static int make_file(const char *path, enum content content, uint64_t size)
{
	uint64_t buf[PAGE / 8], pos, i;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);

	if (fd < 0 || ftruncate(fd, size))
		err(1, "%s", path);
	for (pos = 0; pos < size; pos += PAGE) {
		size_t n = size - pos < PAGE ? size - pos : PAGE;

		if (content_is_hole(content, pos / PAGE))
			continue;
		for (i = 0; i < PAGE / 8; i++)
			buf[i] = word(content, pos / 8 + i);
		if (pwrite(fd, buf, n, pos) != (ssize_t)n)
			err(1, "%s", path);
	}
	return close(fd);
}

int content_make(const char *folder)
{
	char path[512];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (names[i].content == PROGRAM)
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, names[i].name);
		if (make_file(path, names[i].content, names[i].size))
			err(1, "%s", path);
	}
	return 0;
}

void content_find(const char *where)
{
	struct stat st;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct hostile_file *f = &files[nr_files++];

		if (nr_files > MAX_FILES)
			errx(1, "too many files");
		snprintf(f->path, sizeof(f->path), "%s/%s", where, names[i].name);
		if (stat(f->path, &st))
			err(1, "%s", f->path);
		f->content = names[i].content;
		f->size = st.st_size;
		f->dev = st.st_dev;
		f->ino = st.st_ino;
	}
}

const struct hostile_file *content_of(int fd)
{
	struct stat st;
	size_t i;

	if (fstat(fd, &st))
		return NULL;
	for (i = 0; i < nr_files; i++)
		if (files[i].dev == st.st_dev && files[i].ino == st.st_ino)
			return &files[i];
	return NULL;
}
