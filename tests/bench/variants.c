// SPDX-License-Identifier: GPL-2.0-only
/*
 * variants FILE... - map the files privately, all at the same time, and read every
 * page: "cached-kb KB", what the page cache has grown by, but for what says where their
 * data is, which some mounts have there as well.
 *
 * variants --ksm SECONDS FILE... - copies of their data in anonymous memory instead, for
 * KSM to find the equal pages, as it is set up but for being on: "ksm-kb KB COPIED-KB
 * CPU-MS", the anonymous memory after that time and before, and what ksmd has worked.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../kernel/guest.h"

struct map { int fd; char *p; size_t size; };

static struct map map_file(const char *name)
{
	struct map m = { .fd = open(name, O_RDONLY) };
	struct stat st;

	if (m.fd < 0 || fstat(m.fd, &st))
		err(1, "%s", name);
	m.size = st.st_size;
	m.p = mmap(NULL, m.size, PROT_READ | PROT_WRITE, MAP_PRIVATE, m.fd, 0);
	if (m.p == MAP_FAILED)
		err(1, "%s", name);
	return m;
}

static int cached_of(char **names)
{
	char **name;
	long before;

	drop_caches();
	for (name = names; *name; name++) {
		int fd = open(*name, O_RDONLY);

		if (fd < 0)
			err(1, "%s", *name);
		read_extents(fd);
		close(fd);
	}
	before = number_in("/proc/meminfo", "Cached");
	for (; *names; names++) {
		struct map m = map_file(*names);
		size_t at;

		for (at = 0; at < m.size; at += getpagesize())
			(void)*(volatile char *)(m.p + at);
	}
	printf("cached-kb %ld\n", number_in("/proc/meminfo", "Cached") - before);
	return 0;
}

/* anonymous memory with the pages of a file that are not zeros */
static void copy_data(const char *name)
{
	static const char zeros[4096];
	struct map m = map_file(name);
	size_t at;
	char *copy = mmap(NULL, m.size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (copy == MAP_FAILED || madvise(copy, m.size, MADV_NOHUGEPAGE) ||
	    madvise(copy, m.size, MADV_MERGEABLE))
		err(1, "memory for %s", name);
	for (at = 0; at < m.size; at += sizeof(zeros))
		if (memcmp(m.p + at, zeros, sizeof(zeros)))
			memcpy(copy + at, m.p + at, sizeof(zeros));
	munmap(m.p, m.size);
	close(m.fd);
}

static long ksmd_ms(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	long ms = -1;

	while (proc && ms < 0 && (entry = readdir(proc))) {
		unsigned long user, system;
		char path[300], comm[32];
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
		f = fopen(path, "r");
		if (f && fscanf(f, "%*d (%31[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
				comm, &user, &system) == 3 && !strcmp(comm, "ksmd"))
			ms = (user + system) * 1000 / sysconf(_SC_CLK_TCK);
		if (f)
			fclose(f);
	}
	if (proc)
		closedir(proc);
	return ms;
}

static int merged(unsigned int seconds, char **names)
{
	long copied, kb, before = number_in("/proc/meminfo", "AnonPages"), ms = ksmd_ms();

	for (; *names; names++)
		copy_data(*names);
	copied = number_in("/proc/meminfo", "AnonPages") - before;
	if (write_string("/sys/kernel/mm/ksm/run", "1"))
		err(1, "KSM");
	sleep(seconds);
	kb = number_in("/proc/meminfo", "AnonPages") - before;
	ms = ksmd_ms() - ms;
	write_string("/sys/kernel/mm/ksm/run", "0");
	printf("ksm-kb %ld %ld %ld\n", kb, copied, ms);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 3 && !strcmp(argv[1], "--ksm"))
		return merged(atoi(argv[2]), argv + 3);
	if (argc > 1 && argv[1][0] != '-')
		return cached_of(argv + 1);
	fprintf(stderr, "usage: variants [--ksm SECONDS] FILE...\n");
	return 2;
}
