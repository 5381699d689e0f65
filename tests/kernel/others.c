// SPDX-License-Identifier: GPL-2.0-only
/*
 * others [--off|--stock] [--case NAME]... FILE REFERENCE - what others do to a
 * process's mapping or ask about it, on every kind of backing (area.h): debuggers,
 * the core dump, userfaultfd, pagemap, futexes.
 *
 * Would be found: a debugger's write that lands in the zero page or in the file; a
 * write-protect marker that makes a read loop or gets lost; tracking of writes that
 * takes a zero page for written; holes that are something else in a core file.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "../ktap.h"
#include "area.h"
#include "guest.h"

#ifndef UFFD_FEATURE_WP_ASYNC	/* Linux 6.7 */
#define UFFD_FEATURE_WP_UNPOPULATED	(1 << 13)
#define UFFD_FEATURE_WP_ASYNC		(1 << 15)
#endif

#ifndef PAGEMAP_SCAN		/* Linux 6.7 */
#define PAGE_IS_WRITTEN		(1 << 1)
#define PAGE_IS_FILE		(1 << 2)
#define PAGE_IS_PRESENT		(1 << 3)
#define PAGE_IS_PFNZERO		(1 << 5)
#define PM_SCAN_WP_MATCHING	(1 << 0)

struct page_region {
	uint64_t start, end, categories;
};

struct pm_scan_arg {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};

#define PAGEMAP_SCAN	_IOWR('f', 16, struct pm_scan_arg)
#endif

#define PM_SOFT_DIRTY	(1ULL << 55)
#define MOST_PAGES	1024

/* /proc/PID/mem writes even where the process may not */
static int proc_mem(struct area *a)
{
	int fd = open("/proc/self/mem", O_RDWR);
	char byte;
	size_t i;

	expect(fd >= 0, "/proc/self/mem: %s", strerror(errno));
	for (i = 0; i < a->nr; i += 2)
		expect(pread(fd, &byte, 1, (uintptr_t)a->p + i * file.page) == 1 &&
		       byte == a->want[i * file.page], "%s: read", a->backing);
	expect_ok(area_kinds(a));
	/* pages that were read, and pages that nobody has touched */
	for (i = 0; i < a->nr; i++) {
		size_t at = area_will_write(a, i, 1);

		expect(pwrite(fd, a->want + at, 1, (uintptr_t)a->p + at) == 1,
		       "%s: write: %s", a->backing, strerror(errno));
	}
	expect_ok(area_check(a));
	expect_ok(area_kinds(a));
	close(fd);
	return 0;
}

/* but not where it never could */
static int proc_mem_shared(struct area *a)
{
	int fd = open("/proc/self/mem", O_RDWR);

	area_read(a);
	expect(fd >= 0, "/proc/self/mem: %s", strerror(errno));
	expect(pwrite(fd, "x", 1, (uintptr_t)a->p) < 0 && errno == EIO, "%s: written: %s",
	       a->backing, strerror(errno));
	expect_ok(area_kinds(a));
	close(fd);
	return area_check(a);
}

static int traced_child(struct area *a)
{
	size_t i;

	expect(!ptrace(PTRACE_TRACEME, 0, 0, 0), "traceme");
	raise(SIGSTOP);
	for (i = 0; i < a->nr; i++)
		area_will_write(a, i, 2);
	expect_ok(area_check(a));
	return area_kinds(a);
}

static int trace(struct area *a)
{
	pid_t pid = fork();
	int status;
	size_t i;

	if (!pid)
		_exit(traced_child(a));
	expect(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status), "no stop");
	for (i = 0; i < a->nr; i++) {
		struct area model = *a;
		size_t at;
		long word;

		errno = 0;
		word = ptrace(PTRACE_PEEKDATA, pid, a->p + i * file.page, 0);
		expect(!errno && !memcmp(&word, a->want + i * file.page, sizeof(word)),
		       "%s: peek of page %zu", a->backing, i);
		at = area_will_write(&model, i, 2);
		memcpy(&word, model.want + at / 8 * 8, sizeof(word));
		expect(!ptrace(PTRACE_POKEDATA, pid, a->p + at / 8 * 8, word),
		       "%s: poke: %s", a->backing, strerror(errno));
		area_forget(a, i);
	}
	expect(!ptrace(PTRACE_DETACH, pid, 0, 0), "detach");
	expect(waitpid(pid, &status, 0) == pid && !status, "%s: the child: %x",
	       a->backing, status);
	/* the parent has nothing of it */
	return area_check(a);
}

