// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loop devices whose file fails, or goes, for faulty.c.
 *
 * A buffered loop device reads zeros behind the end of a file that was cut off, up to
 * Linux 6.14: nobody above can tell.  With direct I/O, or when it has been told the new
 * size, it is an error.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "../ktap.h"
#include "faulty.h"
#include "sharing.h"

#define CUT	4096	/* bytes that are left: the superblock */

static char device[32];
static int loop;
static const char *file;

static const char *loop_with(const char *image, int flags)
{
	file = stored(image);
	loop = loop_of(file, flags, device, sizeof(device));
	return device;
}

static const char *buffered(const char *image)
{
	return loop_with(image, 0);
}

static const char *read_only(const char *image)
{
	return loop_with(image, LO_FLAGS_READ_ONLY);
}

static const char *direct(const char *image)
{
	return loop_with(image, LO_FLAGS_READ_ONLY | LO_FLAGS_DIRECT_IO);
}

/* it goes when who has it open closes it, the last one */
static int cleared(void)
{
	expect(!ioctl(loop, LOOP_CLR_FD), "LOOP_CLR_FD: %s", strerror(errno));
	return 0;
}

/* as losetup -c; nothing of the metadata stays cached */
static int shrunk(void)
{
	expect(!truncate(file, CUT), "truncate: %s", strerror(errno));
	expect(!ioctl(loop, LOOP_SET_CAPACITY), "LOOP_SET_CAPACITY: %s", strerror(errno));
	expect(!ioctl(loop, BLKFLSBUF), "BLKFLSBUF: %s", strerror(errno));
	return 0;
}

static int grown(void)
{
	expect_ok(put_back(file));
	expect(!ioctl(loop, LOOP_SET_CAPACITY), "LOOP_SET_CAPACITY: %s", strerror(errno));
	return 0;
}

static int cut(void)
{
	expect(!truncate(file, CUT), "truncate: %s", strerror(errno));
	expect(!ioctl(loop, BLKFLSBUF), "BLKFLSBUF: %s", strerror(errno));
	return 0;
}

static int back(void)
{
	return put_back(file);
}

static int removed(void)
{
	expect(!unlink(file), "unlink: %s", strerror(errno));
	return 0;
}

/* the image has moved */
static int changed(void)
{
	int fd;

	unlink(STORE "moved");
	expect_ok(copy(file, STORE "moved"));
	fd = open(STORE "moved", O_RDONLY);
	expect(!ioctl(loop, LOOP_CHANGE_FD, fd), "LOOP_CHANGE_FD: %s", strerror(errno));
	close(fd);
	return removed();
}

static void close_loop(void)
{
	close(loop);
	close_store();
}

const struct fault loop_faults[] = {
	{ .name = "loop-shrunk", .outcome = FAILS, .index_goes = true,
	  .prepare = buffered, .arm = shrunk, .heal = grown, .finish = close_loop },
	{ .name = "loop-truncated", .outcome = FAILS, .index_goes = true,
	  .prepare = direct, .arm = cut, .heal = back, .finish = close_loop },
	{ .name = "loop-cleared", .outcome = ANSWERS,
	  .prepare = buffered, .arm = cleared, .finish = close_loop },
	{ .name = "loop-changed", .outcome = ANSWERS,
	  .prepare = read_only, .arm = changed, .finish = close_loop },
	{ .name = "loop-removed", .outcome = ANSWERS,
	  .prepare = buffered, .arm = removed, .finish = close_loop },
};

const size_t nr_loop_faults = sizeof(loop_faults) / sizeof(*loop_faults);
