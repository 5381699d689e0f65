// SPDX-License-Identifier: GPL-2.0-only
/*
 * matrix [--off|--stock] [--case NAME]... FILE REFERENCE - what a process can do to
 * its own mapping, on every kind of backing (area.h).  Whatever it does, its memory
 * is what the file has, plus what it has written itself.
 *
 * Would be found: a zero page where data has to be, or a page of the page cache
 * where zeros would do; a zero page that can be written; a fault that repeats for
 * ever; a write that others see; rss that is not what is mapped.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../ktap.h"
#include "area.h"
#include "guest.h"

#ifndef MADV_POPULATE_READ	/* Linux 5.14 */
#define MADV_POPULATE_READ	22
#define MADV_POPULATE_WRITE	23
#endif

static int advise(struct area *a, int advice)
{
	return madvise(a->p, a->nr * file.page, advice) ? errno : 0;
}

static int first_read(struct area *a)
{
	size_t i;

	for (i = a->nr; i--; ) {
		area_peek(a, i);
		expect_ok(area_mapped(a, i, true));
	}
	expect_ok(area_kinds(a));
	return area_check(a);
}

static int first_write(struct area *a)
{
	area_write_all(a, 1);
	expect_ok(area_check(a));
	return area_kinds(a);
}

static int read_then_write(struct area *a)
{
	area_read(a);
	area_write_all(a, 2);
	expect_ok(area_check(a));
	return area_kinds(a);
}

/* every other page: each is at an end of what the others' faults map */
static int write_between_reads(struct area *a)
{
	size_t i;

	for (i = 0; i < a->nr; i += 2)
		area_write(a, i, 3);
	expect_ok(area_check(a));
	expect_ok(area_kinds(a));
	for (i = 1; i < a->nr; i += 2)
		area_write(a, i, 3);
	expect_ok(area_check(a));
	return area_kinds(a);
}

/* all that a page holds, not a byte of it */
static int overwrite_pages(struct area *a)
{
	memset(a->p, 0x5a, a->bytes);
	memset(a->want, 0x5a, a->bytes);
	expect_ok(area_check(a));
	/* zeros that are written are not the file's zeros */
	memset(a->p, 0, a->bytes);
	memset(a->want, 0, a->bytes);
	return area_check(a);
}

/* another process maps the same, before and after */
static int unseen_by_others(struct area *a)
{
	char *before = area_map(a, PROT_READ, MAP_PRIVATE), *after;
	char *shared = area_map(a, PROT_READ, MAP_SHARED);

	expect_ok(area_is_file(a, before));
	area_write_all(a, 4);
	after = area_map(a, PROT_READ, MAP_PRIVATE);
	expect_ok(area_is_file(a, before));
	expect_ok(area_is_file(a, after));
	expect_ok(area_is_file(a, shared));
	return area_check(a);
}

static int child_reads_and_writes(struct area *a)
{
	size_t i;

	expect_ok(area_check(a));
	expect_ok(area_kinds(a));
	for (i = 0; i < a->nr; i++)
		area_write(a, i, 16 + i % 64);
	expect_ok(area_check(a));
	return area_kinds(a);
}

static int fork_before_read(struct area *a)
{
	expect(!area_child(a, child_reads_and_writes), "%s: the child", a->backing);
	expect_ok(area_check(a));
	return area_kinds(a);
}

static int fork_after_read(struct area *a)
{
	area_read(a);
	expect(!area_child(a, child_reads_and_writes), "%s: the child", a->backing);
	expect_ok(area_check(a));
	expect_ok(area_kinds(a));
	area_write_all(a, 5);
	return area_check(a);
}

static int fork_before_write(struct area *a)
{
	expect(!area_child(a, child_reads_and_writes), "%s: the child", a->backing);
	area_write_all(a, 6);
	expect_ok(area_check(a));
	return area_kinds(a);
}

