// SPDX-License-Identifier: GPL-2.0-only
/*
 * What hostile.c does with mounts: as the first of its own user namespace it may bind them,
 * clone them, change their flags and put an overlay on top, but neither mount images of its
 * own nor change what it was given.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include "hostile.h"

#define SYS_STATMOUNT	457	/* Linux 6.8 */
#define SYS_LISTMOUNT	458

static char *in_box(struct thread *t, const char *name, char path[64])
{
	snprintf(path, 64, "%s/%s", t->box, name);
	return path;
}

/* read a file by another path to it, below the mount point @where */
static bool read_below(struct thread *t, const char *where, const struct hostile_file *f)
{
	uint64_t pos = (uint64_t)dice(t, f->size);
	char path[128];
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "%s%s", where, strrchr(f->path, '/'));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = pread(fd, t->buffer, 65536, pos);
		check_bytes(f, pos, t->buffer, n, path);
		/* later operations use it when its mount has gone, if it is not to be written */
		if (access(path, W_OK) && errno == EROFS)
			keep_fd(t, fd);
		else
			close(fd);
	}
	return n > 0;
}

static bool bind_it(struct thread *t)
{
	static const unsigned long flags[] = { MS_RDONLY, MS_NOEXEC, MS_NOATIME, MS_NODEV, 0 };
	char from[64], to[64];
	const struct hostile_file *f = some_mount(t, from);
	bool ok;

	if (mount(from, in_box(t, "m", to), NULL, MS_BIND | MS_REC, NULL))
		return false;
	if (!mount(NULL, to, NULL, MS_BIND | MS_REMOUNT | pick(t, flags), NULL) &&
	    !access(to, W_OK))
		wrong("%s can be written to by another mount", from);
	ok = read_below(t, to, f);
	umount2(to, dice(t, 2) ? MNT_DETACH : 0);
	umount2(to, MNT_DETACH);
	return ok;
}

/* by the system calls that came for it */
static bool clone_mount(struct thread *t)
{
	static const uint64_t bits[] = { MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NODEV,
		MOUNT_ATTR_NOSUID, MOUNT_ATTR_NOATIME, MOUNT_ATTR_IDMAP };
	struct mount_attr attr = { .attr_set = pick(t, bits) };
	char from[64], to[64], path[64];
	const struct hostile_file *f = some_mount(t, from);
	int fd = open_tree(AT_FDCWD, from, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
			   (dice(t, 2) ? AT_RECURSIVE : 0)), ns;
	bool ok;

	if (fd < 0)
		return false;
	ns = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
	attr.userns_fd = ns;
	if (!mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) &&
	    attr.attr_set == MOUNT_ATTR_IDMAP)
		wrong("%s: a user has mapped owners of files", from);
	close(ns);
	if (dice(t, 2) && !move_mount(fd, "", AT_FDCWD, in_box(t, "m", to),
				      MOVE_MOUNT_F_EMPTY_PATH)) {
		ok = read_below(t, to, f);
		umount2(to, MNT_DETACH);
	} else {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		ok = read_below(t, path, f);
	}
	close(fd);
	return ok;
}

/* ---- overlays ---- */

static bool overlay(struct thread *t, bool upper)
{
	char from[64], other[64], to[64], options[512];
	const struct hostile_file *f = some_mount(t, from);
	bool ok;
	int n;

	some_mount(t, other);
	n = snprintf(options, sizeof(options), "userxattr,lowerdir=%s:%s", from,
		     strcmp(other, from) ? other : t->box);
	if (upper)
		snprintf(options + n, sizeof(options) - n, ",upperdir=%s/u,workdir=%s/w",
			 t->box, t->box);
	if (mount("over", in_box(t, "m", to), "overlay", upper ? 0 : MS_RDONLY, options))
		return false;
	ok = read_below(t, to, f);
	if (upper) {
		/* written to, it is copied up; the copy is read, not the file */
		char path[128];
		int fd;

		snprintf(path, sizeof(path), "%s/small.bin", to);
		fd = open(path, O_RDWR | O_CLOEXEC);
		ok = fd >= 0 && pread(fd, t->buffer, 5000, 0) == 5000 &&
			pwrite(fd, "x", 1, 0) == 1;
		if (ok && !content_is(SMALL, 0, t->buffer, 5000))
			wrong("%s: other bytes were copied up", from);
		close(fd);
		unlink(path);
		snprintf(path, sizeof(path), "%s/u/small.bin", t->box);
		unlink(path);
	}
	umount2(to, MNT_DETACH);
	return ok;
}

