// SPDX-License-Identifier: GPL-2.0-only
/*
 * share-stress SECONDS FOLDER OPTIONS... - lives and deaths of shared pages: processes
 * mount images in different ways, with one of the OPTIONS ("-" is none) at a time, open,
 * map and read their files, and unmount them in any order, lazily while they are in use
 * as well, while others drop caches and take all memory.  What they read is compared
 * throughout.
 *
 * FOLDER and /disk0, /disk1 are as for ishare.c.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "../ktap.h"
#include "guest.h"

#define WORKERS	5

static const struct { const char *source; bool second; } images[] = {
	{ "/disk0", false }, { "/disk1", true }, { "one", false }, { "two", true },
	{ "plain", false }, { "chunks", false }, { "lz4", false }, { "inline", false },
};

/* the second kind has the byte of almost.bin that makes it dense.bin's equal */
static const struct { const char *name, *first, *second; } files[] = {
	{ "dense.bin", "dense.bin", "dense.bin" },
	{ "ram.img", "ram.img", "ram.img" },
	{ "almost.bin", "almost.bin", "dense.bin" },
};

static char **options;
static int nr_options;
static const char *folder;
static time_t end;
static unsigned int seed;

static unsigned int chance(unsigned int n)
{
	return rand_r(&seed) % n;
}

/* the reference of a file, mapped; the same for all */
static char *reference(const char *name, size_t *size)
{
	char path[PATH_MAX];
	struct stat st;
	char *p;
	int fd;

	snprintf(path, sizeof(path), "%s/tree/%s", folder, name);
	fd = open(path, O_RDONLY);
	if (fd < 0 || fstat(fd, &st))
		err(1, "%s", path);
	p = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		err(1, "%s", path);
	close(fd);
	*size = st.st_size;
	return p;
}

/* look at some of a file, in one of the ways there are */
static int look(int fd, char *map, const char *ref, size_t size)
{
	static char buf[1 << 17];
	int i;

	for (i = 0; i < 8; i++) {
		size_t pos = (size_t)chance(1 << 30) % size, n = 1 + chance(sizeof(buf));

		if (n > size - pos)
			n = size - pos;
		switch (chance(4)) {
		case 0:
			expect(pread(fd, buf, n, pos) == (ssize_t)n, "pread at %zu: %s",
			       pos, strerror(errno));
			expect(!memcmp(buf, ref + pos, n), "read other bytes at %zu", pos);
			break;
		case 1:
			posix_fadvise(fd, pos, n, chance(2) ? POSIX_FADV_DONTNEED :
				      POSIX_FADV_WILLNEED);
			break;
		case 2:
			if (map)
				madvise(map, size, MADV_DONTNEED);
			break;
		default:
			if (map)
				expect(!memcmp(map + pos, ref + pos, n),
				       "mapped other bytes at %zu", pos);
		}
	}
	return 0;
}

static int one_life(const char *target)
{
	size_t image = chance(sizeof(images) / sizeof(*images));
	const char *option = options[chance(nr_options)];
	const char *source = images[image].source, *ref;
	size_t f = chance(sizeof(files) / sizeof(*files)), size;
	char path[PATH_MAX], *map = NULL;
	int fd, ret, lazily = chance(3), unmounted = 0, tries;

	if (*source == '/')
		snprintf(path, sizeof(path), "%s", source);
	else
		snprintf(path, sizeof(path), "%s/%s", folder, source);
	if (mount(path, target, "erofs", MS_RDONLY,
		  strcmp(option, "-") ? option : NULL)) {
		/* somebody has the device in another domain, or it goes just now */
		expect(errno == EBUSY && *source == '/', "mount of %s: %s", source,
		       strerror(errno));
		return 0;
	}
	snprintf(path, sizeof(path), "%s/%s", target, files[f].name);
	fd = open(path, O_RDONLY);
	expect(fd >= 0, "%s of %s: %s", path, source, strerror(errno));
	ref = reference(images[image].second ? files[f].second : files[f].first, &size);
	if (chance(4)) {
		map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
		expect(map != MAP_FAILED, "mmap: %s", strerror(errno));
	}
	ret = look(fd, map, ref, size);
	if (lazily)
		umount2(target, MNT_DETACH);
	if (!ret)
		ret = look(fd, map, ref, size);
	if (map)
		munmap(map, size);
	munmap((void *)ref, size);
	close(fd);
	/* khugepaged may be looking at the file */
	for (tries = 0; !lazily && (unmounted = umount(target)) && tries < 100; tries++)
		usleep(10000);
	expect(!unmounted, "umount of %s, %s: %s", source, option, strerror(errno));
	if (ret)
		printf("# %s of %s\n", files[f].name, source);
	return ret;
}

static int worker(int n)
{
	unsigned long lives = 0;
	char target[64];

	if (unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		err(1, "unshare");
	snprintf(target, sizeof(target), "/m/%d", n);
	mkdir(target, 0755);
	for (; time(NULL) < end; lives++)
		if (one_life(target))
			return 1;
	printf("# worker %d: %lu lives\n", n, lives);
	return !lives;
}

/* caches and inodes go while they are used, and memory is short now and then */
static int disturber(void)
{
	static const char * const drop[] = { "1", "2", "3" };
	struct sysinfo info;

	while (time(NULL) < end) {
		write_string("/proc/sys/vm/drop_caches", drop[chance(3)]);
		if (!chance(4))
			write_string("/proc/sys/vm/compact_memory", "1");
		if (!chance(8) && !sysinfo(&info)) {
			size_t size = (size_t)info.freeram * info.mem_unit / 10 * 9;
			char *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

			if (p != MAP_FAILED)
				munmap(p, size);
		}
		usleep(10000 + chance(200000));
	}
	return 0;
}

static int lives_and_deaths(void)
{
	int i, failed = 0, status;

	mkdir("/m", 0755);
	for (i = 0; i <= WORKERS; i++) {
		pid_t pid;

		fflush(stdout);
		pid = fork();
		if (pid < 0)
			err(1, "fork");
		if (!pid) {
			int ret;

			seed = i * 7919 + (unsigned int)end;
			ret = i ? worker(i) : disturber();
			fflush(stdout);
			_exit(ret);
		}
	}
	while (wait(&status) > 0)
		failed |= status;
	expect(!failed, "see above");
	return 0;
}

/* all domains have gone with their mounts */
static int nothing_is_left(void)
{
	int i;

	expect(access("/sys/fs/erofs/ishare", F_OK), "somebody shares still");
	for (i = 0; i < 50; i++) {
		if (!system("modprobe -r erofs 2>/dev/null"))
			break;
		usleep(200000);
	}
	expect(i < 50, "the module is in use");
	expect(!system("modprobe erofs"), "modprobe");
	return 0;
}

static const struct ktap_case cases[] = {
	{ "lives-and-deaths", lives_and_deaths },
	{ "nothing-is-left", nothing_is_left },
};

int main(int argc, char **argv)
{
	if (argc < 4 || atoi(argv[1]) < 1) {
		fprintf(stderr, "usage: share-stress SECONDS FOLDER OPTIONS...\n");
		return 2;
	}
	end = time(NULL) + atoi(argv[1]);
	folder = argv[2];
	options = argv + 3;
	nr_options = argc - 3;
	return ktap_main(cases);
}
