/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cases crossed with backings: every case of a table runs on the backings that matter
 * to it, which are runs of pages of the file under test with a certain pattern of holes
 * and data.  Each run is a process of its own with a model of what its memory has to
 * hold.  When it has ended, by whatever way, another process must still see the
 * file as it was, and the page cache must have no page of a hole.
 *
 * If the file shares its pages, another one of the same content is mapped all the time,
 * and has brought the data into memory in every other run.  Afterwards both must have the
 * same pages in memory.
 */
#ifndef AREA_H
#define AREA_H

#include <stdbool.h>
#include <stddef.h>

/* the file under test and its reference */
struct file_under_test {
	int fd;
	const char *ref;	/* the bytes that it must have, mapped */
	size_t size, pages;	/* pages are rounded up */
	size_t page;		/* bytes a page */
	size_t table;		/* bytes below one page table */
	size_t chunk;		/* bytes a chunk */
	unsigned char *is_hole;	/* for each page: it has to be one */
	bool active;		/* holes are served by the zero page */
	bool stock;		/* the module is not ours */
	bool chunks;		/* data is that of the device: what the file caches is not used */
	bool fixed;		/* ... and cannot be moved while it is mapped */
	bool huge;		/* and those as large as a page table by a huge one */
	bool brief;		/* all cases are AREA_ONCE */
	int member;		/* another file that shares all pages of data, or -1 */
};

extern struct file_under_test file;

/* pages of the file under test, mapped somewhere */
struct area {
	const char *backing;
	char *p;
	size_t index;		/* page of the file that it begins with */
	size_t nr;		/* pages; all begin within the file */
	size_t bytes;		/* of it, up to the end of the file */
	char *want;		/* the model: what these bytes have to be */
	bool cached;		/* its holes may be in the page cache */
	bool special;		/* mapped in the way that huge zero mappings need */
};

/* what the way of a case through the kernel depends on, and so where it runs */
enum area_where {
	/* what is mapped by one fault, which is more than the page that was touched */
	AREA_EVERYWHERE,
	/* what each page is for itself: of a hole, of data, cached, at the end of the file */
	AREA_PAGES,
	/* that there are holes and data, side by side */
	AREA_ONCE,
};

struct area_case {
	const char *name;	/* kebab-case */
	int (*run)(struct area *a);
	int prot;		/* of the mapping; 0 is PROT_READ | PROT_WRITE */
	int flags;		/* of the mapping; 0 is MAP_PRIVATE */
	bool caches;		/* may bring holes into the page cache */
	enum area_where where;
};

/* as expect(), for what returns 0 or, after it said why, 1 */
#define expect_ok(call)							\
	do {								\
		if (call) {						\
			printf("#   from %s:%d: %s\n", __FILE__, __LINE__, #call); \
			return 1;					\
		}							\
	} while (0)

/*
 * Run the cases on their backings: the main() of a test program.  Arguments:
 *	[--off|--stock|--huge] [--brief] [--chunks] [--chunk BYTES]
 *	[--member FILE] [--case NAME]... FILE REFERENCE
 * --off switches the feature off first, --stock says that there is none, --huge asks
 * for huge zero mappings and takes the backings that matter to them.  --brief runs each
 * case once.  --chunks says that the file's data is cached by chunks, --member that
 * another file shares it.  Chunks of this size (default: a page) are holes if they are
 * zeros.
 */
int area_main(int argc, char **argv, const struct area_case *cases, size_t nr);

/* set up @file from the file under test and its reference */
void area_load(const char *name, const char *reference);

/* what area_main() does with its arguments: area_load(); exits if they are wrong */
void area_arguments(int argc, char **argv);

/* is this case asked for, by --case or by none? */
bool area_chosen(const char *name);

/* the first page of the file where pages are like @pattern: h for hole, d for data */
size_t area_find(const char *pattern);

/* map the same pages of the file once more; ends the process if that fails */
char *area_map(const struct area *a, int prot, int flags);
void area_unmap(const struct area *a, char *p);

/* read one byte of page @i, which maps the page */
char area_peek(const struct area *a, size_t i);
void area_read(const struct area *a);

/* write to page @i, in memory and in the model; @value is not 0 */
void area_write(struct area *a, size_t i, char value);
void area_write_all(struct area *a, char value);

/*
 * note in the model that somebody else writes to page @i: where, counted from the
 * start of the area; what it has to be is in the model then
 */
size_t area_will_write(struct area *a, size_t i, char value);

/* page @i, or all, is what the file has again */
void area_forget(struct area *a, size_t i);
void area_forget_all(struct area *a);

/* has page @i been written, by the model? */
bool area_written(const struct area *a, size_t i);

/* 0 if all bytes are as the model says, and zeros behind the end of the file */
int area_check(const struct area *a);
int area_check_at(const struct area *a, const char *p);

/* 0 if @p has the bytes of the file */
int area_is_file(const struct area *a, const char *p);

/*
 * 0 if the pages that are mapped are of the kind they have to be: the zero page for
 * holes not written, if the feature is on, and never for data or what is written;
 * and if Rss of the mapping counts all of them but zero pages.
 */
int area_kinds(const struct area *a);

/*
 * 0 if nobody has got a hole of the file into the page cache (feature on), nor data if it is
 * cached by chunks
 */
int area_no_hole_cached(const struct area *a);

/* 0 if page @i is mapped at all, as @mapped says */
int area_mapped(const struct area *a, size_t i, bool mapped);

/* run @call in a child; its status as of waitpid(), 0 if the call returned 0 */
int area_child(struct area *a, int (*call)(struct area *a));

/* send SIGSEGV and SIGBUS back to the caller: the signal, or 0 if the access went well */
int area_try_read(const volatile char *p);
int area_try_write(volatile char *p, char value);

#endif	/* AREA_H */
