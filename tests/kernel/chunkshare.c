// SPDX-License-Identifier: GPL-2.0-only
/*
 * chunkshare FOLDER [CASE]... - files that have chunks in common share the pages of
 * those (mount option chunk_share).  FOLDER has the images that chunkshare.test makes
 * and, in "tree", the files in them.  /disk0 is "one", with three variants of a guest's
 * memory and a dense file; /disk1 is "two" and /disk2 is "three", with a variant each,
 * which refer to chunks of "one"; /disk3 is "small", with blocks smaller than a page;
 * /disk4 is "dense", with files whose chunk indexes take more than a block; /disk5 is an
 * empty ext4.  Images "old" and "new" differ in the data of state.img alone, "other" is
 * "new" with another UUID, and "old.next" and "new.next" refer to them for all data.
 * "many" has a file with one page every 2 MiB, each the same.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../ktap.h"
#include "chunkshare.h"
#include "guest.h"
#include "sharing.h"

#define CGROUP	"/sys/fs/cgroup/chunks"
#define MB	(1UL << 20)

static const char zeros[65536];

static int share(const char *source, const char *where)
{
	return attach(source, where, "chunk_share");
}

static bool is_zero(const char *p)
{
	return !memcmp(p, zeros, page);
}

static void touch(struct map m)
{
	size_t i;

	for (i = 0; i < m.size; i += page)
		(void)*(volatile char *)(m.p + i);
}

/* how many pages of data @m has, and how many of them are mapped */
static size_t data_pages(struct map m, size_t *mapped)
{
	struct map ref = m;
	size_t i, data = 0;

	*mapped = 0;
	for (i = 0; i + page <= ref.size; i += page) {
		uint64_t entry = pagemap_entry(m.p + i);

		if ((entry & PM_PRESENT) && PM_PFN(entry) != zero_pfn())
			++*mapped;
	}
	for (i = 0; i + page <= ref.size; i += page)
		data += !is_zero(ref.p + i);
	return data;
}

