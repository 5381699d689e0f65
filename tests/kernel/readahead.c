// SPDX-License-Identifier: GPL-2.0-only
/*
 * readahead [--stock] FILE REFERENCE - what of FILE, on EROFS, enters the page cache on
 * its way to a reader: data only, in few requests, whatever its device reads ahead.
 * REFERENCE has the bytes that FILE must have.  FILE's runs of data are short: no window
 * of readahead is without a hole.
 *
 * With --stock, the negative, the first cases only: holes have to enter, too, as they do
 * without the feature.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "../ktap.h"
#include "guest.h"

#define TRACING	"/sys/kernel/tracing/"
#define EVENT	TRACING "events/filemap/mm_filemap_add_to_page_cache/"

static const char *file;
static const char *ref;		/* the reference, mapped */
static size_t size, page;	/* bytes of the file, and of a page */
static unsigned char *is_hole;	/* for each page */
static size_t data_pages, runs;
static struct stat st;
static bool stock;

/* what entered the page cache of the file */
struct entered {
	size_t data, holes;	/* pages */
	size_t folios;
};

static void clear_trace(void)
{
	FILE *f = fopen(TRACING "trace", "w");

	if (!f || fclose(f))
		err(1, TRACING "trace");
}

static void trace(bool on)
{
	char filter[64];

	/* the kernel's own encoding of the device */
	snprintf(filter, sizeof(filter), "s_dev == %u && i_ino == %llu",
		 major(st.st_dev) << 20 | minor(st.st_dev), (unsigned long long)st.st_ino);
	if (on && (write_string(EVENT "filter", filter) ||
		   write_string(TRACING "buffer_size_kb", "16384")))
		errx(1, "cannot trace the page cache");
	if (write_string(EVENT "enable", on ? "1" : "0"))
		errx(1, "no event of the page cache");
}

static struct entered traced(void)
{
	struct entered sum = { 0 };
	FILE *f = fopen(TRACING "trace", "r");
	char line[512];

	while (f && fgets(line, sizeof(line), f)) {
		const char *ofs = strstr(line, " ofs="), *order = strstr(line, " order=");
		size_t first, i;

		if (*line == '#' || !ofs || !order)
			continue;
		first = strtoull(ofs + 5, NULL, 10) / page;
		for (i = 0; i < 1UL << atoi(order + 7); i++)
			if (is_hole[first + i])
				sum.holes++;
			else
				sum.data++;
		sum.folios++;
	}
	if (f)
		fclose(f);
	clear_trace();
	return sum;
}

/* a file of the block device of the mount, below its folder in sysfs */
static const char *device_file(const char *name)
{
	static char path[96];

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s", major(st.st_dev),
		 minor(st.st_dev), name);
	return path;
}

/* read requests that it has finished */
static long requests(void)
{
	return number_in(device_file("stat"), "");
}

static int open_file(void)
{
	int fd = open(file, O_RDONLY);

	if (fd < 0)
		err(1, "%s", file);
	return fd;
}

static int by_mapping(int fd, int advice)
{
	char *p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	int ret;

	if (p == MAP_FAILED)
		err(1, "mmap");
	madvise(p, size, advice);
	ret = !!memcmp(p, ref, size);
	munmap(p, size);
	return ret;
}

static int by_plain_mapping(int fd)
{
	return by_mapping(fd, MADV_NORMAL);
}

static int by_sequential_mapping(int fd)
{
	return by_mapping(fd, MADV_SEQUENTIAL);
}

static int by_random_mapping(int fd)
{
	return by_mapping(fd, MADV_RANDOM);
}

static int by_huge_mapping(int fd)
{
	return by_mapping(fd, MADV_HUGEPAGE);
}

static int by_reads(int fd, size_t len)
{
	static char buf[1 << 20];
	size_t pos = 0;
	ssize_t n;

	while ((n = read(fd, buf, len)) > 0) {
		if (memcmp(buf, ref + pos, n))
			return 1;
		pos += n;
	}
	return pos != size;
}

