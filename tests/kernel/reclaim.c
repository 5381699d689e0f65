// SPDX-License-Identifier: GPL-2.0-only
/*
 * reclaim [OPTION]... FILE REFERENCE - memory that is short, shared, swapped or
 * taken away while holes are mapped: memory cgroups, swap, KSM, unmounting.  FILE is
 * on /disk0, mounted on /mnt.
 *
 * Would be found: zero pages that are charged, or counted when they go (KSM's zero
 * pages are dirty ones); private pages of holes that do not survive being swapped
 * out; a mapping that does not hold its file system, or its module.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../ktap.h"
#include "area.h"
#include "guest.h"

#define CGROUP	"/sys/fs/cgroup/reclaim"
#define KSM	"/sys/kernel/mm/ksm/"
#define SWAPPED	(1ULL << 62)	/* in pagemap */
#define MB	(1UL << 20)

#ifndef MADV_PAGEOUT		/* Linux 5.4 */
#define MADV_PAGEOUT	21
#endif

static const char *path;	/* of the file, to open it again */
static char *as_it_was;		/* its mount, by /proc/mounts */

/* a hole of a few megabytes */
static size_t hole, hole_pages;

/* what /proc/mounts says of a mount point: itself, file system and options */
static char *mounted_as(const char *where)
{
	FILE *mounts = fopen("/proc/mounts", "r");
	const size_t len = strlen(where);
	static char line[512];
	char *at = NULL;

	while (mounts && fgets(line, sizeof(line), mounts)) {
		at = strchr(line, ' ');
		if (at && !strncmp(++at, where, len) && at[len] == ' ')
			break;
		at = NULL;
	}
	if (mounts)
		fclose(mounts);
	if (!at)
		errx(1, "%s is not mounted", where);
	return at;
}

static char *map_file(size_t index, size_t pages)
{
	char *p = mmap(NULL, pages * file.page, PROT_READ | PROT_WRITE, MAP_PRIVATE,
		       file.fd, index * file.page);

	if (p == MAP_FAILED)
		err(1, "mmap");
	return p;
}

/* run @call in a cgroup of its own; its status as of waitpid() */
static int in_cgroup(const char *limit, int (*call)(void))
{
	write_string("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	if (mkdir(CGROUP, 0755) || write_string(CGROUP "/memory.max", limit))
		err(1, CGROUP);
	posix_fadvise(file.fd, 0, 0, POSIX_FADV_DONTNEED);
	return run_in_cgroup(CGROUP, call);
}

static void end_cgroup(void)
{
	/* what was charged to it and stays goes to its parent */
	if (rmdir(CGROUP))
		err(1, "rmdir " CGROUP);
}

static int read_holes_often(void)
{
	const long bytes = hole_pages * file.page, index = 4 * file.page;
	long before = number_in(CGROUP "/memory.stat", "file"), charged;
	size_t i, n;

	for (n = 0; n < 64; n++) {
		char *p = map_file(hole, hole_pages);

		for (i = 0; i < hole_pages; i++)
			expect(!*(volatile char *)(p + i * file.page), "page %zu", i);
	}
	charged = number_in(CGROUP "/memory.stat", "file") - before;
	/* the chunk index is read through the page cache */
	expect(file.active ? charged <= index : charged >= bytes,
	       "%ld bytes of page cache charged", charged);
	expect(!file.active || number_in(CGROUP "/memory.stat", "anon") < (long)MB,
	       "anonymous memory charged");
	return 0;
}

static int memcg_holes_are_free(void)
{
	int status = in_cgroup("16M", read_holes_often);

	end_cgroup();
	return status;
}

static int read_all(void)
{
	char *p = map_file(0, file.pages);

	madvise((void *)file.ref, file.size, MADV_RANDOM);
	expect(!memcmp(p, file.ref, file.size), "contents");
	expect(!memcmp(p, file.ref, file.size), "contents, again");
	munmap(p, file.pages * file.page);
	return 0;
}

static int memcg_tight_limit(void)
{
	/* folios of holes that Linux 7 reads ahead may be all that fits 8 MiB */
	int status = in_cgroup(file.active ? "8M" : "32M", read_all);
	long killed = number_in(CGROUP "/memory.events", "oom_kill");

	end_cgroup();
	expect(!killed, "%ld processes killed", killed);
	return status;
}

static int write_holes_often(void)
{
	size_t i, n;

	for (n = 0; n < 16; n++) {
		char *p = map_file(hole, hole_pages);

		for (i = 0; i < hole_pages; i++)
			p[i * file.page] = 1;
	}
	return 0;
}

/* private pages are charged, and who takes too many is killed, nobody else */
static int memcg_kills_writer(void)
{
	int status = in_cgroup("8M", write_holes_often);
	long killed = number_in(CGROUP "/memory.events", "oom_kill");

	end_cgroup();
	expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && killed == 1,
	       "status %x, %ld killed", status, killed);
	return read_all();
}

