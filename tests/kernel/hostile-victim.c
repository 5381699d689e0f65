// SPDX-License-Identifier: GPL-2.0-only
/*
 * The victim of hostile.c: it has the same files open, on all mounts, in a cgroup of its own
 * with little memory, and looks at every byte in each of the ways that people read files.
 * What it does at first, when it is alone, is the measure of what it may take later.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "hostile.h"

#define STEP	(256 << 10)

static char *buffer;

static bool is(const struct hostile_file *f, uint64_t pos, const void *p, ssize_t n,
	       const char *how)
{
	if (n > 0 && pos + n <= f->size && content_is(f->content, pos, p, n))
		return true;
	wrong("victim: %s: %s of %zd bytes at %llu: %s", f->path, how, n,
	      (unsigned long long)pos, n < 0 ? strerror(errno) : "other bytes");
	return false;
}

static bool by_read(const struct hostile_file *f, int fd)
{
	uint64_t pos = 0;

	while (pos < f->size) {
		ssize_t n = pread(fd, buffer, STEP, pos);

		if (!is(f, pos, buffer, n, "read"))
			return false;
		pos += n;
	}
	return true;
}

static bool by_direct(const struct hostile_file *f, int fd)
{
	bool ok;
	int direct = open(f->path, O_RDONLY | O_DIRECT | O_CLOEXEC);

	/* many have no blocks that could be read so */
	if (direct < 0)
		return by_read(f, fd);
	ok = by_read(f, direct);
	close(direct);
	return ok;
}

static bool by_splice(const struct hostile_file *f, int fd)
{
	uint64_t pos = 0;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		err(1, "pipe");
	while (pos < f->size) {
		loff_t at = pos;
		ssize_t n = splice(fd, &at, ends[1], NULL, 65536, 0), got = 0, part = 0;

		while (n > 0 && got < n && (part = read(ends[0], buffer + got, n - got)) > 0)
			got += part;
		if (!is(f, pos, buffer, n > 0 ? got : n, "splice"))
			break;
		pos += n;
	}
	close(ends[0]);
	close(ends[1]);
	return pos >= f->size;
}

/* with writes of its own, which stay */
static bool by_mapping(const struct hostile_file *f, int fd)
{
	char *p = mmap(NULL, f->size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	uint64_t pos;
	bool ok;

	if (p == MAP_FAILED)
		err(1, "mmap");
	for (pos = 0; pos < f->size; pos += 16 * PAGE)
		p[pos] ^= 0x5a;
	for (pos = 0; pos < f->size; pos += 16 * PAGE)
		p[pos] ^= 0x5a;
	ok = is(f, 0, p, f->size, "mapping");
	munmap(p, f->size);
	return ok;
}

static bool look_at(const struct hostile_file *f, unsigned int how)
{
	static bool (* const ways[])(const struct hostile_file *f, int fd) = {
		by_read, by_mapping, by_direct, by_splice,
	};
	int fd = open(f->path, O_RDONLY | O_CLOEXEC);
	bool ok;

	if (fd < 0) {
		wrong("victim: %s: open: %s", f->path, strerror(errno));
		return false;
	}
	ok = ways[how % 4](f, fd);
	close(fd);
	return ok;
}

/* how long the next look took, ms; each file is looked at in another way than before */
static long long look(void)
{
	static unsigned int nr;
	const struct hostile_file *f;
	long long start = now_ms();

	do {
		f = &files[nr % nr_files];
		nr++;
	} while (f->content == PROGRAM || strstr(f->path, "/twin"));
	atomic_store(&shared->victim_since, start);
	look_at(f, nr / nr_files + nr % nr_files);
	atomic_store(&shared->victim_since, 0);
	return now_ms() - start;
}

static int shorter(const void *a, const void *b)
{
	const long long *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int victim_process(void)
{
	long long took[MAX_FILES];
	size_t nr;

	operator_join(VICTIM_GROUP);
	buffer = aligned_alloc(PAGE, STEP);
	for (nr = 0; nr < nr_files / 2; nr++)
		took[nr] = look();
	qsort(took, nr, sizeof(*took), shorter);
	atomic_store(&shared->victim_alone, took[nr / 2] ?: 1);
	while (!atomic_load(&shared->stop)) {
		long long ms = look();

		if (ms > atomic_load(&shared->victim_worst))
			atomic_store(&shared->victim_worst, ms);
		atomic_fetch_add(&shared->victim_looks, 1);
	}
	return 0;
}
