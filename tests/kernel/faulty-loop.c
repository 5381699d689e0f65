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
#define CHUNK	8	/* pages of FILE_NAME, as mkfs.erofs chooses */

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

/*
 * Where an image has the chunk index of FILE_NAME: entries of 8 bytes, the block in the upper
 * half, and the first chunks of the file follow one another.  0 if it is not found.
 */
static off_t find_index(const char *image)
{
	static uint32_t words[1 << 16];
	int fd = open(image, O_RDONLY);
	const ssize_t n = read(fd, words, sizeof(words)) / 4;
	ssize_t i;
	size_t k;

	close(fd);
	for (i = 0; i + 2 * PAGES / CHUNK <= n; i += 2) {
		for (k = 1; k < 40 / CHUNK; k++)
			if (words[i + 2 * k + 1] != words[i + 1] + k * CHUNK)
				break;
		if (k == 40 / CHUNK)
			return i * 4;
	}
	return 0;
}

static int ends_sooner(off_t index, const char *options)
{
	const off_t end = (index + 8 + 511) / 512 * 512;
	const size_t left = (end - index) / 8 * CHUNK;	/* pages */
	int fd;
	size_t i, nr;

	expect(left < 40, "the index at %lld has %zu pages before its sector ends",
	       (long long)index, left);
	expect(!attach(device, "a", options), "mount: %s", strerror(errno));
	fd = open_at("a", FILE_NAME, 0);
	expect(!truncate(file, end), "truncate: %s", strerror(errno));
	expect(!ioctl(loop, LOOP_SET_CAPACITY), "LOOP_SET_CAPACITY: %s", strerror(errno));
	for (i = 0; i < nr_ways; i++) {
		expect(!ioctl(loop, BLKFLSBUF), "BLKFLSBUF: %s", strerror(errno));
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		for (nr = 0; nr < PAGES; nr++) {
			const int found = ask(&ways[i], fd, nr);

			expect(found == (nr < left ? RIGHT : ways[i].error),
			       "page %zu of %zu by %s: %s", nr, left, ways[i].name,
			       answer_name(found));
		}
	}
	close(fd);
	clean_up();
	return 0;
}

/* the device ends within a page of the chunk index: what is behind is not known */
int index_ends_sooner(void)
{
	static const char * const options[] = { "device=/disk2", "chunk_share,device=/disk2" };
	size_t i;

	for (i = 0; i < sizeof(options) / sizeof(*options); i++) {
		printf("# %s\n", options[i]);
		file = "/tmp/next";
		expect_ok(copy("/disk3", file));
		loop = loop_of(file, LO_FLAGS_READ_ONLY, device, sizeof(device));
		expect_ok(ends_sooner(find_index(file), options[i]));
		close(loop);
	}
	return 0;
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
