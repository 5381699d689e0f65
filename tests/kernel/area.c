// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../ktap.h"
#include "area.h"
#include "guest.h"

#define SWITCH		"/sys/module/erofs/parameters/zeropage"
#define SECONDS		100	/* for one case; a fault that loops never ends */
#define MOST_PAGES	1024	/* of an area */

struct file_under_test file = { .member = -1 };

/*
 * h: hole, d: data, m: data with a run of 512 zero bytes in it, which is a hole of
 * its own where blocks are that small.  The area is found where the pattern first
 * appears in the file.
 */
static const struct backing {
	const char *name;
	const char *pattern;
	enum { PLAIN, LONE, MIXED, TAIL, CACHED, TABLES, HUGE } kind;
	enum area_where where;	/* it is for the cases that say so, and those before */
} backings[] = {
	{ "hole",		"hhhhhhhhhhhhhhhh", PLAIN, AREA_EVERYWHERE },
	{ "data",		"dddddddddddddddd", PLAIN, AREA_EVERYWHERE },
	{ "hole-to-data",	"hhhhhhhhdddddddd", PLAIN, AREA_ONCE },
	{ "data-to-hole",	"ddddddddhhhhhhhh", PLAIN, AREA_EVERYWHERE },
	/* none where chunks are larger than pages */
	{ "lone-data",		"hhhhdhhhh", LONE, AREA_EVERYWHERE },
	{ "lone-hole",		"ddddhdddd", LONE, AREA_EVERYWHERE },
	/* where chunks are smaller than pages, or it is like all data */
	{ "mixed-page",		"m", MIXED, AREA_EVERYWHERE },
	/* the last pages of the file, the very last is not a whole one */
	{ "tail",		NULL, TAIL, AREA_PAGES },
	/* the page cache has pages of the hole from when the feature was off */
	{ "cached-hole",	"hhhhhhhhhhhhhhhh", CACHED, AREA_PAGES },
	/* mapped so that its pages are in two page tables */
	{ "hole-over-two-tables", "hhhhhhhhhhhhhhhh", TABLES, AREA_EVERYWHERE },
	/* mapped so that all that one page table holds of it is a hole; then data */
	{ "huge-hole",		"h", HUGE, AREA_EVERYWHERE },
	{ "huge-hole-to-data",	"d", HUGE, AREA_ONCE },
};

/* pages of these on either side of the page table */
#define HUGE_MARGIN	8

static bool page_is_mixed(size_t index)
{
	static const char zeros[512];
	const char *p = file.ref + index * file.page;
	size_t i;

	if (file.is_hole[index] || (index + 1) * file.page > file.size)
		return false;
	for (i = 0; i < file.page; i += sizeof(zeros))
		if (!memcmp(p + i, zeros, sizeof(zeros)))
			return true;
	return false;
}

static bool page_matches(size_t index, char kind)
{
	if (kind == 'm')
		return page_is_mixed(index);
	return file.is_hole[index] == (kind == 'h');
}

size_t area_find(const char *pattern)
{
	size_t len = strlen(pattern), i, n;

	for (i = 0; i + len < file.pages; i++) {
		for (n = 0; n < len && page_matches(i + n, pattern[n]); n++)
			;
		if (n == len)
			return i;
	}
	errx(1, "the reference has no pages like %s", pattern);
}

/* a page table's worth of holes with a margin of them before and of @kind behind */
static size_t find_huge(char kind)
{
	size_t holes = file.table / file.page + HUGE_MARGIN, run = 0, i, n;

	for (i = 0; i + HUGE_MARGIN < file.pages; i++) {
		for (n = 0; n < HUGE_MARGIN && page_matches(i + n, kind); n++)
			;
		if (run >= holes && n == HUGE_MARGIN)
			return i - holes;
		run = file.is_hole[i] ? run + 1 : 0;
	}
	errx(1, "the reference has no hole of %zu pages with %c behind", holes, kind);
}