static int trace_after_read(struct area *a)
{
	area_read(a);
	return trace(a);
}

static int futex(void *word, int op, int value, int ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	return syscall(SYS_futex, word, op, value, &ts, NULL, 0) < 0 ? errno : 0;
}

static void *futex_waiter(void *word)
{
	return (void *)(long)futex(word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, 50000);
}

/* wait for a word in a page nobody has written, and be woken by who writes it */
static int futex_wakes(struct area *a)
{
	size_t i, last = a->nr;
	pthread_t thread;
	void *result;
	int *word, old;

	for (i = 0; i < a->nr; i++) {
		word = (int *)(a->p + i * file.page);
		memcpy(&old, a->want + i * file.page, sizeof(old));
		expect(futex(word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, old, 1) == ETIMEDOUT,
		       "%s: wait at page %zu", a->backing, i);
		expect(futex(word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, old + 1, 1) == EAGAIN,
		       "%s: wait for another value", a->backing);
		/* known by its page, which must be this process's own then */
		expect(futex(word, FUTEX_WAIT, old, 1) == ETIMEDOUT,
		       "%s: shared wait at page %zu", a->backing, i);
	}
	expect_ok(area_check(a));
	while (last && !file.is_hole[a->index + last - 1])
		last--;
	if (!last)
		return 0;
	word = (int *)(a->p + (last - 1) * file.page);
	expect(!pthread_create(&thread, NULL, futex_waiter, word), "thread");
	while (syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL,
		       NULL, 0) != 1)
		usleep(1000);
	expect(!pthread_join(thread, &result) && !result, "%s: the waiter: %s",
	       a->backing, strerror((long)result));
	return area_check(a);
}

/*
 * A futex known by its page in memory that cannot be written: the zero page is no
 * more a place to wait at than a read-only anonymous page is.
 */
static int futex_read_only(struct area *a)
{
	size_t i;

	for (i = 0; i < a->nr; i++) {
		int *word = (int *)(a->p + i * file.page), old, err;

		memcpy(&old, a->want + i * file.page, sizeof(old));
		expect(futex(word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, old, 1) == ETIMEDOUT,
		       "%s: wait at page %zu", a->backing, i);
		err = futex(word, FUTEX_WAIT, old, 1);
		expect(err == (maps_zero_page(word) ? EFAULT : ETIMEDOUT),
		       "%s: shared wait at page %zu: %s", a->backing, i, strerror(err));
	}
	return area_kinds(a);
}

static int uffd_open(uint64_t features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	return fd >= 0 && !ioctl(fd, UFFDIO_API, &api) ? fd : -1;
}

static int uffd_register(int fd, struct area *a, uint64_t mode)
{
	struct uffdio_register reg = {
		.range = { (uintptr_t)a->p, a->nr * file.page }, .mode = mode,
	};

	return ioctl(fd, UFFDIO_REGISTER, &reg) ? errno : 0;
}

