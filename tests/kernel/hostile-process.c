// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hostile process of hostile.c: nobody, first of its own user, mount, pid, ipc, net and
 * cgroup namespaces, whose workers live until they are killed, which may be at any time.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "guest.h"
#include "hostile.h"

#define NOBODY	65534
#define PATIENT	2000	/* ms: who is longer at one operation is not killed, but watched */

static _Thread_local struct thread *self;
static pthread_t threads[THREADS];
static struct thread each[THREADS];

/* ---- what other threads do to one ---- */

#define UFFDS	8
static atomic_int uffds[UFFDS];	/* to be closed; 0 if none */

void close_soon(int uffd)
{
	size_t i;

	for (i = 0; i < UFFDS; i++) {
		int none = 0;

		if (atomic_compare_exchange_strong(&uffds[i], &none, uffd))
			return;
	}
	close(uffd);
}

static void on_fault(int sig)
{
	if (!self || !self->guarded) {
		signal(sig, SIG_DFL);
		return;
	}
	siglongjmp(self->fault, sig);
}

static void on_nudge(int sig)
{
	(void)sig;
}

/* close what is to be closed, and interrupt system calls */
static void disturb(uint64_t *state)
{
	struct thread t = { .dice = *state };

	size_t i;

	for (;;) {
		usleep(5000 + dice(&t, 30000));
		for (i = 0; i < UFFDS; i++)
			if (dice(&t, 2))
				close(atomic_exchange(&uffds[i], 0) ?: -1);
		if (!dice(&t, 4))
			pthread_kill(threads[dice(&t, THREADS)], SIGUSR2);
	}
}

/* ---- a thread ---- */

static void *anonymous(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* as often as not one that has never come up, or has to succeed and has not yet */
static unsigned int some_operation(struct thread *t)
{
	unsigned int i = dice(t, nr_operations), n;

	if (dice(t, 2))
		return i;
	for (n = 0; n < nr_operations; n++) {
		unsigned int k = (i + n) % nr_operations;

		if (!atomic_load(&shared->operations[k].done) ||
		    (operations[k].must && !atomic_load(&shared->operations[k].succeeded)))
			return k;
	}
	return i;
}

static void *take_operations(void *arg)
{
	struct thread *t = arg;

	self = t;
	while (!atomic_load(&shared->enough)) {
		unsigned int i = some_operation(t);
		long long start = now_ms();

		atomic_store(&shared->threads[t->worker][t->nr].since, start);
		atomic_store(&shared->threads[t->worker][t->nr].operation, i + 1);
		if (operations[i].run(t))
			atomic_fetch_add(&shared->operations[i].succeeded, 1);
		atomic_fetch_add(&shared->operations[i].done, 1);
		if (now_ms() - start > atomic_load(&shared->operations[i].worst))
			atomic_store(&shared->operations[i].worst, now_ms() - start);
		atomic_store(&shared->threads[t->worker][t->nr].operation, 0);
	}
	for (;;)
		pause();
	return NULL;
}

static void set_up_thread(struct thread *t, int worker, int nr, unsigned long life)
{
	*t = (struct thread) {
		.worker = worker, .nr = nr, .dice = dice_seed(worker, nr, life),
		.buffer = anonymous(BUFFER),
		.own = (char *)ARENA + (size_t)(SLOTS + 2 * nr) * SLOT,
		.other = (char *)ARENA + (size_t)(SLOTS + 2 * nr + 1) * SLOT,
		.memory = memfd_create("m", MFD_CLOEXEC | MFD_ALLOW_SEALING),
		.ring.fd = -1,
	};
	snprintf(t->box, sizeof(t->box), SANDBOX "/%d", nr);
	if (!t->buffer || t->memory < 0 || pipe2(t->pipe, O_NONBLOCK | O_CLOEXEC) ||
	    pipe2(t->second, O_NONBLOCK | O_CLOEXEC))
		err(1, "thread");
}

/* ---- a worker ---- */

static void limit(int what, rlim_t now, rlim_t most)
{
	struct rlimit r = { now, most };

	setrlimit(what, &r);
}

static void drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (syscall(SYS_capset, &header, none))
		err(1, "capset");
}

static void set_up_folders(void)
{
	int nr;

	if (unshare(CLONE_NEWNS))
		err(1, "unshare");
	mkdir(SANDBOX, 0777);
	if (mount("sandbox", SANDBOX, "tmpfs", 0, "size=16m,mode=777") || chdir(SANDBOX))
		err(1, "%s", SANDBOX);
	for (nr = 0; nr < THREADS; nr++) {
		char path[64];
		size_t k;

		snprintf(path, sizeof(path), SANDBOX "/%d", nr);
		mkdir(path, 0777);
		for (k = 0; k < 4; k++) {
			snprintf(path, sizeof(path), SANDBOX "/%d/%c", nr, "mtuw"[k]);
			mkdir(path, 0777);
		}
	}
}

