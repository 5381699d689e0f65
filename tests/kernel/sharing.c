// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/loop.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../ktap.h"
#include "guest.h"
#include "sharing.h"

const char *folder;
size_t page;

/* what a case has mounted and opened; both are undone after it */
static char mounted[8][PATH_MAX];
static int nr_mounted, first_fd;

const char *in_folder(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

int attach(const char *source, const char *where, const char *options)
{
	char target[PATH_MAX];

	mkdir("/m", 0755);
	snprintf(target, sizeof(target), "/m/%s", where);
	mkdir(target, 0755);
	if (mount(*source == '/' ? source : in_folder(source), target, "erofs",
		  MS_RDONLY, options))
		return -errno;
	memcpy(mounted[nr_mounted++], target, sizeof(target));
	return 0;
}

int detach(const char *where)
{
	char target[PATH_MAX];

	snprintf(target, sizeof(target), "/m/%s", where);
	return umount(target) ? -errno : 0;
}

int leave(const char *where)
{
	int tries, ret;

	for (tries = 0; (ret = detach(where)) == -EBUSY && tries < 100; tries++)
		usleep(10000);
	expect(!ret, "umount of %s: %s", where, strerror(-ret));
	return 0;
}

void clean_up(void)
{
	while (nr_mounted)
		umount2(mounted[--nr_mounted], MNT_DETACH);
	close_range(first_fd, ~0U, 0);
}

void forget_mounts(void)
{
	nr_mounted = 0;
}

int open_at(const char *where, const char *name, int flags)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/m/%s/%s", where, name);
	return open(path, O_RDONLY | flags);
}

int loop_of(const char *path, int flags, char *device, size_t size)
{
	const int writable = flags & LO_FLAGS_READ_ONLY ? O_RDONLY : O_RDWR;
	struct loop_config config = { .info.lo_flags = flags | LO_FLAGS_AUTOCLEAR };
	int control, fd, n;

	if (access("/sys/module/loop", F_OK) && system("modprobe loop"))
		errx(1, "modprobe loop");
	control = open("/dev/loop-control", O_RDWR);
	n = ioctl(control, LOOP_CTL_GET_FREE);
	close(control);
	snprintf(device, size, "/dev/loop%d", n);
	config.fd = open(path, writable);
	fd = open(device, writable);
	if (ioctl(fd, LOOP_CONFIGURE, &config))
		err(1, "%s of %s", device, path);
	close(config.fd);
	return fd;
}

struct map map_file(int fd)
{
	struct map m = { .fd = fd };
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		err(1, "the file of a case");
	m.size = st.st_size;
	m.p = mmap(NULL, m.size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (m.p == MAP_FAILED)
		err(1, "mmap");
	return m;
}

int drop_map(struct map m)
{
	munmap(m.p, m.size);
	return close(m.fd);
}

struct map map_at(const char *where, const char *name)
{
	return map_file(open_at(where, name, 0));
}

struct map reference(const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/tree/%s", folder, name);
	return map_file(open(path, O_RDONLY));
}

size_t common(struct map a, struct map b, size_t *data)
{
	static const char zeros[65536];
	size_t i, same = 0;

	*data = 0;
	for (i = 0; i < a.size && i < b.size; i += page) {
		size_t n = a.size - i < page ? a.size - i : page;
		uint64_t pa, pb;

		if (!memcmp(a.p + i, zeros, n))
			continue;
		(void)*(volatile char *)(b.p + i);
		pa = pagemap_entry(a.p + i);
		pb = pagemap_entry(b.p + i);
		++*data;
		same += (pa & PM_PRESENT) && (pb & PM_PRESENT) && PM_PFN(pa) == PM_PFN(pb);
	}
	return same;
}

int same_bytes(struct map m, const char *name)
{
	struct map ref = reference(name);

	expect(m.size == ref.size, "%s has %zu bytes, not %zu", name, m.size, ref.size);
	expect(!memcmp(m.p, ref.p, m.size), "%s has other bytes", name);
	return 0;
}

int expect_shared(struct map a, struct map b, const char *name, bool shared)
{
	size_t data, same;

	if (same_bytes(a, name) || same_bytes(b, name))
		return 1;
	same = common(a, b, &data);
	expect(data, "%s: no pages of data", name);
	expect(same == (shared ? data : 0), "%s: %zu of %zu pages are the same", name,
	       same, data);
	return 0;
}

/* each in a process of its own: its mappings and files go with it */
static const struct sharing_case **current;
const struct sharing_case *running;
const char *sharing_skip = "";

static int in_child(void)
{
	const struct sharing_case *c = *current++;
	int status, ret;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		alarm(600);
		running = c;
		ret = c->run();
		fflush(stdout);
		clean_up();
		_exit(ret);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		err(1, "child");
	if (WIFSIGNALED(status))
		printf("# killed by signal %d\n", WTERMSIG(status));
	if (WIFEXITED(status) && WEXITSTATUS(status) == KTAP_SKIP) {
		ktap_skip_reason = sharing_skip;
		return KTAP_SKIP;
	}
	return !!status;
}

int sharing_main(int argc, char **argv, const struct sharing_case *cases, size_t nr_cases)
{
	const struct sharing_case *chosen[nr_cases];
	struct ktap_case in_children[nr_cases];
	size_t i, nr = 0;
	int arg;

	if (argc < 2) {
		fprintf(stderr, "usage: %s FOLDER [CASE]...\n",
			program_invocation_short_name);
		return 2;
	}
	folder = argv[1];
	page = getpagesize();
	zero_pfn();
	first_fd = open("/dev/null", O_RDONLY);
	for (i = 0; i < nr_cases; i++) {
		for (arg = 2; arg < argc && strcmp(argv[arg], cases[i].name); arg++)
			;
		if (argc > 2 && arg == argc)
			continue;
		chosen[nr] = &cases[i];
		in_children[nr++] = (struct ktap_case) { cases[i].name, in_child };
	}
	if (argc > 2 && nr != (size_t)argc - 2)
		errx(2, "there are no such cases");
	current = chosen;
	return ktap_run(in_children, nr);
}