static int uffd_protect(int fd, struct area *a, bool protect)
{
	struct uffdio_writeprotect wp = {
		.range = { (uintptr_t)a->p, a->nr * file.page },
		.mode = protect ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	return ioctl(fd, UFFDIO_WRITEPROTECT, &wp) ? errno : 0;
}

/* categories of each page of the area, by PAGEMAP_SCAN; -1 or how many matched */
static int scan(const struct area *a, uint64_t flags, uint64_t mask, uint64_t *pages)
{
	struct page_region regions[MOST_PAGES];
	struct pm_scan_arg arg = {
		.size = sizeof(arg), .flags = flags,
		.start = (uintptr_t)a->p,
		.end = (uintptr_t)a->p + a->nr * file.page,
		.vec = (uintptr_t)regions, .vec_len = MOST_PAGES,
		.category_anyof_mask = mask, .return_mask = mask,
	};
	int fd = open("/proc/self/pagemap", O_RDONLY), n, i;
	uint64_t at;

	memset(pages, 0, a->nr * sizeof(*pages));
	n = ioctl(fd, PAGEMAP_SCAN, &arg);
	close(fd);
	for (i = 0; i < n; i++)
		for (at = regions[i].start; at < regions[i].end; at += file.page)
			pages[(at - arg.start) / file.page] = regions[i].categories;
	return n;
}

/* 0 if exactly the pages that the model says were written are told as written */
static int check_written(const struct area *a, uint64_t flags)
{
	uint64_t pages[MOST_PAGES];
	size_t i;

	expect(scan(a, flags, PAGE_IS_WRITTEN, pages) >= 0, "scan: %s", strerror(errno));
	for (i = 0; i < a->nr; i++)
		expect(!pages[i] == !area_written(a, i), "%s: page %zu is told to be%s written",
		       a->backing, i, pages[i] ? "" : " not");
	return 0;
}

/* special mappings are not for userfaultfd */
static int refused(int fd, struct area *a)
{
	expect(uffd_register(fd, a, UFFDIO_REGISTER_MODE_WP) == EINVAL, "register");
	close(fd);
	return area_check(a);
}

static int track_writes(struct area *a, bool read_first)
{
	int fd = uffd_open(UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED);
	size_t i;

	expect(fd >= 0, "userfaultfd: %s", strerror(errno));
	if (read_first)
		area_read(a);
	if (a->special)
		return refused(fd, a);
	expect(!uffd_register(fd, a, UFFDIO_REGISTER_MODE_WP), "register: %s",
	       strerror(errno));
	expect(!uffd_protect(fd, a, true), "protect: %s", strerror(errno));
	expect_ok(check_written(a, 0));
	expect_ok(area_check(a));	/* a fault that loops ends here */
	expect_ok(check_written(a, 0));
	for (i = 0; i < a->nr; i += 3)
		area_write(a, i, 3);
	expect_ok(check_written(a, 0));
	expect_ok(area_check(a));
	/* gone, but still protected: reads are no writes then either */
	expect(!madvise(a->p, a->nr * file.page, MADV_DONTNEED), "dontneed");
	area_forget_all(a);
	expect_ok(area_check(a));
	/* from here on a write is told once */
	area_write(a, 0, 4);
	for (i = 0; i < a->nr; i++)
		area_peek(a, i);
	close(fd);
	expect_ok(area_check(a));
	area_write_all(a, 5);
	return area_check(a);
}

static int uffd_wp_async(struct area *a)
{
	return track_writes(a, false);
}

static int uffd_wp_async_after_read(struct area *a)
{
	return track_writes(a, true);
}

/*
 * In locked memory, where nothing is mapped before it is touched, and nothing is cached:
 * see uffd-locked.c, which has the negative, too.
 */
static int uffd_wp_locked(struct area *a)
{
	int fd = uffd_open(UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED);
	char byte;
	size_t i;

	expect(fd >= 0, "userfaultfd: %s", strerror(errno));
	if (a->special)
		return refused(fd, a);
	alarm(20 * patience());	/* a fault that loops ends here */
	expect(!mlock2(a->p, a->nr * file.page, MLOCK_ONFAULT), "mlock2");
	expect(!uffd_register(fd, a, UFFDIO_REGISTER_MODE_WP), "register");
	expect(!uffd_protect(fd, a, true), "protect");
	for (i = 0; i < a->nr; i++) {
		/* in stock's hands it only ends if the page is cached */
		if (file.stock)
			expect(pread(file.fd, &byte, 1, (a->index + i) * file.page) == 1,
			       "read");
		area_peek(a, i);
	}
	for (i = 0; i < a->nr; i += 3)
		area_write(a, i, 33);
	expect_ok(check_written(a, 0));
	close(fd);
	return area_check(a);
}

/* what was written since the last scan, which protects again: a live snapshot */
static int uffd_wp_rounds(struct area *a)
{
	int fd = uffd_open(UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED), round;
	uint64_t pages[MOST_PAGES];
	size_t i;

	expect(fd >= 0, "userfaultfd: %s", strerror(errno));
	if (a->special)
		return refused(fd, a);
	expect(!uffd_register(fd, a, UFFDIO_REGISTER_MODE_WP), "register");
	expect(!uffd_protect(fd, a, true), "protect");
	for (round = 0; round < 4; round++) {
		for (i = 0; i < a->nr; i++)
			if ((i + round) % 3)
				area_peek(a, i);
			else
				area_write(a, i, 16 << round);
		expect(scan(a, PM_SCAN_WP_MATCHING, PAGE_IS_WRITTEN, pages) >= 0,
		       "scan: %s", strerror(errno));
		for (i = 0; i < a->nr; i++)
			expect(!pages[i] == !!((i + round) % 3),
			       "%s: round %d: page %zu", a->backing, round, i);
	}
	expect(!uffd_protect(fd, a, false), "unprotect");
	expect_ok(area_check(a));
	close(fd);
	return area_check(a);
}

static int child_checks(struct area *a)
{
	expect_ok(area_check(a));
	area_write_all(a, 6);
	return area_check(a);
}

static int uffd_wp_fork(struct area *a)
{
	int fd = uffd_open(UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED);

	expect(fd >= 0, "userfaultfd: %s", strerror(errno));
	if (a->special)
		return refused(fd, a);
	expect(!uffd_register(fd, a, UFFDIO_REGISTER_MODE_WP), "register");
	expect(!uffd_protect(fd, a, true), "protect");
	area_peek(a, 0);
	expect(!area_child(a, child_checks), "%s: the child", a->backing);
	expect_ok(check_written(a, 0));
	close(fd);
	return area_check(a);
}

/* upstream has these for anonymous memory and tmpfs only, and so fills nothing */
static int uffd_other_modes(struct area *a)
{
	struct uffdio_range range = { (uintptr_t)a->p, a->nr * file.page };
	struct uffdio_copy copy = {
		.dst = range.start, .src = (uintptr_t)file.ref, .len = range.len,
	};
	struct uffdio_zeropage zero = { .range = range };
	struct uffdio_continue cont = { .range = range };
	int fd = uffd_open(UFFD_FEATURE_WP_UNPOPULATED);

	expect(fd >= 0, "userfaultfd: %s", strerror(errno));
	area_read(a);
	expect(uffd_register(fd, a, UFFDIO_REGISTER_MODE_WP) == EINVAL, "WP, sync");
	expect(uffd_register(fd, a, UFFDIO_REGISTER_MODE_MISSING) == EINVAL, "missing");
	expect(uffd_register(fd, a, UFFDIO_REGISTER_MODE_MINOR) == EINVAL, "minor");
	expect(ioctl(fd, UFFDIO_COPY, &copy) && errno == ENOENT, "copy: %s", strerror(errno));
	expect(ioctl(fd, UFFDIO_ZEROPAGE, &zero) && errno == ENOENT, "zero page: %s",
	       strerror(errno));
	expect(ioctl(fd, UFFDIO_CONTINUE, &cont) && errno == ENOENT, "continue: %s",
	       strerror(errno));
	close(fd);
	expect_ok(area_kinds(a));
	return area_check(a);
}

static int soft_dirty(struct area *a)
{
	size_t i;

	expect(!write_string("/proc/self/clear_refs", "4"), "clear_refs");
	area_read(a);
	for (i = 0; i < a->nr; i++)
		expect(!(pagemap_entry(a->p + i * file.page) & PM_SOFT_DIRTY),
		       "%s: page %zu was read and is dirty", a->backing, i);
	for (i = 0; i < a->nr; i += 2)
		area_write(a, i, 7);
	for (i = 0; i < a->nr; i++) {
		bool dirty = pagemap_entry(a->p + i * file.page) & PM_SOFT_DIRTY;

		expect(dirty == !(i % 2), "%s: page %zu", a->backing, i);
	}
	expect(!write_string("/proc/self/clear_refs", "4"), "clear_refs");
	expect_ok(area_check(a));
	expect_ok(area_kinds(a));
	for (i = 0; i < a->nr; i++)
		expect(!(pagemap_entry(a->p + i * file.page) & PM_SOFT_DIRTY),
		       "%s: page %zu is still dirty", a->backing, i);
	area_write_all(a, 8);
	return area_check(a);
}

static int pagemap_scan(struct area *a)
{
	uint64_t pages[MOST_PAGES], want;
	size_t i;

	area_read(a);
	for (i = 0; i < a->nr; i += 2)
		area_write(a, i, 9);
	expect(scan(a, 0, PAGE_IS_PRESENT | PAGE_IS_FILE | PAGE_IS_PFNZERO, pages) > 0,
	       "scan: %s", strerror(errno));
	for (i = 0; i < a->nr; i++) {
		want = PAGE_IS_PRESENT;
		if (i % 2)
			want |= file.active && file.is_hole[a->index + i] &&
				(!a->cached || file.chunks) ? PAGE_IS_PFNZERO : PAGE_IS_FILE;
		expect(pages[i] == want, "%s: page %zu is %llx, not %llx", a->backing, i,
		       (unsigned long long)pages[i], (unsigned long long)want);
	}
	return area_kinds(a);
}

/* the area in a core file: its offset there, or 0 */
static off_t find_in_core(int fd, const char *p)
{
	Elf64_Ehdr header;
	Elf64_Phdr segment;
	int i;

	if (pread(fd, &header, sizeof(header), 0) != sizeof(header))
		return 0;
	for (i = 0; i < header.e_phnum; i++) {
		uintptr_t at = (uintptr_t)p;

		if (pread(fd, &segment, sizeof(segment), header.e_phoff +
			  i * sizeof(segment)) != sizeof(segment))
			return 0;
		if (segment.p_type == PT_LOAD && at >= segment.p_vaddr &&
		    at < segment.p_vaddr + segment.p_filesz)
			return segment.p_offset + at - segment.p_vaddr;
	}
	return 0;
}

static int dies(struct area *a)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	/* the reference is not what this is about */
	madvise((void *)file.ref, file.size, MADV_DONTDUMP);
	setrlimit(RLIMIT_CORE, &all);
	/* private mappings of files, too */
	write_string("/proc/self/coredump_filter", "0x7f");
	area_write(a, a->nr / 2, 13);
	abort();
}

