/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel tests ask the kernel about pages; for use inside the VM, as root. */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/types.h>

#ifndef MADV_COLLAPSE		/* Linux 6.1 */
#define MADV_COLLAPSE		25
#endif

#define PM_PRESENT	(1ULL << 63)
#define PM_FILE		(1ULL << 61)
#define PM_PFN(e)	((e) & ((1ULL << 55) - 1))

/* /proc/self/pagemap's entry for the page at @addr, PM_PRESENT if there is one */
uint64_t pagemap_entry(const void *addr);

/* the frame of the shared zero page: what a read of fresh anonymous memory maps */
uint64_t zero_pfn(void);

/* is there a page at @addr? */
bool is_mapped(const void *addr);

/*
 * does @addr map the zero page?  The pages of the file system's huge page of zeros
 * are as good, once @huge_zero_pfn says where it begins.
 */
extern uint64_t huge_zero_pfn;
bool maps_zero_page(const void *addr);

/* pages of @fd in the page cache, by cachestat(2); -1 if it cannot be told */
long cached_pages(int fd);

/* the same for @len bytes of it from @start on, or from @start to the end if 0 */
long cached_pages_at(int fd, uint64_t start, uint64_t len);

/* drop clean page cache, dentries and inodes */
void drop_caches(void);

/* have in memory where the data of a file is, and none of the data */
void read_extents(int fd);

/* ask all mounts for huge zero mappings, or no longer; 0, or -errno */
int set_huge(bool on);

/* have the multi-generational LRU used, Debian's default, or the one before; 0, or -errno */
int set_mglru(bool on);

/* what @call returns when the LRU before that is used, or 1 */
int with_old_lru(int (*call)(void));

/* a field of /proc/self/smaps for the mapping that starts at @addr, kB; -1 if none */
long smaps_kb(const void *addr, const char *field);

/*
 * the number after @field in the file @path, as in /proc/meminfo or memory.stat, or of
 * the file if @field is empty; -1 if there is none
 */
long number_in(const char *path, const char *field);

/* write @value to the file @path; 0, or -errno */
int write_string(const char *path, const char *value);

/* the same for a number */
int write_number(const char *path, long value);

/* have @mb MiB of compressed memory for swap, or none any more; 0, or -errno */
int swap_on(unsigned int mb);
int swap_off(void);

/* how many times as long everything may take: a kernel that watches is slow */
unsigned int patience(void);

/*
 * can mm tell who maps a page of a device's cache?  It can on a kernel with the series rmap-7,
 * where nothing of ours unmaps pages, nor counts that
 */
bool mm_knows_who_maps(void);

/* run @call in a process that is in the cgroup @dir; its status as of waitpid() */
int run_in_cgroup(const char *dir, int (*call)(void));

/*
 * read @len bytes at @at by a request of io_uring; its result, or -errno if there is no ring
 * with @setup, IORING_SETUP_...; @flags of the request are IOSQE_...
 */
int read_by_ring(int fd, void *buf, size_t len, off_t at, unsigned int setup,
		 unsigned int flags);

#endif	/* GUEST_H */
