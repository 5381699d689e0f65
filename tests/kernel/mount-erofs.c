// SPDX-License-Identifier: GPL-2.0-only
/*
 * mount-erofs SOURCE DIR [OPTIONS] - mount(2) as it is: mount(8) would put a loop
 * device below an image that is a regular file.  An error is told by its name.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

int main(int argc, char **argv)
{
	if (argc < 3 || argc > 4) {
		fprintf(stderr, "usage: mount-erofs SOURCE DIR [OPTIONS]\n");
		return 2;
	}
	if (!mount(argv[1], argv[2], "erofs", MS_RDONLY, argv[3]))
		return 0;
	fprintf(stderr, "mount: %s\n", strerrorname_np(errno));
	return 1;
}
