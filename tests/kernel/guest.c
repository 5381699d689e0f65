// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "guest.h"

uint64_t pagemap_entry(const void *addr)
{
	static int fd = -1;
	static pid_t opener;
	uint64_t entry;
	off_t pos = (uintptr_t)addr / getpagesize() * sizeof(entry);

	/* the file is of the process that opened it, also after a fork */
	if (opener != getpid()) {
		fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
		opener = getpid();
	}
	if (pread(fd, &entry, sizeof(entry), pos) != sizeof(entry))
		err(1, "/proc/self/pagemap");
	return entry;
}

uint64_t zero_pfn(void)
{
	static uint64_t pfn;
	volatile char *p;

	if (pfn)
		return pfn;
	p = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		err(1, "mmap");
	/* a huge zero page would have another frame */
	madvise((void *)p, getpagesize(), MADV_NOHUGEPAGE);
	(void)*p;
	pfn = PM_PFN(pagemap_entry((void *)p));
	if (!pfn)
		errx(1, "pagemap shows no frames: not root?");
	munmap((void *)p, getpagesize());
	return pfn;
}

bool is_mapped(const void *addr)
{
	return pagemap_entry(addr) & PM_PRESENT;
}

uint64_t huge_zero_pfn;

bool maps_zero_page(const void *addr)
{
	const size_t huge = getpagesize() / sizeof(void *);
	uint64_t entry = pagemap_entry(addr);

	if (!(entry & PM_PRESENT))
		return false;
	return PM_PFN(entry) == zero_pfn() ||
		(huge_zero_pfn && PM_PFN(entry) / huge == huge_zero_pfn / huge);
}

int set_huge(bool on)
{
	int ret = -ENOENT;
	glob_t found;
	size_t i;

	if (glob("/sys/fs/erofs/*/zeropage/huge", 0, NULL, &found))
		return ret;
	/* as Debian's kernels have it; Linux 7 asks this for mappings of files, too */
	if (on)
		write_string("/sys/kernel/mm/transparent_hugepage/enabled", "always");
	for (i = 0; i < found.gl_pathc; i++) {
		ret = write_string(found.gl_pathv[i], on ? "1" : "0");
		if (ret)
			break;
	}
	globfree(&found);
	return ret;
}

int set_mglru(bool on)
{
	return write_string("/sys/kernel/mm/lru_gen/enabled", on ? "y" : "n");
}

int with_old_lru(int (*call)(void))
{
	int ret;

	if (set_mglru(false)) {
		printf("# the LRU cannot be chosen\n");
		return 1;
	}
	ret = call();
	return set_mglru(true) ? 1 : ret;
}

long cached_pages(int fd)
{
	return cached_pages_at(fd, 0, 0);
}

long cached_pages_at(int fd, uint64_t start, uint64_t len)
{
	struct { uint64_t off, len; } range = { start, len };
	struct { uint64_t cache, dirty, writeback, evicted, recent; } stat;
	const long sys_cachestat = 451;		/* Linux 6.5 */

	return syscall(sys_cachestat, fd, &range, &stat, 0) ? -1 : (long)stat.cache;
}

int write_string(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret = 0;

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		ret = -errno;
	if (fd >= 0)
		close(fd);
	return ret;
}

int write_number(const char *path, long value)
{
	char text[32];

	snprintf(text, sizeof(text), "%ld", value);
	return write_string(path, text);
}

int swap_on(unsigned int mb)
{
	int ret;

	if (system("modprobe zram"))
		return -ENODEV;
	ret = write_number("/sys/block/zram0/disksize", (long)mb << 20);
	if (ret)
		return ret;
	if (system("mkswap -q /dev/zram0"))
		return -EIO;
	return swapon("/dev/zram0", 0) ? -errno : 0;
}

int swap_off(void)
{
	return swapoff("/dev/zram0") ? -errno : write_string("/sys/block/zram0/reset", "1");
}

void drop_caches(void)
{
	sync();
	if (write_string("/proc/sys/vm/drop_caches", "3"))
		err(1, "drop_caches");
}

void read_extents(int fd)
{
	/* SEEK_DATA would not do: on 6.12 EROFS has one extent of data for it */
	struct fiemap extents = { .fm_length = FIEMAP_MAX_OFFSET };

	if (ioctl(fd, FS_IOC_FIEMAP, &extents))
		err(1, "FIEMAP");
}

long number_in(const char *path, const char *field)
{
	FILE *f = fopen(path, "r");
	size_t len = strlen(field);
	char line[256];
	long n = -1;

	while (f && n < 0 && fgets(line, sizeof(line), f))
		if (!len)
			n = atol(line);
		else if (!strncmp(line, field, len) && (line[len] == ' ' || line[len] == ':'))
			n = atol(line + len + 1);
	if (f)
		fclose(f);
	return n;
}

long smaps_kb(const void *addr, const char *field)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	size_t len = strlen(field);
	unsigned long start, end;
	bool found = false;
	char line[512];
	long kb = -1;

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2) {
			found = start == (uintptr_t)addr;
		} else if (found && !strncmp(line, field, len) && line[len] == ':') {
			kb = atol(line + len + 1);
			break;
		}
	}
	if (f)
		fclose(f);
	return kb;
}

int run_in_cgroup(const char *dir, int (*call)(void))
{
	char path[256];
	int status;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		int ret = 1;

		if (write_string(path, "0"))
			printf("# cannot join %s\n", dir);
		else
			ret = call();
		fflush(stdout);
		_exit(ret);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		err(1, "child");
	return status;
}

unsigned int patience(void)
{
	return access("/sys/kernel/debug/kmemleak", F_OK) ? 1 : 10;
}

bool mm_knows_who_maps(void)
{
	static int knows = -1;

	if (knows < 0)
		knows = !system("grep -q ' rmap_walk_file_range$' /proc/kallsyms");
	return knows;
}

int read_by_ring(int fd, void *buf, size_t len, off_t at, unsigned int setup,
		 unsigned int flags)
{
	struct io_uring_params p = { .flags = setup };
	const int ring = syscall(SYS_io_uring_setup, 1, &p);
	struct io_uring_cqe *cqe;
	struct io_uring_sqe *sqe;
	size_t size;
	int ret;
	char *q;

	if (ring < 0)
		return -errno;
	/* both queues are in one mapping, since Linux 5.4 */
	size = p.cq_off.cqes + p.cq_entries * sizeof(*cqe) + p.sq_entries * sizeof(int);
	q = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
	sqe = mmap(NULL, sizeof(*sqe), PROT_READ | PROT_WRITE, MAP_SHARED, ring,
		   IORING_OFF_SQES);
	if (q == MAP_FAILED || sqe == MAP_FAILED)
		err(1, "mmap of a ring");
	*sqe = (struct io_uring_sqe) {
		.opcode = IORING_OP_READ, .flags = flags, .fd = fd, .off = at,
		.addr = (uintptr_t)buf, .len = len,
	};
	*(unsigned int *)(q + p.sq_off.array) = 0;
	__atomic_store_n((unsigned int *)(q + p.sq_off.tail), 1, __ATOMIC_RELEASE);
	ret = syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0);
	cqe = (struct io_uring_cqe *)(q + p.cq_off.cqes);
	ret = ret < 0 ? -errno : cqe->res;
	munmap(sqe, sizeof(*sqe));
	munmap(q, size);
	close(ring);
	return ret;
}
