// SPDX-License-Identifier: GPL-2.0-only
/*
 * What hostile.c has io_uring do: rings of all kinds, whose requests are read, read ahead,
 * spliced, advised, opened and cancelled, one by one and linked, by the thread itself and
 * by others.  The calls are made as they are: there is no library to depend on.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <linux/time_types.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include "hostile.h"

#define ENTRIES		8
#define BATCH		4
#define PART		(BUFFER / BATCH)	/* of the buffer, for each request */

/* what was asked, to judge the answer */
struct request {
	struct part from;	/* the descriptor is closed afterwards, unless it is -1 */
	char *to;		/* in the buffer, or NULL */
	struct iovec iov;
	struct statx stx;
	struct __kernel_timespec time;
};

static void ring_close(struct ring *r)
{
	if (r->fd < 0)
		return;
	munmap(r->sq, r->entries * 4096);
	munmap(r->sqes, r->entries * sizeof(struct io_uring_sqe));
	close(r->fd);
	r->fd = -1;
}

/* the thread's buffer, and a mapping of others */
static void ring_register(struct thread *t)
{
	int fds[4] = { some_fd(t), some_fd(t), t->pipe[0], -1 };
	struct iovec iov[2] = { { t->buffer, BUFFER } };
	size_t len;

	iov[1].iov_base = some_range(t, &len, 16);
	iov[1].iov_len = len;
	t->ring.buffers = !syscall(SYS_io_uring_register, t->ring.fd, IORING_REGISTER_BUFFERS,
				   iov, 2) ||
		!syscall(SYS_io_uring_register, t->ring.fd, IORING_REGISTER_BUFFERS, iov, 1);
	syscall(SYS_io_uring_register, t->ring.fd, IORING_REGISTER_FILES, fds, 4);
}

static bool ring_open(struct thread *t)
{
	static const unsigned int kinds[] = {
		0, 0, 0, IORING_SETUP_IOPOLL, IORING_SETUP_SQPOLL, IORING_SETUP_COOP_TASKRUN,
		IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
	};
	struct io_uring_params p = {
		.flags = pick(t, kinds) | IORING_SETUP_SUBMIT_ALL, .sq_thread_idle = 1,
	};
	struct ring *r = &t->ring;
	int fd = syscall(SYS_io_uring_setup, ENTRIES, &p);

	if (fd < 0)
		return false;
	r->sq = mmap(NULL, ENTRIES * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		     IORING_OFF_SQ_RING);
	r->sqes = mmap(NULL, ENTRIES * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE,
		       MAP_SHARED, fd, IORING_OFF_SQES);
	if (r->sq == MAP_FAILED)
		r->sq = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			     IORING_OFF_SQ_RING);
	if (r->sq == MAP_FAILED || r->sqes == MAP_FAILED ||
	    !(p.features & IORING_FEAT_SINGLE_MMAP)) {
		close(fd);
		return false;
	}
	r->fd = fd;
	r->flags = p.flags;
	r->entries = ENTRIES;
	r->sq_tail = (unsigned int *)(r->sq + p.sq_off.tail);
	r->sq_array = (unsigned int *)(r->sq + p.sq_off.array);
	r->cq_head = (unsigned int *)(r->sq + p.cq_off.head);
	r->cq_tail = (unsigned int *)(r->sq + p.cq_off.tail);
	r->cqes = r->sq + p.cq_off.cqes;
	ring_register(t);
	return true;
}

/* ---- requests ---- */

static void ask_read(struct thread *t, struct io_uring_sqe *e, struct request *q, char *part)
{
	size_t len;

	if (!borrow(t, PART, &q->from)) {
		q->from.fd = -1;
		return;
	}
	q->to = part;
	if (!dice(t, 4)) {
		q->to = NULL;
		part = some_range(t, &len, 16);
		q->from.n = q->from.n < len ? q->from.n : len;
	}
	e->fd = q->from.fd;
	e->off = q->from.pos;
	e->addr = (uintptr_t)part;
	e->len = q->from.n;
	e->rw_flags = dice(t, 4) ? 0 : some_bits(t, 0xff);
	if (t->ring.buffers && q->to && dice(t, 2)) {
		e->opcode = IORING_OP_READ_FIXED;
		e->buf_index = 0;
	} else if (dice(t, 2)) {
		q->iov = (struct iovec) { part, q->from.n };
		e->opcode = IORING_OP_READV;
		e->addr = (uintptr_t)&q->iov;
		e->len = 1;
	} else {
		e->opcode = IORING_OP_READ;
	}
}