static void set_up(struct area *a, const struct backing *backing)
{
	size_t start;

	a->backing = backing->name;
	if (backing->kind == HUGE) {
		a->nr = file.table / file.page + 2 * HUGE_MARGIN;
		a->index = find_huge(*backing->pattern);
	} else if (backing->kind == TAIL) {
		a->nr = 8;
		a->index = file.pages - a->nr;
	} else {
		a->nr = strlen(backing->pattern);
		a->index = area_find(backing->pattern);
	}
	start = a->index * file.page;
	a->bytes = file.size - start < a->nr * file.page ?
		file.size - start : a->nr * file.page;
	a->cached = backing->kind == CACHED;
	a->special = backing->kind == HUGE;
	a->want = malloc(a->nr * file.page);
	if (!a->want)
		err(1, "model");
	area_forget_all(a);
}

/* an address for the area with room before and behind, not aligned to a page table */
static char *address(const struct area *a, const struct backing *backing)
{
	size_t room = 4 * file.table, start;
	char *p = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS |
		       MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		err(1, "mmap");
	start = ((uintptr_t)p + file.table - 1) / file.table * file.table;
	if (backing->kind == TABLES)
		start += file.table - a->nr / 2 * file.page;
	else if (backing->kind == HUGE)
		start += file.table - HUGE_MARGIN * file.page;
	else
		start += 32 * file.page;
	munmap(p, room);
	return (char *)start;
}

char *area_map(const struct area *a, int prot, int flags)
{
	char *p = mmap(flags & MAP_FIXED ? a->p : NULL, a->nr * file.page, prot,
		       flags, file.fd, a->index * file.page);

	if (p == MAP_FAILED)
		err(1, "mmap of page %zu", a->index);
	return p;
}

void area_unmap(const struct area *a, char *p)
{
	munmap(p, a->nr * file.page);
}

char area_peek(const struct area *a, size_t i)
{
	return *(volatile char *)(a->p + i * file.page);
}

void area_read(const struct area *a)
{
	size_t i;

	for (i = 0; i < a->nr; i++)
		area_peek(a, i);
}

/* neither the first byte of a page nor the last, nor the same in each */
static size_t place(const struct area *a, size_t i)
{
	return i * file.page + 8 + (a->index + i) * 64 % 512;
}

size_t area_will_write(struct area *a, size_t i, char value)
{
	size_t at = place(a, i);

	a->want[at] ^= value;
	return at;
}

void area_write(struct area *a, size_t i, char value)
{
	size_t at = area_will_write(a, i, value);

	*(volatile char *)(a->p + at) = a->want[at];
}

void area_write_all(struct area *a, char value)
{
	size_t i;

	for (i = 0; i < a->nr; i++)
		area_write(a, i, value);
}

void area_forget(struct area *a, size_t i)
{
	size_t start = i * file.page, n = file.page;

	if (n > a->bytes - start)
		n = a->bytes - start;
	memset(a->want + start, 0, file.page);
	memcpy(a->want + start, file.ref + a->index * file.page + start, n);
}

void area_forget_all(struct area *a)
{
	size_t i;

	for (i = 0; i < a->nr; i++)
		area_forget(a, i);
}

bool area_written(const struct area *a, size_t i)
{
	size_t at = place(a, i), in_file = a->index * file.page + at;

	return a->want[at] != (in_file < file.size ? file.ref[in_file] : 0);
}

static int same(const struct area *a, const char *p, const char *want)
{
	size_t i;

	if (!memcmp(p, want, a->nr * file.page))
		return 0;
	for (i = 0; i < a->nr * file.page; i++)
		expect(p[i] == want[i], "%s: page %zu byte %zu is %02x, not %02x",
		       a->backing, i / file.page, i % file.page,
		       (unsigned char)p[i], (unsigned char)want[i]);
	return 0;
}

int area_check_at(const struct area *a, const char *p)
{
	return same(a, p, a->want);
}

int area_check(const struct area *a)
{
	return area_check_at(a, a->p);
}

int area_is_file(const struct area *a, const char *p)
{
	struct area fresh = *a;
	int ret;

	fresh.want = malloc(a->nr * file.page);
	if (!fresh.want)
		err(1, "model");
	area_forget_all(&fresh);
	ret = area_check_at(&fresh, p);
	free(fresh.want);
	return ret;
}

