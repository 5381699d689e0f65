// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include "ways.h"

static sigjmp_buf bus;

static void on_sigbus(int sig)
{
	siglongjmp(bus, sig);
}

size_t window_length(const struct window *w, size_t page)
{
	return page * WAYS_PAGE + WAYS_PAGE <= w->bytes ? WAYS_PAGE : w->bytes - page * WAYS_PAGE;
}

static int answer(ssize_t n)
{
	return n < 0 ? -errno : n;
}

static int by_pread(struct window *w, size_t page, char *buf)
{
	return answer(pread(w->fd, buf, WAYS_PAGE, w->start + page * WAYS_PAGE));
}

static int by_nowait(struct window *w, size_t page, char *buf)
{
	struct iovec iov = { buf, WAYS_PAGE };
	int n = answer(preadv2(w->fd, &iov, 1, w->start + page * WAYS_PAGE, RWF_NOWAIT));

	return n == -EAGAIN || n == -EOPNOTSUPP ||
		(n >= 0 && n < (int)window_length(w, page)) ? WAYS_NO_ANSWER : n;
}

static int by_direct(struct window *w, size_t page, char *buf)
{
	static char aligned[WAYS_PAGE] __attribute__((aligned(WAYS_PAGE)));
	int n;

	if (fcntl(w->fd, F_SETFL, O_DIRECT))
		return WAYS_NO_ANSWER;
	n = answer(pread(w->fd, aligned, WAYS_PAGE, w->start + page * WAYS_PAGE));
	fcntl(w->fd, F_SETFL, 0);
	if (n > 0)
		memcpy(buf, aligned, n);
	/* what is not aligned on the device cannot be read so */
	return n == -EINVAL ? WAYS_NO_ANSWER : n;
}

static int by_mapping(char *map, const struct window *w, size_t page, char *buf, bool write)
{
	volatile char *p = map + page * WAYS_PAGE;
	size_t n = window_length(w, page);

	if (sigsetjmp(bus, 1))
		return -EIO;
	if (write) {
		p[n - 1] ^= 1;
		p[n - 1] ^= 1;
	}
	memcpy(buf, (char *)p, n);
	return n;
}

static int by_shared(struct window *w, size_t page, char *buf)
{
	return by_mapping(w->shared, w, page, buf, false);
}

static int by_private(struct window *w, size_t page, char *buf)
{
	return by_mapping(w->private, w, page, buf, false);
}

static int by_write(struct window *w, size_t page, char *buf)
{
	return by_mapping(w->private, w, page, buf, true);
}

static int by_splice(struct window *w, size_t page, char *buf)
{
	loff_t pos = w->start + page * WAYS_PAGE;
	int pipe_fd[2], n;

	if (pipe(pipe_fd))
		err(1, "pipe");
	n = answer(splice(w->fd, &pos, pipe_fd[1], NULL, window_length(w, page), 0));
	/* a piece may be less than was asked for; a page is no less */
	if (n > 0)
		n = answer(read(pipe_fd[0], buf, WAYS_PAGE));
	close(pipe_fd[0]);
	close(pipe_fd[1]);
	return n;
}

static int by_sendfile(struct window *w, size_t page, char *buf)
{
	static int memory = -1;
	off_t pos = w->start + page * WAYS_PAGE;
	int n;

	if (memory < 0)
		memory = memfd_create("sendfile", 0);
	lseek(memory, 0, SEEK_SET);
	n = answer(sendfile(memory, w->fd, &pos, window_length(w, page)));
	if (n > 0 && pread(memory, buf, n, 0) != n)
		err(1, "what sendfile() has written");
	return n;
}

/* the kernel reads into memory that was not touched, by another's mapping of the file */
static int by_process_vm(struct window *w, size_t page, char *buf)
{
	size_t length = window_length(w, page);
	struct iovec from = { w->shared + page * WAYS_PAGE, length }, to = { buf, length };
	int n;

	n = answer(process_vm_readv(getpid(), &to, 1, &from, 1, 0));
	return n == -EFAULT ? -EIO : n;
}

/* by a ring of one entry */
static struct {
	int fd;
	struct io_uring_params params;
	char *ring;
	struct io_uring_sqe *sqe;
} uring = { .fd = -1 };

static void set_up_ring(void)
{
	struct io_uring_params *p = &uring.params;

	uring.fd = syscall(SYS_io_uring_setup, 1, p);
	if (uring.fd < 0)
		err(1, "io_uring_setup");
	uring.ring = mmap(NULL, p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe),
			  PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, uring.fd,
			  IORING_OFF_SQ_RING);
	uring.sqe = mmap(NULL, sizeof(*uring.sqe), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_POPULATE, uring.fd, IORING_OFF_SQES);
	if (uring.ring == MAP_FAILED || uring.sqe == MAP_FAILED ||
	    !(p->features & IORING_FEAT_SINGLE_MMAP))
		err(1, "a ring");
}

static unsigned int *in_ring(unsigned int offset)
{
	return (unsigned int *)(uring.ring + offset);
}

static int by_uring(struct window *w, size_t page, char *buf)
{
	const struct io_uring_params *p = &uring.params;
	struct io_uring_cqe *cqe;
	unsigned int head;

	if (uring.fd < 0)
		set_up_ring();
	*uring.sqe = (struct io_uring_sqe) {
		.opcode = IORING_OP_READ, .fd = w->fd, .addr = (uintptr_t)buf,
		.len = WAYS_PAGE, .off = w->start + page * WAYS_PAGE,
	};
	*in_ring(p->sq_off.array) = 0;
	__atomic_add_fetch(in_ring(p->sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, uring.fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1)
		err(1, "io_uring_enter");
	cqe = (struct io_uring_cqe *)(uring.ring + p->cq_off.cqes);
	head = *in_ring(p->cq_off.head);
	cqe += head & *in_ring(p->cq_off.ring_mask);
	__atomic_store_n(in_ring(p->cq_off.head), head + 1, __ATOMIC_RELEASE);
	return cqe->res;
}

const struct reading_way reading_ways[] = {
	{ "pread", by_pread, false, false }, { "nowait", by_nowait, false, true },
	{ "direct", by_direct, false, true }, { "shared mapping", by_shared, true, false },
	{ "private mapping", by_private, true, false }, { "write", by_write, true, false },
	{ "splice", by_splice, false, false }, { "sendfile", by_sendfile, false, false },
	{ "process_vm_readv", by_process_vm, true, false },
	{ "io_uring", by_uring, false, false },
};

const unsigned int nr_reading_ways = sizeof(reading_ways) / sizeof(*reading_ways);

int window_open(struct window *w, int fd, off_t size, off_t first, size_t pages)
{
	*w = (struct window) { .fd = fd, .start = first * WAYS_PAGE, .pages = pages };
	w->bytes = size - w->start < (off_t)(pages * WAYS_PAGE) ? (size_t)(size - w->start) :
		pages * WAYS_PAGE;
	signal(SIGBUS, on_sigbus);
	w->shared = mmap(NULL, w->bytes, PROT_READ, MAP_SHARED, fd, w->start);
	w->private = mmap(NULL, w->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, w->start);
	return w->shared == MAP_FAILED || w->private == MAP_FAILED ? -1 : 0;
}

void window_close(struct window *w)
{
	munmap(w->shared, w->bytes);
	munmap(w->private, w->bytes);
}
