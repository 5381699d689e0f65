// SPDX-License-Identifier: GPL-2.0-only
/*
 * What hostile.c does to mappings of files: the common ones, which all threads change as
 * they like and look at for nothing, and those of a thread's own, whose bytes it knows.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include "hostile.h"

#define SYS_MSEAL	462	/* Linux 6.10 */

static const int advices[] = {
	0, 1, 2, 3, 4, 4, 8, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 20, 21, 21, 22, 22,
	23, 24, 25, 25, 100, 101, 102, 103,
};

#define ADVICE_HWPOISON		100
#define ADVICE_SOFT_OFFLINE	101

static bool map(struct thread *t)
{
	static const int prots[] = { PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC,
		PROT_NONE, PROT_READ | PROT_WRITE | PROT_EXEC };
	int flags = dice(t, 3) ? MAP_PRIVATE : MAP_SHARED, prot = pick(t, prots), fd;
	const struct hostile_file *f = some_file(t);
	size_t first = dice(t, 4) ? 0 : dice(t, SLOT / 8 / PAGE);
	void *p, *at = (char *)ARENA + (size_t)dice(t, SLOTS) * SLOT + first * PAGE;
	uint64_t pos = dice(t, 2) ? 0 : (uint64_t)dice(t, f->size) & -PAGE;

	flags |= MAP_FIXED | some_bits(t, MAP_NORESERVE | MAP_NONBLOCK | MAP_DENYWRITE);
	if (!dice(t, 16))
		flags |= MAP_POPULATE;
	if (!dice(t, 16) && manner != MARKS)
		flags |= MAP_LOCKED;
	if (!dice(t, 16))
		flags = (flags & ~MAP_SHARED) | MAP_SHARED_VALIDATE | MAP_SYNC;
	fd = open(f->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	p = mmap(at, dice(t, 2) ? SLOT / 2 : f->size, prot, flags, fd, pos);
	close(fd);
	if (p != MAP_FAILED && (prot & PROT_WRITE) && !(flags & MAP_PRIVATE))
		wrong("%s is mapped to be written to", f->path);
	return p != MAP_FAILED;
}

static bool unmap_some(struct thread *t)
{
	size_t len;
	char *p = some_range(t, &len, dice(t, 4) ? 16 : 2048);

	unmap(p, len);
	return true;
}

static bool touch(struct thread *t)
{
	size_t len, i;
	char *p = some_range(t, &len, 64);
	bool ok = false;

	for (i = 0; i < len; i += PAGE)
		ok |= read_byte(t, p + i);
	return ok;
}

static bool dirty(struct thread *t)
{
	size_t len, i;
	char *p = some_range(t, &len, 16);
	bool ok = false;

	for (i = 0; i < len; i += PAGE)
		ok |= write_byte(t, p + i + dice(t, PAGE), 'x');
	return ok;
}

/* a mapping of the thread's own has the bytes of the file, but for what was written there */
static bool see_own(struct thread *t, bool write)
{
	static const int flags[] = { MAP_PRIVATE, MAP_SHARED };
	const struct hostile_file *f = some_file(t);
	char *p = map_own(t, f, PROT_READ | (write ? PROT_WRITE : 0),
			  write ? MAP_PRIVATE : pick(t, flags));
	uint64_t pos = (uint64_t)dice(t, f->size) & -PAGE;
	size_t n = (1 + dice(t, dice(t, 8) ? 32 : 512)) * PAGE;
	bool same = true, ok;
	char copy[64];
	int fd;

	if (!p)
		return false;
	n = n < f->size - pos ? n : f->size - pos;
	if (!dice(t, 4))
		madvise(p, SLOT, pick(t, advices));
	ok = is_content(t, f, pos, p + pos, n, &same);
	if (!same)
		wrong("mapping: %s has other bytes within %zu from %llu on", f->path, n,
		      (unsigned long long)pos);
	if (write && ok && write_byte(t, p + pos, p[pos] ^ 0x5a)) {
		fd = open(f->path, O_RDONLY | O_CLOEXEC);
		check_bytes(f, pos, copy, pread(fd, copy, sizeof(copy), pos), "beside a write");
		close(fd);
		p[pos] ^= 0x5a;
		is_content(t, f, pos, p + pos, n, &same);
		if (!same)
			wrong("written: %s has other bytes within %zu from %llu on", f->path, n,
			      (unsigned long long)pos);
	}
	unmap(t->own, SLOT);
	return ok;
}

static bool map_and_see(struct thread *t)
{
	return see_own(t, false);
}

static bool map_and_write(struct thread *t)
{
	return see_own(t, true);
}

static bool protect(struct thread *t)
{
	size_t len;
	char *p = some_range(t, &len, 64);

	return !mprotect(p, len, some_bits(t, PROT_READ | PROT_WRITE | PROT_EXEC));
}

/* ---- advice ---- */

static bool advised(int advice, long ret)
{
	if (ret >= 0 && (advice == ADVICE_HWPOISON || advice == ADVICE_SOFT_OFFLINE))
		wrong("a user was let take memory away (advice %d)", advice);
	return ret >= 0;
}

static bool advise(struct thread *t)
{
	int advice = pick(t, advices);
	size_t len;
	char *p = some_range(t, &len, dice(t, 8) ? 64 : 1024);

	return advised(advice, madvise(p, len, advice));
}

static bool advise_process(struct thread *t)
{
	int advice = pick(t, advices), pidfd = syscall(SYS_pidfd_open, getpid(), 0);
	struct iovec iov[4];
	long ret;
	int i;

	for (i = 0; i < 4; i++) {
		size_t len;

		iov[i].iov_base = some_range(t, &len, 64);
		iov[i].iov_len = len;
	}
	ret = syscall(SYS_process_madvise, pidfd, iov, 4, advice, 0);
	close(pidfd);
	return advised(advice, ret);
}

/* ---- locked memory ---- */

static bool lock(struct thread *t)
{
	size_t len;
	char *p = some_range(t, &len, 64);

	if (manner == MARKS)
		return false;
	switch (dice(t, 4)) {
	case 0: return !mlock(p, len);
	case 1: return !mlock2(p, len, MLOCK_ONFAULT);
	case 2: return map_own(t, some_file(t), PROT_READ, MAP_PRIVATE) && !mlock(t->own, len);
	default: return !munlock(p, len);
	}
}

static bool lock_all(struct thread *t)
{
	if (manner == MARKS || dice(t, 2))
		return !munlockall();
	return !mlockall(MCL_ONFAULT | (1 + dice(t, 3)));
}

/* ---- moves ---- */

static bool move(struct thread *t)
{
	size_t len, new = (1 + dice(t, 64)) * PAGE, none;
	char *p = some_range(t, &len, 64), *q;

	/* always to a slot: what is left behind must not be given to others */
	do {
		q = some_range(t, &none, 64);
	} while (q + 64 * PAGE > p && p + 64 * PAGE > q);
	new = new < none ? new : none;
	if (dice(t, 2) && len <= none)
		return mremap(p, len, len, MREMAP_MAYMOVE | MREMAP_DONTUNMAP | MREMAP_FIXED,
			      q) != MAP_FAILED;
	return mremap(p, len, new, MREMAP_MAYMOVE | MREMAP_FIXED, q) != MAP_FAILED;
}

/* a shared mapping that cannot be written to is none for the kernel: it refuses */
static bool remap_pages(struct thread *t)
{
	const struct hostile_file *f = some_file(t);
	char *p = map_own(t, f, PROT_READ, MAP_SHARED);
	size_t page = dice(t, f->size / PAGE), to = dice(t, f->size / PAGE);
	bool ok, same = true;

	if (!p)
		return false;
	ok = !syscall(SYS_remap_file_pages, p + page * PAGE, PAGE, 0, to, 0);
	if (ok && is_content(t, f, (uint64_t)to * PAGE, p + page * PAGE, PAGE, &same) &&
	    !same)
		wrong("remap_file_pages: %s has other bytes in page %zu", f->path, to);
	unmap(t->own, SLOT);
	return ok;
}

/* in a child: what is sealed stays */
static bool seal(struct thread *t)
{
	size_t len;
	char *p = some_range(t, &len, 64);
	pid_t pid = fork_child();

	if (!pid) {
		if (syscall(SYS_MSEAL, p, len, 0))
			_exit(1);
		madvise(p, len, MADV_DONTNEED);
		_exit(munmap(p, len) && !mprotect(p, len, PROT_READ) ? 2 : 0);
	}
	return pid > 0 && !child_status(pid);
}

/* ---- what is where ---- */

static bool ask_residence(struct thread *t)
{
	unsigned char seen[64];
	size_t len;
	char *p = some_range(t, &len, 64);

	return !(dice(t, 2) ? mincore(p, len, seen) : msync(p, len, some_bits(t, 7)));
}

static bool policy(struct thread *t)
{
	static const int modes[] = { MPOL_DEFAULT, MPOL_BIND, MPOL_PREFERRED, MPOL_INTERLEAVE };
	unsigned long node = 1;
	int mode = pick(t, modes), got;
	size_t len;
	char *p = some_range(t, &len, 64);

	if (!dice(t, 3))
		return !syscall(SYS_get_mempolicy, &got, &node, 8, p, MPOL_F_ADDR |
				(dice(t, 2) ? MPOL_F_NODE : 0));
	return !syscall(SYS_mbind, p, len, mode, mode ? &node : NULL, mode ? 8 : 0,
			some_bits(t, MPOL_MF_STRICT | MPOL_MF_MOVE | MPOL_MF_MOVE_ALL));
}

static bool move_to_node(struct thread *t)
{
	int nodes[16] = { 0 }, status[16], i;
	unsigned long from = 1;
	void *pages[16];
	size_t len;

	if (!dice(t, 3))
		return !syscall(SYS_migrate_pages, 0, 8, &from, &from);
	for (i = 0; i < 16; i++)
		pages[i] = some_range(t, &len, 1);
	return syscall(SYS_move_pages, 0, 16, pages, dice(t, 2) ? nodes : NULL, status,
		       some_bits(t, MPOL_MF_MOVE | MPOL_MF_MOVE_ALL)) >= 0;
}

static bool futex(struct thread *t)
{
	static const int what[] = { FUTEX_WAIT, FUTEX_WAKE, FUTEX_WAIT_BITSET, FUTEX_LOCK_PI,
		FUTEX_TRYLOCK_PI, FUTEX_UNLOCK_PI, FUTEX_REQUEUE };
	struct timespec wait = { .tv_nsec = 1000000 }, now;
	int op = pick(t, what);
	size_t len;
	char *p = some_range(t, &len, 1);

	if (op == FUTEX_WAIT_BITSET || op == FUTEX_LOCK_PI) {
		clock_gettime(op == FUTEX_LOCK_PI ? CLOCK_REALTIME : CLOCK_MONOTONIC, &now);
		wait = now;
	}
	return syscall(SYS_futex, p, op | (dice(t, 4) ? 0 : FUTEX_PRIVATE_FLAG), 0, &wait,
		       p + 64, ~0) >= 0 || errno == ETIMEDOUT;
}

const struct operation mapping_operations[] = {
	{ "mmap", map, true },
	{ "mmap-more", map, true },
	{ "munmap", unmap_some, true },
	{ "touch", touch, true },
	{ "dirty", dirty, true },
	{ "map-and-see", map_and_see, true },
	{ "map-and-write", map_and_write, true },
	{ "mprotect", protect, true },
	{ "madvise", advise, true },
	{ "process-madvise", advise_process, true },
	{ "mlock", lock, true },
	{ "mlockall", lock_all, true },
	{ "mremap", move, true },
	{ "remap-file-pages", remap_pages, false },
	{ "mseal", seal, false },
	{ "mincore", ask_residence, true },
	{ "mempolicy", policy, true },
	{ "move-pages", move_to_node, true },
	{ "futex", futex, true },
	{ NULL, NULL, false },
};