/* read and written by turns, all along the file */
static void write_pattern(char *p, size_t pages)
{
	size_t i;

	for (i = 0; i < pages; i++)
		if (i % 4)
			p[i * file.page + i % 4000] ^= i % 251 + 1;
		else
			(void)*(volatile char *)(p + i * file.page);
}

static int check_pattern(const char *p, size_t pages)
{
	size_t i;

	for (i = 0; i < pages; i++) {
		const char *want = file.ref + i * file.page, *is = p + i * file.page;
		size_t at = i % 4000;
		char written = want[at];

		if (i % 4)
			written ^= i % 251 + 1;
		expect(is[at] == written, "page %zu: the byte written", i);
		expect(!memcmp(is, want, at) &&
		       !memcmp(is + at + 1, want + at + 1, file.page - at - 1),
		       "page %zu", i);
	}
	return 0;
}

static int pageout(void)
{
	size_t pages = file.size / file.page, i, swapped = 0;
	char *p = map_file(0, pages);

	write_pattern(p, pages);
	expect(!madvise(p, pages * file.page, MADV_PAGEOUT), "pageout");
	for (i = 0; i < pages; i++) {
		bool out = pagemap_entry(p + i * file.page) & SWAPPED;

		expect(!out || i % 4, "page %zu was not written and is in swap", i);
		swapped += out;
	}
	expect(swapped > pages / 2, "%zu of %zu pages in swap", swapped, pages);
	expect_ok(check_pattern(p, pages));
	expect(!munmap(p, pages * file.page), "munmap");
	return 0;
}

static int swap_and_back(void)
{
	int ret;

	expect(!swap_on(192), "no swap");
	ret = pageout();
	return swap_off() ? 1 : ret;
}

static int write_and_check_twice(void)
{
	size_t pages = file.size / file.page;
	char *p = map_file(0, pages);

	write_pattern(p, pages);
	expect_ok(check_pattern(p, pages));
	return check_pattern(p, pages);
}

static int swap_under_pressure(void)
{
	int status;

	expect(!swap_on(192), "no swap");
	status = in_cgroup("24M", write_and_check_twice);
	end_cgroup();
	expect(!swap_off(), "swap stays");
	expect(!status, "status %x", status);
	return read_all();
}

static int memcg_tight_limit_old_lru(void)
{
	return with_old_lru(memcg_tight_limit);
}

static int swap_under_pressure_old_lru(void)
{
	return with_old_lru(swap_under_pressure);
}

/* until KSM has seen everything twice, which is what it needs to merge */
static int ksm_scans(void)
{
	long scans = number_in(KSM "full_scans", ""), i;

	for (i = 0; i < 3000 && number_in(KSM "full_scans", "") < scans + 3; i++)
		usleep(20000);
	expect(i < 3000, "KSM does not scan");
	return 0;
}

/*
 * KSM's own zero pages are zero PTEs as well, told apart by their dirty bit.  Ours
 * must not be counted when KSM comes by, nor when they go.
 */
