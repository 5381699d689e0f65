/* SPDX-License-Identifier: GPL-2.0-only */
/* Between the parts of the program zeropage. */
#ifndef ZEROPAGE_H
#define ZEROPAGE_H

#include <stdbool.h>
#include <stddef.h>
#include "sharing.h"	/* bytes a page */

extern const char *path;		/* of the file */
extern int fd, dense_fd;
extern const char *ref;			/* the reference, mapped */
extern size_t size, pages;		/* of the file; pages are rounded up */
extern size_t table;			/* bytes below one page table */

/* the first page at or after @from for which a hole (or data) runs for @nr pages */
size_t find_run(size_t from, size_t nr, bool hole);

/* 0 if @p, a mapping of all of the file, has its bytes */
int compare(const char *p);

/* read a byte of each page of the file that is mapped at @p */
size_t read_pass(char *p);

/* 0 if the data of the file is in the page cache, and nothing else */
int expect_data_cached(void);

/* a figure of the mount in sysfs; there is one mount only */
long long counter(const char *name);

/* zeropage-huge.c */
int huge_hole_is_one_entry(void);
int huge_mapping_maps_data_by_ptes(void);
int huge_mapping_maps_data_by_ptes_in_a_race(void);
int huge_mapping_pass_is_exact(void);

#endif	/* ZEROPAGE_H */
