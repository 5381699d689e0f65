// SPDX-License-Identifier: GPL-2.0-only
/*
 * memory [--stock] [--chunks|--shared] [--poison] [--case NAME]... FILE REFERENCE - what
 * happens to the memory below a mapping: it fails (--poison, of which not all can be undone
 * before the next boot), it is taken away, it is little.  Beside FILE is
 * sibling.img with the same content, which uses the same pages if chunks (--chunks) or
 * equal files (--shared) are shared.
 *
 * Would be found: a process that is killed for a hole, or for clean data that is still on
 * the disk; other bytes after a page was replaced; a page that keeps memory from being
 * taken away; pages that a cgroup pays for and cannot get rid of; cgroups that stay.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/udmabuf.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../ktap.h"
#include "area.h"
#include "guest.h"
#include "memory.h"

#define SECONDS	200	/* for one case: none waits for anything that takes longer */

bool memory_shared;
int sibling;
size_t memory_data, memory_hole;

char *memory_map(int fd, size_t index, size_t nr)
{
	char *p = mmap(NULL, nr * file.page, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd,
		       index * file.page);

	if (p == MAP_FAILED)
		err(1, "mmap");
	return p;
}

int memory_same(const char *p, size_t index, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++)
		expect(!memcmp(p + i * file.page, file.ref + (index + i) * file.page,
			       file.page), "page %zu has other bytes", index + i);
	return 0;
}

uint64_t memory_frame(const char *p)
{
	(void)*(volatile const char *)p;
	return PM_PFN(pagemap_entry(p));
}

/* devices get memory of memfds, and of no file on a disk */
static int no_udmabuf(void)
{
	struct udmabuf_create create = {
		.memfd = file.fd, .offset = memory_data * file.page, .size = file.page,
	};
	int fd = open("/dev/udmabuf", O_RDWR);

	if (fd < 0) {
		ktap_skip_reason = "no udmabuf in this kernel";
		return KTAP_SKIP;
	}
	expect(ioctl(fd, UDMABUF_CREATE, &create) < 0 && errno == EBADFD, "%s",
	       strerror(errno));
	return 0;
}

static const struct memory_case {
	const char *name;
	int (*run)(void);
	bool old_lru;		/* once more without the multi-generational LRU */
	/* memory that has failed stays so, and in blocks that cannot be taken away then */
	enum { KIND, POISONS, POISONS_ALL } what;
} cases[] = {
	{ .name = "udmabuf-is-refused", .run = no_udmabuf },
	{ .name = "movable-block-goes", .run = movable_block_goes },
	{ .name = "any-block-ends", .run = any_block_ends },
	{ .name = "memcg-high", .run = memcg_high, .old_lru = true },
	{ .name = "memcg-min", .run = memcg_min, .old_lru = true },
	{ .name = "memcg-low", .run = memcg_low, .old_lru = true },
	{ .name = "memcg-reclaim", .run = memcg_reclaim, .old_lru = true },
	{ .name = "memcg-reclaim-of-locked", .run = memcg_reclaim_of_locked, .old_lru = true },
	{ .name = "memcg-removed", .run = memcg_removed },
	{ .name = "damon-pageout", .run = damon_pageout },
	{ .name = "soft-offline-of-hole", .run = soft_offline_of_hole, .what = POISONS },
	{ .name = "soft-offline-of-data", .run = soft_offline_of_data, .what = POISONS },
	{ .name = "soft-offline-of-data-by-frame", .run = soft_offline_of_data_by_frame,
	  .what = POISONS },
	{ .name = "poisoned-data", .run = poisoned_data, .what = POISONS },
	{ .name = "poisoned-data-by-frame", .run = poisoned_data_by_frame, .what = POISONS },
	{ .name = "poisoned-copy", .run = poisoned_copy, .what = POISONS },
	/* the zero page is everybody's */
	{ .name = "poisoned-hole", .run = poisoned_hole, .what = POISONS_ALL },
};

/* each in a process of its own; what it left in the page cache goes before the next */
static int run_case(const struct memory_case *c)
{
	int status, ret;
	pid_t pid;

	posix_fadvise(file.fd, 0, 0, POSIX_FADV_DONTNEED);
	posix_fadvise(sibling, 0, 0, POSIX_FADV_DONTNEED);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		alarm(SECONDS * patience());
		ret = c->run();
		if (ret == KTAP_SKIP)
			printf("# skip: %s\n", ktap_skip_reason);
		fflush(stdout);
		_exit(ret);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		err(1, "child");
	if (WIFSIGNALED(status))
		printf("# killed by signal %d\n", WTERMSIG(status));
	if (WIFEXITED(status) && WEXITSTATUS(status) == KTAP_SKIP)
		return KTAP_SKIP;
	return !!status;
}

/* the table that ktap_run() wants has no argument for its functions */
static struct memory_step {
	const struct memory_case *c;
	bool old_lru;
} steps[2 * sizeof(cases) / sizeof(*cases)], *next = steps;

static int run_it(void)
{
	return run_case(next->c);
}

static int run_next(void)
{
	const int ret = next->old_lru ? with_old_lru(run_it) : run_it();

	++next;
	return ret;
}

static const char **only;	/* the cases that were asked for */
static int nr_only;
static bool poison;		/* or the cases that poison memory, but not all of it */

static bool chosen(const struct memory_case *c)
{
	int i;

	for (i = 0; i < nr_only; i++)
		if (!strcmp(only[i], c->name))
			return true;
	return !nr_only && c->what == (poison ? POISONS : KIND);
}

static int run_cases(void)
{
	static struct ktap_case table[sizeof(steps) / sizeof(*steps)];
	static const char *const suffix[] = { "", "-old-lru" };
	size_t i, nr = 0;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int old;

		if (!chosen(&cases[i]))
			continue;
		for (old = 0; old <= cases[i].old_lru; old++) {
			char *name;

			if (asprintf(&name, "%s%s", cases[i].name, suffix[old]) < 0)
				err(1, "asprintf");
			steps[nr] = (struct memory_step) { &cases[i], old };
			table[nr++] = (struct ktap_case) { name, run_next };
		}
	}
	if (nr < (size_t)nr_only || !nr)
		errx(2, "there are no such cases");
	return ktap_run(table, nr);
}

/* take what only this program knows from the arguments; the others are for area.c */
static void own_arguments(int *argc, char **argv)
{
	int i, n = 1;

	only = calloc(*argc, sizeof(*only));
	if (!only)
		err(1, "arguments");

	for (i = 1; i < *argc; i++)
		if (!strcmp(argv[i], "--shared"))
			memory_shared = true;
		else if (!strcmp(argv[i], "--poison"))
			poison = true;
		else if (!strcmp(argv[i], "--case") && i + 1 < *argc)
			only[nr_only++] = argv[++i];
		else
			argv[n++] = argv[i];
	argv[n] = NULL;
	*argc = n;
}

static size_t find_run(char kind, size_t nr)
{
	char pattern[nr + 1];

	memset(pattern, kind, nr);
	pattern[nr] = 0;
	return area_find(pattern);
}

int main(int argc, char **argv)
{
	char path[PATH_MAX];

	own_arguments(&argc, argv);
	area_arguments(argc, argv);
	snprintf(path, sizeof(path), "%s/sibling.img", dirname(strdupa(argv[argc - 2])));
	sibling = open(path, O_RDONLY);
	if (sibling < 0)
		err(1, "%s", path);
	memory_data = find_run('d', MEMORY_DATA);
	memory_hole = find_run('h', MEMORY_HOLE);
	zero_pfn();
	return run_cases();
}