static int by_large_reads(int fd)
{
	return by_reads(fd, 1 << 20);
}

static int by_small_reads(int fd)
{
	return by_reads(fd, 5000);
}

/* backwards, which is no sequence */
static int by_other_reads(int fd)
{
	static char buf[1 << 16];
	size_t pos = size;

	while (pos) {
		size_t len = pos < sizeof(buf) ? pos : sizeof(buf);

		pos -= len;
		if (pread(fd, buf, len, pos) != (ssize_t)len || memcmp(buf, ref + pos, len))
			return 1;
	}
	return 0;
}

static int by_sendfile(int fd)
{
	int out = open("/tmp/copy", O_RDWR | O_CREAT | O_TRUNC, 0600), ret = 1;
	size_t done = 0;
	ssize_t n = 0;
	char *p;

	if (out < 0)
		err(1, "/tmp/copy");
	while (done < size && (n = sendfile(out, fd, NULL, size - done)) > 0)
		done += n;
	p = mmap(NULL, size, PROT_READ, MAP_SHARED, out, 0);
	if (done == size && p != MAP_FAILED) {
		ret = !!memcmp(p, ref, size);
		munmap(p, size);
	}
	unlink("/tmp/copy");
	close(out);
	return ret;
}

/* read all of the file, with @kb of it read ahead; *@nr: requests that this took */
static int pass(int (*by)(int fd), const char *kb, struct entered *sum, long *nr)
{
	int fd, ret;

	expect(!write_string(device_file("queue/read_ahead_kb"), kb), "read_ahead_kb");
	drop_caches();
	*nr = requests();
	trace(true);
	fd = open_file();
	ret = by(fd);
	close(fd);
	trace(false);
	*nr = requests() - *nr;
	*sum = traced();
	expect(!ret, "wrong bytes");
	return 0;
}

static int enters_only_data(int (*by)(int fd))
{
	static const char *const sizes[] = { "128", "8192" };
	struct entered sum;
	size_t i;
	long nr;

	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		int ret = pass(by, sizes[i], &sum, &nr);

		if (ret)
			return ret;
		expect(sum.data == data_pages, "%s kB ahead: %zu pages of data, not %zu",
		       sizes[i], sum.data, data_pages);
		expect(stock ? sum.holes > 0 : sum.holes == 0,
		       "%s kB ahead: %zu pages of holes", sizes[i], sum.holes);
	}
	return 0;
}

