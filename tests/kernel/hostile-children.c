// SPDX-License-Identifier: GPL-2.0-only
/*
 * What hostile.c does by way of other processes: children that have its mappings, run
 * files, are written to from outside, dump core, and are very many.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include "hostile.h"

#define ANSWER	42		/* exit status of the program that is in the images */

/* what is mapped is the same in a child, and written for one of both only */
static bool fork_and_see(struct thread *t)
{
	const struct hostile_file *f = some_file(t);
	char *p = map_own(t, f, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	uint64_t pos = (uint64_t)dice(t, f->size) & -PAGE;
	size_t n = 32 * PAGE;
	int status;
	pid_t pid;

	if (!p)
		return false;
	n = n < f->size - pos ? n : f->size - pos;
	if (dice(t, 2))
		read_byte(t, p + pos);
	pid = fork_child();
	if (!pid) {
		if (!content_is(f->content, pos, p + pos, n))
			_exit(1);
		p[pos] ^= 0x5a;
		_exit(0);
	}
	status = pid > 0 ? child_status(pid) : -1;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 1)
		wrong("child: %s has other bytes within %zu from %llu on", f->path, n,
		      (unsigned long long)pos);
	if (!content_is(f->content, pos, p + pos, n))
		wrong("%s: what a child wrote is seen", f->path);
	unmap(t->own, SLOT);
	return pid > 0 && !status;
}

/* as many as there may be, each of which touches what is mapped and forks again */
static bool fork_many(struct thread *t)
{
	pid_t pids[6];
	size_t len, i, n;
	char *p = some_range(t, &len, 16);

	for (n = 0; n < 6; n++) {
		pids[n] = fork_child();
		if (!pids[n]) {
			pid_t again = vfork();

			if (!again)
				_exit(0);
			for (i = 0; i < len; i += PAGE)
				(void)*(volatile char *)(p + i);
			_exit(0);
		}
		if (pids[n] < 0)
			break;
	}
	for (i = 0; i < n; i++) {
		if (dice(t, 2))
			kill(pids[i], SIGKILL);
		child_status(pids[i]);
	}
	return n;
}

/* ---- programs ---- */

static bool answered(const struct hostile_file *f, int status)
{
	/* it may have been short of memory */
	if (WIFEXITED(status) && WEXITSTATUS(status) != ANSWER && WEXITSTATUS(status) != 1)
		wrong("%s answered %d", f->path, WEXITSTATUS(status));
	if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGILL || WTERMSIG(status) == SIGTRAP))
		wrong("%s was ended by signal %d", f->path, WTERMSIG(status));
	return WIFEXITED(status) && WEXITSTATUS(status) == ANSWER;
}

static bool run(struct thread *t, bool by_fd)
{
	char *argv[] = { "answer", NULL }, *none[] = { NULL };
	const struct hostile_file *f;
	pid_t pid;
	int fd;

	do {
		f = &files[dice(t, nr_files)];
	} while (f->content != PROGRAM);
	fd = open(f->path, O_RDONLY | O_CLOEXEC);
	pid = fork_child();
	if (!pid) {
		if (by_fd)
			syscall(SYS_execveat, fd, "", argv, none, AT_EMPTY_PATH);
		else
			execve(f->path, argv, none);
		_exit(1);
	}
	close(fd);
	return pid > 0 && answered(f, child_status(pid));
}

static bool exec_path(struct thread *t)
{
	return run(t, false);
}

static bool exec_fd(struct thread *t)
{
	return run(t, true);
}

/* ---- memory of others ---- */

static bool vm_readv(struct thread *t)
{
	struct iovec to = { t->buffer, 64 * PAGE }, from[4];
	int i;

	for (i = 0; i < 4; i++)
		from[i].iov_base = some_range(t, &from[i].iov_len, 64);
	return process_vm_readv(getpid(), &to, 1, from, 4, 0) > 0;
}

static bool vm_writev(struct thread *t)
{
	struct iovec from = { t->buffer, 16 * PAGE }, to[2];
	int i;

	for (i = 0; i < 2; i++)
		to[i].iov_base = some_range(t, &to[i].iov_len, 8);
	return process_vm_writev(getpid(), &from, 1, to, 2, 0) > 0;
}