/* by the descriptors and the mapping that are registered */
static void ask_registered(struct thread *t, struct io_uring_sqe *e)
{
	e->opcode = IORING_OP_READ_FIXED;
	e->fd = dice(t, 3);
	e->flags |= IOSQE_FIXED_FILE;
	e->buf_index = 1;
	e->off = (uint64_t)dice(t, 1024) * PAGE;
	e->addr = ARENA + (uint64_t)dice(t, SLOTS * SLOT / PAGE) * PAGE;
	e->len = PAGE;
}

static void ask_other(struct thread *t, struct io_uring_sqe *e, struct request *q)
{
	static const struct open_how how = { .flags = O_RDONLY | O_CLOEXEC };
	size_t len;

	switch (dice(t, 9)) {
	case 0:
		e->opcode = IORING_OP_SPLICE;
		e->splice_fd_in = some_fd(t);
		e->splice_off_in = dice(t, 1 << 20);
		e->fd = t->pipe[1];
		e->off = -1;
		e->len = dice(t, 1 << 18);
		e->splice_flags = SPLICE_F_NONBLOCK;
		break;
	case 1:
		e->opcode = IORING_OP_MADVISE;
		e->addr = (uintptr_t)some_range(t, &len, 64);
		e->len = len;
		e->fadvise_advice = dice(t, 26);
		break;
	case 2:
		e->opcode = IORING_OP_FADVISE;
		e->fd = some_fd(t);
		e->off = dice(t, 1 << 20);
		e->len = dice(t, 1 << 20);
		e->fadvise_advice = dice(t, 6);
		break;
	case 3:
		e->opcode = IORING_OP_STATX;
		e->fd = AT_FDCWD;
		e->addr = (uintptr_t)some_file(t)->path;
		e->len = some_bits(t, 0xffff);
		e->off = (uintptr_t)&q->stx;
		break;
	case 4:
		e->opcode = IORING_OP_OPENAT2;
		e->fd = AT_FDCWD;
		e->addr = (uintptr_t)some_file(t)->path;
		e->len = sizeof(how);
		e->off = (uintptr_t)&how;
		break;
	case 5:
		e->opcode = IORING_OP_ASYNC_CANCEL;
		e->addr = dice(t, BATCH);	/* a request of this batch */
		break;
	case 6:
		e->opcode = dice(t, 2) ? IORING_OP_FSYNC : IORING_OP_SYNC_FILE_RANGE;
		e->fd = some_fd(t);
		break;
	case 7:
		e->opcode = dice(t, 2) ? IORING_OP_FGETXATTR : IORING_OP_FALLOCATE;
		e->fd = some_fd(t);
		e->addr = (uintptr_t)"user.x";
		e->len = PAGE;
		break;
	default:
		q->time.tv_nsec = dice(t, 2000000);
		e->opcode = IORING_OP_LINK_TIMEOUT;	/* of what came before, if linked */
		e->addr = (uintptr_t)&q->time;
		e->len = 1;
	}
}

static void judge(struct request *q, const struct io_uring_sqe *e, int res)
{
	if (e->opcode == IORING_OP_OPENAT2 && res >= 0)
		close(res);
	if (q->to)
		check_bytes(q->from.f, q->from.pos, q->to, res, "io_uring");
}

/* wait for the answers to @nr requests; how many went well */
static int collect(struct thread *t, struct request *q, const struct io_uring_sqe *asked, int nr)
{
	const struct io_uring_cqe *cqes = t->ring.cqes;
	unsigned int mask = 2 * ENTRIES - 1, head;
	int well = 0;

	while (nr) {
		syscall(SYS_io_uring_enter, t->ring.fd, 0, 1,
			IORING_ENTER_GETEVENTS | IORING_ENTER_SQ_WAKEUP, NULL, 0);
		for (head = *t->ring.cq_head;
		     nr && head != __atomic_load_n(t->ring.cq_tail, __ATOMIC_ACQUIRE);
		     __atomic_store_n(t->ring.cq_head, ++head, __ATOMIC_RELEASE), nr--) {
			const struct io_uring_cqe *c = &cqes[head & mask];

			judge(&q[c->user_data], &asked[c->user_data], c->res);
			well += c->res >= 0;
		}
	}
	return well;
}

