// SPDX-License-Identifier: GPL-2.0-only
/*
 * pins [--off|--stock] [--case NAME]... FILE REFERENCE - the kernel takes pages of a
 * mapping and works with them: O_DIRECT, vmsplice, process_vm_readv and its kin,
 * io_uring's registered buffers, on every kind of backing (area.h).  What it reads
 * is what the process has; what it writes the process sees, and nobody else.
 *
 * /disk2 is a disk that may be written to.
 *
 * Would be found: a zero page handed out for writing; a long-term pin that goes on
 * with the zero page, or with the file's page, when the process has its own.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../ktap.h"
#include "area.h"
#include "guest.h"

#define SCRATCH	"/disk2"

/* fill the scratch disk with what the area should become: each byte inverted */
static int inverted_scratch(const struct area *a)
{
	size_t bytes = a->nr * file.page, i;
	char *buf = aligned_alloc(file.page, bytes);
	int fd = open(SCRATCH, O_RDWR);

	for (i = 0; i < bytes; i++)
		buf[i] = ~a->want[i];
	if (fd < 0 || pwrite(fd, buf, bytes, 0) != (ssize_t)bytes || fsync(fd))
		exit(1);
	close(fd);
	free(buf);
	return open(SCRATCH, O_RDWR | O_DIRECT);
}

static void invert_model(struct area *a)
{
	size_t i;

	for (i = 0; i < a->nr * file.page; i++)
		a->want[i] = ~a->want[i];
}

static int direct_write(struct area *a, int seed)
{
	size_t bytes = a->nr * file.page;
	char *buf = aligned_alloc(file.page, bytes);
	int fd = open(SCRATCH, O_RDWR | O_DIRECT), ret;

	expect(fd >= 0, SCRATCH ": %s", strerror(errno));
	memset(buf, seed, bytes);
	expect(pwrite(fd, buf, bytes, 0) == (ssize_t)bytes, "seed");
	expect(pwrite(fd, a->p, bytes, 0) == (ssize_t)bytes, "%s: write: %s",
	       a->backing, strerror(errno));
	expect(pread(fd, buf, bytes, 0) == (ssize_t)bytes, "read back");
	ret = area_check_at(a, buf);
	close(fd);
	free(buf);
	return ret;
}

static int direct_from(struct area *a)
{
	expect_ok(direct_write(a, 1));	/* nothing of it was mapped */
	expect_ok(area_kinds(a));
	expect_ok(direct_write(a, 2));
	area_write(a, a->nr / 2, 1);
	expect_ok(direct_write(a, 3));
	return area_check(a);
}

static int direct_from_read_only(struct area *a)
{
	expect_ok(direct_write(a, 1));
	expect_ok(area_kinds(a));
	return direct_write(a, 2);
}

static int direct_into(struct area *a)
{
	size_t bytes = a->nr * file.page, i;
	int fd;

	for (i = 0; i < a->nr; i += 2)	/* half of it was mapped */
		area_peek(a, i);
	fd = inverted_scratch(a);
	expect(fd >= 0, SCRATCH ": %s", strerror(errno));
	expect(pread(fd, a->p, bytes, 0) == (ssize_t)bytes, "%s: read: %s",
	       a->backing, strerror(errno));
	close(fd);
	invert_model(a);
	return area_check(a);
}

/* what cannot be written is not written by the disk */
static int direct_into_read_only(struct area *a)
{
	int fd = inverted_scratch(a);

	area_read(a);
	expect(fd >= 0, SCRATCH ": %s", strerror(errno));
	expect(pread(fd, a->p, file.page, 0) < 0 && errno == EFAULT, "%s: read: %s",
	       a->backing, strerror(errno));
	close(fd);
	expect_ok(area_kinds(a));
	return area_check(a);
}

static int read_pipe(int fd, char *buf, size_t bytes)
{
	ssize_t n;

	while (bytes) {
		n = read(fd, buf, bytes);
		expect(n > 0, "pipe: %s", strerror(errno));
		buf += n;
		bytes -= n;
	}
	return 0;
}

/* what was spliced is what it was, though the process writes before it is read */
static int splice_out(struct area *a)
{
	size_t bytes = a->nr * file.page;
	struct iovec iov = { a->p, bytes };
	char *buf = malloc(bytes);
	int pipes[2], ret;

	expect(!pipe(pipes), "pipe");
	expect(fcntl(pipes[1], F_SETPIPE_SZ, 2 * bytes) > 0, "pipe size");
	area_peek(a, a->nr / 2);
	expect(vmsplice(pipes[1], &iov, 1, 0) == (ssize_t)bytes, "%s: vmsplice: %s",
	       a->backing, strerror(errno));
	expect_ok(area_kinds(a));
	memset(a->p, 0x33, a->bytes);
	expect_ok(read_pipe(pipes[0], buf, bytes));
	ret = area_check_at(a, buf);
	memset(a->want, 0x33, a->bytes);
	close(pipes[0]);
	close(pipes[1]);
	free(buf);
	return ret | area_check(a);
}

