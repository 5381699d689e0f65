// SPDX-License-Identifier: GPL-2.0-only
/*
 * What hostile.c does with userfaultfd: markers of write protection in mappings of files,
 * which faults have to keep and to end, soft-dirty scans, and reads into memory that is
 * missing for a while or for ever.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include "hostile.h"

#ifndef UFFD_FEATURE_WP_ASYNC	/* Linux 6.7 */
#define UFFD_FEATURE_WP_UNPOPULATED	(1 << 13)
#define UFFD_FEATURE_POISON		(1 << 14)
#define UFFD_FEATURE_WP_ASYNC		(1 << 15)
#endif

/* PAGEMAP_SCAN, Linux 6.7 */
struct scan {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t inverted, mask, any_of, wanted;
};

#define SCAN		_IOWR('f', 16, struct scan)
#define SCAN_WP		1	/* protect what matches ... */
#define SCAN_CHECK	2	/* ... which has to be ready for that */
#define SCAN_ALL	0xff	/* kinds of pages */
#define SCAN_WRITTEN	2

static int open_uffd(struct thread *t, uint64_t features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	(void)t;
	if (fd >= 0 && ioctl(fd, UFFDIO_API, &api)) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool enroll(int fd, void *p, size_t len, uint64_t mode)
{
	struct uffdio_register reg = { .range = { (uintptr_t)p, len }, .mode = mode };

	return !ioctl(fd, UFFDIO_REGISTER, &reg);
}

static bool mark(int fd, const void *p, size_t len, uint64_t mode)
{
	struct uffdio_writeprotect wp = { .range = { (uintptr_t)p, len }, .mode = mode };

	return !ioctl(fd, UFFDIO_WRITEPROTECT, &wp);
}

static bool scan(struct thread *t, char *p, size_t len)
{
	struct scan s = {
		.size = sizeof(s), .start = (uintptr_t)p, .end = (uintptr_t)p + len,
		.flags = some_bits(t, SCAN_WP | SCAN_CHECK), .wanted = SCAN_ALL,
		.vec = (uintptr_t)t->buffer, .vec_len = 64,
		.mask = dice(t, 2) ? SCAN_WRITTEN : 0, .any_of = some_bits(t, SCAN_ALL),
	};
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	bool ok = fd >= 0 && ioctl(fd, SCAN, &s) >= 0;

	close(fd);
	return ok;
}

/* the first touch of a page of a private mapping is that of a marker; a write, too */
static bool mark_pages(struct thread *t, bool scanned)
{
	const struct hostile_file *f = some_file(t);
	char *p = manner == LOCKS ? NULL : map_own(t, f, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	int fd = open_uffd(t, UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED);
	uint64_t pos = (uint64_t)dice(t, f->size) & -PAGE;
	size_t n = (1 + dice(t, 64)) * PAGE;
	bool ok, same = true;

	if (manner == BOTH && p && dice(t, 2))
		mlock2(p, SLOT, dice(t, 2) ? MLOCK_ONFAULT : 0);
	ok = p && fd >= 0 && enroll(fd, p, SLOT, UFFDIO_REGISTER_MODE_WP) &&
		(scanned ? scan(t, p, SLOT) : mark(fd, p, SLOT, UFFDIO_WRITEPROTECT_MODE_WP));
	if (ok) {
		n = n < f->size - pos ? n : f->size - pos;
		is_content(t, f, pos, p + pos, n, &same);
		if (!same)
			wrong("marked: %s has other bytes within %zu from %llu on", f->path, n,
			      (unsigned long long)pos);
		write_byte(t, p + pos, 'x');
		if (!dice(t, 4))
			madvise(p, SLOT, dice(t, 2) ? MADV_DONTNEED : MADV_COLD);
		if (!dice(t, 2))
			mark(fd, p, SLOT, 0);
		read_byte(t, p + dice(t, f->size));
		/* and by the kernel */
		n = dice(t, f->size);
		(void)!write(t->pipe[1], p + n, f->size - n < PAGE ? f->size - n : PAGE);
		while (read(t->pipe[0], t->buffer, BUFFER) > 0)
			;
	}
	close(fd);
	unmap(t->own, SLOT);
	return ok;
}

static bool mark_by_uffd(struct thread *t)
{
	return mark_pages(t, false);
}

static bool mark_by_scan(struct thread *t)
{
	return mark_pages(t, true);
}

/* in the common mappings, where others fault meanwhile */
static bool mark_common(struct thread *t)
{
	int fd = manner == MARKS ? open_uffd(t, UFFD_FEATURE_WP_ASYNC |
					     UFFD_FEATURE_WP_UNPOPULATED) : -1;
	size_t len;
	char *p = some_range(t, &len, 512);
	bool ok;

	if (fd < 0)
		return false;
	ok = enroll(fd, p, len, UFFDIO_REGISTER_MODE_WP) &&
		mark(fd, p, len, UFFDIO_WRITEPROTECT_MODE_WP);
	close_soon(fd);
	return ok;
}

static bool scan_common(struct thread *t)
{
	size_t len;
	char *p = some_range(t, &len, 512);

	return scan(t, p, len);
}

/* what is not for mappings of files: nobody would ever answer */
static bool enroll_file(struct thread *t)
{
	static const uint64_t modes[] = { UFFDIO_REGISTER_MODE_MISSING,
		UFFDIO_REGISTER_MODE_MINOR, UFFDIO_REGISTER_MODE_WP };
	const struct hostile_file *f = some_file(t);
	char *p = map_own(t, f, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	int fd = open_uffd(t, dice(t, 2) ? 0 : some_bits(t, 0x7fff));

	if (p && fd >= 0 && enroll(fd, p, SLOT, pick(t, modes)))
		wrong("%s: faults are reported to a user", f->path);
	close(fd);
	unmap(t->own, SLOT);
	return false;
}

/*
 * Read a file into memory whose faults wait until somebody answers.  Whoever reads has a
 * reference to what he reads, and must not have anything that others need.
 */
static bool read_to_missing(struct thread *t, bool mapped)
{
	const struct hostile_file *f = some_file(t);
	const size_t len = 16 * PAGE;
	int uffd = open_uffd(t, 0), fd;
	uint64_t pos = (uint64_t)dice(t, f->size) & -PAGE;
	ssize_t ret = -1;

	fd = open(f->path, O_RDONLY | O_CLOEXEC | (dice(t, 8) ? 0 : O_DIRECT));
	/* the thread is the only one who knows of this memory */
	if (uffd < 0 || fd < 0 ||
	    mmap(t->other, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		 -1, 0) == MAP_FAILED ||
	    !enroll(uffd, t->other, len, UFFDIO_REGISTER_MODE_MISSING)) {
		if (uffd >= 0)
			close(uffd);
	} else {
		if (dice(t, 4))
			close_soon(uffd);
		else
			close(uffd);
		ret = mapped ? write_byte(t, t->other, 1) : pread(fd, t->other, len, pos);
		if (!mapped)
			check_bytes(f, pos, t->other, ret, "into missing memory");
	}
	if (fd >= 0)
		close(fd);
	unmap(t->other, SLOT);
	return ret > 0;
}

static bool pread_to_missing(struct thread *t)
{
	return read_to_missing(t, false);
}

static bool write_to_missing(struct thread *t)
{
	return read_to_missing(t, true);
}

const struct operation marker_operations[] = {
	{ "uffd-wp", mark_by_uffd, true },
	{ "pagemap-wp", mark_by_scan, true },
	{ "uffd-wp-common", mark_common, true },
	{ "pagemap-scan", scan_common, true },
	{ "uffd-file", enroll_file, false },
	{ "pread-to-missing", pread_to_missing, true },
	{ "write-to-missing", write_to_missing, true },
	{ NULL, NULL, false },
};
