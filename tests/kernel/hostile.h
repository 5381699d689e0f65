/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A hostile process and its victim: what the parts of hostile.c know of each other.
 *
 * Worker processes of the hostile one have threads that take operations from a table at
 * random.  All threads of a process have in common
 *	descriptors	always the same numbers, which dup3() gives other files: a number
 *			that another thread has just used is never that of a pipe
 *	slots		places for mappings, always the same addresses, far from where
 *			the C library and its heap are
 * and each has a buffer, slots and pipes to itself.
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <unistd.h>

#define WORKERS		3		/* processes */
#define THREADS		3		/* of each, that take operations */
#define FIRST_FD	100		/* of the common descriptors: files ... */
#define FDS		12
#define FIRST_DIR	(FIRST_FD + FDS)	/* ... and root folders of mounts */
#define DIRS		4
#define BUFFER		(1 << 20)
#define SLOT		(8 << 20)	/* bytes; all files are smaller */
#define SLOTS		6
#define ARENA		0x100000000000	/* where the slots begin */
#define MAX_FILES	128
#define MAX_OPERATIONS	200
#define PAGE		4096
#define CORE		(2 << 20)	/* bytes, that a core may have */

#define SANDBOX		"/tmp/hostile"	/* a tmpfs of each worker */

/* ---- what is in the files (hostile-content.c) ---- */

enum content { PROGRAM, DATA, HOLES, SMALL };

struct hostile_file {
	char path[64];
	enum content content;
	uint64_t size;
	dev_t dev;
	ino_t ino;
};

extern struct hostile_file files[MAX_FILES];
extern size_t nr_files;

/* make the files below @folder */
int content_make(const char *folder);

/* note the files below the mount point @where */
void content_find(const char *where);

/* whose file is it? NULL if of nobody */
const struct hostile_file *content_of(int fd);

/* are these the @n bytes of a file of that kind from @pos on? */
bool content_is(enum content kind, uint64_t pos, const void *p, size_t n);
bool content_is_hole(enum content kind, uint64_t page);

/* ---- what all processes share (hostile-dice.c) ---- */

struct shared {
	atomic_bool settled;	/* switches stay on */
	atomic_bool enough;	/* begin nothing any more: what does not end now, hangs */
	atomic_bool stop;
	atomic_bool wrong;	/* something must not have happened: what it was */
	char what[512];
	struct {
		atomic_ulong done, succeeded;
		atomic_llong worst;	/* ms */
	} operations[MAX_OPERATIONS];
	struct {
		atomic_int operation;	/* that it is at, from 1 on; 0 if none */
		atomic_llong since;	/* ms */
	} threads[WORKERS][THREADS];
	atomic_ulong lives, kills, crashes;
	atomic_llong victim_since;	/* ms, when it began to look at a file; 0 if it does not */
	atomic_long victim_looks;
	atomic_llong victim_worst;	/* ms, for one */
	atomic_llong victim_alone;	/* ms, median; at least 1 when it is known */
	atomic_ulong churns;		/* mounts of the operator's that came and went */
};

extern struct shared *shared;
extern uint64_t seed;

/* say what must not have happened, and end all */
void wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));

long long now_ms(void);

/* ---- threads and their dice ---- */

struct ring {
	int fd;
	unsigned int flags;
	char *sq, *cq;
	void *sqes;
	unsigned int *sq_tail, *sq_array, *cq_head, *cq_tail;
	void *cqes;
	unsigned int entries;
	bool buffers;		/* are registered, the thread's buffer first */
};

struct thread {
	int worker, nr;
	uint64_t dice;
	char *buffer;		/* only this thread reads and writes it */
	char *own, *other;	/* slots of this thread */
	int pipe[2], second[2];	/* non-blocking */
	int memory;		/* a memfd */
	char box[32];		/* its part of the sandbox */
	struct ring ring;
	sigjmp_buf fault;
	volatile sig_atomic_t guarded;
};