static pid_t owner;

static int reads_parent(struct area *a)
{
	size_t bytes = a->nr * file.page;
	struct area mine = *a;
	struct iovec from = { a->p, bytes }, to = { malloc(bytes), bytes };

	mine.p = to.iov_base;
	expect(process_vm_readv(owner, &to, 1, &from, 1, 0) == (ssize_t)bytes,
	       "%s: process_vm_readv: %s", a->backing, strerror(errno));
	return area_check(&mine);
}

static int process_vm_read(struct area *a)
{
	owner = getpid();
	expect(!area_child(a, reads_parent), "%s: untouched", a->backing);
	expect_ok(area_kinds(a));
	area_write(a, 0, 2);
	expect(!area_child(a, reads_parent), "%s: written", a->backing);
	return area_check(a);
}

static int process_vm_read_only(struct area *a)
{
	owner = getpid();
	expect(!area_child(a, reads_parent), "%s: untouched", a->backing);
	expect(!area_child(a, reads_parent), "%s: mapped", a->backing);
	return area_kinds(a);
}

static int writes_parent(struct area *a)
{
	size_t bytes = a->nr * file.page;
	struct iovec from = { a->want, bytes }, to = { a->p, bytes };

	invert_model(a);
	expect(process_vm_writev(owner, &from, 1, &to, 1, 0) == (ssize_t)bytes,
	       "%s: process_vm_writev: %s", a->backing, strerror(errno));
	return 0;
}

static int process_vm_write(struct area *a)
{
	size_t i;

	for (i = 0; i < a->nr; i += 2)
		area_peek(a, i);
	owner = getpid();
	expect(!area_child(a, writes_parent), "%s: the writer", a->backing);
	invert_model(a);
	return area_check(a);
}

/* one request at a time, and no thread: enough to use a registered buffer */
struct ring {
	int fd;
	struct io_uring_params params;
	char *rings;
	struct io_uring_sqe *sqes;
};

static int ring_open(struct ring *r, struct area *a)
{
	struct iovec iov = { a->p, a->nr * file.page };

	memset(r, 0, sizeof(*r));
	r->fd = syscall(SYS_io_uring_setup, 4, &r->params);
	expect(r->fd >= 0, "io_uring_setup: %s", strerror(errno));
	r->rings = mmap(NULL, file.page, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_SQ_RING);
	r->sqes = mmap(NULL, file.page, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_SQES);
	expect(r->rings != MAP_FAILED && r->sqes != MAP_FAILED, "rings");
	expect(!syscall(SYS_io_uring_register, r->fd, IORING_REGISTER_BUFFERS, &iov, 1),
	       "%s: register: %s", a->backing, strerror(errno));
	return 0;
}

/* from or to @offset of @fd; the result, or -errno */
static int ring_do(struct ring *r, int op, int fd, uint64_t offset, struct area *a)
{
	unsigned int *tail = (void *)(r->rings + r->params.sq_off.tail);
	unsigned int *array = (void *)(r->rings + r->params.sq_off.array);
	unsigned int *mask = (void *)(r->rings + r->params.sq_off.ring_mask);
	unsigned int *head = (void *)(r->rings + r->params.cq_off.head);
	unsigned int *cq_mask = (void *)(r->rings + r->params.cq_off.ring_mask);
	struct io_uring_cqe *cqes = (void *)(r->rings + r->params.cq_off.cqes);
	unsigned int slot = *tail & *mask;
	int ret;

	r->sqes[slot] = (struct io_uring_sqe) {
		.opcode = op, .fd = fd, .off = offset, .addr = (uintptr_t)a->p,
		.len = a->nr * file.page, .buf_index = 0,
	};
	array[slot] = slot;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	ret = syscall(SYS_io_uring_enter, r->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0);
	if (ret < 0)
		return -errno;
	ret = cqes[*head & *cq_mask].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return ret;
}

