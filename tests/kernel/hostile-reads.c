// SPDX-License-Identifier: GPL-2.0-only
/*
 * How hostile.c reads files: with every call, flag and target that there is.  What comes
 * into memory of the thread's own is checked.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include "guest.h"
#include "hostile.h"

#define SYS_CACHESTAT	451	/* Linux 6.5 */

/* where to read to: the thread's buffer, or what others unmap or have of the same file */
static char *some_target(struct thread *t, size_t *n)
{
	size_t len;
	char *p;

	if (dice(t, 4)) {
		memset(t->buffer, 0x55, *n < PAGE ? *n : PAGE);
		return t->buffer;
	}
	p = some_range(t, &len, 64);
	if (*n > len)
		*n = len;
	return p;
}

static bool read_it(struct thread *t, const char *how, int flags, bool vectored)
{
	struct iovec iov;
	struct part from;
	ssize_t ret;
	char *p;

	if (!borrow(t, BUFFER, &from))
		return false;
	p = some_target(t, &from.n);
	iov = (struct iovec) { p, from.n };
	ret = vectored ? preadv2(from.fd, &iov, 1, from.pos, flags) :
		pread(from.fd, p, from.n, from.pos);
	close(from.fd);
	if (p == t->buffer)
		check_bytes(from.f, from.pos, p, ret, how);
	return ret > 0;
}

static bool pread_it(struct thread *t)
{
	return read_it(t, "pread", 0, false);
}

/* HIPRI, DSYNC, SYNC, NOWAIT, APPEND, NOAPPEND, ATOMIC, DONTCACHE */
static bool preadv2_it(struct thread *t)
{
	return read_it(t, "preadv2", dice(t, 2) ? 1U << dice(t, 8) : some_bits(t, 0xff), true);
}

static bool read_on(struct thread *t)
{
	char *p;
	size_t n = 1 + dice(t, 65536);

	p = some_target(t, &n);
	return read(some_fd(t), p, n) > 0;
}

static bool read_many(struct thread *t)
{
	struct iovec iov[16];
	struct part from;
	ssize_t ret;
	int i;

	if (!borrow(t, BUFFER, &from))
		return false;
	for (i = 0; i < 16; i++)
		iov[i] = (struct iovec) { t->buffer + i * 32768, 32768 };
	ret = preadv(from.fd, iov, 1 + dice(t, 16), from.pos);
	close(from.fd);
	check_bytes(from.f, from.pos, t->buffer, ret, "preadv");
	return ret > 0;
}