static int compare_entries(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* pages that @nr mappings have in all, the page of zeros not counted */
static size_t distinct_pages(const struct map *m, int nr)
{
	size_t i, found = 0, distinct = 0, all = 0;
	uint64_t *pfns;
	int k;

	for (k = 0; k < nr; k++)
		all += m[k].size / page + 1;
	pfns = malloc(all * sizeof(*pfns));
	for (k = 0; k < nr; k++) {
		for (i = 0; i < m[k].size; i += page) {
			const uint64_t entry = pagemap_entry(m[k].p + i);

			if ((entry & PM_PRESENT) && PM_PFN(entry) != zero_pfn())
				pfns[found++] = PM_PFN(entry);
		}
	}
	qsort(pfns, found, sizeof(*pfns), compare_entries);
	for (i = 0; i < found; i++)
		distinct += !i || pfns[i] != pfns[i - 1];
	free(pfns);
	return distinct;
}

/*
 * Pages at equal offsets that hold equal data are one page, all others are not, and
 * both have the bytes of their file.
 */
static int expect_chunks_shared(struct map a, const char *name_a, struct map b,
				const char *name_b)
{
	struct map ra = reference(name_a), rb = reference(name_b);
	size_t i, shared = 0, own = 0;

	expect(!same_bytes(a, name_a), "%s", name_a);
	expect(!same_bytes(b, name_b), "%s", name_b);
	for (i = 0; i + page <= ra.size && i + page <= rb.size; i += page) {
		const bool equal = !memcmp(ra.p + i, rb.p + i, page);
		uint64_t pa = pagemap_entry(a.p + i), pb = pagemap_entry(b.p + i);

		expect((pa & PM_PRESENT) && (pb & PM_PRESENT), "page %zu is not there",
		       i / page);
		if (is_zero(ra.p + i) && is_zero(rb.p + i))
			continue;
		expect((PM_PFN(pa) == PM_PFN(pb)) == equal, "page %zu of %s and %s: %s",
		       i / page, name_a, name_b,
		       equal ? "equal, but two pages" : "one page, but not equal");
		shared += equal;
		own += !equal;
	}
	expect(shared > 1000 && own > 100, "%zu shared, %zu not", shared, own);
	return 0;
}

/* a file in sysfs of the one mount there is; a case that asks for each page has it open */
static int open_counter(const char *name)
{
	char pattern[256];
	glob_t found;
	int fd = -1;

	snprintf(pattern, sizeof(pattern), "/sys/fs/erofs/*/chunk_share/%s", name);
	if (glob(pattern, 0, NULL, &found))
		return -1;
	if (found.gl_pathc == 1)
		fd = open(found.gl_pathv[0], O_RDONLY);
	globfree(&found);
	return fd;
}

static long counter_at(int fd)
{
	char text[32] = "";

	return pread(fd, text, sizeof(text) - 1, 0) > 0 ? atol(text) : -1;
}

static long counter(const char *name)
{
	int fd = open_counter(name);
	long n = counter_at(fd);

	close(fd);
	return n;
}

/* ---- one page for each chunk ---- */

static int variants_share(void)
{
	expect(!share("/disk0", "a"), "mount: %s", strerror(errno));
	drop_caches();
	return expect_chunks_shared(map_at("a", "v1.img"), "v1.img",
				    map_at("a", "v2.img"), "v2.img");
}

/* by the device that both refer to */
static int generations_share(void)
{
	expect(!attach("/disk1", "a", "chunk_share,device=/disk0"), "mount: %s",
	       strerror(errno));
	expect(!attach("/disk2", "b", "chunk_share,device=/disk0"), "mount: %s",
	       strerror(errno));
	drop_caches();
	return expect_chunks_shared(map_at("a", "v4.img"), "v4.img",
				    map_at("b", "v5.img"), "v5.img");
}

/* the same with files in place of devices */
static int file_backed_mounts_share(void)
{
	char options[256];

	snprintf(options, sizeof(options), "chunk_share,device=%s", in_folder("one"));
	expect(!share("one", "a") && !share("one", "c"), "mount: %s", strerror(errno));
	expect(!attach("two", "b", options), "mount: %s", strerror(errno));
	drop_caches();
	expect_ok(expect_chunks_shared(map_at("b", "v4.img"), "v4.img",
				       map_at("a", "v1.img"), "v1.img"));
	/* the same image twice */
	return expect_chunks_shared(map_at("a", "v1.img"), "v1.img",
				    map_at("c", "v2.img"), "v2.img");
}

static int not_without_the_option(void)
{
	struct map a, b;
	size_t data, same;

	expect(!attach("/disk0", "a", ""), "mount: %s", strerror(errno));
	a = map_at("a", "v1.img");
	b = map_at("a", "v2.img");
	same = common(a, b, &data);
	expect(data > 1000 && !same, "%zu of %zu pages are the same", same, data);
	return 0;
}

/* memory that three variants take: that of their distinct chunks */
static int memory_is_that_of_chunks(void)
{
	long chunks = number_in(in_folder("chunks"), "distinct") * page / 1024;
	struct map m[3];
	size_t pages;
	int i;

	expect(chunks > 4096, "%ld kB of chunks", chunks);
	expect(!share("/disk0", "a"), "mount");
	m[0] = map_at("a", "v1.img");
	m[1] = map_at("a", "v2.img");
	m[2] = map_at("a", "v3.img");
	drop_caches();
	for (i = 0; i < 3; i++)
		touch(m[i]);
	pages = distinct_pages(m, 3);
	expect(pages * page == chunks * 1024UL, "%zu pages for %ld kB of distinct chunks",
	       pages, chunks);
	for (i = 0; i < 3; i++)
		expect(!cached_pages(m[i].fd), "%ld pages in file %d's own cache",
		       cached_pages(m[i].fd), i);
	/* exactly: no chunk twice, and none that no file has */
	expect(counter("cached_bytes") == chunks * 1024, "cached_bytes is %ld",
	       counter("cached_bytes"));
	expect(mm_knows_who_maps() || !counter("regions_unmapped"), "regions_unmapped is %ld",
	       counter("regions_unmapped"));
	return 0;
}

/* ---- all ways to read ---- */

static int all_reads_are_right(void)
{
	static const char * const names[] = { "v1.img", "dense.bin" };
	struct map ref, got;
	char *buf, *nowhere = mmap(NULL, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int i, fd, out, pipes[2];
	size_t done;
	ssize_t n;

	expect(!share("/disk0", "a"), "mount: %s", strerror(errno));
	for (i = 0; i < 2; i++) {
		ref = reference(names[i]);
		fd = open_at("a", names[i], 0);
		buf = malloc(ref.size + page);
		drop_caches();
		expect(pread(fd, buf, ref.size + page, 0) == (ssize_t)ref.size, "pread");
		expect(!memcmp(buf, ref.p, ref.size), "%s: read other bytes", names[i]);
		expect(!pread(fd, buf, 1, ref.size), "there is more behind the end");
		for (done = 1; done < ref.size; done += 1000003) {
			n = pread(fd, buf, 12345, done);
			expect(n > 0 && !memcmp(buf, ref.p + done, n), "at %zu", done);
		}
		expect(pread(fd, nowhere, 4096, 0) == -1 && errno == EFAULT, "EFAULT");

		expect(!pipe(pipes), "pipe");
		for (done = 0; done < ref.size; done += n) {
			loff_t pos = done;

			n = splice(fd, &pos, pipes[1], NULL, 65536, 0);
			expect(n > 0 && read(pipes[0], buf, n) == n, "splice: %zd", n);
			expect(!memcmp(buf, ref.p + done, n), "splice: other bytes");
		}
		out = memfd_create("out", 0);
		for (done = 0; done < ref.size; done += n) {
			n = sendfile(out, fd, NULL, ref.size - done);
			expect(n > 0, "sendfile: %s", strerror(errno));
		}
		got = map_file(out);
		expect(got.size == ref.size && !memcmp(got.p, ref.p, ref.size), "sendfile");
		expect(!cached_pages(fd), "%ld pages in its own cache", cached_pages(fd));
		close(out);
		free(buf);
	}
	return 0;
}

static int direct_reads_bypass(void)
{
	struct map ref = reference("dense.bin");
	char *buf = aligned_alloc(page, MB);
	int fd;

	expect(!share("/disk0", "a"), "mount");
	fd = open_at("a", "dense.bin", O_DIRECT);
	drop_caches();
	expect(pread(fd, buf, MB, 0) == (ssize_t)MB, "pread: %s", strerror(errno));
	expect(!memcmp(buf, ref.p, MB), "other bytes");
	expect(!counter("cached_bytes") && !cached_pages(fd), "%ld bytes and %ld pages cached",
	       counter("cached_bytes"), cached_pages(fd));
	return 0;
}

/*
 * Faults that found no page, of the whole system: nothing else faults on what is not in
 * memory here.  What a process has of them (getrusage()) counts those, too, that were
 * repeated as their page was on its way, and how many these are is a matter of time.
 */
static long faults_without_page(void)
{
	return number_in("/proc/vmstat", "pgmajfault");
}

/* who goes on finds pages there, or on their way, wherever a run begins on the device */
static int sequences_are_read_ahead(void)
{
	char *buf = aligned_alloc(page, page);
	int cached_bytes;
	struct map a;
	long misses;
	size_t at;

	expect(!share("/disk0", "a"), "mount");
	cached_bytes = open_counter("cached_bytes");
	a = map_at("a", "dense.bin");
	drop_caches();
	for (at = 0; at + page < a.size; at += page) {
		expect(pread(a.fd, buf, page, at) == (ssize_t)page, "pread: %s",
		       strerror(errno));
		expect(counter_at(cached_bytes) > (long)(at + page),
		       "nothing is on its way at %zu", at);
	}
	drop_caches();
	misses = faults_without_page();
	touch(a);
	misses = faults_without_page() - misses;
	expect(misses > 0 && misses < 6, "%ld faults found no page of %zu", misses,
	       a.size / page);
	return 0;
}

/* touch each page that is the last of those that a fault maps at most, without an index */
static int touch_last_pages(const char *name)
{
	struct map a = map_at("a", name), b = map_at("a", name);
	size_t at;

	/* what is mapped stays, in large folios, and the index goes */
	touch(a);
	for (at = 0; at + page < b.size; at += page) {
		if ((uintptr_t)(b.p + at + page) / page % 32)
			continue;
		expect(!write_string("/proc/sys/vm/drop_caches", "1"), "drop_caches");
		alarm(20 * patience());
		(void)*(volatile char *)(b.p + at);
		alarm(0);
	}
	munmap(a.p, a.size);
	munmap(b.p, b.size);
	return 0;
}

/*
 * A fault maps pages before its own, too, and when their part of the chunk index is not in
 * memory, it maps its own all the same, or it would be repeated for good.  In some of these
 * files such pages are on both sides of the end of a page of the index.
 */
static int faults_end_without_the_index_before(void)
{
	static const char * const names[] = { "0", "1", "2", "3" };
	size_t i;

	expect(!share("/disk4", "a"), "mount: %s", strerror(errno));
	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		expect_ok(touch_last_pages(names[i]));
	return 0;
}

/* the time that a first touch of cached pages takes does not matter; that it is no I/O does */
static int advice_is_followed(void)
{
	struct map a, b;
	long all;

	expect(!share("/disk0", "a"), "mount");
	a = map_at("a", "dense.bin");
	b = map_at("a", "dense.bin");
	all = (a.size + page - 1) / page * page;
	drop_caches();
	expect(!counter("cached_bytes"), "something is cached");
	expect(!posix_fadvise(a.fd, 0, 0, POSIX_FADV_WILLNEED), "WILLNEED");
	expect(counter("cached_bytes") == all, "%ld of %ld bytes are on their way",
	       counter("cached_bytes"), all);
	expect(!same_bytes(a, "dense.bin"), "bytes");
	/* mapped: it stays; unmapped it goes */
	expect(!posix_fadvise(b.fd, 0, 0, POSIX_FADV_DONTNEED), "DONTNEED");
	expect(counter("cached_bytes") == all, "mapped pages went");
	munmap(a.p, a.size);
	expect(!posix_fadvise(b.fd, 0, 0, POSIX_FADV_DONTNEED), "DONTNEED");
	/* but for those that a CPU is yet to put on the lists of reclaim, some dozens on each */
	expect(counter("cached_bytes") < 512 << 10, "%ld bytes stayed",
	       counter("cached_bytes"));
	expect(!madvise(b.p, b.size, MADV_WILLNEED), "MADV_WILLNEED");
	expect(counter("cached_bytes") == all, "MADV_WILLNEED: %ld bytes",
	       counter("cached_bytes"));
	return 0;
}

/* ---- memory that is short ---- */

static int in_cgroup(long limit, int (*run)(void))
{
	int status;
	pid_t pid;

	mkdir(CGROUP, 0755);
	write_string("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	expect(!write_number(CGROUP "/memory.max", limit), "memory.max");
	fflush(stdout);
	pid = fork();
	if (!pid) {
		int ret;

		if (write_string(CGROUP "/cgroup.procs", "0"))
			_exit(3);
		ret = run();
		fflush(stdout);
		_exit(ret);
	}
	expect(waitpid(pid, &status, 0) == pid, "waitpid");
	expect(WIFEXITED(status), "killed by signal %d", WTERMSIG(status));
	expect(!WEXITSTATUS(status), "see above");
	return 0;
}

static struct map variants[3];
static char *hot;
static size_t nr_hot = 256;

/* the bytes that are to be there, without a window of read-ahead as large as the cgroup */
static struct map small_reference(const char *name)
{
	struct map m = reference(name);

	madvise(m.p, m.size, MADV_RANDOM);
	return m;
}

/*
 * Passes over all variants while 1 MiB of one is used all the time: it is in
 * the working set, and comes back without I/O.
 */
static int passes(void)
{
	struct map ref = small_reference("v1.img");
	int pass, i;
	size_t n, at;

	for (pass = 0; pass < 3; pass++)
		for (i = 0; i < 3; i++)
			for (at = 0; at < variants[i].size; at += 64 * page) {
				for (n = 0; n < 64 * page && at + n < variants[i].size; n += page)
					(void)*(volatile char *)(variants[i].p + at + n);
				for (n = 0; n < nr_hot; n++)
					(void)*(volatile char *)(hot + n * page);
			}
	expect(!memcmp(variants[0].p, ref.p, ref.size), "other bytes");
	return 0;
}

static int half_the_working_set_is_enough(void)
{
	long chunks = number_in(in_folder("chunks"), "distinct") * page;
	long events, faults;

	expect(!share("/disk0", "a"), "mount");
	variants[0] = map_at("a", "v1.img");
	variants[1] = map_at("a", "v2.img");
	variants[2] = map_at("a", "v3.img");
	/* the first data of a variant */
	for (hot = variants[0].p; is_zero(hot); hot += page)
		;
	drop_caches();
	expect_ok(in_cgroup(chunks / 2 + 2 * MB, passes));
	/* and once more in one that comes after it, and may have ids of it */
	expect(!rmdir(CGROUP), "rmdir: %s", strerror(errno));
	expect_ok(in_cgroup(chunks / 2 + 2 * MB, passes));
	events = number_in(CGROUP "/memory.events", "oom_kill");
	faults = number_in(CGROUP "/memory.stat", "pgmajfault");
	printf("# limit %ld kB of %ld: %ld major faults, %ld refaults, %ld activated\n",
	       chunks / 2048, chunks / 1024, faults,
	       number_in(CGROUP "/memory.stat", "workingset_refault_file"),
	       number_in(CGROUP "/memory.stat", "workingset_activate_file"));
	expect(!events, "%ld kills", events);
	return 0;
}

/* one maps all of a variant, and stays; another, with little memory, reads its sibling */
static int mapped_by(void)
{
	touch(variants[0]);
	return 0;
}

static int read_sibling(void)
{
	struct map ref = small_reference("v2.img");

	expect(!memcmp(variants[1].p, ref.p, ref.size), "other bytes");
	return 0;
}

static int others_mappings_give_way(void)
{
	long chunks = number_in(in_folder("chunks"), "distinct") * page;
	int ready[2];
	pid_t pid;
	char c;

	expect(!share("/disk0", "a"), "mount");
	variants[0] = map_at("a", "v1.img");
	variants[1] = map_at("a", "v2.img");
	drop_caches();
	/* what the cgroup has read is charged to it, and mapped by who is outside */
	expect_ok(in_cgroup(chunks, read_sibling));
	expect(!pipe(ready), "pipe");
	pid = fork();
	if (!pid) {
		mapped_by();
		expect(write(ready[1], "x", 1) == 1, "write");
		pause();
	}
	expect(read(ready[0], &c, 1) == 1, "child");
	expect_ok(in_cgroup(chunks / 4 + 4 * MB, read_sibling));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	expect(!number_in(CGROUP "/memory.events", "oom_kill"), "kills");
	return 0;
}

/* all memory is taken: mapped pages go, private copies and locked pages stay */
static int pressure_unmaps(void)
{
	size_t data, before, after, locked, i, size;
	struct map a, b, ref = reference("v1.img");
	char *p;
	pid_t pid;
	int status;

	expect(!share("/disk0", "a"), "mount");
	a = map_at("a", "v1.img");
	b = map_at("a", "dense.bin");
	expect(!mlock(b.p, b.size), "mlock: %s", strerror(errno));
	touch(a);
	for (i = 0; i < a.size; i += 100 * page)
		a.p[i] = 'w';
	data = data_pages(a, &before);
	expect(before >= data * 99 / 100, "%zu of %zu mapped", before, data);

	size = (number_in("/proc/meminfo", "MemAvailable") - 32 * 1024) * 1024UL;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		write_string("/proc/self/oom_score_adj", "1000");
		p = mmap(NULL, size * 2, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (p == MAP_FAILED)
			_exit(1);
		for (i = 0; i < size * 2; i += page)
			p[i] = 1;
		_exit(0);
	}
	expect(waitpid(pid, &status, 0) == pid, "waitpid");
	expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "status %x", status);
	data_pages(a, &after);
	printf("# %zu of %zu pages stay mapped\n", after, before);
	expect(after < before / 2, "%zu of %zu pages stay mapped", after, before);
	expect(mm_knows_who_maps() || counter("regions_unmapped") > 0, "regions_unmapped is %ld",
	       counter("regions_unmapped"));
	data_pages(b, &locked);
	expect(locked == b.size / page, "%zu of %zu locked pages", locked, b.size / page);
	for (i = 0; i < a.size; i += page) {
		if (i % (100 * page) == 0)
			expect(a.p[i] == 'w' && !memcmp(a.p + i + 1, ref.p + i + 1, page - 1),
			       "the copy of page %zu", i / page);
		else
			expect(!memcmp(a.p + i, ref.p + i,
				       a.size - i < page ? a.size - i : page),
			       "page %zu", i / page);
	}
	return 0;
}

/* ---- the rest of the file system ---- */

static int counts_are_those_of_files(void)
{
	struct map a, b;
	size_t data, mapped;
	long rss, pss;

	expect(!share("/disk0", "a"), "mount");
	a = map_at("a", "dense.bin");
	touch(a);
	data = data_pages(a, &mapped);
	expect(data == mapped, "%zu of %zu", mapped, data);
	rss = smaps_kb(a.p, "Rss");
	expect(rss == (long)((a.size + page - 1) / page * page / 1024), "Rss %ld", rss);
	pss = smaps_kb(a.p, "Pss");
	expect(pss == rss, "Pss %ld", pss);
	/* a second mapping of the pages halves it */
	b = map_at("a", "dense.bin");
	touch(b);
	pss = smaps_kb(a.p, "Pss");
	expect(pss >= rss / 2 - 4 && pss <= rss / 2 + 4, "Pss %ld of %ld", pss, rss);
	expect(smaps_kb(a.p, "Shared_Clean") == rss, "Shared_Clean %ld",
	       smaps_kb(a.p, "Shared_Clean"));
	return 0;
}

/*
 * Nothing of a device is kept when no one has it mounted.  Who could be asked for that is
 * gone then, so it is the system's page cache that tells, in which other things come and
 * go: of 1 MB, where it is more than 4 MB that would stay.
 */
static long cached_kb(void)
{
	return number_in("/proc/meminfo", "Cached");
}

static int unmounting_frees(void)
{
	struct map a;
	long before;

	drop_caches();
	before = cached_kb();
	expect(!attach("/disk1", "a", "chunk_share,device=/disk0"), "mount");
	expect(!attach("/disk2", "b", "chunk_share,device=/disk0"), "mount");
	a = map_at("a", "v4.img");
	touch(a);
	expect(umount2("/m/a", 0) && errno == EBUSY, "it is mapped: %s", strerror(errno));
	munmap(a.p, a.size);
	close(a.fd);
	expect(!detach("a"), "umount: %s", strerror(errno));
	expect(cached_kb() - before > 4096, "the other mount's pages went");
	expect(!detach("b"), "umount: %s", strerror(errno));
	expect(cached_kb() - before < 1024, "%ld kB stayed", cached_kb() - before);
	return 0;
}

/* as from the page cache of any file: what is not mapped goes */
static int dropping_caches_frees(void)
{
	struct map a;
	long all;

	expect(!share("/disk0", "a"), "mount");
	a = map_at("a", "v1.img");
	touch(a);
	all = counter("cached_bytes");
	expect(all > 1 << 20, "cached_bytes is %ld", all);
	drop_caches();
	expect(counter("cached_bytes") > all * 9 / 10, "%ld of %ld bytes, all mapped",
	       counter("cached_bytes"), all);
	munmap(a.p, a.size);
	drop_caches();
	expect(!counter("cached_bytes"), "%ld of %ld bytes stay",
	       counter("cached_bytes"), all);
	return 0;
}

static int mappings_outlive_lazy_unmounts(void)
{
	struct map a;

	expect(!share("/disk0", "a"), "mount");
	a = map_at("a", "v1.img");
	expect(!umount2("/m/a", MNT_DETACH), "umount: %s", strerror(errno));
	drop_caches();
	return same_bytes(a, "v1.img");
}

/* blocks smaller than a page: as without the option, and it says so */
static int small_blocks_are_upstreams(void)
{
	struct map m;

	expect(!share("/disk3", "a"), "mount: %s", strerror(errno));
	m = map_at("a", "ram.img");
	expect(!same_bytes(m, "small.img"), "bytes");
	expect(cached_pages(m.fd) > 0, "nothing in its own cache");
	return 0;
}

/* a block of two file systems in one file is in two places of that */
static int file_systems_in_a_file_keep_apart(void)
{
	int ret;

	expect(!share("both", "a"), "mount: %s", strerror(errno));
	ret = attach("both", "b", "chunk_share,fsoffset=2097152");
	if (ret == -EINVAL)
		return KTAP_SKIP;
	expect(!ret, "mount: %s", strerror(-ret));
	expect_ok(same_bytes(map_at("a", "small.img"), "small.img"));
	return same_bytes(map_at("b", "tail.img"), "tail.img");
}

/* a page in more places than reclaim could unmap it from: the rest has its own cache */
static int page_in_too_many_places(void)
{
	const size_t region = 2 * MB, regions = 4200, most = 4096;
	size_t i, bad = 0;
	struct map m;

	expect(!share("many", "a"), "mount: %s", strerror(errno));
	/* to write to all of it, there is not enough memory */
	m = (struct map) { .fd = open_at("a", "many.img", 0), .size = regions * region };
	m.p = mmap(NULL, m.size, PROT_READ, MAP_PRIVATE, m.fd, 0);
	expect(m.p != MAP_FAILED, "mmap: %s", strerror(errno));
	for (i = 0; i < regions; i++)
		bad += m.p[i * region] != 'm' || m.p[i * region + page - 1] != 'm';
	expect(!bad, "%zu regions have other bytes", bad);
	expect(counter("cached_bytes") == (long)page, "%ld bytes", counter("cached_bytes"));
	expect(cached_pages(m.fd) == (long)(regions - most), "%ld pages in its own cache",
	       cached_pages(m.fd));
	return drop_map(m);
}

/* a huge page in place of a page table would drop pages that are not the file's */
static int nothing_is_collapsed(void)
{
	struct map m;

	expect(!share("/disk0", "a"), "mount");
	m = map_at("a", "v1.img");
	touch(m);
	expect(madvise(m.p, m.size, MADV_COLLAPSE) && errno == EINVAL,
	       "MADV_COLLAPSE: %s", strerror(errno));
	expect(!cached_pages(m.fd), "%ld pages in its own cache", cached_pages(m.fd));
	return same_bytes(m, "v1.img");
}

static int option_is_shown(void)
{
	expect(!share("/disk0", "a"), "mount");
	expect(!system("grep -q ' /m/a erofs .*,chunk_share' /proc/mounts"), "not shown");
	return 0;
}

/* the last case: nothing holds the module */
static int module_unloads(void)
{
	drop_caches();
	expect(!system("modprobe -r erofs"), "modprobe -r");
	expect(!system("modprobe erofs"), "modprobe");
	return 0;
}

static const struct sharing_case cases[] = {
	{ "variants-share", variants_share },
	{ "generations-share", generations_share },
	{ "file-backed-mounts-share", file_backed_mounts_share },
	{ "not-without-the-option", not_without_the_option },
	{ "memory-is-that-of-chunks", memory_is_that_of_chunks },
	{ "all-reads-are-right", all_reads_are_right },
	{ "direct-reads-bypass", direct_reads_bypass },
	{ "sequences-are-read-ahead", sequences_are_read_ahead },
	{ "faults-end-without-the-index-before", faults_end_without_the_index_before },
	{ "advice-is-followed", advice_is_followed },
	{ "half-the-working-set-is-enough", half_the_working_set_is_enough },
	{ "others-mappings-give-way", others_mappings_give_way },
	{ "pressure-unmaps", pressure_unmaps },
	{ "backing-files-cannot-be-written", backing_files_cannot_be_written },
	{ "files-being-written-are-not-mounted", files_being_written_are_not_mounted },
	{ "images-are-replaced-by-rename", images_are_replaced_by_rename },
	{ "direct-loop-devices-share", direct_loop_devices_share },
	{ "devices-may-be-written", devices_may_be_written },
	{ "files-of-devices-may-be-written", files_of_devices_may_be_written },
	{ "devices-may-get-another-file", devices_may_get_another_file },
	{ "files-may-change-elsewhere", files_may_change_elsewhere },
	{ "counts-are-those-of-files", counts_are_those_of_files },
	{ "unmounting-frees", unmounting_frees },
	{ "dropping-caches-frees", dropping_caches_frees },
	{ "mappings-outlive-lazy-unmounts", mappings_outlive_lazy_unmounts },
	{ "small-blocks-are-upstreams", small_blocks_are_upstreams },
	{ "file-systems-in-a-file-keep-apart", file_systems_in_a_file_keep_apart },
	{ "page-in-too-many-places", page_in_too_many_places },
	{ "nothing-is-collapsed", nothing_is_collapsed },
	{ "option-is-shown", option_is_shown },
	{ "module-unloads", module_unloads },
};

int main(int argc, char **argv)
{
	sharing_skip = "no fsoffset= on this kernel";
	return sharing_main(argc, argv, cases, sizeof(cases) / sizeof(*cases));
}