/* what the ring writes to a file from the buffer is what the process has now */
static int ring_sees(struct ring *r, struct area *a)
{
	int bytes = a->nr * file.page, out = memfd_create("out", 0), ret;
	char *buf = malloc(bytes);

	ret = ring_do(r, IORING_OP_WRITE_FIXED, out, 0, a);
	expect(ret == bytes, "%s: WRITE_FIXED: %d", a->backing, ret);
	expect(pread(out, buf, bytes, 0) == bytes, "read back");
	ret = area_check_at(a, buf);
	close(out);
	free(buf);
	return ret;
}

static int registered(struct area *a)
{
	struct ring r;
	int fd, ret;

	area_peek(a, 0);
	expect_ok(ring_open(&r, a));
	expect_ok(area_check(a));
	expect_ok(ring_sees(&r, a));
	area_write_all(a, 3);
	expect_ok(ring_sees(&r, a));
	fd = inverted_scratch(a);
	expect(fd >= 0, SCRATCH ": %s", strerror(errno));
	ret = ring_do(&r, IORING_OP_READ_FIXED, fd, 0, a);
	expect(ret == (int)(a->nr * file.page), "%s: READ_FIXED: %d", a->backing, ret);
	invert_model(a);
	expect_ok(area_check(a));
	close(fd);
	close(r.fd);
	return 0;
}

static int child_overwrites(struct area *a)
{
	area_write_all(a, 4);
	return area_check(a);
}

/* the pinned pages stay the parent's */
static int registered_and_forked(struct area *a)
{
	struct ring r;

	area_read(a);
	expect_ok(ring_open(&r, a));
	area_write(a, 0, 5);
	expect(!area_child(a, child_overwrites), "%s: the child", a->backing);
	expect_ok(ring_sees(&r, a));
	area_write_all(a, 6);
	expect_ok(ring_sees(&r, a));
	expect_ok(area_check(a));
	close(r.fd);
	return 0;
}

/* pinned for writing is what this ABI does: not in memory that cannot be written */
static int registered_read_only(struct area *a)
{
	struct iovec iov = { a->p, a->nr * file.page };
	struct ring r;

	area_read(a);
	r.fd = syscall(SYS_io_uring_setup, 4, &(struct io_uring_params) { 0 });
	expect(r.fd >= 0, "io_uring_setup: %s", strerror(errno));
	expect(syscall(SYS_io_uring_register, r.fd, IORING_REGISTER_BUFFERS, &iov, 1) &&
	       errno == EFAULT, "%s: register: %s", a->backing, strerror(errno));
	close(r.fd);
	expect_ok(area_kinds(a));
	return area_check(a);
}

/* what the ring reads of the file itself, any mix of holes and data */
static int ring_reads_file(struct area *a)
{
	struct area buf = *a;
	struct ring r;
	int ret;

	buf.p = mmap(NULL, a->nr * file.page, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	expect_ok(ring_open(&r, &buf));
	ret = ring_do(&r, IORING_OP_READ_FIXED, file.fd, a->index * file.page, &buf);
	expect(ret == (int)a->bytes, "%s: READ_FIXED: %d", a->backing, ret);
	close(r.fd);
	return area_check(&buf);
}

static const struct area_case cases[] = {
	{ .name = "direct-from", .run = direct_from, .where = AREA_PAGES },
	{ .name = "direct-from-read-only", .run = direct_from_read_only,
	  .prot = PROT_READ, .where = AREA_ONCE },
	{ .name = "direct-from-shared", .run = direct_from_read_only,
	  .prot = PROT_READ, .flags = MAP_SHARED, .where = AREA_PAGES },
	{ .name = "direct-into", .run = direct_into, .where = AREA_PAGES },
	{ .name = "direct-into-read-only", .run = direct_into_read_only,
	  .prot = PROT_READ, .where = AREA_ONCE },
	{ .name = "vmsplice", .run = splice_out, .where = AREA_PAGES },
	{ .name = "process-vm-read", .run = process_vm_read, .where = AREA_ONCE },
	{ .name = "process-vm-read-of-read-only", .run = process_vm_read_only,
	  .prot = PROT_READ, .where = AREA_ONCE },
	{ .name = "process-vm-write", .run = process_vm_write, .where = AREA_ONCE },
	{ .name = "io-uring-registered", .run = registered, .where = AREA_PAGES },
	{ .name = "io-uring-registered-and-forked", .run = registered_and_forked,
	  .where = AREA_PAGES },
	{ .name = "io-uring-registered-read-only", .run = registered_read_only,
	  .prot = PROT_READ, .where = AREA_ONCE },
	{ .name = "io-uring-reads-file", .run = ring_reads_file },
};

int main(int argc, char **argv)
{
	return area_main(argc, argv, cases, sizeof(cases) / sizeof(*cases));
}