/* into a buffer, or into private pages of a file: pages are pinned that share */
static bool read_direct(struct thread *t)
{
	const struct hostile_file *f = some_file(t);
	int fd = open(f->path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	uint64_t pos;
	size_t n;
	ssize_t ret;
	char *p;

	if (fd < 0)
		return false;
	n = (some_part(t, f, BUFFER, &pos) + PAGE - 1) & -PAGE;
	pos &= -PAGE;
	p = some_target(t, &n);
	ret = pread(fd, p, n, pos);
	close(fd);
	if (p == t->buffer)
		check_bytes(f, pos, p, ret, "direct");
	return ret > 0;
}

/* a page of a file that is mapped is read to where it is mapped, or from there */
static bool read_to_itself(struct thread *t)
{
	const struct hostile_file *f = some_file(t);
	char *p = map_own(t, f, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	uint64_t pos = (uint64_t)dice(t, f->size) & -PAGE;
	int fd = open(f->path, O_RDONLY | O_CLOEXEC | (dice(t, 4) ? 0 : O_DIRECT));
	ssize_t ret = -1;
	size_t n = PAGE * (1 + dice(t, 16));

	if (fd >= 0 && p && pos + n < f->size) {
		ret = pread(fd, p + pos, n, pos);
		check_bytes(f, pos, p + pos, ret, "to itself");
	}
	close(fd);
	unmap(t->own, SLOT);
	return ret > 0;
}

/* ---- pipes ---- */

/* what is in a pipe, to the buffer */
static ssize_t drain(struct thread *t, const int ends[2])
{
	ssize_t done = 0, n;

	while (done < BUFFER && (n = read(ends[0], t->buffer + done, BUFFER - done)) > 0)
		done += n;
	while (read(ends[0], t->buffer + BUFFER - PAGE, PAGE) > 0)
		;
	return done;
}

static bool splice_it(struct thread *t)
{
	struct part from;
	ssize_t ret, n;
	loff_t pos;

	if (!borrow(t, BUFFER / 2, &from))
		return false;
	pos = from.pos;
	ret = splice(from.fd, &pos, t->pipe[1], NULL, from.n,
		     SPLICE_F_NONBLOCK | some_bits(t, 0xd));
	close(from.fd);
	if (ret > 0 && !dice(t, 4))
		tee(t->pipe[0], t->second[1], from.n, SPLICE_F_NONBLOCK);
	if (ret > 0 && !dice(t, 4)) {
		/* on to another pipe, which gets the pages themselves */
		ret = splice(t->pipe[0], NULL, t->second[1], NULL, from.n,
			     SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
		drain(t, t->pipe);
		drain(t, t->second);
		return ret > 0;
	}
	drain(t, t->second);
	n = drain(t, t->pipe);
	if (ret > 0 && n != ret)
		wrong("splice: %s: %zd bytes went in, %zd came out", from.f->path, ret, n);
	check_bytes(from.f, from.pos, t->buffer, ret, "splice");
	return ret > 0;
}

/* pages of a mapping, given away or lent */
static bool vmsplice_it(struct thread *t)
{
	struct iovec iov;
	size_t len;
	ssize_t ret;

	iov.iov_base = some_range(t, &len, 16);
	iov.iov_len = len;
	ret = vmsplice(t->pipe[1], &iov, 1, SPLICE_F_NONBLOCK | some_bits(t, 0xd));
	if (dice(t, 2))
		unmap(iov.iov_base, len);
	drain(t, t->pipe);
	return ret > 0;
}

static bool copy_to_memory(struct thread *t, bool range)
{
	struct part from;
	ssize_t ret;
	off_t pos;

	if (!borrow(t, BUFFER / 2, &from))
		return false;
	pos = from.pos;
	lseek(t->memory, 0, SEEK_SET);
	if (range)
		ret = copy_file_range(from.fd, &pos, t->memory, NULL, from.n, 0);
	else
		ret = sendfile(t->memory, from.fd, &pos, from.n);
	close(from.fd);
	if (ret > 0 && pread(t->memory, t->buffer, ret, 0) == ret)
		check_bytes(from.f, from.pos, t->buffer, ret,
			    range ? "copy_file_range" : "sendfile");
	(void)!ftruncate(t->memory, 0);
	return ret > 0;
}

static bool sendfile_it(struct thread *t)
{
	return copy_to_memory(t, false);
}

static bool copy_range(struct thread *t)
{
	return copy_to_memory(t, true);
}

static bool send_to_socket(struct thread *t)
{
	int fd = some_fd(t), ends[2];
	off_t pos = dice(t, 1 << 20);
	ssize_t ret;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends))
		return false;
	ret = sendfile(ends[0], fd, &pos, dice(t, 1 << 18));
	if (dice(t, 2))
		(void)!read(ends[1], t->buffer, BUFFER);
	close(ends[0]);
	close(ends[1]);
	return ret > 0;
}

/* ---- advice ---- */

static bool advise(struct thread *t)
{
	return !posix_fadvise(some_fd(t), dice(t, 8 << 20), dice(t, 8 << 20), dice(t, 6));
}

static bool read_ahead(struct thread *t)
{
	return !readahead(some_fd(t), dice(t, 8 << 20), dice(t, 2 << 20));
}

static bool cachestat_it(struct thread *t)
{
	uint64_t range[2] = { dice(t, 1 << 20), dice(t, 8 << 20) }, stat[5];

	return !syscall(SYS_CACHESTAT, some_fd(t), range, stat, 0);
}

static bool list(struct thread *t)
{
	int dir = some_dir(t);

	lseek(dir, 0, SEEK_SET);
	return syscall(SYS_getdents64, dir, t->buffer, 1 + dice(t, PAGE)) > 0;
}

/* ---- io_submit() ---- */

static bool aio(struct thread *t)
{
	struct iocb cb = { .aio_lio_opcode = IOCB_CMD_PREAD }, *list = &cb;
	struct timespec wait = { .tv_sec = 60 };
	aio_context_t context = 0;
	struct io_event event;
	struct iovec iov;
	struct part from;
	bool ok;

	if (!borrow(t, BUFFER, &from))
		return false;
	cb.aio_fildes = from.fd;
	cb.aio_buf = (uintptr_t)some_target(t, &from.n);
	cb.aio_nbytes = from.n;
	cb.aio_offset = from.pos;
	cb.aio_rw_flags = dice(t, 2) ? 0 : some_bits(t, 0xff);
	iov = (struct iovec) { (void *)(uintptr_t)cb.aio_buf, from.n };
	if (dice(t, 2)) {
		cb.aio_lio_opcode = IOCB_CMD_PREADV;
		cb.aio_buf = (uintptr_t)&iov;
		cb.aio_nbytes = 1;
	}
	ok = !syscall(SYS_io_setup, 4, &context) &&
		syscall(SYS_io_submit, context, 1, &list) == 1;
	close(from.fd);
	/* or it is left to io_destroy() */
	if (ok && dice(t, 4) &&
	    syscall(SYS_io_getevents, context, 1, 1, &event, &wait) == 1) {
		if (iov.iov_base == t->buffer)
			check_bytes(from.f, from.pos, t->buffer, event.res, "aio");
		ok = event.res > 0;
	}
	if (context)
		syscall(SYS_io_destroy, context);
	return ok;
}

const struct operation read_operations[] = {
	{ "pread", pread_it, true },
	{ "preadv2", preadv2_it, true },
	{ "read", read_on, true },
	{ "preadv", read_many, true },
	{ "read-direct", read_direct, true },
	{ "read-to-itself", read_to_itself, true },
	{ "splice", splice_it, true },
	{ "vmsplice", vmsplice_it, true },
	{ "sendfile", sendfile_it, true },
	{ "copy-range", copy_range, false },
	{ "send-to-socket", send_to_socket, true },
	{ "fadvise", advise, true },
	{ "readahead", read_ahead, true },
	{ "cachestat", cachestat_it, true },
	{ "getdents", list, true },
	{ "aio", aio, true },
	{ NULL, NULL, false },
};