#define CASE(name)							\
	static int name##_enters_data(void)				\
	{								\
		return enters_only_data(by_##name);			\
	}
CASE(plain_mapping)
CASE(sequential_mapping)
CASE(random_mapping)
CASE(huge_mapping)
CASE(large_reads)
CASE(small_reads)
CASE(other_reads)
CASE(sendfile)

/*
 * Many runs come with one request, as they lie in a row on the device.  Whoever waits,
 * as for memory, has what was gathered so far read: not in each of three passes.
 */
static int takes_few_requests(int (*by)(int fd))
{
	struct entered sum;
	int tries;
	long nr;

	for (tries = 0; tries < 3; tries++) {
		int ret = pass(by, "8192", &sum, &nr);

		if (ret)
			return ret;
		printf("# %ld requests for %zu runs, %zu folios for %zu pages\n", nr, runs,
		       sum.folios, sum.data);
		if (nr > 0 && nr < (long)runs * 2 / 3 && sum.folios < sum.data * 2 / 3)
			return 0;
	}
	printf("# too many\n");
	return 1;
}

static int few_requests_by_mapping(void)
{
	return takes_few_requests(by_plain_mapping);
}

static int few_requests_by_reads(void)
{
	return takes_few_requests(by_large_reads);
}

/* the first page of data at or after page @i */
static size_t data_from(size_t i)
{
	while (i < size / page && is_hole[i])
		i++;
	return i;
}

static bool is_cached(int fd, size_t i)
{
	return cached_pages_at(fd, i * page, page) == 1;
}

/* does data that lies @ahead of page @from get there by itself? */
static bool arrives(int fd, size_t from, size_t ahead)
{
	size_t i = data_from(from + ahead);
	int tries;

	for (tries = 0; tries < 100; tries++) {
		if (is_cached(fd, i))
			return true;
		usleep(20000);
	}
	return false;
}

/* who goes through a mapping finds the next window there, or on its way */
static int next_window_comes_early(void)
{
	const size_t window = (8 << 20) / page;
	char *p;
	size_t i;
	int fd;

	expect(!write_string(device_file("queue/read_ahead_kb"), "8192"), "read_ahead_kb");
	drop_caches();
	fd = open_file();
	p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	i = data_from(window * 4);
	(void)*(volatile char *)(p + i * page);
	expect(is_cached(fd, data_from(i - window / 2 + 16)), "what is before");
	expect(arrives(fd, i, window / 4), "what is behind");
	expect(!is_cached(fd, data_from(i + window)), "too much");
	while (i < window * 4 + window / 2 - 16) {
		(void)*(volatile char *)(p + i * page);
		i = data_from(i + 1);
	}
	expect(arrives(fd, i, window / 2), "the next window");
	munmap(p, size);
	close(fd);
	return 0;
}

/* who goes through data that is far apart finds most of it there, or on its way */
static int windows_go_by_data(void)
{
	long misses;
	size_t i;
	char *p;
	int fd;

	expect(!write_string(device_file("queue/read_ahead_kb"), "128"), "read_ahead_kb");
	drop_caches();
	fd = open_file();
	p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	misses = number_in("/proc/vmstat", "pgmajfault");
	for (i = data_from(0); i < size / page; i = data_from(i + 1))
		(void)*(volatile char *)(p + i * page);
	misses = number_in("/proc/vmstat", "pgmajfault") - misses;
	printf("# %ld misses in %zu runs\n", misses, runs);
	expect(misses > 0 && misses < (long)runs / 2, "too many");
	munmap(p, size);
	close(fd);
	return 0;
}

/* who touches one hole page after the other waits for few reads of the chunk index */
static int chunk_index_is_read_ahead(void)
{
	size_t i, touched = 0;
	long before, nr, most = size / page * 4 / page / 8 + 1;
	int fd;
	char *p;

	expect(!write_string(device_file("queue/read_ahead_kb"), "128"), "read_ahead_kb");
	drop_caches();
	fd = open_file();
	p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	before = requests();
	for (i = 0; i < size / page; i++)
		if (is_hole[i]) {
			(void)*(volatile char *)(p + i * page);
			touched++;
		}
	nr = requests() - before;
	expect(touched && cached_pages(fd) == 0, "holes are cached");
	expect(nr > 0 && nr <= most, "%ld requests, not up to %ld", nr, most);
	munmap(p, size);
	close(fd);
	return 0;
}

/* can pages of files be made huge ones?  From Linux 7 on, for all that have large folios */
static bool files_collapse(void)
{
	struct utsname name;

	return !uname(&name) && atoi(name.release) >= 7;
}

/* the first run of a huge page's pages that has both kinds */
static size_t mixed_region(size_t nr)
{
	size_t first, i, data;

	for (first = 0; first + nr <= size / page; first += nr) {
		for (i = data = 0; i < nr; i++)
			data += !is_hole[first + i];
		if (data && data < nr)
			return first;
	}
	errx(1, "no holes beside data");
}

/*
 * Who has a range made a huge page, here MADV_COLLAPSE in place of khugepaged, has all of
 * it read.  Ours leaves the holes out, so that nothing comes of it; stock has them all in
 * the page cache then.
 */
static int collapse_enters_no_holes(void)
{
	const size_t huge = 2 << 20, nr = huge / page, first = mixed_region(nr);
	const bool collapses = stock && files_collapse();
	size_t i, data = 0;
	int fd, ret;
	char *p;

	drop_caches();
	fd = open_file();
	p = mmap(NULL, 2 * huge, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	p = mmap(p + (-(uintptr_t)p & (huge - 1)), huge, PROT_READ, MAP_PRIVATE | MAP_FIXED,
		 fd, first * page);
	expect(p != MAP_FAILED, "mmap: %s", strerror(errno));
	madvise(p, huge, MADV_RANDOM);
	for (i = 0; i < nr; i++)
		if (!is_hole[first + i]) {
			(void)*(volatile char *)(p + i * page);
			data++;
		}
	expect(cached_pages(fd) == (long)data, "%ld pages before", cached_pages(fd));
	expect(!prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0), "prctl");
	ret = madvise(p, huge, MADV_COLLAPSE) ? errno : 0;
	expect(!prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0), "prctl");
	expect(ret == (collapses ? 0 : EINVAL), "MADV_COLLAPSE: %s", strerror(ret));
	/* data near it may have come as well, by read-ahead */
	expect(cached_pages_at(fd, first * page, huge) == (long)(collapses ? nr : data),
	       "%ld pages, %zu of data", cached_pages_at(fd, first * page, huge), data);
	expect(!memcmp(p, ref + first * page, huge), "wrong bytes");
	munmap(p, huge);
	close(fd);
	return 0;
}

