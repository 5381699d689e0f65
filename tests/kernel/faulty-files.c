// SPDX-License-Identifier: GPL-2.0-only
/*
 * Image files that fail, for faulty.c: cut off, removed, replaced, or on a file system
 * that cannot read them.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../ktap.h"
#include "faulty.h"
#include "sharing.h"

#define STORE_DISK	"/disk7"
#define BTRFS_DISK	"/disk8"
#define BTRFS_MADE	"/tmp/btrfs-is-made"
#define KEPT_IMAGES	"kept/"	/* in the store: nobody changes those */
#define CUT		4096	/* bytes that are left: the superblock */

static const char *image_name;
static const char *image_path;
static int backing;		/* the file, for what is cached of it */

int copy(const char *from, const char *to)
{
	static char buf[1 << 20];
	const int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT, 0600);
	ssize_t n;

	expect(in >= 0 && out >= 0, "%s to %s: %s", from, to, strerror(errno));
	while ((n = read(in, buf, sizeof(buf))) > 0)
		expect(write(out, buf, n) == n, "%s: %s", to, strerror(errno));
	expect(!n && !fsync(out), "%s: %s", to, strerror(errno));
	close(in);
	close(out);
	return 0;
}

static const char *in_store(const char *image)
{
	static char path[256];

	snprintf(path, sizeof(path), STORE "%s", image);
	image_name = image;
	image_path = path;
	return path;
}

static const char *kept(const char *image)
{
	static char path[128];

	snprintf(path, sizeof(path), KEPT_IMAGES "%s", image);
	return path;
}

static void mount_store(const char *device, const char *type, unsigned long flags,
			const char *options)
{
	mkdir(STORE, 0755);
	if (mount(device, STORE, type, flags, options))
		err(1, "%s", device);
}

/* a new file: the name may be that of one that cannot be written to */
const char *stored(const char *image)
{
	mount_store(STORE_DISK, "ext4", 0, "");
	unlink(in_store(image));
	if (copy(in_folder(image), image_path))
		exit(1);
	return image_path;
}

void close_store(void)
{
	if (umount(STORE))
		umount2(STORE, MNT_DETACH);
}

/* the bytes that there were */
int put_back(const char *path)
{
	return copy(in_folder(image_name), path);
}

static int is_put_back(void)
{
	return put_back(image_path);
}

static void drop_backing(void)
{
	posix_fadvise(backing, 0, 0, POSIX_FADV_DONTNEED);
}

static const char *opened(const char *path)
{
	backing = open(path, O_RDONLY);
	if (backing < 0)
		err(1, "%s", path);
	return path;
}

/* ---- by who may write to it ---- */

static int cut(void)
{
	return truncate(image_path, CUT) ? -errno : 0;
}

static const char *stored_and_opened(const char *image)
{
	return opened(stored(image));
}

static int removed(void)
{
	return unlink(image_path) ? -errno : 0;
}

static int replaced(void)
{
	expect_ok(copy(in_folder("next"), STORE "new"));
	return rename(STORE "new", image_path) ? -errno : 0;
}

/* the file below has another inode, and writing to that is not denied */
static const char *below_overlay(const char *image)
{
	stored(image);
	if (system("cd /store && rm -rf upper lower work && mkdir -p upper lower work over"))
		errx(1, "mkdir");
	if (rename(image_path, STORE "upper/base") ||
	    mount("overlay", STORE "over", "overlay", 0,
		  "lowerdir=/store/lower,upperdir=/store/upper,workdir=/store/work"))
		err(1, "overlay");
	image_path = STORE "upper/base";
	return STORE "over/base";
}

static void close_overlay(void)
{
	umount2(STORE "over", MNT_DETACH);
	close_store();
}

/* ---- by its file system ---- */

static int disk_fails(void)
{
	return dm_become(SICK, "error", sectors_of(STORE_DISK), "%s", "");
}

static int disk_is_well(void)
{
	return dm_become(SICK, "linear", sectors_of(STORE_DISK), "%s 0", STORE_DISK);
}

static void sick_store(void)
{
	mount_store(dm_create(SICK, "linear", sectors_of(STORE_DISK), "%s 0", STORE_DISK),
		    "ext4", MS_RDONLY, "noload");
}

static const char *on_sick_disk(const char *image)
{
	sick_store();
	return opened(in_store(kept(image)));
}

static void close_sick_store(void)
{
	close(backing);
	close_store();
	remove_sick();
}

/* btrfs has checksums of its data: what is corrupt below it is an error, too */
static int btrfs_is_well(void)
{
	return dm_become(SICK, "linear", sectors_of(BTRFS_DISK), "%s 0", BTRFS_DISK);
}

static int btrfs_is_empty(void)
{
	return dm_become(SICK, "zero", sectors_of(BTRFS_DISK), "%s", "");
}

static const char *on_btrfs(const char *image)
{
	if (access(BTRFS_MADE, F_OK) &&
	    system("mkfs.btrfs -q -m single " BTRFS_DISK " && touch " BTRFS_MADE))
		errx(1, "mkfs.btrfs");
	mount_store(dm_create(SICK, "linear", sectors_of(BTRFS_DISK), "%s 0", BTRFS_DISK),
		    "btrfs", 0, "");
	in_store(image);
	if (access(image_path, F_OK) && copy(in_folder(image), image_path))
		exit(1);
	return opened(image_path);
}

static void close_btrfs(void)
{
	if (btrfs_is_well())
		exit(1);
	close_sick_store();
}

static void close_file(void)
{
	close(backing);
	close_store();
}

/* the pages of a file of tmpfs are nowhere else */
int tmpfs_is_refused(void)
{
	int ret;

	expect_ok(copy(in_folder("one"), "/dev/shm/one"));
	ret = attach("/dev/shm/one", "a", NULL);
	expect(ret == -ENOTBLK, "mount: %s", strerror(-ret));
	expect(!unlink("/dev/shm/one"), "unlink: %s", strerror(errno));
	return 0;
}

const struct fault file_faults[] = {
	{ .name = "file-truncated", .file_backed = true, .outcome = FAILS, .index_goes = true,
	  .prepare = stored_and_opened, .arm = cut, .heal = is_put_back, .finish = close_file },
	{ .name = "file-removed", .file_backed = true, .outcome = ANSWERS,
	  .prepare = stored_and_opened, .arm = removed, .drop = drop_backing,
	  .finish = close_file },
	{ .name = "file-replaced", .file_backed = true, .outcome = ANSWERS,
	  .prepare = stored_and_opened, .arm = replaced, .drop = drop_backing,
	  .finish = close_file },
	{ .name = "overlay-truncated", .file_backed = true, .outcome = FAILS,
	  .common_only = true, .prepare = below_overlay, .arm = cut, .heal = is_put_back,
	  .finish = close_overlay },
	{ .name = "ext4-on-error", .file_backed = true, .outcome = FAILS, .index_goes = true,
	  .prepare = on_sick_disk, .arm = disk_fails, .heal = disk_is_well,
	  .drop = drop_backing, .finish = close_sick_store },
	{ .name = "btrfs-on-zeros", .file_backed = true, .outcome = FAILS, .index_goes = true,
	  .prepare = on_btrfs, .arm = btrfs_is_empty, .heal = btrfs_is_well,
	  .drop = drop_backing, .finish = close_btrfs },
};

const size_t nr_file_faults = sizeof(file_faults) / sizeof(*file_faults);
