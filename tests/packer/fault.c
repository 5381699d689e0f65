// SPDX-License-Identifier: GPL-2.0-only
/*
 * Preloaded into mkfs.erofs, this makes one call of the C library fail, or runs a
 * command right before it: what a disk, another process or a user does at the
 * worst moment.
 *
 *	FAULT_CALL	read, pread, pwritev, pwrite, fsync, open, create, link or
 *			rename
 *	FAULT_NUMBER	which of them, from 1; 0 for each of them
 *	FAULT_ACTION	a number: the errno; else a command for the shell, in which
 *			$PPID is mkfs.erofs
 *	FAULT_NO_TMPFILE	if set, no file can be made without a name
 *	FAULT_NO_HOLES	if set, no file system can tell where holes are
 *	FAULT_NO_EXCHANGE	if set, no two files can exchange their names
 *	FAULT_LOG	a file to which each pread is written: offset and length
 *	FAULT_JITTER	each pread and pwritev takes up to so many microseconds longer
 *
 * Calls may come from several threads.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* not system(), which has the process ignore signals in the meantime */
static void run(const char *command)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status)
		fprintf(stderr, "fault: '%s' failed\n", command);
}

/* read once: another thread may be the one that changes the environment */
static const char *name, *action;
static unsigned int number, jitter;

__attribute__((constructor)) static void configure(void)
{
	name = getenv("FAULT_CALL");
	action = getenv("FAULT_ACTION");
	number = atoi(getenv("FAULT_NUMBER") ?: "0");
	jitter = atoi(getenv("FAULT_JITTER") ?: "0");
}

/* true if the call is to fail, with errno set */
static int fault(const char *call)
{
	static unsigned int seen;

	if (jitter && (!strcmp(call, "pread") || !strcmp(call, "pwritev")))
		usleep(random() % jitter);
	if (!name || !action || strcmp(name, call))
		return 0;
	if (number && __atomic_add_fetch(&seen, 1, __ATOMIC_RELAXED) != number)
		return 0;
	if (strspn(action, "0123456789") == strlen(action)) {
		errno = atoi(action);
		return 1;
	}
	/* not in the command as well */
	unsetenv("LD_PRELOAD");
	unsetenv("FAULT_CALL");
	run(action);
	return 0;
}

static void log_read(off64_t pos, size_t len)
{
	const char *path = getenv("FAULT_LOG");
	FILE *f = path ? fopen(path, "a") : NULL;

	if (!f)
		return;
	fprintf(f, "%lld %zu\n", (long long)pos, len);
	fclose(f);
}

#define NEXT(name) ((typeof(name) *)dlsym(RTLD_NEXT, #name))

ssize_t pread64(int fd, void *buf, size_t len, off64_t pos)
{
	log_read(pos, len);
	return fault("pread") ? -1 : NEXT(pread64)(fd, buf, len, pos);
}

ssize_t read(int fd, void *buf, size_t len)
{
	return fault("read") ? -1 : NEXT(read)(fd, buf, len);
}

ssize_t pwrite64(int fd, const void *buf, size_t len, off64_t pos)
{
	return fault("pwrite") ? -1 : NEXT(pwrite64)(fd, buf, len, pos);
}

ssize_t pwritev64(int fd, const struct iovec *iov, int count, off64_t pos)
{
	return fault("pwritev") ? -1 : NEXT(pwritev64)(fd, iov, count, pos);
}

int fsync(int fd)
{
	return fault("fsync") ? -1 : NEXT(fsync)(fd);
}

static bool no_tmpfile(int flags)
{
	errno = EOPNOTSUPP;
	return (flags & O_TMPFILE) == O_TMPFILE && getenv("FAULT_NO_TMPFILE");
}

int open64(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = va_arg(args, mode_t);
	va_end(args);
	if (no_tmpfile(flags))
		return -1;
	return fault("open") ? -1 : NEXT(open64)(path, flags, mode);
}

int openat64(int dirfd, const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = va_arg(args, mode_t);
	va_end(args);
	if (no_tmpfile(flags))
		return -1;
	if ((flags & O_EXCL) && fault("create"))
		return -1;
	return NEXT(openat64)(dirfd, path, flags, mode);
}

off64_t lseek64(int fd, off64_t pos, int whence)
{
	if (whence == SEEK_DATA && getenv("FAULT_NO_HOLES")) {
		errno = EINVAL;
		return -1;
	}
	return NEXT(lseek64)(fd, pos, whence);
}

int linkat(int olddir, const char *old, int newdir, const char *new, int flags)
{
	return fault("link") ? -1 : NEXT(linkat)(olddir, old, newdir, new, flags);
}

int renameat2(int olddir, const char *old, int newdir, const char *new, unsigned int flags)
{
	if (flags && getenv("FAULT_NO_EXCHANGE")) {
		errno = EINVAL;
		return -1;
	}
	return fault("rename") ? -1 : NEXT(renameat2)(olddir, old, newdir, new, flags);
}

int renameat(int olddir, const char *old, int newdir, const char *new)
{
	return fault("rename") ? -1 : NEXT(renameat)(olddir, old, newdir, new);
}