static int fork_after_write(struct area *a)
{
	area_write_all(a, 7);
	expect(!area_child(a, child_reads_and_writes), "%s: the child", a->backing);
	expect_ok(area_check(a));
	return area_kinds(a);
}

static int go, went;	/* pipe ends */

static int child_waits_and_checks(struct area *a)
{
	char byte;

	expect(write(went, "", 1) == 1 && read(go, &byte, 1) == 1, "pipe");
	return area_check(a);
}

/* the parent writes while the child has the same pages */
static int parent_writes(struct area *a, bool read_first)
{
	int to[2], from[2], status;
	struct area child = *a;
	char byte;
	pid_t pid;

	expect(!pipe(to) && !pipe(from), "pipe");
	go = to[0];
	went = from[1];
	if (read_first)
		area_read(a);
	pid = fork();
	if (!pid)
		_exit(child_waits_and_checks(&child));
	expect(read(from[0], &byte, 1) == 1, "the child is gone");
	area_write_all(a, 8);
	expect(write(to[1], "", 1) == 1, "pipe");
	expect(waitpid(pid, &status, 0) == pid && !status,
	       "%s: the child sees the parent's write", a->backing);
	return area_check(a);
}

static int parent_writes_after_fork(struct area *a)
{
	return parent_writes(a, false);
}

static int parent_writes_after_read_and_fork(struct area *a)
{
	return parent_writes(a, true);
}

/* what was written is gone, what was read is the same */
static int dontneed(struct area *a)
{
	area_read(a);
	expect(!advise(a, MADV_DONTNEED), "madvise: %s", strerror(errno));
	expect_ok(area_mapped(a, 0, false));
	expect_ok(area_check(a));
	area_write_all(a, 9);
	expect(!advise(a, MADV_DONTNEED), "madvise: %s", strerror(errno));
	area_forget_all(a);
	expect_ok(area_check(a));
	expect_ok(area_kinds(a));
	/* a page in the middle only */
	area_write_all(a, 9);
	expect(!madvise(a->p + a->nr / 2 * file.page, file.page, MADV_DONTNEED),
	       "madvise");
	area_forget(a, a->nr / 2);
	expect_ok(area_check(a));
	return area_kinds(a);
}

static int populate_read(struct area *a)
{
	size_t i;

	expect(!advise(a, MADV_POPULATE_READ), "madvise: %s", strerror(errno));
	for (i = 0; i < a->nr; i++)
		expect_ok(area_mapped(a, i, true));
	expect_ok(area_kinds(a));
	return area_check(a);
}

static int populate_write(struct area *a)
{
	size_t i;

	expect(!advise(a, MADV_POPULATE_WRITE), "madvise: %s", strerror(errno));
	for (i = 0; i < a->nr; i++)
		expect(is_mapped(a->p + i * file.page) &&
		       !maps_zero_page(a->p + i * file.page),
		       "%s: page %zu is not private", a->backing, i);
	expect_ok(area_check(a));
	area_write_all(a, 10);
	return area_check(a);
}

static int populate_write_after_read(struct area *a)
{
	area_read(a);
	return populate_write(a);
}

/* as the kernel does it for a mapping that may be written, or may not */
static int map_populate(struct area *a)
{
	struct area rw = *a, ro = *a;

	rw.p = area_map(a, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_POPULATE);
	expect_ok(area_mapped(&rw, 0, true));
	expect_ok(area_check(&rw));
	ro.p = area_map(a, PROT_READ, MAP_PRIVATE | MAP_POPULATE);
	expect_ok(area_mapped(&ro, 0, true));
	expect_ok(area_kinds(&ro));
	return area_check(&ro);
}

static int mlock_area(struct area *a)
{
	size_t bytes = a->nr * file.page, i;

	area_peek(a, 0);
	expect(!mlock(a->p, bytes), "mlock: %s", strerror(errno));
	for (i = 0; i < a->nr; i++)
		expect_ok(area_mapped(a, i, true));
	expect_ok(area_check(a));
	area_write_all(a, 11);
	expect_ok(area_check(a));
	expect(!munlock(a->p, bytes), "munlock: %s", strerror(errno));
	return area_check(a);
}

