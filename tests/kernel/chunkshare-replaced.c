// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cases of chunkshare.c about images that are replaced while mounts use them: what is
 * read is what the image has, and files that are mounted cannot be written to.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../ktap.h"
#include "chunkshare.h"
#include "guest.h"
#include "sharing.h"

/* a copy of an image in a file system that can be written to */
static const char *stored(const char *image)
{
	static char path[4][256];
	static unsigned int turn;
	char command[1024];

	turn = (turn + 1) % 4;
	mkdir("/store", 0755);
	if (mount("/disk5", "/store", "ext4", 0, "") && errno != EBUSY)
		err(1, "/disk5");
	/* a new file, as the name may be that of one that cannot be written to */
	snprintf(path[turn], sizeof(path[turn]), "/store/%s", image);
	unlink(path[turn]);
	snprintf(command, sizeof(command), "cp %s %s", in_folder(image), path[turn]);
	if (system(command))
		errx(1, "%s", command);
	return path[turn];
}

/* put the bytes of an image in place of those of a file or device, as cp does */
static int overwrite(const char *path, const char *image)
{
	char command[1024];

	snprintf(command, sizeof(command), "cat %s >%s", in_folder(image), path);
	expect(!system(command), "%s", command);
	return 0;
}

/* state.img of a mount, which then can be unmounted */
static int holds(const char *where, const char *name)
{
	struct map m = map_at(where, "state.img");
	int ret = same_bytes(m, name);

	munmap(m.p, m.size);
	close(m.fd);
	return ret;
}