static void set_up_descriptors(struct thread *t)
{
	char root[64];
	int i, fd;

	for (i = 0; i < FDS + DIRS; i++) {
		snprintf(root, sizeof(root), "%s", some_file(t)->path);
		if (i >= FDS)
			*strrchr(root, '/') = 0;
		fd = open(root, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || dup2(fd, FIRST_FD + i) < 0)
			err(1, "%s", root);
		close(fd);
	}
}

/* something to begin with in the common slots */
static void set_up_mappings(struct thread *t)
{
	const size_t arena = (size_t)(SLOTS + 2 * THREADS) * SLOT;
	int i, fd;

	if (mmap((void *)ARENA, arena, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
		 MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED)
		err(1, "arena");
	for (i = 0; i < SLOTS; i++) {
		fd = open(some_file(t)->path, O_RDONLY | O_CLOEXEC);
		if (mmap((char *)ARENA + (size_t)i * SLOT, SLOT, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_FIXED, fd, 0) == MAP_FAILED)
			err(1, "slot");
		close(fd);
	}
}

static void __attribute__((noreturn)) worker(int n, unsigned long life)
{
	struct thread first = { .dice = dice_seed(n, THREADS, life) };
	struct sigaction act = { .sa_handler = on_nudge };
	int nr;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGSEGV, on_fault);
	signal(SIGBUS, on_fault);
	signal(SIGIO, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	sigaction(SIGUSR2, &act, NULL);		/* no SA_RESTART */
	limit(RLIMIT_MEMLOCK, 16 << 20, 16 << 20);
	limit(RLIMIT_CORE, 0, CORE);	/* but for who wants one */
	limit(RLIMIT_NOFILE, 512, 512);
	limit(RLIMIT_FSIZE, 12 << 20, 12 << 20);
	manner = (n + life) % 3;
	capable = dice(&first, 3);
	set_up_folders();
	set_up_descriptors(&first);
	set_up_mappings(&first);
	if (!capable)
		drop_capabilities();
	for (nr = 0; nr < THREADS; nr++)
		set_up_thread(&each[nr], n, nr, life);
	for (nr = 0; nr < THREADS; nr++)
		if (pthread_create(&threads[nr], NULL, take_operations, &each[nr]))
			err(1, "thread");
	disturb(&first.dice);
	_exit(0);
}

/* ---- the first process of the namespaces ---- */

static pid_t workers[WORKERS];
static unsigned long lives[WORKERS];

static bool is_patient(int n)
{
	int nr;

	for (nr = 0; nr < THREADS; nr++)
		if (atomic_load(&shared->threads[n][nr].operation) &&
		    now_ms() - atomic_load(&shared->threads[n][nr].since) > PATIENT)
			return true;
	return false;
}

static void revive(int n)
{
	fflush(stdout);
	workers[n] = fork();
	if (!workers[n])
		worker(n, lives[n]);
	if (workers[n] > 0) {
		lives[n]++;
		atomic_fetch_add(&shared->lives, 1);
	}
}

static void bury(void)
{
	int status, n, nr;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | __WALL)) > 0) {
		for (n = 0; n < WORKERS && workers[n] != pid; n++)
			;
		if (n == WORKERS)	/* a worker's orphan */
			continue;
		workers[n] = 0;
		for (nr = 0; nr < THREADS; nr++)
			atomic_store(&shared->threads[n][nr].operation, 0);
		if (status != SIGKILL) {
			printf("# worker %d, life %lu: status %x\n", n, lives[n] - 1, status);
			fflush(stdout);
			atomic_fetch_add(&shared->crashes, 1);
		}
	}
}

static void __attribute__((noreturn)) first_process(void)
{
	struct thread t = { .dice = dice_seed(WORKERS, 0, 0) };
	int n;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("proc", "/proc", "proc", 0, NULL))
		err(1, "/proc");
	while (!atomic_load(&shared->stop)) {
		bury();
		usleep(20000);
		if (atomic_load(&shared->enough))
			continue;
		for (n = 0; n < WORKERS; n++)
			if (workers[n] <= 0)
				revive(n);
		n = dice(&t, WORKERS);
		if (!dice(&t, 60) && workers[n] > 0 && !is_patient(n)) {
			kill(workers[n], SIGKILL);
			atomic_fetch_add(&shared->kills, 1);
		}
	}
	_exit(0);	/* the others are killed by that */
}

void hostile_process(void)
{
	char map[32];
	pid_t pid;

	if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY))
		err(1, "nobody");
	prctl(PR_SET_DUMPABLE, 1);	/* or its files below /proc are root's */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWCGROUP))
		err(1, "unshare");
	/* a debug kernel need not have these */
	unshare(CLONE_NEWIPC);
	unshare(CLONE_NEWNET);
	unshare(CLONE_NEWUTS);
	snprintf(map, sizeof(map), "0 %d 1", NOBODY);
	if (write_string("/proc/self/setgroups", "deny") ||
	    write_string("/proc/self/uid_map", map) || write_string("/proc/self/gid_map", map))
		err(1, "user namespace");
	pid = fork();
	if (!pid)
		first_process();
	if (pid < 0)
		err(1, "fork");
	_exit(child_status(pid) ? 1 : 0);
}