int area_kinds(const struct area *a)
{
	long rss = smaps_kb(a->p, "Rss"), size = smaps_kb(a->p, "Size"), want = 0;
	size_t i;

	for (i = 0; i < a->nr; i++) {
		const char *p = a->p + i * file.page;
		bool zero = maps_zero_page(p);

		if (!is_mapped(p))
			continue;
		if (!zero)
			want += file.page / 1024;
		if (a->cached && !area_written(a, i))
			continue;
		expect(zero == (file.active && file.is_hole[a->index + i] &&
				!area_written(a, i)),
		       "%s: page %zu %s the zero page", a->backing, i,
		       zero ? "is" : "is not");
	}
	/* the mapping may be in parts, or a part of a larger one */
	expect(rss == want || size != (long)(a->nr * file.page / 1024),
	       "%s: Rss is %ld kB, not %ld", a->backing, rss, want);
	return 0;
}

/* sets @resident for each page of the area that is in the page cache */
static void look_into_cache(const struct area *a, unsigned char *resident)
{
	/* of pages that are not mapped, mincore() says what the mapped inode caches */
	char *p = area_map(a, PROT_READ, MAP_SHARED);

	if (mincore(p, a->nr * file.page, resident))
		err(1, "mincore");
	area_unmap(a, p);
}

int area_no_hole_cached(const struct area *a)
{
	unsigned char resident[MOST_PAGES];
	size_t i;

	if (!file.active || a->cached)
		return 0;
	look_into_cache(a, resident);
	for (i = 0; i < a->nr; i++)
		expect(!(resident[i] & 1) || !(file.chunks || file.is_hole[a->index + i]),
		       "%s: the page cache has %s page %zu", a->backing,
		       file.is_hole[a->index + i] ? "hole" : "data", i);
	return 0;
}

int area_mapped(const struct area *a, size_t i, bool mapped)
{
	expect(is_mapped(a->p + i * file.page) == mapped, "%s: page %zu is%s mapped",
	       a->backing, i, mapped ? " not" : "");
	return 0;
}

int area_child(struct area *a, int (*call)(struct area *a))
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		err(1, "fork");
	if (!pid)
		_exit(call(a));
	if (waitpid(pid, &status, 0) != pid)
		err(1, "waitpid");
	return status;
}

static sigjmp_buf fault;

static void on_fault(int sig)
{
	siglongjmp(fault, sig);
}

static int try_access(volatile char *p, const char *value)
{
	int sig;

	signal(SIGSEGV, on_fault);
	signal(SIGBUS, on_fault);
	sig = sigsetjmp(fault, 1);
	if (!sig) {
		if (value)
			*p = *value;
		else
			(void)*p;
	}
	signal(SIGSEGV, SIG_DFL);
	signal(SIGBUS, SIG_DFL);
	return sig;
}

int area_try_read(const volatile char *p)
{
	return try_access((volatile char *)p, NULL);
}

int area_try_write(volatile char *p, char value)
{
	return try_access(p, &value);
}

/* the same pages of the other file that shares them, if there is one */
static char *map_member(const struct area *a)
{
	char *p;

	if (file.member < 0)
		return NULL;
	p = mmap(NULL, a->nr * file.page, PROT_READ, MAP_SHARED, file.member,
		 a->index * file.page);
	if (p == MAP_FAILED)
		err(1, "mmap of the other file");
	return p;
}

/* 0 if both files have the same pages in memory, which all are mapped at @p */
static int member_has_the_same(const struct area *a, const char *p, const char *other)
{
	size_t i;

	if (!other)
		return 0;
	expect(!area_is_file(a, other), "%s: the other file", a->backing);
	for (i = 0; i < a->nr; i++) {
		size_t at = i * file.page;

		if (a->cached && file.is_hole[a->index + i])
			continue;
		expect(is_mapped(p + at) && PM_PFN(pagemap_entry(p + at)) ==
		       PM_PFN(pagemap_entry(other + at)),
		       "%s: page %zu is not the one of the other file", a->backing, i);
	}
	return 0;
}