static int ksm_counts_its_own(void)
{
	long before = number_in(KSM "ksm_zero_pages", "");
	size_t i, own = 64;
	char *p, *q;

	expect(before >= 0 && !write_string(KSM "use_zero_pages", "1") &&
	       !write_string(KSM "pages_to_scan", "20000") &&
	       !write_string(KSM "sleep_millisecs", "10") &&
	       !write_string(KSM "smart_scan", "0") &&
	       !write_string(KSM "run", "1"), "no KSM");
	p = map_file(hole, hole_pages);
	q = map_file(hole, hole_pages);
	expect(!madvise(p, hole_pages * file.page, MADV_MERGEABLE) &&
	       !madvise(q, hole_pages * file.page, MADV_MERGEABLE), "mergeable");
	for (i = 0; i < hole_pages; i++)
		(void)*(volatile char *)(p + i * file.page);
	expect_ok(ksm_scans());
	expect(number_in(KSM "ksm_zero_pages", "") == before, "mapped: %ld",
	       number_in(KSM "ksm_zero_pages", ""));

	/* zeros that a process has written are KSM's to merge: the counter is alive */
	for (i = 0; i < own; i++)
		*(volatile char *)(q + i * file.page) = 0;
	expect_ok(ksm_scans());
	expect(number_in(KSM "ksm_zero_pages", "") == before + (long)own,
	       "%ld pages merged", number_in(KSM "ksm_zero_pages", "") - before);
	expect(maps_zero_page(q) && !q[0], "not merged into the zero page");
	/* in all the ways that pages go */
	q[0] = 1;
	expect(number_in(KSM "ksm_zero_pages", "") == before + (long)own - 1, "written");
	expect(!madvise(p, file.page * 16, MADV_DONTNEED), "dontneed");
	p[16 * file.page] = 1;
	expect(!munmap(p, hole_pages * file.page), "munmap");
	expect(number_in(KSM "ksm_zero_pages", "") == before + (long)own - 1,
	       "unmapped: %ld", number_in(KSM "ksm_zero_pages", ""));
	expect(!munmap(q, hole_pages * file.page), "munmap");
	expect(number_in(KSM "ksm_zero_pages", "") == before, "%ld left",
	       number_in(KSM "ksm_zero_pages", "") - before);
	return 0;
}

/* pages of holes that were written alike are merged, and come apart again */
static int ksm_merges_written(void)
{
	char *p = map_file(hole, hole_pages);
	size_t i;

	expect(!madvise(p, hole_pages * file.page, MADV_MERGEABLE), "mergeable");
	for (i = 0; i < hole_pages; i += 2)
		p[i * file.page + 7] = 7;
	for (i = 1; i < hole_pages; i += 2)
		(void)*(volatile char *)(p + i * file.page);
	expect_ok(ksm_scans());
	expect(number_in(KSM "pages_sharing", "") > 100, "%ld pages sharing",
	       number_in(KSM "pages_sharing", ""));
	p[7] = 8;
	for (i = 1; i < hole_pages; i++)
		expect(p[i * file.page + 7] == (i % 2 ? 0 : 7) && !p[i * file.page],
		       "page %zu", i);
	expect(!write_string(KSM "run", "2"), "unmerge");
	for (i = 1; i < hole_pages; i++)
		expect(p[i * file.page + 7] == (i % 2 ? 0 : 7) && !p[i * file.page],
		       "page %zu, unmerged", i);
	expect(!write_string(KSM "run", "0"), "run");
	munmap(p, hole_pages * file.page);
	return 0;
}

/* who shares with the file has what it has, in the same pages; then it goes away */
static int member_leaves(void)
{
	char *p = map_file(0, file.pages), *other;
	size_t i;

	other = mmap(NULL, file.pages * file.page, PROT_READ, MAP_SHARED, file.member, 0);
	expect(other != MAP_FAILED, "mmap: %s", strerror(errno));
	expect(!memcmp(p, file.ref, file.size), "contents");
	expect(!memcmp(other, file.ref, file.size), "contents of the other");
	for (i = 0; i < file.pages; i++) {
		size_t at = i * file.page;

		expect(file.is_hole[i] || PM_PFN(pagemap_entry(p + at)) ==
		       PM_PFN(pagemap_entry(other + at)), "page %zu is there twice", i);
	}
	munmap(p, file.pages * file.page);
	munmap(other, file.pages * file.page);
	close(file.member);
	/* if it is of the same mount, there is nothing there */
	expect(!umount2("/mnt2", 0) || errno == EINVAL, "umount: %s", strerror(errno));
	return 0;
}

