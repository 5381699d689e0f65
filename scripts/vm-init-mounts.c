// SPDX-License-Identifier: GPL-2.0-only
/*
 * The root file system of the guest: squashfs layers below a tmpfs, with what every
 * system has mounted; and, when the command has ended, all that it has mounted comes
 * off again, and the module under test is unloaded.  Both have to work.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "vm-init.h"

/*
 * How long may be in use what nobody uses any more: the kernel drops some references
 * of a process that has ended later, as those of io_uring.  On a busy host all takes
 * its time; what is leaked is in use for ever.
 */
#define PATIENCE_MS	20000
static long long deadline;

static void must_mount(const char *what, const char *where, const char *type,
		       unsigned long flags, const char *data)
{
	mkdir(where, 0755);
	if (mount(what, where, type, flags, data))
		fatal("mount %s on %s", what, where);
}

void mount_early(void)
{
	must_mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=755");
	must_mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	must_mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
}

static void mount_layer(const char *serial, const char *where)
{
	const char *disk = disk_path(serial);

	if (!disk) {
		errno = ENODEV;
		fatal("disk %s", serial);
	}
	must_mount(disk, where, "squashfs", MS_RDONLY, NULL);
}

/* The userland with the kernel's modules in front, and a tmpfs to write to */
void mount_root(void)
{
	mount_layer("root", "/userland");
	mount_layer("modules", "/kernel");
	must_mount("tmpfs", "/changes", "tmpfs", 0, "mode=755");
	mkdir("/changes/upper", 0755);
	mkdir("/changes/work", 0755);
	must_mount("overlay", "/root", "overlay", 0,
		   "lowerdir=/kernel:/userland,upperdir=/changes/upper,workdir=/changes/work");
}

void enter_root(void)
{
	if (mount("/dev", "/root/dev", NULL, MS_MOVE, NULL) ||
	    mount("/proc", "/root/proc", NULL, MS_MOVE, NULL) ||
	    mount("/sys", "/root/sys", NULL, MS_MOVE, NULL) ||
	    chdir("/root") || mount(".", "/", NULL, MS_MOVE, NULL) ||
	    chroot(".") || chdir("/"))
		fatal("enter the root file system");
}

static const struct {
	const char *what, *where, *type, *data;
	unsigned long flags;
} mounts[] = {
	{ "devpts", "/dev/pts", "devpts", "mode=620,gid=5,ptmxmode=666",
	  MS_NOSUID | MS_NOEXEC },
	{ "tmpfs", "/dev/shm", "tmpfs", "mode=1777", MS_NOSUID | MS_NODEV },
	{ "tmpfs", "/run", "tmpfs", "mode=755", MS_NOSUID | MS_NODEV },
	{ "tmpfs", "/tmp", "tmpfs", "mode=1777,size=90%", MS_NOSUID | MS_NODEV },
	{ "tmpfs", "/out", "tmpfs", "mode=755,size=90%", 0 },
	{ "cgroup2", "/sys/fs/cgroup", "cgroup2", NULL,
	  MS_NOSUID | MS_NODEV | MS_NOEXEC },
	{ "debugfs", "/sys/kernel/debug", "debugfs", NULL, 0 },
	{ "tracefs", "/sys/kernel/tracing", "tracefs", NULL, 0 },
};

static const struct {
	const char *target, *path;
} links[] = {
	{ "/proc/self/fd", "/dev/fd" },
	{ "/proc/self/fd/0", "/dev/stdin" },
	{ "/proc/self/fd/1", "/dev/stdout" },
	{ "/proc/self/fd/2", "/dev/stderr" },
	{ "pts/ptmx", "/dev/ptmx" },
};

void mount_rest(void)
{
	const char *disk;
	size_t i;

	for (i = 0; i < sizeof(mounts) / sizeof(*mounts); i++)
		must_mount(mounts[i].what, mounts[i].where, mounts[i].type,
			   mounts[i].flags, mounts[i].data);
	for (i = 0; i < sizeof(links) / sizeof(*links); i++) {
		unlink(links[i].path);
		if (symlink(links[i].target, links[i].path))
			fatal("%s", links[i].path);
	}
	disk = disk_path("in");
	if (disk)
		must_mount(disk, "/in", "ext4", MS_RDONLY, "noload");
}

static bool is_ours(const char *where)
{
	static const char * const early[] = { "/", "/dev", "/proc", "/sys" };
	size_t i;

	for (i = 0; i < sizeof(early) / sizeof(*early); i++)
		if (!strcmp(where, early[i]))
			return true;
	for (i = 0; i < sizeof(mounts) / sizeof(*mounts); i++)
		if (!strcmp(where, mounts[i].where))
			return true;
	return false;
}

/* Mount points of the command, to be freed, in the order in which they were made */
static char **list_mounts(size_t *nr)
{
	FILE *table = setmntent("/proc/self/mounts", "r");
	struct mntent *entry;
	char **where = NULL;

	if (!table)
		fatal("/proc/self/mounts");
	*nr = 0;
	while ((entry = getmntent(table))) {
		if (is_ours(entry->mnt_dir))
			continue;
		where = realloc(where, (*nr + 1) * sizeof(*where));
		if (!where)
			fatal("mount table");
		where[(*nr)++] = strdup(entry->mnt_dir);
	}
	endmntent(table);
	return where;
}

/* Unmount all, last first; returns how many it could not, which it says if it gives them up */
static size_t try_unmount(bool give_up)
{
	size_t n, failed = 0;
	char **where = list_mounts(&n);

	while (n--) {
		if (umount2(where[n], 0)) {
			failed++;
			if (give_up) {
				set_bad("cannot unmount %s: %s", where[n], strerror(errno));
				umount2(where[n], MNT_DETACH);
			}
		}
		free(where[n]);
	}
	free(where);
	return failed;
}

/*
 * With all processes gone nobody uses what they have mounted: what cannot be
 * unmounted has lost a reference.
 */
void unmount_rest(void)
{
	deadline = now_ms() + PATIENCE_MS;
	while (try_unmount(false)) {
		if (now_ms() > deadline) {
			try_unmount(true);
			return;
		}
		usleep(50000);
	}
}

/*
 * A module that is in use although nothing is mounted has lost a reference, or that of
 * a super block.  What the module has to complain about when it goes belongs to the run
 * as well, above all inodes and slab objects that somebody forgot.  The command may
 * have unloaded it itself.
 */
void unload_erofs(void)
{
	char *users;

	while (syscall(SYS_delete_module, "erofs", O_NONBLOCK)) {
		if (errno == ENOENT)
			return;
		if (now_ms() < deadline) {
			usleep(50000);
			continue;
		}
		users = read_file("/sys/module/erofs/refcnt", NULL);
		set_bad("cannot unload erofs, nothing being mounted: %s, references: %s",
			strerror(errno), users ? users : "unknown");
		free(users);
		return;
	}
}