static bool overlay_lower(struct thread *t)
{
	return overlay(t, false);
}

static bool overlay_upper(struct thread *t)
{
	return overlay(t, true);
}

/* ---- what is refused ---- */

static bool mount_image(struct thread *t)
{
	static const char * const sources[] = { "/disk0", "/in/plain", "/in/shared" };
	static const char * const options[] = { "", "chunk_share", "inode_share,domain_id=x",
		"inode_share_verify,domain_id=x" };
	char to[64];
	int fs, fd;

	if (!mount(pick(t, sources), in_box(t, "m", to), "erofs", MS_RDONLY, pick(t, options)))
		wrong("a user has mounted an image");
	fs = fsopen("erofs", FSOPEN_CLOEXEC);
	if (fs < 0)
		return false;
	fsconfig(fs, FSCONFIG_SET_STRING, "source", pick(t, sources), 0);
	fsconfig(fs, FSCONFIG_SET_FLAG, "chunk_share", NULL, 0);
	if (!fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0)) {
		fd = fsmount(fs, FSMOUNT_CLOEXEC, 0);
		wrong("a user has mounted an image (%d)", fd);
	}
	close(fs);
	return false;
}

static bool change_mount(struct thread *t)
{
	char from[64];
	int fs;

	some_mount(t, from);
	if (!mount(NULL, from, NULL, MS_REMOUNT | (dice(t, 2) ? 0 : MS_RDONLY), ""))
		wrong("%s: a user has remounted it", from);
	if (!umount2(from, dice(t, 2) ? MNT_DETACH : MNT_FORCE))
		wrong("%s: a user has unmounted it", from);
	fs = fspick(AT_FDCWD, from, FSPICK_CLOEXEC);
	if (fs >= 0) {
		fsconfig(fs, FSCONFIG_SET_FLAG, "rw", NULL, 0);
		if (!fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0))
			wrong("%s: a user has reconfigured it", from);
		close(fs);
	}
	return false;
}

/* ---- what is told ---- */

static bool ask_mounts(struct thread *t)
{
	uint64_t ids[64], request[4] = { 24, ~0ULL, 0, 0 };	/* size, LSMT_ROOT */
	struct statfs st;
	char from[64];
	long n;

	some_mount(t, from);
	if (!dice(t, 3))
		return !statfs(from, &st);
	n = syscall(SYS_LISTMOUNT, request, ids, 64, 0);
	if (n <= 0)
		return false;
	request[1] = ids[dice(t, n)];
	request[2] = some_bits(t, 0xffff);
	return !syscall(SYS_STATMOUNT, request, t->buffer, PAGE, 0);
}

/* a namespace in the namespace, with mounts that are gone when it is */
static bool nest(struct thread *t)
{
	char from[64], to[64];
	const struct hostile_file *f = some_mount(t, from);
	pid_t pid = fork_child();

	if (!pid) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
			_exit(1);
		if (mount("t", in_box(t, "t", to), "tmpfs", 0, "size=1m"))
			_exit(1);
		_exit(!read_below(t, from, f));
	}
	return pid > 0 && !child_status(pid);
}

const struct operation mount_operations[] = {
	{ "bind-mount", bind_it, true },
	{ "open-tree", clone_mount, true },
	{ "overlay", overlay_lower, true },
	{ "overlay-upper", overlay_upper, true },
	{ "mount-image", mount_image, false },
	{ "change-mount", change_mount, false },
	{ "ask-mounts", ask_mounts, true },
	{ "nest", nest, true },
	{ NULL, NULL, false },
};
