// SPDX-License-Identifier: GPL-2.0-only
/*
 * zeropage FILE REFERENCE DENSE - holes of FILE, on EROFS, map the zero page; all
 * else is as with any file system.  REFERENCE has the bytes that FILE must have.
 * DENSE, on the same mount, begins with the data of two page tables and ends with a
 * hole of as much.
 *
 * zeropage --stock FILE REFERENCE DENSE - the negative: the same questions to a module
 * without the feature must be answered the other way.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/userfaultfd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "../ktap.h"
#include "guest.h"
#include "zeropage.h"

#ifndef UFFD_FEATURE_WP_ASYNC	/* Linux 6.7 */
#define UFFD_FEATURE_WP_UNPOPULATED	(1 << 13)
#define UFFD_FEATURE_WP_ASYNC		(1 << 15)
#endif

#define SWITCH	"/sys/module/erofs/parameters/zeropage"

const char *path;
int fd, dense_fd;
const char *ref;
size_t size, pages, table;
static int ref_fd;
static unsigned char *is_hole;	/* for each page: all zeros in the reference */
static size_t data_pages;
static bool stock;

static char *map(int prot, int flags)
{
	void *p = mmap(NULL, size, prot, flags, fd, 0);

	if (p == MAP_FAILED)
		err(1, "mmap");
	return p;
}

static char *map_private(void)
{
	return map(PROT_READ | PROT_WRITE, MAP_PRIVATE);
}

static void unmap(char *p)
{
	munmap(p, size);
}

size_t find_run(size_t from, size_t nr, bool hole)
{
	size_t run = 0, i;

	for (i = from; i < pages; i++) {
		run = is_hole[i] == hole ? run + 1 : 0;
		if (run == nr)
			return i - nr + 1;
	}
	errx(1, "the reference has no %s of %zu pages", hole ? "hole" : "data", nr);
}

int compare(const char *p)
{
	size_t i;

	for (i = 0; i < size; i += page) {
		size_t n = size - i < page ? size - i : page;

		expect(!memcmp(p + i, ref + i, n), "page %zu differs", i / page);
	}
	return 0;
}

static int reads_equal_reference(void)
{
	char *buf = malloc(size);
	size_t done = 0;
	int ret;

	while (done < size) {
		ssize_t n = pread(fd, buf + done, size - done, done);

		expect(n > 0, "pread at %zu: %zd", done, n);
		done += n;
	}
	expect(pread(fd, buf, 1, size) == 0, "data past the end");
	ret = compare(buf);
	free(buf);
	return ret;
}

static int mapping_equals_reference(int prot, int flags)
{
	char *p = map(prot, flags);
	int ret = compare(p);

	unmap(p);
	return ret;
}

static int private_mapping_equals_reference(void)
{
	return mapping_equals_reference(PROT_READ | PROT_WRITE, MAP_PRIVATE);
}

static int shared_mapping_equals_reference(void)
{
	return mapping_equals_reference(PROT_READ, MAP_SHARED);
}

static int hole_maps_zero_page_with(int prot, int flags)
{
	size_t hole = find_run(0, 64, true) + 32, data = find_run(0, 1, false);
	char *p = map(prot, flags);
	volatile char *v = p;

	(void)v[hole * page];
	(void)v[data * page];
	expect(maps_zero_page(p + hole * page) == !stock, "page %zu: %llx", hole,
	       (unsigned long long)pagemap_entry(p + hole * page));
	expect(!maps_zero_page(p + data * page), "data page %zu", data);
	expect(is_mapped(p + data * page), "data page %zu", data);
	unmap(p);
	return 0;
}

static int private_hole_maps_zero_page(void)
{
	return hole_maps_zero_page_with(PROT_READ | PROT_WRITE, MAP_PRIVATE);
}

static int shared_hole_maps_zero_page(void)
{
	return hole_maps_zero_page_with(PROT_READ, MAP_SHARED);
}