static const struct ktap_case cases[] = {
	{ "plain-mapping-enters-data-only", plain_mapping_enters_data },
	{ "sequential-mapping-enters-data-only", sequential_mapping_enters_data },
	{ "random-mapping-enters-data-only", random_mapping_enters_data },
	{ "huge-mapping-enters-data-only", huge_mapping_enters_data },
	{ "large-reads-enter-data-only", large_reads_enters_data },
	{ "small-reads-enter-data-only", small_reads_enters_data },
	{ "other-reads-enter-data-only", other_reads_enters_data },
	{ "sendfile-enters-data-only", sendfile_enters_data },
	{ "collapse-enters-no-holes", collapse_enters_no_holes },
	/* from here on: not asked of the stock module */
	{ "few-requests-by-mapping", few_requests_by_mapping },
	{ "few-requests-by-reads", few_requests_by_reads },
	{ "next-window-comes-early", next_window_comes_early },
	{ "windows-go-by-data", windows_go_by_data },
	{ "chunk-index-is-read-ahead", chunk_index_is_read_ahead },
};

#define NOT_STOCK_CASES	5

static void load_reference(const char *reference)
{
	static const char zeros[65536];
	int fd = open(reference, O_RDONLY);
	size_t i, pages;

	if (fd < 0 || stat(file, &st))
		err(1, "%s", reference);
	page = getpagesize();
	size = st.st_size;
	pages = (size + page - 1) / page;
	ref = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	is_hole = calloc(pages + 512, 1);
	if (ref == MAP_FAILED || !is_hole)
		err(1, "%s", reference);
	for (i = 0; i < pages; i++) {
		is_hole[i] = !memcmp(ref + i * page, zeros, page);
		data_pages += !is_hole[i];
		runs += !is_hole[i] && (!i || is_hole[i - 1]);
	}
	printf("# %zu pages, %zu of data in %zu runs\n", pages, data_pages, runs);
}

int main(int argc, char **argv)
{
	stock = argc == 4 && !strcmp(argv[1], "--stock");
	if (argc != 3 + stock) {
		fprintf(stderr, "usage: readahead [--stock] FILE REFERENCE\n");
		return 2;
	}
	/*
	 * What comes in is to be what these readers have asked for.  Linux 7 has khugepaged
	 * try to make huge pages of the ranges of files that are mapped, every ten seconds:
	 * what it reads for that is taken out again if it is a hole, but it has entered.
	 */
	if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0))
		err(1, "PR_SET_THP_DISABLE");
	file = argv[1 + stock];
	load_reference(argv[2 + stock]);
	return ktap_run(cases, sizeof(cases) / sizeof(*cases) - NOT_STOCK_CASES * stock);
}