static pid_t start_mapper(int *go)
{
	int pipes[2], ready[2];
	char byte;
	pid_t pid;

	if (pipe(pipes) || pipe(ready))
		err(1, "pipe");
	fflush(stdout);
	pid = fork();
	if (pid) {
		close(pipes[0]);
		close(ready[1]);
		if (read(ready[0], &byte, 1) != 1)
			errx(1, "no mapper");
		*go = pipes[1];
	} else {
		char *p = map_file(0, file.pages);

		(void)*(volatile char *)(p + hole * file.page);
		close(pipes[1]);
		close(file.fd);
		/* what is not touched yet is touched when the mount is gone */
		if (write(ready[1], "", 1) != 1 || read(pipes[0], &byte, 1) < 0)
			_exit(1);
		_exit(!!memcmp(p, file.ref, file.size));
	}
	return pid;
}

/* /disk0 at /mnt, as it was: with what the test was told to mount it with, as ",a,b" */
static int mount_again(void)
{
	const char *options = getenv("OPTIONS");

	expect(!mount("/disk0", "/mnt", "erofs", MS_RDONLY,
		      options && *options ? options + 1 : NULL), "mount: %s", strerror(errno));
	expect(!strcmp(mounted_as("/mnt"), as_it_was), "it was mounted as %s, and is as %s",
	       as_it_was, mounted_as("/mnt"));
	file.fd = open(path, O_RDONLY);
	expect(file.fd >= 0, "%s: %s", path, strerror(errno));
	return 0;
}

static int unload(void)
{
	return syscall(SYS_delete_module, "erofs", O_NONBLOCK) ? errno : 0;
}

static int end_mapper(pid_t pid, int go)
{
	int status;

	close(go);
	expect(waitpid(pid, &status, 0) == pid && !status, "the mapper: %x", status);
	return 0;
}

/* a mapping holds the mount, the super block and the module; nothing else does */
static int unmount_while_mapped(void)
{
	int go;
	pid_t pid = start_mapper(&go);

	close(file.fd);
	expect(umount2("/mnt", 0) && errno == EBUSY, "umount: %s", strerror(errno));
	expect(unload() == EAGAIN, "unload");
	expect_ok(end_mapper(pid, go));
	expect(!umount2("/mnt", 0), "umount: %s", strerror(errno));
	expect_ok(mount_again());

	pid = start_mapper(&go);
	close(file.fd);
	expect(!umount2("/mnt", MNT_DETACH), "detach: %s", strerror(errno));
	expect(unload() == EAGAIN, "unload, detached");
	return end_mapper(pid, go);
}

static int module_unloads(void)
{
	int i, ret = 0;

	/* the super block goes when the last process has ended, a little later */
	for (i = 0; i < 500 && (ret = unload()) == EAGAIN; i++)
		usleep(10000);
	expect(!ret, "unload: %s", strerror(ret));
	expect(access("/sys/module/erofs", F_OK), "still there");
	expect(!system("modprobe erofs"), "modprobe");
	expect_ok(mount_again());
	return read_all();
}

static const struct ktap_case cases[] = {
	{ "memcg-holes-are-free", memcg_holes_are_free },
	{ "memcg-tight-limit", memcg_tight_limit },
	{ "memcg-tight-limit-old-lru", memcg_tight_limit_old_lru },
	{ "memcg-kills-writer", memcg_kills_writer },
	{ "swap-and-back", swap_and_back },
	{ "swap-under-pressure", swap_under_pressure },
	{ "swap-under-pressure-old-lru", swap_under_pressure_old_lru },
	{ "ksm-counts-its-own", ksm_counts_its_own },
	{ "ksm-merges-written", ksm_merges_written },
	{ "member-leaves", member_leaves },
	{ "unmount-while-mapped", unmount_while_mapped },
	{ "module-unloads", module_unloads },
};

int main(int argc, char **argv)
{
	struct ktap_case chosen[sizeof(cases) / sizeof(*cases)];
	static char pattern[1025];
	size_t i, nr = 0;

	area_arguments(argc, argv);
	path = argv[argc - 2];
	as_it_was = strdup(mounted_as("/mnt"));
	hole_pages = sizeof(pattern) - 1;
	memset(pattern, 'h', hole_pages);
	hole = area_find(pattern);
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (area_chosen(cases[i].name) &&
		    (file.member >= 0 || cases[i].run != member_leaves))
			chosen[nr++] = cases[i];
	return ktap_run(chosen, nr);
}