/* one fault maps the hole around it, up to data and to the page table, no further */
static int one_fault_maps_the_hole(void)
{
	char *p, *base = mmap(NULL, size + table, PROT_NONE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t data, per_table = table / page, i;
	volatile char *v;

	drop_caches();
	/* a data page between two holes, within one page table */
	for (data = 1; data < pages - 1; data++)
		if (!is_hole[data] && is_hole[data - 1] && is_hole[data + 1] &&
		    data % per_table > 8 && data % per_table < per_table - 8)
			break;
	expect(data < pages - 1, "no lone data page in the reference");

	base = (char *)(((uintptr_t)base + table - 1) & ~(table - 1));
	p = mmap(base, size, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0);
	v = p;
	(void)v[(data - 1) * page];
	for (i = data - 1; is_hole[i]; i--) {
		expect(maps_zero_page(p + i * page), "page %zu before data %zu", i, data);
		if (i % per_table == 0)
			break;
	}
	expect(!i || !is_mapped(p + (i - 1) * page), "page %zu was mapped", i - 1);
	expect(!is_mapped(p + data * page), "the data page %zu was mapped", data);
	expect(!is_mapped(p + (data + 1) * page), "page %zu was mapped", data + 1);
	expect(cached_pages(fd) == 0, "%ld pages cached", cached_pages(fd));
	munmap(p, size);
	return 0;
}

static int window_stays_within_the_mapping(void)
{
	size_t hole = find_run(0, 64, true) + 8;
	char *around = mmap(NULL, 32 * page, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *p = mmap(around + 8 * page, 16 * page, PROT_READ,
		       MAP_PRIVATE | MAP_FIXED, fd, hole * page);
	int i;

	expect(p != MAP_FAILED, "mmap");
	(void)*(volatile char *)(p + 5 * page);
	for (i = 0; i < 16; i++)
		expect(maps_zero_page(p + i * page), "page %d", i);
	expect(!is_mapped(p - page), "the page before the mapping");
	expect(!is_mapped(p + 16 * page), "the page after the mapping");
	munmap(around, 32 * page);
	return 0;
}

size_t read_pass(char *p)
{
	size_t sum = 0, i;

	for (i = 0; i < size; i += page)
		sum += *(volatile char *)(p + i);
	return sum;
}

int expect_data_cached(void)
{
	long cached = cached_pages(fd), want = stock ? pages : data_pages;

	expect(cached == want, "%ld pages cached, not %ld", cached, want);
	return 0;
}

static int mapping_pass_caches_data_only(void)
{
	char *p = map_private();

	drop_caches();
	read_pass(p);
	unmap(p);
	return expect_data_cached();
}

/* with MADV_HUGEPAGE, which QEMU gives its guests' memory, read-ahead is larger */
static int huge_mapping_pass_caches_data_only(void)
{
	char *p = map_private();

	drop_caches();
	madvise(p, size, MADV_HUGEPAGE);
	read_pass(p);
	unmap(p);
	return expect_data_cached();
}

static int read_pass_caches_data_only(void)
{
	static char buf[1 << 18];
	off_t pos = 0;
	ssize_t n;

	drop_caches();
	while ((n = pread(fd, buf, sizeof(buf), pos)) > 0) {
		expect(!memcmp(buf, ref + pos, n), "wrong bytes at %lld", (long long)pos);
		pos += n;
	}
	expect(pos == (off_t)size, "read ended at %lld", (long long)pos);
	return expect_data_cached();
}

/* pieces that begin and end anywhere, as small files' readers do */
static int odd_reads_equal_reference(void)
{
	static char buf[70000];
	unsigned int seed = 1;
	int i;

	for (i = 0; i < 3000; i++) {
		size_t pos = ((uint64_t)rand_r(&seed) << 12 ^ rand_r(&seed)) % size;
		size_t len = rand_r(&seed) % sizeof(buf), want;
		ssize_t n = pread(fd, buf, len, pos);

		want = len < size - pos ? len : size - pos;
		expect(n == (ssize_t)want, "%zd of %zu bytes at %zu", n, want, pos);
		expect(!memcmp(buf, ref + pos, n), "wrong bytes at %zu", pos);
	}
	return 0;
}

static int splice_pass_caches_data_only(void)
{
	static char buf[65536];
	size_t done = 0;
	int pipes[2];

	expect(!pipe(pipes), "pipe");
	drop_caches();
	while (done < size) {
		loff_t pos = done;
		ssize_t n = splice(fd, &pos, pipes[1], NULL, sizeof(buf), 0);

		expect(n > 0 && pos == (loff_t)done + n, "splice at %zu: %zd", done, n);
		expect(read(pipes[0], buf, n) == n, "short pipe");
		expect(!memcmp(buf, ref + done, n), "wrong bytes at %zu", done);
		done += n;
	}
	close(pipes[0]);
	close(pipes[1]);
	return expect_data_cached();
}

/* to a file, through a pipe in the kernel */
static int sendfile_equals_reference(void)
{
	int out = memfd_create("out", 0);
	loff_t pos = 0;
	ssize_t n;
	char *p;
	int ret;

	while ((n = sendfile(out, fd, &pos, size)) > 0)
		;
	expect(!n && pos == (loff_t)size, "sendfile ended at %lld: %zd",
	       (long long)pos, n);
	p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, out, 0);
	expect(p != MAP_FAILED, "mmap");
	ret = compare(p);
	unmap(p);
	close(out);
	return ret;
}

/* a read into memory that is not there: what came before it counts */
static int read_to_bad_address_is_short(void)
{
	size_t hole = find_run(0, 64, true);
	char *buf = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ssize_t n;

	munmap(buf + 2 * page, page);
	n = pread(fd, buf, 4 * page, hole * page);
	expect(n == (ssize_t)(2 * page), "half good: %zd", n);
	n = pread(fd, buf + 2 * page, page, hole * page);
	expect(n < 0 && errno == EFAULT, "all bad: %zd", n);
	munmap(buf, 4 * page);
	return 0;
}

static int holes_are_no_rss(void)
{
	size_t hole = find_run(0, 256, true), i;
	char *p = map_private();

	drop_caches();
	for (i = 0; i < 256; i++)
		(void)*(volatile char *)(p + (hole + i) * page);
	expect(smaps_kb(p, "Rss") == 0, "Rss %ld kB", smaps_kb(p, "Rss"));
	expect(smaps_kb(p, "Pss") == 0, "Pss %ld kB", smaps_kb(p, "Pss"));
	unmap(p);
	return 0;
}

static int write_stays_private(void)
{
	size_t hole = find_run(0, 64, true) + 32;
	char *p = map_private(), *other = map_private(), byte = 1;
	int status;

	(void)*(volatile char *)(p + hole * page);
	if (!fork()) {
		p[hole * page] = 7;
		_exit(p[hole * page] != 7 || p[hole * page + 1] ||
		      maps_zero_page(p + hole * page));
	}
	wait(&status);
	expect(!status, "the writer saw something else: %x", status);
	expect(!p[hole * page], "the parent sees the child's write");
	p[hole * page] = 9;
	expect(p[hole * page] == 9 && !p[hole * page + 1], "own write lost");
	expect(!maps_zero_page(p + hole * page), "still the zero page");
	expect(maps_zero_page(p + (hole + 1) * page) == !stock, "the neighbour changed");
	expect(!other[hole * page], "another mapping sees the write");
	expect(pread(fd, &byte, 1, hole * page) == 1 && !byte, "the file has it");
	expect(!*(volatile char *)mmap(NULL, page, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
	       "the zero page was written");
	unmap(p);
	unmap(other);
	return 0;
}

/* first touch by a write, on a hole nobody has read */
static int first_write_is_private(void)
{
	size_t hole = find_run(0, 64, true) + 40;
	char *p = map_private();

	p[hole * page + 5] = 3;
	expect(!p[hole * page] && p[hole * page + 5] == 3, "contents");
	expect(!maps_zero_page(p + hole * page), "zero page");
	unmap(p);
	p = map_private();
	expect(!p[hole * page + 5], "the write was not private");
	unmap(p);
	return 0;
}

static sigjmp_buf bus;

static void on_sigbus(int sig)
{
	siglongjmp(bus, sig);
}

static int past_the_end_is_sigbus(void)
{
	char *p = mmap(NULL, pages * page + page, PROT_READ, MAP_PRIVATE, fd, 0);
	volatile bool tail_done = false;
	size_t i;

	signal(SIGBUS, on_sigbus);
	if (!sigsetjmp(bus, 1)) {
		for (i = size; i < pages * page; i++)
			expect(!*(volatile char *)(p + i), "tail byte %zu", i);
		tail_done = true;
		(void)*(volatile char *)(p + pages * page);
		expect(0, "a page past the end was readable");
	}
	signal(SIGBUS, SIG_DFL);
	expect(tail_done, "SIGBUS within the tail page");
	munmap(p, pages * page + page);
	return 0;
}

/* off: as the stock module, at once, and mapped zero pages stay right */
static int switch_turns_it_off(void)
{
	size_t hole = find_run(0, 64, true) + 32;
	char *p = map_private(), *q;

	if (stock)
		return access(SWITCH, F_OK) == 0;
	(void)*(volatile char *)(p + hole * page);
	drop_caches();
	expect(!write_string(SWITCH, "N"), "cannot write %s", SWITCH);
	q = map_private();
	(void)*(volatile char *)(q + hole * page);
	expect(!maps_zero_page(q + hole * page), "off, and still the zero page");
	expect(cached_pages(fd) > 0, "off, and nothing cached");
	expect(maps_zero_page(p + hole * page) && !p[hole * page],
	       "the old mapping changed");
	unmap(q);
	q = map_private();
	drop_caches();
	read_pass(q);
	expect(cached_pages(fd) == (long)pages, "%ld of %zu cached",
	       cached_pages(fd), pages);
	unmap(q);
	expect(!write_string(SWITCH, "Y"), "cannot write %s", SWITCH);
	drop_caches();	/* what is cached is mapped as any page */
	q = map_private();
	(void)*(volatile char *)(q + hole * page);
	expect(maps_zero_page(q + hole * page), "on again, and no zero page");
	unmap(q);
	unmap(p);
	return 0;
}

/* pages that the kernel has given out, for whatever */
static long allocated(void)
{
	return number_in("/proc/vmstat", "pgalloc_dma") +
		number_in("/proc/vmstat", "pgalloc_dma32") +
		number_in("/proc/vmstat", "pgalloc_normal");
}

/*
 * Write protection of empty pages leaves markers in the page table.  A read of
 * one must end, must not lose the protection of its neighbours, and has no more pages
 * read ahead than those that it leaves in the page cache.
 */
static int uffd_wp_marker_does_not_loop(void)
{
	struct uffdio_api api = { .api = UFFD_API, .features =
		UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED };
	size_t hole = find_run(0, 64, true), i;
	struct uffdio_writeprotect wp;
	struct uffdio_register reg;
	char *p = map_private();
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	long before;

	expect(uffd >= 0 && !ioctl(uffd, UFFDIO_API, &api), "userfaultfd");
	reg = (struct uffdio_register) {
		.range = { (uintptr_t)p + hole * page, 64 * page },
		.mode = UFFDIO_REGISTER_MODE_WP,
	};
	expect(!ioctl(uffd, UFFDIO_REGISTER, &reg), "UFFDIO_REGISTER");
	wp = (struct uffdio_writeprotect) {
		.range = reg.range, .mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};
	expect(!ioctl(uffd, UFFDIO_WRITEPROTECT, &wp), "UFFDIO_WRITEPROTECT");
	alarm(20 * patience());	/* a loop would last for ever */
	before = allocated();
	for (i = 0; i < 64; i++)
		expect(!*(volatile char *)(p + (hole + i) * page), "page %zu", i);
	p[hole * page] = 1;
	alarm(0);
	before = allocated() - before;
	expect(stock || before < 64 * 16, "%ld pages are allocated for 64", before);
	expect(p[hole * page] == 1 && !p[(hole + 1) * page], "contents");
	close(uffd);
	unmap(p);
	return 0;
}

/* whose memory is locked: a bug of the core, see uffd-locked.c, that stock leads to */
static int locked_uffd_wp_marker_does_not_loop(void)
{
	char command[256];
	int status;

	drop_caches();
	snprintf(command, sizeof(command), "/in/uffd-locked %s %zu", path,
		 find_run(0, 64, true));
	status = system(command);
	expect(status == (stock ? 1 << 8 : 0), "%s: status %x%s", command, status,
	       stock ? ": is it mended upstream?" : "");
	return 0;
}

/* a file of the mount's folder in sysfs; there is one mount only */
static char *sysfs_path(const char *name)
{
	static char path[256];
	glob_t found;

	if (glob("/sys/fs/erofs/*/zeropage", 0, NULL, &found) || found.gl_pathc != 1)
		errx(1, "not one mount in sysfs");
	snprintf(path, sizeof(path), "%s/%s", found.gl_pathv[0], name);
	globfree(&found);
	return path;
}

long long counter(const char *name)
{
	long long value = -1;
	FILE *f = fopen(sysfs_path(name), "r");

	if (!f || fscanf(f, "%lld", &value) != 1)
		err(1, "%s", name);
	fclose(f);
	return value;
}

static int counters_count(void)
{
	size_t hole = find_run(0, 64, true);
	long long faults = counter("hole_faults"), writes = counter("write_faults");
	long long zeros = counter("zero_pages"), bytes = counter("read_bytes");
	char *p = mmap(NULL, 64 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd,
		       hole * page);
	char buf[100];

	(void)*(volatile char *)p;
	expect(counter("hole_faults") == faults + 1, "hole_faults");
	expect(counter("zero_pages") > zeros && counter("zero_pages") <= zeros + 64,
	       "zero_pages");
	expect(counter("write_faults") == writes, "write_faults after a read");
	madvise(p, 64 * page, MADV_DONTNEED);
	*(volatile char *)p = 1;
	expect(counter("write_faults") == writes + 1, "write_faults");
	expect(counter("hole_faults") == faults + 1, "hole_faults after a write");
	expect(pread(fd, buf, sizeof(buf), hole * page) == sizeof(buf), "pread");
	expect(counter("read_bytes") == bytes + (long long)sizeof(buf), "read_bytes");
	munmap(p, 64 * page);
	return 0;
}

/* each window bounds what a fault maps; odd values are refused */
static int windows_bound_the_fault(void)
{
	size_t hole = find_run(0, table / page, true), i;
	char *p = map_private();

	hole = (hole + 15) & ~15UL;
	expect(!write_string(sysfs_path("read_window"), "4"), "read_window");
	(void)*(volatile char *)(p + (hole + 9) * page);
	for (i = 0; i < 16; i++)
		expect(is_mapped(p + (hole + i) * page) == (i >= 8 && i < 12),
		       "read, page %zu", i);
	madvise(p + hole * page, 16 * page, MADV_DONTNEED);
	expect(!write_string(sysfs_path("write_window"), "2"), "write_window");
	*(volatile char *)(p + (hole + 9) * page) = 1;
	for (i = 0; i < 16; i++)
		expect(is_mapped(p + (hole + i) * page) == (i == 8 || i == 9),
		       "write, page %zu", i);
	expect(write_string(sysfs_path("read_window"), "3") == -EINVAL, "3 taken");
	expect(write_string(sysfs_path("read_window"), "0") == -EINVAL, "0 taken");
	expect(write_string(sysfs_path("read_window"), "1024") == -EINVAL, "1024 taken");
	expect(!write_string(sysfs_path("read_window"), "512"), "read_window");
	expect(!write_string(sysfs_path("write_window"), "64"), "write_window");
	unmap(p);
	return 0;
}

/* the switch of the mount; that of the module has a case of its own */
static int mount_switch_turns_it_off(void)
{
	size_t hole = find_run(0, 64, true) + 32;
	char *p = map_private();

	expect(!write_string(sysfs_path("enabled"), "0"), "enabled");
	(void)*(volatile char *)(p + hole * page);
	expect(!maps_zero_page(p + hole * page), "off, and the zero page");
	expect(!write_string(sysfs_path("enabled"), "1"), "enabled");
	unmap(p);
	drop_caches();	/* what is cached is mapped as any page */
	p = map_private();
	(void)*(volatile char *)(p + hole * page);
	expect(maps_zero_page(p + hole * page), "on, and no zero page");
	unmap(p);
	return 0;
}

#define TRACING	"/sys/kernel/tracing/"

static int tracepoint_shows_the_fault(void)
{
	size_t hole = find_run(0, 64, true);
	char *p = map_private(), line[512], want[64];
	bool found = false;
	FILE *f;

	expect(!write_string(TRACING "events/erofs/erofs_hole_fault/enable", "1"),
	       "no such event");
	(void)*(volatile char *)(p + hole * page);
	write_string(TRACING "events/erofs/erofs_hole_fault/enable", "0");
	snprintf(want, sizeof(want), "index = %zu,", hole);
	f = fopen(TRACING "trace", "r");
	while (f && fgets(line, sizeof(line), f))
		found |= strstr(line, "erofs_hole_fault") && strstr(line, want) &&
			strstr(line, "read");
	if (f)
		fclose(f);
	write_string(TRACING "trace", "");
	expect(found, "no line with \"%s\"", want);
	unmap(p);
	return 0;
}

static const struct ktap_case cases[] = {
	{ "reads-equal-reference", reads_equal_reference },
	{ "private-mapping-equals-reference", private_mapping_equals_reference },
	{ "shared-mapping-equals-reference", shared_mapping_equals_reference },
	{ "private-hole-maps-zero-page", private_hole_maps_zero_page },
	{ "shared-hole-maps-zero-page", shared_hole_maps_zero_page },
	{ "mapping-pass-caches-data-only", mapping_pass_caches_data_only },
	{ "huge-mapping-pass-caches-data-only", huge_mapping_pass_caches_data_only },
	{ "read-pass-caches-data-only", read_pass_caches_data_only },
	{ "splice-pass-caches-data-only", splice_pass_caches_data_only },
	{ "sendfile-equals-reference", sendfile_equals_reference },
	{ "odd-reads-equal-reference", odd_reads_equal_reference },
	{ "read-to-bad-address-is-short", read_to_bad_address_is_short },
	{ "write-stays-private", write_stays_private },
	{ "first-write-is-private", first_write_is_private },
	{ "past-the-end-is-sigbus", past_the_end_is_sigbus },
	{ "switch-turns-it-off", switch_turns_it_off },
	{ "uffd-wp-marker-does-not-loop", uffd_wp_marker_does_not_loop },
	{ "locked-uffd-wp-marker-does-not-loop", locked_uffd_wp_marker_does_not_loop },
	/* from here on: not asked of the stock module */
	{ "one-fault-maps-the-hole", one_fault_maps_the_hole },
	{ "window-stays-within-the-mapping", window_stays_within_the_mapping },
	{ "holes-are-no-rss", holes_are_no_rss },
	{ "counters-count", counters_count },
	{ "windows-bound-the-fault", windows_bound_the_fault },
	{ "mount-switch-turns-it-off", mount_switch_turns_it_off },
	{ "tracepoint-shows-the-fault", tracepoint_shows_the_fault },
	{ "huge-hole-is-one-entry", huge_hole_is_one_entry },
	{ "huge-mapping-maps-data-by-ptes", huge_mapping_maps_data_by_ptes },
	{ "huge-mapping-maps-data-by-ptes-in-a-race",
	  huge_mapping_maps_data_by_ptes_in_a_race },
	{ "huge-mapping-pass-is-exact", huge_mapping_pass_is_exact },
};

#define NOT_STOCK_CASES	11

static void load_reference(const char *file, const char *reference,
			   const char *dense)
{
	static const char zeros[65536];
	struct stat st;
	size_t i;

	path = file;
	fd = open(file, O_RDONLY);
	ref_fd = open(reference, O_RDONLY);
	if (fd < 0 || fstat(fd, &st))
		err(1, "%s", file);
	if (ref_fd < 0)
		err(1, "%s", reference);
	dense_fd = open(dense, O_RDONLY);
	if (dense_fd < 0)
		err(1, "%s", dense);
	page = getpagesize();
	table = page * (page / sizeof(void *));
	size = st.st_size;
	pages = (size + page - 1) / page;
	ref = mmap(NULL, size, PROT_READ, MAP_PRIVATE, ref_fd, 0);
	is_hole = calloc(pages + 1, 1);
	if (ref == MAP_FAILED || !is_hole)
		err(1, "%s", reference);
	for (i = 0; i < pages; i++) {
		size_t n = size - i * page < page ? size - i * page : page;

		is_hole[i] = !memcmp(ref + i * page, zeros, n);
		data_pages += !is_hole[i];
	}
	printf("# %zu pages, %zu of data\n", pages, data_pages);
}

int main(int argc, char **argv)
{
	stock = argc == 5 && !strcmp(argv[1], "--stock");
	if (argc != 4 + stock) {
		fprintf(stderr, "usage: zeropage [--stock] FILE REFERENCE DENSE\n");
		return 2;
	}
	load_reference(argv[1 + stock], argv[2 + stock], argv[3 + stock]);
	return ktap_run(cases, sizeof(cases) / sizeof(*cases) -
			NOT_STOCK_CASES * stock);
}