/* what must hold once nobody of the case is there any more */
static int aftermath(const struct area *a, const char *other)
{
	static const char zeros[65536];
	char *p, *fresh, *buf;
	int ret;

	fresh = mmap(NULL, file.page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	expect(!memcmp(fresh, zeros, file.page), "%s: the zero page was written",
	       a->backing);
	munmap(fresh, file.page);
	expect_ok(area_no_hole_cached(a));
	p = area_map(a, PROT_READ, MAP_PRIVATE);
	ret = area_is_file(a, p);
	if (!ret)
		ret = member_has_the_same(a, p, other);
	area_unmap(a, p);
	expect(!ret, "%s: another mapping sees the case's writes", a->backing);
	buf = calloc(a->nr, file.page);
	expect(buf && pread(file.fd, buf, a->bytes, a->index * file.page) ==
	       (ssize_t)a->bytes, "%s: short read", a->backing);
	ret = area_is_file(a, buf);
	free(buf);
	return ret;
}

static void prepare_cache(const struct area *a)
{
	unsigned char resident[MOST_PAGES];
	size_t i;
	char *p;

	posix_fadvise(file.fd, 0, 0, POSIX_FADV_DONTNEED);
	/* on Linux 7 that does not reach what a file shares */
	look_into_cache(a, resident);
	if (memchr(resident, 1, a->nr))
		drop_caches();
	if (!a->cached || !file.active)
		return;
	write_string(SWITCH, "N");
	p = area_map(a, PROT_READ, MAP_PRIVATE);
	for (i = 0; i < a->nr; i++)
		(void)*(volatile char *)(p + i * file.page);
	area_unmap(a, p);
	write_string(SWITCH, "Y");
}

static int run_case(const struct area_case *c, const struct backing *backing)
{
	static unsigned int turn;
	struct area a;
	char *other;
	int status;
	pid_t pid;

	set_up(&a, backing);
	prepare_cache(&a);
	other = map_member(&a);
	if (other && turn++ % 2)
		area_is_file(&a, other);
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (!pid) {
		int ret;

		alarm(SECONDS * patience());
		a.p = address(&a, backing);
		a.p = area_map(&a, c->prot ? c->prot : PROT_READ | PROT_WRITE,
			       MAP_FIXED | (c->flags ? c->flags : MAP_PRIVATE));
		ret = c->run(&a);
		fflush(stdout);
		if (ret == KTAP_SKIP)
			printf("# skip: %s\n", ktap_skip_reason);
		fflush(stdout);
		/* exit_mmap() gets all that is mapped: its counters are checked there */
		_exit(ret);
	}
	if (waitpid(pid, &status, 0) != pid)
		err(1, "waitpid");
	if (WIFSIGNALED(status))
		printf("# %s: killed by signal %d\n", backing->name, WTERMSIG(status));
	a.cached |= c->caches;
	if (!status)
		status = aftermath(&a, other);
	if (other)
		area_unmap(&a, other);
	free(a.want);
	return WIFEXITED(status) && WEXITSTATUS(status) == KTAP_SKIP ? KTAP_SKIP :
		status;
}

/* a page is a hole if all chunks that it overlaps are zeros */
static bool in_hole(size_t index)
{
	static const char zeros[65536];
	size_t start, end, i, n;

	start = index * file.page / file.chunk * file.chunk;
	end = (index + 1) * file.page;
	end = (end + file.chunk - 1) / file.chunk * file.chunk;
	if (end > file.size)
		end = file.size;
	for (i = start; i < end; i += n) {
		n = end - i < sizeof(zeros) ? end - i : sizeof(zeros);
		if (memcmp(file.ref + i, zeros, n))
			return false;
	}
	return true;
}

/* learn where the file system's huge page of zeros is; without, nothing is tested */
static void find_huge_zero(void)
{
	size_t index = find_huge('h');
	char *p = mmap(NULL, 3 * file.table, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint64_t first;

	p = (char *)(((uintptr_t)p + file.table - 1) / file.table * file.table);
	p = mmap(p, file.table, PROT_READ, MAP_PRIVATE | MAP_FIXED, file.fd,
		 index * file.page);
	if (p == MAP_FAILED)
		err(1, "mmap");
	(void)*(volatile char *)p;
	first = PM_PFN(pagemap_entry(p));
	if (PM_PFN(pagemap_entry(p + file.table - file.page)) !=
	    first + file.table / file.page - 1)
		errx(1, "a hole as large as a page table is not mapped by a huge page");
	munmap(p, file.table);
	huge_zero_pfn = first;
}

void area_load(const char *name, const char *reference)
{
	struct stat st;
	size_t i, chunk;
	int fd;

	file.fd = open(name, O_RDONLY);
	fd = open(reference, O_RDONLY);
	if (file.fd < 0 || fstat(file.fd, &st))
		err(1, "%s", name);
	if (fd < 0)
		err(1, "%s", reference);
	file.page = getpagesize();
	if (!file.chunk)
		file.chunk = file.page;
	file.table = file.page * (file.page / sizeof(void *));
	file.size = st.st_size;
	file.pages = (file.size + file.page - 1) / file.page;
	file.ref = mmap(NULL, file.size, PROT_READ, MAP_PRIVATE, fd, 0);
	file.is_hole = calloc(file.pages, 1);
	if (file.ref == MAP_FAILED || !file.is_hole)
		err(1, "%s", reference);
	for (i = 0; i < file.pages; i++) {
		/* as the page before, if that is in the same chunk */
		chunk = i * file.page / file.chunk;
		file.is_hole[i] = i && chunk == (i - 1) * file.page / file.chunk ?
			file.is_hole[i - 1] : in_hole(i);
	}
	if (file.huge)
		find_huge_zero();
}

static char **only;	/* the cases that were asked for */
static int nr_only;

static void __attribute__((noreturn)) usage(const char *me)
{
	fprintf(stderr,
		"usage: %s [--off|--stock|--huge] [--brief] [--chunks] [--chunk BYTES]\n"
		"       [--member FILE] [--case NAME]... FILE REFERENCE\n", me);
	exit(2);
}

void area_arguments(int argc, char **argv)
{
	const char *member = NULL;
	bool off = false;
	int at;

	only = calloc(argc, sizeof(*only));
	for (at = 1; only && at < argc && !strncmp(argv[at], "--", 2); at++) {
		if (!strcmp(argv[at], "--stock"))
			file.stock = true;
		else if (!strcmp(argv[at], "--off"))
			off = true;
		else if (!strcmp(argv[at], "--huge"))
			file.huge = true;
		else if (!strcmp(argv[at], "--brief"))
			file.brief = true;
		else if (!strcmp(argv[at], "--chunks"))
			file.chunks = true;
		else if (!strcmp(argv[at], "--chunk") && at + 1 < argc)
			file.chunk = atol(argv[++at]);
		else if (!strcmp(argv[at], "--member") && at + 1 < argc)
			member = argv[++at];
		else if (!strcmp(argv[at], "--case") && at + 1 < argc)
			only[nr_only++] = argv[++at];
		else
			usage(argv[0]);
	}
	if (!only || argc - at != 2)
		usage(argv[0]);
	file.fixed = file.chunks && !mm_knows_who_maps();
	file.active = !off && !file.stock;
	if (off && write_string(SWITCH, "N"))
		errx(1, "cannot write %s", SWITCH);
	if (file.huge && set_huge(true))
		errx(1, "no huge zero mappings");
	/* before the file under test, which joins what is there */
	if (member) {
		file.member = open(member, O_RDONLY);
		if (file.member < 0)
			err(1, "%s", member);
	}
	area_load(argv[at], argv[at + 1]);
}

/* in files with huge mappings, others are what they are without */
static bool has_backing(const struct backing *backing)
{
	if (file.huge || backing->kind == HUGE)
		return file.huge && backing->kind == HUGE;
	switch (backing->kind) {
	case LONE:
		return file.chunk <= file.page;
	case MIXED:
		return file.chunk < file.page;
	default:
		return true;
	}
}

static bool runs_on(const struct area_case *c, const struct backing *backing)
{
	return has_backing(backing) &&
		backing->where >= (file.brief ? AREA_ONCE : c->where);
}

bool area_chosen(const char *name)
{
	int i;

	for (i = 0; i < nr_only; i++)
		if (!strcmp(only[i], name))
			return true;
	return !nr_only;
}

int area_main(int argc, char **argv, const struct area_case *cases, size_t nr)
{
	const size_t nr_backings = sizeof(backings) / sizeof(*backings);
	size_t i, b, n = 0;

	area_arguments(argc, argv);
	for (i = 0; i < nr; i++)
		for (b = 0; b < nr_backings && area_chosen(cases[i].name); b++)
			n += runs_on(&cases[i], &backings[b]);
	ktap_begin(n);
	ktap_skip_reason = "see above";
	for (i = 0; i < nr; i++)
		for (b = 0; b < nr_backings && area_chosen(cases[i].name); b++)
			if (runs_on(&cases[i], &backings[b]))
				ktap_result(run_case(&cases[i], &backings[b]), "%s-%s",
					    cases[i].name, backings[b].name);
	return ktap_end();
}
