// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ways to ask for a page of a file, for faulty.c.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/io_uring.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "faulty.h"
#include "guest.h"
#include "sharing.h"

#define AHEAD	8	/* pages that are asked for before one of them is read */

static sigjmp_buf bus;

static void on_sigbus(int sig)
{
	siglongjmp(bus, sig);
}

static int by_pread(int fd, off_t at, char *out)
{
	return pread(fd, out, page, at) < 0 ? errno : RIGHT;
}

static int by_readv(int fd, off_t at, char *out)
{
	struct iovec parts[] = { { out, 100 }, { out + 100, page - 100 } };

	return preadv(fd, parts, 2, at) < 0 ? errno : RIGHT;
}

/* the page of a mapping; with @store it is written to first, with the byte that is there */
static int by_mapping(int fd, off_t at, char *out, int flags, char *store)
{
	char *p = mmap(NULL, page, PROT_READ | (store ? PROT_WRITE : 0), flags, fd, at);
	int ret = RIGHT;

	if (p == MAP_FAILED)
		return errno;
	signal(SIGBUS, on_sigbus);
	if (sigsetjmp(bus, 1)) {
		ret = BUS;
	} else {
		if (store)
			*(volatile char *)p = *store;
		memcpy(out, p, page);
	}
	munmap(p, page);
	return ret;
}

static int by_load(int fd, off_t at, char *out)
{
	return by_mapping(fd, at, out, MAP_PRIVATE, NULL);
}

static int by_shared_load(int fd, off_t at, char *out)
{
	return by_mapping(fd, at, out, MAP_SHARED, NULL);
}

static char *right_bytes(off_t at)
{
	static struct map ref;

	if (!ref.p)
		ref = reference(FILE_NAME);
	return ref.p + at;
}

static int by_store(int fd, off_t at, char *out)
{
	return by_mapping(fd, at, out, MAP_PRIVATE, right_bytes(at));
}

/* the kernel takes it from a mapping, or has it mapped */
static int by_kernel(int fd, off_t at, char *out, bool populate)
{
	char *p = mmap(NULL, page, PROT_READ, MAP_PRIVATE, fd, at);
	int ends[2], ret = RIGHT;

	if (p == MAP_FAILED || pipe(ends))
		err(1, "a mapping and a pipe");
	if (populate && madvise(p, page, MADV_POPULATE_READ))
		ret = errno;
	else if (write(ends[1], p, page) < 0 || read(ends[0], out, page) < 0)
		ret = errno;
	close(ends[0]);
	close(ends[1]);
	munmap(p, page);
	return ret;
}

static int by_write(int fd, off_t at, char *out)
{
	return by_kernel(fd, at, out, false);
}

static int by_populate(int fd, off_t at, char *out)
{
	return by_kernel(fd, at, out, true);
}

static int by_splice(int fd, off_t at, char *out)
{
	int ends[2], ret = RIGHT;

	if (pipe(ends))
		err(1, "pipe");
	if (splice(fd, &at, ends[1], NULL, page, 0) < 0 || read(ends[0], out, page) < 0)
		ret = errno;
	close(ends[0]);
	close(ends[1]);
	return ret;
}

static int by_sendfile(int fd, off_t at, char *out)
{
	int memory = memfd_create("out", 0), ret = RIGHT;

	if (memory < 0)
		err(1, "memfd");
	if (sendfile(memory, fd, &at, page) < 0 || pread(memory, out, page, 0) < 0)
		ret = errno;
	close(memory);
	return ret;
}

static int by_readahead(int fd, off_t at, char *out)
{
	posix_fadvise(fd, at, AHEAD * page, POSIX_FADV_WILLNEED);
	return by_pread(fd, at, out);
}

static int by_willneed(int fd, off_t at, char *out)
{
	char *p = mmap(NULL, AHEAD * page, PROT_READ, MAP_PRIVATE, fd, at);

	madvise(p, AHEAD * page, MADV_WILLNEED);
	munmap(p, AHEAD * page);
	return by_load(fd, at, out);
}

/* what io_uring tries itself first, and waits for if it must */
static int by_ring(int fd, off_t at, char *out)
{
	const int ret = read_by_ring(fd, out, page, at, 0, 0);

	return ret < 0 ? -ret : RIGHT;
}

/* what its threads do */
static int by_ring_async(int fd, off_t at, char *out)
{
	const int ret = read_by_ring(fd, out, page, at, 0, IOSQE_ASYNC);

	return ret < 0 ? -ret : RIGHT;
}

/* a file of its own that was opened with O_DIRECT */
static int by_direct_file(int fd, off_t at, char *out,
			  int (*get)(int fd, off_t at, char *out))
{
	char path[64];
	int direct, ret;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	direct = open(path, O_RDONLY | O_DIRECT);
	if (direct < 0)
		return errno;
	ret = get(direct, at, out);
	close(direct);
	return ret;
}

static int by_direct(int fd, off_t at, char *out)
{
	return by_direct_file(fd, at, out, by_pread);
}

static int by_ring_direct(int fd, off_t at, char *out)
{
	return by_direct_file(fd, at, out, by_ring);
}

const struct way ways[] = {
	{ .name = "pread", .get = by_pread, .error = EIO },
	{ .name = "readv", .get = by_readv, .error = EIO },
	{ .name = "load", .get = by_load, .error = BUS },
	{ .name = "shared-load", .get = by_shared_load, .error = BUS },
	{ .name = "store", .get = by_store, .error = BUS },
	{ .name = "write-from-mapping", .get = by_write, .error = EFAULT },
	{ .name = "populate", .get = by_populate, .error = EFAULT },
	{ .name = "splice", .get = by_splice, .error = EIO },
	{ .name = "sendfile", .get = by_sendfile, .error = EIO },
	{ .name = "readahead", .get = by_readahead, .error = EIO },
	{ .name = "willneed", .get = by_willneed, .error = BUS },
	{ .name = "ring", .get = by_ring, .error = EIO, .waits = 'S' },
	{ .name = "ring-async", .get = by_ring_async, .error = EIO, .waits = 'S' },
	{ .name = "direct", .get = by_direct, .error = EIO, .direct = true },
	{ .name = "ring-direct", .get = by_ring_direct, .error = EIO, .direct = true },
};

const size_t nr_ways = sizeof(ways) / sizeof(*ways);

int ask(const struct way *way, int fd, size_t nr)
{
	static char *out;
	int ret;

	if (!out)
		out = aligned_alloc(page, page);
	memset(out, 0x55, page);
	ret = way->get(fd, nr * page, out);
	if (ret == RIGHT && memcmp(out, right_bytes(nr * page), page))
		ret = WRONG;
	return ret;
}

/* RIGHT, WRONG if it does not do what it should, or the errno of execve() */
int run_program(const char *where)
{
	char path[PATH_MAX];
	int status;
	pid_t pid;

	snprintf(path, sizeof(path), "/m/%s/" PROGRAM, where);
	pid = fork();
	if (!pid) {
		execl(path, path, NULL);
		_exit(errno == EIO ? EIO : EINVAL);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		err(1, "a program");
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGBUS ? BUS : WRONG;
	return WEXITSTATUS(status) == PROGRAM_STATUS ? RIGHT : WEXITSTATUS(status);
}

const char *answer_name(int answer)
{
	switch (answer) {
	case RIGHT: return "the right bytes";
	case WRONG: return "wrong bytes";
	case BUS: return "SIGBUS";
	default: return strerror(answer);
	}
}
