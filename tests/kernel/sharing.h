/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cases about files of mounted images that share pages.  Each runs in a process of its
 * own, after which what it has mounted is unmounted.
 */
#ifndef SHARING_H
#define SHARING_H

#include <stdbool.h>
#include <stddef.h>

extern const char *folder;	/* with images, and the files in them below "tree" */
extern size_t page;

struct sharing_case {
	const char *name;	/* kebab-case */
	int (*run)(void);
};

/* why a case that returns KTAP_SKIP is skipped */
extern const char *sharing_skip;

/* in the process of a case, which one that is */
extern const struct sharing_case *running;

struct map { int fd; char *p; size_t size; };

/* as expect(), for what returns 0 or, after it said why, 1 */
#define expect_ok(call)	do { if (call) return 1; } while (0)

const char *in_folder(const char *name);

/* mount @source, a device or an image in the folder, at /m/@where; 0 or -errno */
int attach(const char *source, const char *where, const char *options);
int detach(const char *where);

/* detach(), tried again while a ring or a fault of a moment ago still has a file */
int leave(const char *where);

/* unmount all that is mounted, lazily; or leave it to who has been told */
void clean_up(void);
void forget_mounts(void);

/*
 * a loop device of @path, with flags as LO_FLAGS_READ_ONLY, until what is returned is
 * closed; @device gets its name
 */
int loop_of(const char *path, int flags, char *device, size_t size);

int open_at(const char *where, const char *name, int flags);
struct map map_file(int fd);
struct map map_at(const char *where, const char *name);
int drop_map(struct map m);
struct map reference(const char *name);

/* pages that two mappings have in common, of those of @a that hold data */
size_t common(struct map a, struct map b, size_t *data);

/* 0 if the mapping has the bytes of the file of that name in the folder */
int same_bytes(struct map m, const char *name);

/* 0 if all data pages are shared, or none, as @shared says, and the bytes are right */
int expect_shared(struct map a, struct map b, const char *name, bool shared);

/* the main() of a test program: FOLDER [CASE]... */
int sharing_main(int argc, char **argv, const struct sharing_case *cases, size_t nr);

#endif	/* SHARING_H */
