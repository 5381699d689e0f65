/* SPDX-License-Identifier: GPL-2.0-only */
/* Between the parts of the program faulty. */
#ifndef FAULTY_H
#define FAULTY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILE_NAME	"files/state.img"	/* pages of data and of holes, see faulty.test */
#define PROGRAM		"files/prog"	/* exits with ... */
#define PROGRAM_STATUS	42		/* ... this */
#define PAGES		64		/* of the file, of which 0 to 39 are data */
#define KEPT		4		/* the first of those are read before there is a fault */
#define HOLE		48		/* a page that is in a hole */

/* what came of asking for a page, besides errno */
enum { RIGHT = 0, WRONG = -1, BUS = -2 };

/* ---- faulty-ways.c: how a page is asked for ---- */

struct way {
	const char *name;
	/* @out gets the page at @at; RIGHT, BUS or errno */
	int (*get)(int fd, off_t at, char *out);
	int error;		/* what a page gives that cannot be read */
	bool direct;		/* past the page cache */
	char waits;		/* the state of who waits, as /proc tells it, if not 'D' */
};

extern const struct way ways[];
extern const size_t nr_ways;

/* ask and compare; RIGHT, WRONG, ZEROS, BUS or errno */
int ask(const struct way *way, int fd, size_t nr);
int run_program(const char *where);
const char *answer_name(int answer);

/* ---- faulty-dm.c: devices that are what we say, for now ---- */

/* make a device of the device mapper; the path of its node */
const char *dm_create(const char *name, const char *type, uint64_t sectors,
		      const char *format, ...) __attribute__((format(printf, 4, 5)));
/* what it is from now on; 0, or 1 and a line that says why not */
int dm_become(const char *name, const char *type, uint64_t sectors,
	      const char *format, ...) __attribute__((format(printf, 4, 5)));
int dm_suspend(const char *name);
int dm_resume(const char *name);
void dm_remove(const char *name);
uint64_t sectors_of(const char *device);
/* the disk that has an image */
const char *disk_of(const char *image);

/* ---- faults ---- */

enum outcome {
	FAILS,		/* an error for who asks */
	ANSWERS,	/* nothing happens */
};

struct fault {
	const char *name;
	bool file_backed;
	bool common_only;	/* it cannot be mounted, only be device= */
	bool in_all_modes;	/* or in those that are, and all only with FAULTY_ROUNDS */
	bool index_goes;	/* where the holes are may be asked of what fails */
	enum outcome outcome;
	/* have @image in something that can fail: the path to mount */
	const char *(*prepare)(const char *image);
	/* 0; -errno if that is denied while it is mounted; or 1 and a line that says why */
	int (*arm)(void);
	int (*heal)(void);	/* NULL: it does not come back */
	void (*drop)(void);	/* what is cached below the mount */
	void (*finish)(void);
};

extern const struct fault device_faults[], loop_faults[], file_faults[], nfs_faults[];
extern const size_t nr_device_faults, nr_loop_faults, nr_file_faults, nr_nfs_faults;

/* faulty-devices.c: a device of "one" or "base", and how it becomes well */
const char *sick(const char *image);
int well(void);
int is_empty(void);
void remove_sick(void);
#define SICK	"sick"

/* faulty-nfs.c: a server of files */
void start_server(void);
void stop_server(void);

/* faulty-files.c: a file system that can be written to, with a copy of @image */
#define STORE	"/store/"

const char *stored(const char *image);
void close_store(void);
int put_back(const char *path);
/* 0, or 1 and a line that says why not; on the disk when it returns */
int copy(const char *from, const char *to);

/* ---- faulty-scene.c: who shares with whom while something fails ---- */

#define BELIEVE	"inode_share,domain_id=test"
#define VERIFY	"inode_share_verify,domain_id=test"

struct mode {
	const char *name;
	const char *options;	/* of who fails */
	const char *bystander;	/* options of who does not */
	bool common;		/* what fails is the device= of two mounts */
	bool helped;		/* the bystander has the file, and is asked */
	bool first;		/* his file is opened first, too */
	bool denies;		/* writing to an image file */
	bool usual;		/* for each fault */
};

extern const struct mode modes[];
extern const size_t nr_modes;

struct reader {
	const char *where;
	const char *who;
	int fd, program;
	bool fails;		/* if the device does */
	bool direct;		/* can be read directly */
};

struct scene {
	const struct fault *fault;
	const struct mode *mode;
	struct reader readers[3];
	size_t nr;
	bool failing;		/* now */
};

/* mount and open all, the first pages of the file cached */
int set_up(struct scene *s);
/* forget what was read, but for those */
void forget(struct scene *s);
/* an error, for what is not cached? */
bool gets_error(const struct scene *s, const struct reader *r, bool direct);
/* by all ways; with @forgets, each time of what is not cached */
int ask_all(struct scene *s, bool forgets);
int leave_all(struct scene *s);

/* ---- faulty-waits.c: devices that do not answer yet; faulty-bytes.c: or wrongly ---- */

int tmpfs_is_refused(void);		/* faulty-files.c */
int server_gone(void);			/* faulty-nfs.c */
int index_ends_sooner(void);		/* faulty-loop.c */
int killed_readers(const struct mode *mode);
int killed_at_the_index(void);
int unmounted_readers(const struct mode *mode);
int unmounted_readahead(const struct mode *mode);
int comes_and_goes(const struct mode *mode);
int wrong_at_open(void);
int wrong_and_believed(void);

#endif	/* FAULTY_H */
