// SPDX-License-Identifier: GPL-2.0-only
/*
 * What hostile.c does to open files: flags at open and later, fcntl(), ioctl(), locks,
 * and all that a read-only file system has to refuse.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/fsverity.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include "hostile.h"

#ifndef FS_IOC_GETFSUUID	/* Linux 6.9 */
#define FS_IOC_GETFSUUID	_IOR(0x15, 0, char[17])
#define FS_IOC_GETFSSYSFSPATH	_IOR(0x15, 1, char[129])
#endif

#define OPEN_FLAGS	(O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND |	\
			 O_NONBLOCK | O_SYNC | O_ASYNC | O_DIRECT | O_DIRECTORY |	\
			 O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_PATH | O_TMPFILE)
#define LATER_FLAGS	(O_APPEND | O_ASYNC | O_DIRECT | O_NOATIME | O_NONBLOCK)

static bool opened(struct thread *t, const char *path, int flags, int fd)
{
	if (fd >= 0 && (flags & O_ACCMODE) && !(flags & O_PATH))
		wrong("%s was opened for writing (%x)", path, flags);
	return keep_fd(t, fd);
}

static bool open_any(struct thread *t)
{
	const struct hostile_file *f = some_file(t);
	int flags = some_bits(t, OPEN_FLAGS);

	return opened(t, f->path, flags, open(f->path, flags, 0600));
}

static bool open_plain(struct thread *t)
{
	return keep_fd(t, open(some_file(t)->path, O_RDONLY | O_CLOEXEC));
}

static bool open_direct(struct thread *t)
{
	return keep_fd(t, open(some_file(t)->path, O_RDONLY | O_DIRECT | O_CLOEXEC));
}

static bool reopen(struct thread *t)
{
	int flags = dice(t, 2) ? O_RDONLY : some_bits(t, OPEN_FLAGS & ~O_NOFOLLOW);
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", some_fd(t));
	return opened(t, path, flags, open(path, flags, 0600));
}

static bool open_dir(struct thread *t)
{
	char path[64];
	int fd;

	some_mount(t, path);
	fd = open(path, O_RDONLY | O_DIRECTORY | some_bits(t, O_NOATIME | O_NONBLOCK | O_PATH));
	if (fd < 0)
		return false;
	dup3(fd, some_dir(t), O_CLOEXEC);
	return !close(fd);
}

/* ---- fcntl ---- */

static bool set_flags(struct thread *t)
{
	return !fcntl(some_fd(t), F_SETFL, some_bits(t, LATER_FLAGS));
}

static bool set_direct(struct thread *t)
{
	return !fcntl(some_fd(t), F_SETFL, dice(t, 2) ? O_DIRECT : 0);
}

static bool lock(struct thread *t)
{
	static const int commands[] = { F_SETLK, F_GETLK, F_OFD_SETLK, F_OFD_GETLK };
	static const short types[] = { F_RDLCK, F_WRLCK, F_UNLCK };
	struct flock l = {
		.l_type = pick(t, types), .l_whence = SEEK_SET,
		.l_start = dice(t, 1 << 20), .l_len = dice(t, 3) ? dice(t, 1 << 20) : 0,
	};

	return !fcntl(some_fd(t), pick(t, commands), &l);
}

static bool flock_it(struct thread *t)
{
	static const int how[] = { LOCK_SH, LOCK_EX, LOCK_UN };

	return !flock(some_fd(t), pick(t, how) | LOCK_NB);
}

/*
 * Who owns a file may have an open for writing, or any open, wait for him; that is not
 * done to the files that the victim opens.
 */