static int mlock_read_only(struct area *a)
{
	size_t bytes = a->nr * file.page, i;

	expect(!mlock(a->p, bytes), "mlock: %s", strerror(errno));
	for (i = 0; i < a->nr; i++)
		expect_ok(area_mapped(a, i, true));
	expect_ok(area_kinds(a));
	expect_ok(area_check(a));
	drop_caches();
	/* special mappings are not locked, and chunks that are shared are unmapped then */
	for (i = 0; i < a->nr && !(a->special && file.chunks); i++)
		expect_ok(area_mapped(a, i, true));
	expect(!munlock(a->p, bytes), "munlock: %s", strerror(errno));
	return area_check(a);
}

static int mlock_on_fault(struct area *a)
{
	size_t bytes = a->nr * file.page;

	expect(!mlock2(a->p, bytes, MLOCK_ONFAULT), "mlock2: %s", strerror(errno));
	area_read(a);
	/* special mappings are not locked, and are populated by writes instead */
	if (!a->special)
		expect_ok(area_kinds(a));
	area_write_all(a, 12);
	expect_ok(area_check(a));
	expect(advise(a, MADV_DONTNEED) == (a->special ? 0 : EINVAL),
	       "locked pages dropped, or special ones locked");
	if (a->special)
		area_forget_all(a);
	return area_check(a);
}

/*
 * Linux 7 collapses what a file's page cache has, to a huge page for each 2 MiB.  It has
 * no holes, where the zero page serves them (and always has), and no data where that is
 * the device's; huge zero mappings are special.  Linux 6.12 collapses no file.
 */
static bool collapses(size_t first, size_t bytes)
{
	struct utsname name;
	size_t i;

	if (uname(&name) || atoi(name.release) < 7 || file.chunks || file.huge)
		return false;
	for (i = first / file.page; i < (first + bytes) / file.page; i++)
		if (file.active && file.is_hole[i] &&
		    !cached_pages_at(file.fd, i * file.page, file.page))
			return false;
	return true;
}

/* an error, but for the one that says that it may well go later */
static int advise_range(char *p, size_t bytes, int advice)
{
	int err, tries = 0;

	do
		err = madvise(p, bytes, advice) ? errno : 0;
	while (err == EAGAIN && ++tries < 1000 && !usleep(1000));
	return err;
}