/* what is written by force gets into a private copy, and into no file */
static bool write_by_force(struct thread *t)
{
	static const int kinds[] = { MAP_PRIVATE, MAP_SHARED };
	const struct hostile_file *f = some_file(t);
	int flags = pick(t, kinds), fd, mem;
	char *p = map_own(t, f, PROT_READ, flags), copy[64];
	uint64_t pos = (uint64_t)dice(t, f->size) & -PAGE;
	ssize_t ret;

	mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	if (!p || mem < 0) {
		close(mem);
		return false;
	}
	memset(copy, 'x', sizeof(copy));
	ret = pwrite(mem, copy, sizeof(copy), (uintptr_t)p + pos);
	close(mem);
	if (ret > 0 && flags == MAP_SHARED)
		wrong("%s: a shared mapping is written to", f->path);
	fd = open(f->path, O_RDONLY | O_CLOEXEC);
	check_bytes(f, pos, copy, pread(fd, copy, sizeof(copy), pos), "beside a write by force");
	close(fd);
	unmap(t->own, SLOT);
	return ret > 0;
}

static bool poke(struct thread *t)
{
	const struct hostile_file *f = some_file(t);
	char *p = map_own(t, f, PROT_READ | PROT_EXEC, MAP_PRIVATE);
	uint64_t pos = (uint64_t)dice(t, f->size) & -PAGE;
	pid_t pid = p ? fork_child() : -1;
	bool ok = false, same = true;
	int i;

	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(0);
	}
	if (pid > 0) {
		int status;

		while (waitpid(pid, &status, WUNTRACED | __WALL) < 0 && errno == EINTR)
			;
		ok = WIFSTOPPED(status) && !ptrace(PTRACE_POKEDATA, pid, p + pos, 0x7878787878);
		if (ok && ptrace(PTRACE_PEEKDATA, pid, p + pos, 0) != 0x7878787878)
			wrong("%s: what was poked is not there", f->path);
		for (i = 0; ok && i < 8; i++)
			ptrace(PTRACE_POKEDATA, pid, p + dice(t, f->size / PAGE) * PAGE, 1);
		kill(pid, SIGKILL);
		if (!WIFEXITED(status) && !WIFSIGNALED(status))
			child_status(pid);
		if (is_content(t, f, pos, p + pos, 64, &same) && !same)
			wrong("%s: what was poked is seen by others", f->path);
	}
	unmap(t->own, SLOT);
	return ok;
}

/* ---- what the kernel tells and keeps of it ---- */

static bool read_proc(struct thread *t)
{
	static const char * const names[] = {
		"maps", "smaps", "smaps_rollup", "numa_maps", "pagemap", "status", "mounts",
		"mountinfo", "mountstats", "io", "stack", "wchan", "mem", "fdinfo/100",
		"fdinfo/101", "clear_refs", "autogroup", "page_map", "cgroup",
	};
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/%s", pick(t, names));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = pread(fd, t->buffer, 65536, strstr(path, "mem") ? ARENA + dice(t, SLOT) : 0);
	close(fd);
	return n > 0;
}

static bool clear_refs(struct thread *t)
{
	char value[] = { '1' + dice(t, 5), 0 };
	int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, value, 1) == 1;

	close(fd);
	return ok;
}

/* a core has all that is mapped, also files */
static bool dump_core(struct thread *t)
{
	char path[64];
	pid_t pid = fork_child();
	int status;

	if (!pid) {
		int fd = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);
		struct rlimit core = { CORE, CORE };

		setrlimit(RLIMIT_CORE, &core);
		(void)!write(fd, "0xff", 4);
		(void)!chdir(t->box);
		signal(SIGABRT, SIG_DFL);
		kill(getpid(), SIGABRT);
		_exit(0);
	}
	if (pid < 0)
		return false;
	status = child_status(pid);
	snprintf(path, sizeof(path), "%s/core", t->box);
	unlink(path);
	return WIFSIGNALED(status) && WCOREDUMP(status);
}

const struct operation process_operations[] = {
	{ "fork-and-see", fork_and_see, true },
	{ "fork-many", fork_many, true },
	{ "exec", exec_path, true },
	{ "exec-fd", exec_fd, true },
	{ "process-vm-readv", vm_readv, true },
	{ "process-vm-writev", vm_writev, true },
	{ "write-by-force", write_by_force, true },
	{ "ptrace-poke", poke, true },
	{ "read-proc", read_proc, true },
	{ "clear-refs", clear_refs, true },
	{ "core", dump_core, true },
	{ NULL, NULL, false },
};