static bool lease(struct thread *t)
{
	int fd = some_fd(t), type = dice(t, 3);
	char path[64], twin[80];

	if (type != F_WRLCK)
		return !fcntl(fd, F_SETLEASE, type);
	some_mount(t, path);
	snprintf(twin, sizeof(twin), "%s/twin.img", path);
	fd = open(twin, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	fcntl(fd, F_SETLEASE, F_WRLCK);
	return keep_fd(t, fd);
}

static bool notify(struct thread *t)
{
	return !fcntl(some_dir(t), F_NOTIFY, some_bits(t, DN_ACCESS | DN_MODIFY | DN_CREATE |
						       DN_DELETE | DN_RENAME | DN_ATTRIB |
						       (int)DN_MULTISHOT));
}

static bool owner(struct thread *t)
{
	struct f_owner_ex me = { .type = F_OWNER_PID, .pid = getpid() };
	int fd = some_fd(t);

	switch (dice(t, 4)) {
	case 0: return !fcntl(fd, F_SETOWN, getpid());
	case 1: return !fcntl(fd, F_SETOWN_EX, &me);
	case 2: return !fcntl(fd, F_GETOWN_EX, &me);
	default: return !fcntl(fd, F_SETSIG, SIGUSR1);
	}
}

static bool hint(struct thread *t)
{
	static const int commands[] = { F_GET_RW_HINT, F_SET_RW_HINT, F_GET_FILE_RW_HINT,
		F_SET_FILE_RW_HINT };
	uint64_t value = dice(t, 7);

	return !fcntl(some_fd(t), pick(t, commands), &value);
}

static bool pipe_size(struct thread *t)
{
	return fcntl(t->pipe[dice(t, 2)], F_SETPIPE_SZ, PAGE << dice(t, 9)) > 0;
}

static bool seals(struct thread *t)
{
	int fd = dice(t, 2) ? some_fd(t) : t->memory;

	if (fd == t->memory)
		return fcntl(fd, F_GET_SEALS) >= 0;
	return !fcntl(fd, F_ADD_SEALS, some_bits(t, 0x3f));
}

/* all that has not come to us, with an argument that means nothing or is a buffer */
static bool fcntl_any(struct thread *t)
{
	int fd = some_fd(t), command = dice(t, 2) ? dice(t, 48) : 1024 + dice(t, 24), ret;
	unsigned long arg = dice(t, 2) ? dice(t, 4096) : (uintptr_t)t->buffer;

	/* those that wait, signal strangers, or were just thought of */
	if (command == F_SETLKW || command == F_OFD_SETLKW || command == F_SETOWN ||
	    command == F_SETSIG || command == F_SETOWN_EX || command == F_SETLEASE)
		return false;
	ret = fcntl(fd, command, arg);
	if (ret > FIRST_DIR + DIRS && (command == F_DUPFD || command == F_DUPFD_CLOEXEC))
		close(ret);
	return ret >= 0;
}

/* ---- ioctl ---- */

static bool fiemap(struct thread *t)
{
	struct fiemap *map = (struct fiemap *)t->buffer;

	memset(map, 0, sizeof(*map));
	map->fm_start = dice(t, 8 << 20);
	map->fm_length = dice(t, 2) ? FIEMAP_MAX_OFFSET : dice(t, 8 << 20);
	map->fm_extent_count = dice(t, 100);
	map->fm_flags = dice(t, 4) ? 0 : some_bits(t, 7);
	return !ioctl(some_fd(t), FS_IOC_FIEMAP, map);
}

static bool clone_range(struct thread *t)
{
	struct file_clone_range range = {
		.src_fd = some_fd(t), .src_length = (uint64_t)dice(t, 512) * PAGE,
	};
	int to = dice(t, 2) ? t->memory : some_fd(t);

	if (!dice(t, 2))
		return !ioctl(to, FICLONE, range.src_fd);
	return !ioctl(to, FICLONERANGE, &range);
}

static bool dedupe(struct thread *t)
{
	struct file_dedupe_range *r = (struct file_dedupe_range *)t->buffer;

	memset(t->buffer, 0, PAGE);
	r->src_length = (uint64_t)(1 + dice(t, 16)) * PAGE;
	r->dest_count = 1;
	r->info[0].dest_fd = some_fd(t);
	if (ioctl(some_fd(t), FIDEDUPERANGE, r))
		return false;
	if (r->info[0].bytes_deduped)
		wrong("files were deduplicated");
	return true;
}

static bool ioctl_known(struct thread *t)
{
	static const unsigned long numbers[] = {
		FS_IOC_GETFLAGS, FS_IOC_SETFLAGS, FS_IOC_GETVERSION, FS_IOC_SETVERSION,
		FS_IOC_FSGETXATTR, FS_IOC_FSSETXATTR, FS_IOC_GETFSLABEL, FS_IOC_SETFSLABEL,
		FS_IOC_GETFSUUID, FS_IOC_GETFSSYSFSPATH, FS_IOC_MEASURE_VERITY,
		FS_IOC_ENABLE_VERITY, FS_IOC_READ_VERITY_METADATA, FIGETBSZ, FIBMAP,
		FIONREAD, FIOASYNC, FIONBIO, FIOQSIZE, FITRIM, FIFREEZE, FITHAW, FIOCLEX,
		BLKGETSIZE64, BLKFLSBUF, BLKDISCARD, 0x5000a003 /* FIONREAD of others */,
	};
	int fd = dice(t, 4) ? some_fd(t) : some_dir(t);

	memset(t->buffer, dice(t, 2), PAGE);
	return !ioctl(fd, pick(t, numbers), t->buffer);
}

static bool ioctl_any(struct thread *t)
{
	static const unsigned char types[] = { 'f', 'X', 'v', 0x12, 0x15, 0x94, 'r', 'T', 0xe0 };
	unsigned long number = _IOC(dice(t, 4), pick(t, types), dice(t, 256), dice(t, 256));

	return !ioctl(dice(t, 4) ? some_fd(t) : some_dir(t), number, t->buffer);
}

/* ---- what is not for a read-only file system ---- */

static bool write_it(struct thread *t)
{
	int fd = some_fd(t);

	if (pwrite(fd, t->buffer, PAGE, 0) > 0 || !ftruncate(fd, dice(t, 1 << 20)) ||
	    !fallocate(fd, some_bits(t, 0x7f), 0, PAGE))
		wrong("a file was written to");
	switch (dice(t, 3)) {
	case 0: return !sync_file_range(fd, 0, 0, some_bits(t, 7));
	case 1: return !fsync(fd);
	default: return !fdatasync(fd);
	}
}

static bool change_it(struct thread *t)
{
	const struct hostile_file *f = some_file(t);
	int fd = some_fd(t), dir = some_dir(t);

	if (!fchmod(fd, 0777) || !fchown(fd, 0, 0) || !futimens(fd, NULL) ||
	    !fsetxattr(fd, "user.x", "y", 1, 0) || !linkat(fd, "", dir, "x", AT_EMPTY_PATH) ||
	    !unlinkat(dir, "data.img", 0) || !renameat(dir, "data.img", dir, "x") ||
	    !mkdirat(dir, "x", 0700) || !truncate(f->path, 0))
		wrong("%s: a folder or an inode was changed", f->path);
	return false;
}

static bool look(struct thread *t)
{
	int fd = some_fd(t);

	switch (dice(t, 5)) {
	case 0:
		return flistxattr(fd, t->buffer, dice(t, 2) ? PAGE : 0) >= 0;
	case 1:
		return fgetxattr(fd, "trusted.erofs.fingerprint", t->buffer, PAGE) >= 0;
	case 2:
		return lseek(fd, dice(t, 8 << 20), dice(t, 2) ? SEEK_DATA : SEEK_HOLE) >= 0;
	case 3:
		return lseek(some_dir(t), dice(t, 64), SEEK_SET) >= 0;
	default:
		return lseek(fd, dice(t, 1 << 20), dice(t, 8)) >= 0;
	}
}

const struct operation descriptor_operations[] = {
	{ "open-any", open_any, true },
	{ "open-plain", open_plain, true },
	{ "open-direct", open_direct, true },
	{ "reopen", reopen, true },
	{ "open-dir", open_dir, true },
	{ "set-flags", set_flags, true },
	{ "set-direct", set_direct, true },
	{ "lock", lock, true },
	{ "flock", flock_it, true },
	{ "lease", lease, true },
	{ "dnotify", notify, false },
	{ "owner", owner, true },
	{ "hint", hint, false },
	{ "pipe-size", pipe_size, true },
	{ "seals", seals, true },
	{ "fcntl-any", fcntl_any, true },
	{ "fiemap", fiemap, true },
	{ "clone-range", clone_range, false },
	{ "dedupe", dedupe, false },
	{ "ioctl-known", ioctl_known, true },
	{ "ioctl-any", ioctl_any, false },
	{ "write", write_it, true },
	{ "change", change_it, false },
	{ "look", look, true },
	{ NULL, NULL, false },
};
