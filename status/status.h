/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * erofs-status: what the EROFS file systems of this machine save.  collect.c gathers
 * it from sysfs.c, mounts.c and namespaces.c, table.c and json.c show it.
 */
#ifndef EROFS_STATUS_H
#define EROFS_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/* where a file system is mounted */
struct mount_point {
	char *path;
	pid_t pid;	/* a process that sees it there; 0: we do */
};

/* /sys/fs/erofs/NAME/zeropage, see Documentation/zeropage.md */
struct zeropage {
	uint64_t enabled, huge;
	uint64_t read_window, write_window;	/* pages */
	uint64_t hole_faults, write_faults;
	uint64_t zero_pages;
	uint64_t read_bytes;
};

/* /sys/fs/erofs/NAME/ishare, see Documentation/sharing.md */
struct sharing {
	uint64_t files, pages, saved_bytes;
	char domain[64];
	unsigned int domain_mounts;
};

/* /sys/fs/erofs/NAME/chunk_share, see Documentation/chunk-sharing.md */
struct chunk_share {
	uint64_t cached_bytes, regions_unmapped;
};

/* a mounted file system, which may be seen at many places or at none */
struct filesystem {
	uint64_t id;		/* of that folder, which no other one has while it is there */
	char *name;		/* its folder in /sys/fs/erofs, or NULL: not known */
	unsigned int major, minor;	/* st_dev of its files; 0:0 if not known */
	char *source;		/* the device or image that was mounted, or NULL */
	char *backing_file;	/* of a loop device, or NULL */
	bool inode_share;	/* mount option */
	bool wanted;		/* drop_others() keeps it */
	struct mount_point *points;
	size_t nr_points;
	bool has_zeropage, has_sharing, has_chunk_share;
	struct zeropage zeropage;
	struct sharing sharing;
	struct chunk_share chunk_share;
};

struct status {
	struct filesystem *fs;
	size_t nr_fs;
	bool loaded;		/* there is an erofs module, or it is built in */
	bool has_zeropage;	/* it knows of zero pages ... */
	bool zeropage_enabled;	/* ... which are not turned off for all mounts */
	bool has_sharing;	/* it shows what it shares */
};

/* a mount namespace and a process in it */
struct namespace {
	uint64_t id;
	pid_t pid;
};

/*
 * What is kept of other mount namespaces from one look to the next; all zero before the
 * first
 */
struct namespaces {
	struct namespace *found;	/* in which something is mounted that is not in ours */
	size_t nr_found;
	struct namespace *lost;	/* ids of file systems that were found in none */
	size_t nr_lost;
	uint64_t searched;	/* when all were last searched, by status_clock(); 0: never ... */
	uint64_t cost;		/* ... and how long that took */
};

/* where sysfs and proc are mounted */
extern const char *status_sys, *status_proc;
/* nanoseconds since some time in the past */
extern uint64_t (*status_clock)(void);

/* the parts of status_collect(); errors as there */
int status_read_sysfs(struct status *status);
/* as @pid sees it, 0: as we do; another is asked only about what was found nowhere else */
int status_read_mounts(struct status *status, pid_t pid);
int status_read_namespaces(struct status *status, struct namespaces *known);
/* what is still in sysfs is wanted, and nothing else */
void status_mark_gone(struct status *status);

/* @array with one element more, which is zero; NULL without memory */
void *status_one_more(void *array, size_t nr, size_t size);

/**
 * status_collect() - gather everything
 * @status: what to fill; what was there is not looked at
 * @known: what the last look has left, which spares this one to search all processes
 *	for mounts in other namespaces
 *
 * What goes away meanwhile is left out.
 *
 * Return: 0, or a negative errno if /proc/self/mountinfo cannot be read or there is
 * no memory.  status_free() is due in any case, status_forget() after the last look.
 */
int status_collect(struct status *status, struct namespaces *known);

void status_free(struct status *status);
void status_forget(struct namespaces *known);

/**
 * status_select() - keep only those file systems that were asked for
 * @status: what was collected
 * @names: mount points or anything in them, devices, or names in /sys/fs/erofs
 * @nr: how many
 *
 * Return: NULL, or the first of @names that is none of @status.
 */
const char *status_select(struct status *status, char **names, size_t nr);

/* for people; a line for each file system */
void status_table(const struct status *status, FILE *out);

/* for programs; one line for all */
void status_json(const struct status *status, FILE *out);

/**
 * status_size() - a number of bytes for people: "4000 kB", "12.3 MiB"
 * @bytes: the number
 * @text: where to
 *
 * Return: @text.
 */
char *status_size(uint64_t bytes, char text[16]);

/**
 * status_unescape() - undo what mountinfo does to white space and backslashes
 * @text: "a\040b" becomes "a b", in place
 */
void status_unescape(char *text);

#endif
