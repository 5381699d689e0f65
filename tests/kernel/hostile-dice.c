// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dice of hostile.c, what they fall upon, and what the operations have in common.
 *
 * A thread's dice depend on the seed, on which thread of which worker it is and on which
 * life of the worker's, so that one seed gives the same operations with the same arguments
 * again.  What they meet depends on time, and so does at first which are preferred.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include "hostile.h"

struct shared *shared;
uint64_t seed;
enum manner manner;
bool capable;

struct operation operations[MAX_OPERATIONS];
size_t nr_operations;

long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

void wrong(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (!atomic_exchange(&shared->wrong, true))
		vsnprintf(shared->what, sizeof(shared->what), format, args);
	va_end(args);
	atomic_store(&shared->stop, true);
}

int operations_choose(char **names, int nr, bool without)
{
	static const struct operation * const tables[] = {
		descriptor_operations, read_operations, ring_operations,
		mapping_operations, marker_operations, process_operations,
		mount_operations, observer_operations,
	};
	int found = 0, i;
	bool named;
	size_t k;

	for (k = 0; k < sizeof(tables) / sizeof(*tables); k++) {
		const struct operation *op;

		for (op = tables[k]; op->name; op++) {
			for (i = 0; i < nr && strcmp(names[i], op->name); i++)
				;
			named = i < nr;
			found += named;
			if (!nr || named != without)
				operations[nr_operations++] = *op;
		}
	}
	return found == nr && nr_operations ? 0 : -1;
}

/* ---- dice ---- */

static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

uint64_t dice_seed(uint64_t a, uint64_t b, uint64_t c)
{
	return mix(mix(mix(mix(seed) + a) + b) + c);
}

unsigned int dice(struct thread *t, unsigned int n)
{
	t->dice = mix(t->dice);
	return (t->dice >> 32) % n;
}

unsigned int some_bits(struct thread *t, unsigned int mask)
{
	t->dice = mix(t->dice);
	/* few of them as a rule, now and then many */
	return mask & t->dice & (dice(t, 4) ? mix(t->dice + 1) : ~0U);
}

/* ---- files and descriptors ---- */

/* its zeros are holes, and faults on it come to us: see enum manner */
static bool may_be_both(const struct hostile_file *f)
{
	return f->content == HOLES && !strstr(f->path, "-stock/") && !strstr(f->path, "-lz4/");
}

const struct hostile_file *some_file(struct thread *t)
{
	for (;;) {
		const struct hostile_file *f = &files[dice(t, nr_files)];

		if (f->content != PROGRAM && (manner != BOTH || may_be_both(f)))
			return f;
	}
}

const struct hostile_file *some_mount(struct thread *t, char path[64])
{
	const struct hostile_file *f = some_file(t);

	snprintf(path, 64, "%.*s", (int)(strrchr(f->path, '/') - f->path), f->path);
	return f;
}

int some_fd(struct thread *t)
{
	return FIRST_FD + dice(t, FDS);
}

int some_dir(struct thread *t)
{
	return FIRST_DIR + dice(t, DIRS);
}

bool keep_fd(struct thread *t, int fd)
{
	if (fd < 0)
		return false;
	dup3(fd, some_fd(t), dice(t, 2) ? O_CLOEXEC : 0);
	close(fd);
	return true;
}

size_t some_part(struct thread *t, const struct hostile_file *f, size_t max, uint64_t *pos)
{
	/* most are short: what is long takes its time */
	size_t n = 1 + dice(t, dice(t, 8) ? (max < 65536 ? max : 65536) : max);

	*pos = (uint64_t)dice(t, 1 << 30) % (f->size + (dice(t, 8) ? 0 : PAGE));
	if (dice(t, 2)) {
		*pos &= -PAGE;
		n = (n + PAGE - 1) & -PAGE;
	}
	return n > max ? max : n;
}

bool borrow(struct thread *t, size_t max, struct part *part)
{
	part->fd = fcntl(some_fd(t), F_DUPFD_CLOEXEC, FIRST_DIR + DIRS);
	if (part->fd < 0)
		return false;
	part->f = content_of(part->fd);
	if (!part->f || part->f->content == PROGRAM) {
		close(part->fd);
		return false;
	}
	part->n = some_part(t, part->f, max, &part->pos);
	return true;
}

/* ---- memory ---- */

char *some_range(struct thread *t, size_t *len, size_t pages)
{
	size_t first = dice(t, SLOT / PAGE), nr = 1 + dice(t, pages);

	if (nr > SLOT / PAGE - first)
		nr = SLOT / PAGE - first;
	*len = nr * PAGE;
	return (char *)ARENA + (size_t)dice(t, SLOTS) * SLOT + first * PAGE;
}

void unmap(void *p, size_t len)
{
	mmap(p, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

char *map_own(struct thread *t, const struct hostile_file *f, int prot, int flags)
{
	int fd = open(f->path, O_RDONLY | O_CLOEXEC);
	char *p;

	if (fd < 0)
		return NULL;
	p = mmap(t->own, f->size, prot, flags | MAP_FIXED, fd, 0);
	close(fd);
	return p == MAP_FAILED ? NULL : p;
}

bool read_byte(struct thread *t, const volatile char *p)
{
	if (sigsetjmp(t->fault, 1)) {
		t->guarded = 0;
		return false;
	}
	t->guarded = 1;
	(void)*p;
	t->guarded = 0;
	return true;
}

bool write_byte(struct thread *t, volatile char *p, char value)
{
	if (sigsetjmp(t->fault, 1)) {
		t->guarded = 0;
		return false;
	}
	t->guarded = 1;
	*p = value;
	t->guarded = 0;
	return true;
}

bool is_content(struct thread *t, const struct hostile_file *f, uint64_t pos, const char *p,
		size_t n, bool *same)
{
	if (sigsetjmp(t->fault, 1)) {
		t->guarded = 0;
		return false;
	}
	t->guarded = 1;
	*same = content_is(f->content, pos, p, n);
	t->guarded = 0;
	return true;
}

void check_bytes(const struct hostile_file *f, uint64_t pos, const char *p, ssize_t n,
		 const char *how)
{
	if (n <= 0)
		return;
	if (pos + n > f->size)
		wrong("%s: %s has bytes up to %llu", how, f->path, (unsigned long long)pos + n);
	else if (!content_is(f->content, pos, p, n))
		wrong("%s: %s has other bytes within %zd from %llu on", how, f->path, n,
		      (unsigned long long)pos);
}

/* ---- children ---- */

pid_t fork_child(void)
{
	pid_t pid = fork();

	if (!pid) {
		signal(SIGSEGV, SIG_DFL);
		signal(SIGBUS, SIG_DFL);
	}
	return pid;
}

int child_status(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, __WALL) != pid)
		if (errno != EINTR)
			return -1;
	return status;
}