/*
 * What the threads of a process do with locked memory and with markers of userfaultfd.  A
 * read of a marker in locked memory never ends if the page is not cached; that is so on
 * every file system (uffd-locked.c), and only in files with holes ours mends it.
 */
enum manner { LOCKS, MARKS, BOTH };
extern enum manner manner;
extern bool capable;		/* in its own user namespace */

struct operation {
	const char *name;	/* kebab-case */
	bool (*run)(struct thread *t);	/* true if the kernel did it */
	bool must;		/* succeed at some time, on all kernels */
};

extern const struct operation descriptor_operations[], read_operations[],
	ring_operations[], mapping_operations[], marker_operations[],
	process_operations[], mount_operations[], observer_operations[];

extern struct operation operations[MAX_OPERATIONS];
extern size_t nr_operations;

/* fill @operations: those of that name, or but those, or all if there are none */
int operations_choose(char **names, int nr, bool without);

/* the hostile process: it ends when it is told to; exits */
__attribute__((noreturn)) void hostile_process(void);

uint64_t dice_seed(uint64_t a, uint64_t b, uint64_t c);
unsigned int dice(struct thread *t, unsigned int n);

/* one of several values */
#define pick(t, values)	((values)[dice(t, sizeof(values) / sizeof(*(values)))])

/* some of the bits of @mask */
unsigned int some_bits(struct thread *t, unsigned int mask);

const struct hostile_file *some_file(struct thread *t);

/* some file, and the mount point that it is below */
const struct hostile_file *some_mount(struct thread *t, char path[64]);

/* a common descriptor; it may be given another file at any time */
int some_fd(struct thread *t);
int some_dir(struct thread *t);

/* put a file of @fd there, and close @fd */
bool keep_fd(struct thread *t, int fd);

/* some bytes of a file that is open */
struct part {
	const struct hostile_file *f;
	int fd;
	uint64_t pos;
	size_t n;
};

/*
 * Some of at most @max bytes of a common file, by a descriptor of this thread, to be closed;
 * the others may change its flags.  False if it is no file to read.
 */
bool borrow(struct thread *t, size_t max, struct part *part);

/* a range of pages within the common slots, of at most @pages */
char *some_range(struct thread *t, size_t *len, size_t pages);

/* a range of a file: at most @max bytes, some of them behind its end */
size_t some_part(struct thread *t, const struct hostile_file *f, size_t max, uint64_t *pos);

/* map a file at a slot of this thread; NULL if that failed */
char *map_own(struct thread *t, const struct hostile_file *f, int prot, int flags);

/* take away what is mapped at @p, and leave nothing that others could be given */
void unmap(void *p, size_t len);

/* access memory that others unmap or protect; false if a signal came */
bool read_byte(struct thread *t, const volatile char *p);
bool write_byte(struct thread *t, volatile char *p, char value);
bool is_content(struct thread *t, const struct hostile_file *f, uint64_t pos, const char *p,
		size_t n, bool *same);

/* these bytes were read from @f: complain if they are others */
void check_bytes(const struct hostile_file *f, uint64_t pos, const char *p, ssize_t n,
		 const char *how);

/* wait for a child of this thread's; its status as of waitpid() */
int child_status(pid_t pid);

/* fork(), with signals as they are at the start of a program; -1 if there is none */
pid_t fork_child(void);

/* have @uffd closed soon by another thread, which lets all faults that wait go on */
void close_soon(int uffd);

/* ---- others ---- */

/* the victim (hostile-victim.c) */
int victim_process(void);

/* the mounts, cgroups and the one who has mounted them (hostile-operator.c) */
#define HOSTILE_GROUP	"/sys/fs/cgroup/hostile"
#define VICTIM_GROUP	"/sys/fs/cgroup/victim"

int operator_mount(const char *images);
int operator_unmount(void);
int operator_groups(bool watched);
int operator_join(const char *group);
int operator_process(void);
int operator_answer(void);

extern const char __executable_start[];	/* of this program: the linker knows */

#endif	/* HOSTILE_H */
