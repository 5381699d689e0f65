/* SPDX-License-Identifier: GPL-2.0-only */
/* Every way to read a page of a file: what one says, all have to say. */
#ifndef WAYS_H
#define WAYS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define WAYS_PAGE	4096

/* pages of a file, which end where the file does */
struct window {
	int fd;
	off_t start;
	size_t bytes, pages;
	char *shared, *private;	/* mappings of it, read-only and writable */
};

#define WAYS_NO_ANSWER	1000000	/* this way does not do it here */

struct reading_way {
	const char *name;
	/* bytes read into @buf, which has room for a page, or a negative errno */
	int (*read)(struct window *w, size_t page, char *buf);
	bool fault;		/* says no more than that there was an error, as EIO */
	bool may_pass;		/* may have no answer */
};

extern const struct reading_way reading_ways[];
extern const unsigned int nr_reading_ways;

/*
 * map @pages from page @first of a file of @size bytes; 0 or -1 with errno.  SIGBUS is
 * caught from now on.
 */
int window_open(struct window *w, int fd, off_t size, off_t first, size_t pages);
void window_close(struct window *w);

/* bytes of one of its pages, by number from 0 */
size_t window_length(const struct window *w, size_t page);

#endif	/* WAYS_H */