static bool submit(struct thread *t, void (*ask)(struct thread *t, struct io_uring_sqe *e,
						 struct request *q, char *part))
{
	struct io_uring_sqe asked[BATCH], *sqes;
	struct request q[BATCH];
	unsigned int flags = IOSQE_ASYNC | IOSQE_IO_LINK | IOSQE_IO_HARDLINK, tail;
	int nr = 1 + dice(t, BATCH), i, taken, ret;

	if (t->ring.fd >= 0 && !dice(t, 40))
		ring_close(&t->ring);
	if (t->ring.fd < 0 && !ring_open(t))
		return false;
	/* on Linux 6.12 it happens that a polled ring never begins what waits for the others */
	if (!(t->ring.flags & IORING_SETUP_IOPOLL))
		flags |= IOSQE_IO_DRAIN;
	memset(q, 0, sizeof(q));
	memset(asked, 0, sizeof(asked));
	tail = *t->ring.sq_tail;
	sqes = t->ring.sqes;
	for (i = 0; i < nr; i++) {
		q[i].from.fd = -1;
		ask(t, &asked[i], &q[i], t->buffer + i * PART);
		asked[i].user_data = i;
		if (!dice(t, 3))
			asked[i].flags |= some_bits(t, flags);
		sqes[(tail + i) % ENTRIES] = asked[i];
		t->ring.sq_array[(tail + i) % ENTRIES] = (tail + i) % ENTRIES;
	}
	__atomic_store_n(t->ring.sq_tail, tail + nr, __ATOMIC_RELEASE);
	do {
		ret = syscall(SYS_io_uring_enter, t->ring.fd, nr, 0, IORING_ENTER_SQ_WAKEUP,
			      NULL, 0);
	} while (ret < 0 && errno == EINTR);
	taken = ret;
	ret = taken > 0 ? collect(t, q, asked, taken) : -1;
	/* what has not been taken stays in the queue: such a ring is given up */
	if (taken != nr)
		ring_close(&t->ring);
	for (i = 0; i < nr; i++)
		if (q[i].from.fd >= 0)
			close(q[i].from.fd);
	while (read(t->pipe[0], t->buffer, BUFFER) > 0)
		;
	return ret > 0;
}

static bool ring_read(struct thread *t)
{
	return submit(t, ask_read);
}

static void ask_any(struct thread *t, struct io_uring_sqe *e, struct request *q, char *part)
{
	unsigned int which = dice(t, 4);

	if (!which)
		ask_read(t, e, q, part);
	else if (which == 1 && t->ring.buffers)
		ask_registered(t, e);
	else
		ask_other(t, e, q);
}

static bool ring_any(struct thread *t)
{
	return submit(t, ask_any);
}

/* one fixed-buffer read, by itself: it has to go well */
static void ask_fixed(struct thread *t, struct io_uring_sqe *e, struct request *q, char *part)
{
	q->from.f = some_file(t);
	q->from.fd = open(q->from.f->path, O_RDONLY | O_CLOEXEC);
	q->from.pos = (uint64_t)dice(t, q->from.f->size);
	q->to = t->ring.buffers ? part : NULL;
	e->opcode = t->ring.buffers ? IORING_OP_READ_FIXED : IORING_OP_NOP;
	e->fd = q->from.fd;
	e->off = q->from.pos;
	e->addr = (uintptr_t)part;
	e->len = 1 + dice(t, PART);
}

static bool ring_fixed(struct thread *t)
{
	return submit(t, ask_fixed) && t->ring.buffers;
}

const struct operation ring_operations[] = {
	{ "ring-read", ring_read, true },
	{ "ring-fixed", ring_fixed, true },
	{ "ring-any", ring_any, true },
	{ NULL, NULL, false },
};