static int core_dump(struct area *a)
{
	char path[64], *core;
	off_t at;
	pid_t pid;
	int fd, status, ret;

	expect(!write_string("/proc/sys/kernel/core_pattern", "/tmp/core.%p"), "pattern");
	area_peek(a, 0);
	pid = fork();
	if (!pid)
		dies(a);
	expect(waitpid(pid, &status, 0) == pid && WCOREDUMP(status), "no core: %x",
	       status);
	snprintf(path, sizeof(path), "/tmp/core.%d", pid);
	fd = open(path, O_RDONLY);
	expect(fd >= 0, "%s", path);
	unlink(path);
	area_will_write(a, a->nr / 2, 13);
	core = calloc(a->nr, file.page);
	at = find_in_core(fd, a->p);
	expect(at, "%s: the core has no such address", a->backing);
	expect(pread(fd, core, a->nr * file.page, at) == (ssize_t)(a->nr * file.page),
	       "%s: short core", a->backing);
	ret = area_check_at(a, core);
	close(fd);
	free(core);
	return ret;
}

/* faults on markers of write protection take the page-cache path */
static const struct area_case cases[] = {
	{ .name = "proc-mem", .run = proc_mem, .where = AREA_PAGES },
	{ .name = "proc-mem-read-only", .run = proc_mem, .prot = PROT_READ,
	  .where = AREA_PAGES },
	{ .name = "proc-mem-shared", .run = proc_mem_shared, .prot = PROT_READ,
	  .flags = MAP_SHARED, .where = AREA_ONCE },
	{ .name = "ptrace", .run = trace, .where = AREA_ONCE },
	{ .name = "ptrace-after-read", .run = trace_after_read, .where = AREA_ONCE },
	{ .name = "ptrace-read-only", .run = trace, .prot = PROT_READ, .where = AREA_ONCE },
	{ .name = "futex-wakes", .run = futex_wakes, .where = AREA_PAGES },
	{ .name = "futex-read-only", .run = futex_read_only, .prot = PROT_READ,
	  .where = AREA_PAGES },
	{ .name = "futex-shared-mapping", .run = futex_read_only, .prot = PROT_READ,
	  .flags = MAP_SHARED, .where = AREA_PAGES },
	{ .name = "uffd-wp-async", .run = uffd_wp_async, .caches = true },
	{ .name = "uffd-wp-async-after-read", .run = uffd_wp_async_after_read, .caches = true,
	  .where = AREA_PAGES },
	{ .name = "uffd-wp-locked", .run = uffd_wp_locked, .caches = true },
	{ .name = "uffd-wp-rounds", .run = uffd_wp_rounds, .caches = true,
	  .where = AREA_PAGES },
	{ .name = "uffd-wp-fork", .run = uffd_wp_fork, .caches = true, .where = AREA_ONCE },
	{ .name = "uffd-other-modes", .run = uffd_other_modes, .where = AREA_ONCE },
	{ .name = "soft-dirty", .run = soft_dirty, .where = AREA_PAGES },
	{ .name = "pagemap-scan", .run = pagemap_scan, .where = AREA_PAGES },
	{ .name = "core-dump", .run = core_dump, .where = AREA_PAGES },
};

int main(int argc, char **argv)
{
	return area_main(argc, argv, cases, sizeof(cases) / sizeof(*cases));
}