/* 0, or why a file cannot be opened */
static int open_error(const char *path, int flags)
{
	int fd = open(path, flags);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

/* nobody can write to the file, in none of the ways there are */
static int expect_no_writer(const char *path)
{
	static const int ways[] = {
		O_WRONLY, O_RDWR, O_WRONLY | O_APPEND, O_WRONLY | O_TRUNC, O_RDONLY | O_TRUNC,
	};
	size_t i;
	int ret;

	for (i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		ret = open_error(path, ways[i]);
		expect(ret == ETXTBSY, "open %s, flags %x: %s", path, ways[i], strerror(ret));
	}
	ret = truncate(path, 0) ? errno : 0;
	expect(ret == ETXTBSY, "truncate %s: %s", path, strerror(ret));
	return 0;
}

static int expect_writer(const char *path)
{
	int ret = open_error(path, O_RDWR);

	expect(!ret, "open %s: %s", path, strerror(ret));
	return 0;
}

int backing_files_cannot_be_written(void)
{
	const char *image = stored("old"), *next = stored("old.next");
	char options[256];
	int fd;

	snprintf(options, sizeof(options), "chunk_share,device=%s", image);
	expect(!attach(image, "a", "chunk_share"), "mount: %s", strerror(errno));
	expect_ok(holds("a", "old.img"));
	expect_ok(expect_no_writer(image));
	unlink("/store/link");
	expect(!link(image, "/store/link"), "link: %s", strerror(errno));
	expect_ok(expect_no_writer("/store/link"));

	/* until the last mount is gone; the base of a generation as well */
	expect(!attach(next, "b", options), "mount: %s", strerror(errno));
	expect_ok(holds("b", "old.img"));
	expect(!detach("a"), "umount: %s", strerror(errno));
	expect_ok(expect_no_writer(image));
	expect_ok(expect_no_writer(next));
	expect(!detach("b"), "umount: %s", strerror(errno));
	expect_ok(expect_writer(image));
	expect_ok(expect_writer(next));

	/* that is, when no file is open any more */
	expect(!attach(image, "a", "chunk_share"), "mount: %s", strerror(errno));
	fd = open_at("a", "state.img", 0);
	expect(!umount2("/m/a", MNT_DETACH), "umount: %s", strerror(errno));
	expect_ok(expect_no_writer(image));
	close(fd);
	expect_ok(expect_writer(image));

	/* without the option it is as it was */
	expect(!attach(image, "a", ""), "mount: %s", strerror(errno));
	return expect_writer(image);
}

int files_being_written_are_not_mounted(void)
{
	const char *image = stored("old"), *next = stored("old.next");
	char options[256];
	int fd, ret;

	snprintf(options, sizeof(options), "chunk_share,device=%s", image);
	fd = open(image, O_WRONLY);
	ret = attach(image, "a", "chunk_share");
	expect(ret == -ETXTBSY, "mount: %s", strerror(-ret));
	ret = attach(next, "a", options);
	expect(ret == -ETXTBSY, "mount with the base: %s", strerror(-ret));
	expect_ok(expect_writer(image));
	expect_ok(expect_writer(next));
	expect(!attach(image, "a", ""), "mount without it: %s", strerror(errno));
	expect(!detach("a"), "umount: %s", strerror(errno));
	close(fd);

	/* nor does a mapping that outlives its descriptor give way */
	fd = open(image, O_RDWR);
	expect(mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED,
	       "mmap: %s", strerror(errno));
	close(fd);
	ret = attach(image, "a", "chunk_share");
	expect(ret == -ETXTBSY, "mount of what is mapped: %s", strerror(-ret));
	return 0;
}

/* how an image is replaced: the old one lives on until it is unmounted */
int images_are_replaced_by_rename(void)
{
	const char *image = stored("old"), *new = stored("new");

	expect(!attach(image, "a", "chunk_share"), "mount: %s", strerror(errno));
	expect_ok(holds("a", "old.img"));
	expect(!rename(new, image), "rename: %s", strerror(errno));
	expect_ok(expect_writer(image));
	expect(!attach(image, "b", "chunk_share"), "mount: %s", strerror(errno));
	expect_ok(holds("b", "new.img"));
	return holds("a", "old.img");
}

/*
 * What is at @base is replaced by @replace() while a generation of it is mounted and
 * cached; then the next one is mounted, with @base again.  It must have the new bytes, with
 * the option and, which is upstream's answer, without.
 */
static int next_generation_is_right(const char *old, const char *next, const char *base,
				    int (*replace)(const char *base, bool back))
{
	static const char * const ways[] = { "", "chunk_share," };
	char options[256];
	int i;

	for (i = 0; i < 2; i++) {
		snprintf(options, sizeof(options), "%sdevice=%s", ways[i], base);
		expect(!attach(old, "a", options), "mount: %s", strerror(errno));
		expect_ok(holds("a", "old.img"));
		expect_ok(replace(base, false));
		/* upstream does not see what is on its way to the device */
		if (!i)
			sync();
		expect(!attach(next, "b", options), "mount: %s", strerror(errno));
		if (holds("b", "new.img")) {
			printf("# with \"%s\"\n", options);
			return 1;
		}
		expect(!detach("a") && !detach("b"), "umount: %s", strerror(errno));
		expect_ok(replace(base, true));
	}
	return 0;
}

static int next_generation_on_device(const char *base,
				     int (*replace)(const char *base, bool back))
{
	char old[32], next[32];

	loop_of(stored("old.next"), LO_FLAGS_READ_ONLY, old, sizeof(old));
	loop_of(stored("new.next"), LO_FLAGS_READ_ONLY, next, sizeof(next));
	return next_generation_is_right(old, next, base, replace);
}

/* by the sectors that were written; the superblock is the same */
static int through_device(const char *base, bool back)
{
	return overwrite(base, back ? "old" : "new");
}

/* the superblock is read from the device, for which memory has to be aligned */
int direct_loop_devices_share(void)
{
	char device[32];

	loop_of(stored("old"), LO_FLAGS_READ_ONLY | LO_FLAGS_DIRECT_IO, device, sizeof(device));
	expect(!attach(device, "a", "chunk_share"), "mount: %s", strerror(errno));
	return same_bytes(map_at("a", "state.img"), "old.img");
}

int devices_may_be_written(void)
{
	char base[32];

	loop_of(stored("old"), 0, base, sizeof(base));
	return next_generation_on_device(base, through_device);
}

/* by the superblock: nothing tells the device */
static int below_device(const char *base, bool back)
{
	(void)base;
	return overwrite("/store/old", back ? "old" : "other");
}

int files_of_devices_may_be_written(void)
{
	char base[32];

	loop_of(stored("old"), LO_FLAGS_READ_ONLY, base, sizeof(base));
	return next_generation_on_device(base, below_device);
}

/* by the disk's sequence number */
static int of_device(const char *base, bool back)
{
	int fd = open(base, O_RDONLY), file;

	file = open(back ? "/store/old" : "/store/new", O_RDONLY);
	expect(!ioctl(fd, LOOP_CHANGE_FD, file), "LOOP_CHANGE_FD: %s", strerror(errno));
	close(file);
	close(fd);
	return 0;
}

int devices_may_get_another_file(void)
{
	char base[32];

	stored("new");
	loop_of(stored("old"), LO_FLAGS_READ_ONLY, base, sizeof(base));
	return next_generation_on_device(base, of_device);
}

/* by the attributes of the file: only who knows it by that name cannot write to it */
static int below_overlay(const char *base, bool back)
{
	(void)base;
	return overwrite("/store/upper/old", back ? "old" : "new");
}

int files_may_change_elsewhere(void)
{
	const char *old = stored("old.next"), *next = stored("new.next");
	int ret;

	stored("old");
	expect(!system("mkdir -p /store/upper /store/lower /store/work /store/over"), "mkdir");
	expect(!rename("/store/old", "/store/upper/old"), "rename: %s", strerror(errno));
	expect(!mount("overlay", "/store/over", "overlay", 0,
		      "lowerdir=/store/lower,upperdir=/store/upper,workdir=/store/work"),
	       "overlay: %s", strerror(errno));
	ret = next_generation_is_right(old, next, "/store/over/old", below_overlay);
	umount2("/store/over", MNT_DETACH);
	return ret;
}
