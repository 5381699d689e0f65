// SPDX-License-Identifier: GPL-2.0-only
/* cached FILE - print how many pages of it are in the page cache */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include "guest.h"

int main(int argc, char **argv)
{
	int fd = argc == 2 ? open(argv[1], O_RDONLY) : -1;
	long pages = cached_pages(fd);

	if (pages < 0)
		err(1, "%s", argc == 2 ? argv[1] : "usage: cached FILE");
	printf("%ld\n", pages);
	return 0;
}