/* a page table's worth of the file and more, so that a huge page would fit */
static int huge(struct area *a, int advice)
{
	size_t bytes = 4 * file.table, first, i;
	struct area wide = *a;
	char *room, *p;
	int err, want;
	long mapped;

	first = a->index * file.page < file.table ? 0 :
		(a->index * file.page - file.table) / file.table * file.table;
	if (first + bytes > file.size)
		bytes = (file.size - first) / file.table * file.table;
	room = mmap(NULL, bytes + file.table, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	room = (char *)(((size_t)room + file.table - 1) / file.table * file.table);
	p = mmap(room, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED,
		 file.fd, first);
	expect(p == room, "mmap: %s", strerror(errno));
	expect(!madvise(p, bytes, MADV_HUGEPAGE), "madvise: %s", strerror(errno));
	if (advice == MADV_COLLAPSE)
		for (i = 0; i < bytes; i += file.page)
			(void)*(volatile char *)(p + i);
	want = advice != MADV_COLLAPSE || collapses(first, bytes) ? 0 : EINVAL;
	err = advise_range(p, bytes, advice);
	expect(err == want, "%s: %s", a->backing, strerror(err));
	mapped = smaps_kb(p, "FilePmdMapped");
	expect(advice != MADV_COLLAPSE || err || mapped == (long)(bytes / 1024),
	       "%s: %ld kB are mapped by huge pages", a->backing, mapped);
	expect(!memcmp(p, file.ref + first, bytes), "%s: contents", a->backing);
	wide.p = p + a->index * file.page - first;
	if (wide.p + a->nr * file.page <= p + bytes) {
		area_write_all(&wide, 13);
		expect_ok(area_check(&wide));
		/* a huge page of the file has no place for what was written */
		want = advice == MADV_COLLAPSE ? EINVAL : 0;
	}
	err = advise_range(p, bytes, advice);
	expect(err == want, "%s: written: %s", a->backing, strerror(err));
	if (wide.p + a->nr * file.page <= p + bytes)
		expect_ok(area_check(&wide));
	munmap(p, bytes);
	area_forget_all(a);
	return area_check(a);
}

static int madv_hugepage(struct area *a)
{
	return huge(a, MADV_HUGEPAGE);
}

static int madv_collapse(struct area *a)
{
	return huge(a, MADV_COLLAPSE);
}

/* advice that changes how pages are read, aged or inherited, but not what they hold */
static int other_advice(struct area *a)
{
	static const int advice[] = {
		MADV_WILLNEED, MADV_RANDOM, MADV_SEQUENTIAL, MADV_NORMAL, MADV_COLD,
		MADV_DONTDUMP, MADV_DODUMP, MADV_NOHUGEPAGE, MADV_UNMERGEABLE,
	};
	size_t i;

	for (i = 0; i < sizeof(advice) / sizeof(*advice); i++) {
		int want = a->special && advice[i] == MADV_DODUMP ? EINVAL : 0;

		expect(advise(a, advice[i]) == want, "advice %d: %s", advice[i],
		       strerror(errno));
		expect_ok(area_check(a));
	}
	/* of anonymous memory only, with the feature and without */
	expect(advise(a, MADV_FREE) == EINVAL, "MADV_FREE");
	expect(advise(a, MADV_WIPEONFORK) == EINVAL, "MADV_WIPEONFORK");
	expect(advise(a, MADV_REMOVE) == EACCES, "MADV_REMOVE: %s", strerror(errno));
	area_write_all(a, 14);
	expect(!advise(a, MADV_COLD), "MADV_COLD: %s", strerror(errno));
	expect_ok(area_check(a));
	expect(!advise(a, MADV_PAGEOUT), "MADV_PAGEOUT: %s", strerror(errno));
	return area_check(a);
}

/* the page tables go along; read, written and untouched pages are all there */
static int mremap_moves(struct area *a)
{
	size_t bytes = a->nr * file.page, i;
	char *to = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (i = 0; i < a->nr; i += 3) {
		area_peek(a, i);
		if (i + 1 < a->nr)
			area_write(a, i + 1, 15);
	}
	a->p = mremap(a->p, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	expect(a->p == to, "mremap: %s", strerror(errno));
	expect_ok(area_check(a));
	expect_ok(area_kinds(a));
	area_write_all(a, 32);
	return area_check(a);
}

static int mremap_leaves_old(struct area *a)
{
	size_t bytes = a->nr * file.page;
	struct area moved = *a;

	area_read(a);
	area_write(a, 0, 16);
	moved.p = mremap(a->p, bytes, bytes, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
	expect(moved.p != MAP_FAILED, "mremap: %s", strerror(errno));
	expect_ok(area_check(&moved));
	expect_ok(area_is_file(a, a->p));
	area_write_all(&moved, 17);
	expect_ok(area_check(&moved));
	return area_is_file(a, a->p);
}

static int mremap_resizes(struct area *a)
{
	size_t bytes = a->nr * file.page, half = (a->nr / 2 + 1) * file.page;
	char *p;

	area_read(a);
	area_write(a, 0, 18);
	expect(mremap(a->p, bytes, half, 0) == a->p, "shrink: %s", strerror(errno));
	expect(area_try_read(a->p + half) == SIGSEGV || half == bytes,
	       "%s: what was cut off is there", a->backing);
	p = mremap(a->p, half, bytes, MREMAP_MAYMOVE);
	if (a->special) {
		expect(p == MAP_FAILED && errno == ENOMEM, "a special mapping grew");
		a->nr = half / file.page;
		a->bytes = half;
		return area_check(a);
	}
	expect(p != MAP_FAILED, "grow: %s", strerror(errno));
	a->p = p;
	expect_ok(area_check(a));
	return area_kinds(a);
}

static int partial_munmap(struct area *a)
{
	size_t cut = a->nr / 2, i;

	area_read(a);
	area_write(a, 0, 19);
	expect(!munmap(a->p + cut * file.page, file.page), "munmap");
	for (i = 0; i < a->nr; i++)
		expect(area_try_read(a->p + i * file.page) == (i == cut ? SIGSEGV : 0),
		       "%s: page %zu of %zu", a->backing, i, a->nr);
	expect(mmap(a->p + cut * file.page, file.page, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_FIXED, file.fd,
		    (a->index + cut) * file.page) != MAP_FAILED, "mmap");
	area_write(a, cut, 19);
	expect_ok(area_check(a));
	return area_kinds(a);
}

static int protect(struct area *a, int prot)
{
	return mprotect(a->p, a->nr * file.page, prot) ? errno : 0;
}

static int mprotect_guards(struct area *a)
{
	size_t i;

	area_read(a);
	area_write(a, 0, 20);
	expect(!protect(a, PROT_READ), "mprotect");
	for (i = 0; i < a->nr; i++)
		expect(area_try_write(a->p + i * file.page, 1) == SIGSEGV,
		       "%s: page %zu could be written", a->backing, i);
	expect_ok(area_check(a));
	expect(!protect(a, PROT_NONE), "mprotect");
	for (i = 0; i < a->nr; i++)
		expect(area_try_read(a->p + i * file.page) == SIGSEGV,
		       "%s: page %zu could be read", a->backing, i);
	expect(!protect(a, PROT_READ | PROT_WRITE), "mprotect");
	expect_ok(area_check(a));
	expect_ok(area_kinds(a));
	area_write_all(a, 21);
	return area_check(a);
}

/* zero pages from when the mapping could not be written must not be writable now */
static int mprotect_to_writable(struct area *a)
{
	char *fresh;

	area_read(a);
	expect(!protect(a, PROT_READ | PROT_WRITE), "mprotect");
	area_write_all(a, 22);
	expect_ok(area_check(a));
	expect_ok(area_kinds(a));
	fresh = mmap(NULL, file.page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	expect(!memchr(fresh, 22, file.page), "the zero page was written");
	return 0;
}

/* a file of a read-only file system cannot be written through, ever */
static int shared_stays_read_only(struct area *a)
{
	size_t i;

	area_read(a);
	expect_ok(area_kinds(a));
	expect_ok(area_check(a));
	expect(protect(a, PROT_READ | PROT_WRITE) == EACCES, "mprotect");
	for (i = 0; i < a->nr; i++)
		expect(area_try_write(a->p + i * file.page, 1) == SIGSEGV,
		       "%s: page %zu could be written", a->backing, i);
	expect(mmap(NULL, file.page, PROT_READ | PROT_WRITE, MAP_SHARED, file.fd,
		    a->index * file.page) == MAP_FAILED && errno == EACCES,
	       "a writable mapping");
	return area_is_file(a, a->p);
}

/* pages past the end, next to pages that the area has */
static int past_the_end(struct area *a)
{
	size_t over = file.pages - a->index + 2;
	char *p = mmap(NULL, over * file.page, PROT_READ | PROT_WRITE, MAP_PRIVATE,
		       file.fd, a->index * file.page);
	struct area wide = *a;

	expect(p != MAP_FAILED, "mmap: %s", strerror(errno));
	wide.p = p;
	area_read(&wide);
	expect(area_try_read(p + (over - 2) * file.page) == SIGBUS, "read");
	expect(area_try_write(p + (over - 1) * file.page, 1) == SIGBUS, "write");
	expect(madvise(p + (over - 2) * file.page, file.page, MADV_POPULATE_READ) &&
	       errno == EFAULT, "populate: %s", strerror(errno));
	expect_ok(area_check(&wide));
	area_write_all(&wide, 23);
	return area_check(&wide);
}

static int drop_while_mapped(struct area *a)
{
	area_read(a);
	drop_caches();
	expect_ok(area_check(a));
	area_write(a, a->nr - 1, 24);
	drop_caches();
	expect_ok(area_check(a));
	return area_kinds(a);
}

static const struct area_case cases[] = {
	{ .name = "first-read", .run = first_read },
	{ .name = "first-read-of-read-only", .run = first_read, .prot = PROT_READ,
	  .where = AREA_PAGES },
	{ .name = "first-read-of-shared", .run = first_read, .prot = PROT_READ,
	  .flags = MAP_SHARED },
	{ .name = "first-write", .run = first_write },
	{ .name = "read-then-write", .run = read_then_write, .where = AREA_PAGES },
	{ .name = "write-between-reads", .run = write_between_reads },
	{ .name = "overwrite-pages", .run = overwrite_pages, .where = AREA_PAGES },
	{ .name = "unseen-by-others", .run = unseen_by_others, .where = AREA_PAGES },
	{ .name = "fork-before-read", .run = fork_before_read, .where = AREA_ONCE },
	{ .name = "fork-after-read", .run = fork_after_read, .where = AREA_PAGES },
	{ .name = "fork-before-write", .run = fork_before_write, .where = AREA_ONCE },
	{ .name = "fork-after-write", .run = fork_after_write, .where = AREA_ONCE },
	{ .name = "parent-writes-after-fork", .run = parent_writes_after_fork,
	  .where = AREA_ONCE },
	{ .name = "parent-writes-after-read-and-fork",
	  .run = parent_writes_after_read_and_fork, .where = AREA_PAGES },
	{ .name = "dontneed", .run = dontneed, .where = AREA_PAGES },
	{ .name = "populate-read", .run = populate_read, .where = AREA_PAGES },
	{ .name = "populate-write", .run = populate_write, .where = AREA_PAGES },
	{ .name = "populate-write-after-read", .run = populate_write_after_read,
	  .where = AREA_ONCE },
	{ .name = "map-populate", .run = map_populate, .where = AREA_PAGES },
	{ .name = "mlock", .run = mlock_area, .where = AREA_PAGES },
	{ .name = "mlock-read-only", .run = mlock_read_only, .prot = PROT_READ,
	  .where = AREA_PAGES },
	{ .name = "mlock-on-fault", .run = mlock_on_fault, .where = AREA_PAGES },
	{ .name = "madv-hugepage", .run = madv_hugepage, .where = AREA_PAGES },
	{ .name = "madv-collapse", .run = madv_collapse, .where = AREA_PAGES },
	{ .name = "other-advice", .run = other_advice, .where = AREA_ONCE },
	{ .name = "mremap-moves", .run = mremap_moves, .where = AREA_ONCE },
	{ .name = "mremap-leaves-old", .run = mremap_leaves_old, .where = AREA_ONCE },
	{ .name = "mremap-resizes", .run = mremap_resizes, .where = AREA_ONCE },
	{ .name = "partial-munmap", .run = partial_munmap, .where = AREA_ONCE },
	{ .name = "mprotect-guards", .run = mprotect_guards, .where = AREA_ONCE },
	{ .name = "mprotect-to-writable", .run = mprotect_to_writable,
	  .prot = PROT_READ, .where = AREA_PAGES },
	{ .name = "shared-stays-read-only", .run = shared_stays_read_only,
	  .prot = PROT_READ, .flags = MAP_SHARED, .where = AREA_PAGES },
	{ .name = "past-the-end", .run = past_the_end, .where = AREA_PAGES },
	{ .name = "drop-while-mapped", .run = drop_while_mapped, .where = AREA_PAGES },
};

int main(int argc, char **argv)
{
	return area_main(argc, argv, cases, sizeof(cases) / sizeof(*cases));
}
