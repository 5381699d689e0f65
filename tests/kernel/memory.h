/* SPDX-License-Identifier: GPL-2.0-only */
/* Between the parts of the program memory. */
#ifndef MEMORY_H
#define MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern bool memory_shared;	/* equal files have one page cache, by fingerprint */
extern int sibling;		/* a file equal to the file under test */

/* the first page of @nr or more that are data, and of a hole of as many */
extern size_t memory_data, memory_hole;
#define MEMORY_DATA	4096
#define MEMORY_HOLE	64

/* map pages of a file as an instance does; ends the process if it cannot */
char *memory_map(int fd, size_t index, size_t nr);

/* 0 if @p has what these pages of the file have to have */
int memory_same(const char *p, size_t index, size_t nr);

/* the frame that is mapped at @p, after it was read */
uint64_t memory_frame(const char *p);

/* memory-poison.c */
int soft_offline_of_hole(void);
int soft_offline_of_data(void);
int soft_offline_of_data_by_frame(void);
int poisoned_data(void);
int poisoned_data_by_frame(void);
int poisoned_copy(void);
int poisoned_hole(void);

/* memory-hotplug.c */
int movable_block_goes(void);
int any_block_ends(void);

/* memory-memcg.c */
int memcg_high(void);
int memcg_min(void);
int memcg_low(void);
int memcg_reclaim(void);
int memcg_reclaim_of_locked(void);
int memcg_removed(void);

/* memory-damon.c */
int damon_pageout(void);

#endif	/* MEMORY_H */
