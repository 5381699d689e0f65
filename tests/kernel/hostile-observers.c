// SPDX-License-Identifier: GPL-2.0-only
/*
 * How hostile.c watches files and itself: inotify, fanotify, statx, handles, performance
 * counters, uprobes and BPF where it may, and rules of its own about what it may open.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/kcmp.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include "hostile.h"

#define SYS_QUOTACTL_FD			443
#define SYS_LANDLOCK_CREATE_RULESET	444
#define SYS_LANDLOCK_ADD_RULE		445
#define SYS_LANDLOCK_RESTRICT_SELF	446

/* open, read and close something that is watched */
static void be_seen(struct thread *t, const struct hostile_file *f)
{
	int fd = open(f->path, O_RDONLY | O_CLOEXEC);

	(void)!pread(fd, t->buffer, PAGE, dice(t, f->size));
	close(fd);
}

static bool watch(struct thread *t)
{
	const struct hostile_file *f = some_file(t);
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	bool ok;

	if (fd < 0)
		return false;
	ok = inotify_add_watch(fd, f->path, IN_ALL_EVENTS | IN_MASK_ADD) >= 0;
	be_seen(t, f);
	ok = ok && read(fd, t->buffer, PAGE) > 0;
	close(fd);
	return ok;
}

static bool fanotify(struct thread *t)
{
	static const unsigned int classes[] = { FAN_CLASS_NOTIF, FAN_CLASS_CONTENT,
		FAN_CLASS_PRE_CONTENT };
	static const unsigned int marks[] = { FAN_MARK_INODE, FAN_MARK_MOUNT,
		FAN_MARK_FILESYSTEM };
	const struct hostile_file *f = some_file(t);
	unsigned int class = dice(t, 4) ? FAN_CLASS_NOTIF : pick(t, classes), mark = pick(t, marks);
	int fd = fanotify_init(class | FAN_NONBLOCK | FAN_CLOEXEC |
			       (dice(t, 4) ? FAN_REPORT_FID : 0), O_RDONLY);
	uint64_t mask = FAN_OPEN | FAN_ACCESS | FAN_CLOSE;
	bool ok;

	if (fd < 0)
		return false;
	if (class != FAN_CLASS_NOTIF)
		wrong("a user may hold up what others open");
	ok = !fanotify_mark(fd, FAN_MARK_ADD | mark, mask, AT_FDCWD, f->path);
	if (ok && mark == FAN_MARK_FILESYSTEM)
		wrong("a user watches a whole file system");
	be_seen(t, f);
	ok = ok && read(fd, t->buffer, PAGE) > 0;
	close(fd);
	return ok;
}

static bool statx_it(struct thread *t)
{
	const struct hostile_file *f = some_file(t);
	struct statx st;
	int ret;

	if (dice(t, 2))
		ret = statx(AT_FDCWD, f->path, some_bits(t, 0x7900), some_bits(t, 0x7fffffff),
			    &st);
	else
		ret = statx(some_fd(t), "", AT_EMPTY_PATH, dice(t, 2) ? 0x7fffffff : 0x2000, &st);
	return !ret;
}

/* ---- handles ---- */

static bool handle(struct thread *t)
{
	const struct hostile_file *f = some_file(t);
	union {
		struct file_handle h;
		char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} u = { .h.handle_bytes = MAX_HANDLE_SZ };
	int id, fd;

	if (name_to_handle_at(AT_FDCWD, f->path, &u.h, &id,
			      some_bits(t, AT_SYMLINK_FOLLOW | 0x200)))
		return false;
	if (dice(t, 2))
		u.h.f_handle[dice(t, u.h.handle_bytes)] ^= 1 << dice(t, 8);
	fd = open_by_handle_at(some_dir(t), &u.h, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		keep_fd(t, fd);
	return true;
}

static bool compare(struct thread *t)
{
	return syscall(SYS_kcmp, getpid(), getpid(), dice(t, 8), some_fd(t), some_fd(t)) >= 0;
}

static bool quota(struct thread *t)
{
	return !syscall(SYS_QUOTACTL_FD, dice(t, 2) ? some_fd(t) : some_dir(t),
			(int)(0x800000 + dice(t, 12)) << 8 | dice(t, 3), 0, t->buffer);
}

/* ---- counters and probes ---- */

static int number_of(const char *path)
{
	char text[16] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC), n = -1;

	if (fd >= 0 && read(fd, text, sizeof(text) - 1) > 0)
		sscanf(text, "%d", &n);
	close(fd);
	return n;
}

static bool perf(struct thread *t)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE, .size = sizeof(attr), .config = dice(t, 11),
		.sample_period = 1 + dice(t, 100), .sample_type = some_bits(t, 0x7ffff),
		.exclude_kernel = dice(t, 2), .mmap = 1, .mmap2 = 1, .exclude_hv = 1,
		.build_id = dice(t, 2),
	};
	int fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, 8);
	void *p;

	if (fd < 0)
		return false;
	p = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	/* mapping a file is an event, and so are the faults on it */
	if (map_own(t, some_file(t), PROT_READ | PROT_EXEC, MAP_PRIVATE))
		read_byte(t, t->own + PAGE);
	unmap(t->own, SLOT);
	if (p != MAP_FAILED)
		munmap(p, 3 * PAGE);
	close(fd);
	return true;
}

static bool uprobe(struct thread *t)
{
	struct perf_event_attr attr = {
		.type = number_of("/sys/bus/event_source/devices/uprobe/type"),
		.size = sizeof(attr), .config = dice(t, 2),
		.config1 = (uintptr_t)some_file(t)->path, .config2 = dice(t, 1 << 20),
	};
	int fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, 8);

	if (fd < 0)
		return false;
	wrong("a user probes files");
	return !close(fd);
}

static bool bpf(struct thread *t)
{
	struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr;
	int fd, command = BPF_PROG_LOAD;

	memset(&attr, 0, sizeof(attr));
	if (dice(t, 2)) {
		command = BPF_OBJ_GET;
		attr.pathname = (uintptr_t)some_file(t)->path;
	} else {
		attr.prog_type = dice(t, 32);
		attr.insns = (uintptr_t)code;
		attr.insn_cnt = 2;
		attr.license = (uintptr_t)"GPL";
	}
	fd = syscall(SYS_bpf, command, &attr, sizeof(attr));
	if (fd < 0)
		return false;
	if (command == BPF_OBJ_GET)
		wrong("a file of an image is an object of BPF");
	return !close(fd);
}

/* ---- rules ---- */

/* a child may open what is below one mount, and nothing else */
static bool landlock(struct thread *t)
{
	uint64_t rules = 1ULL << 2;	/* LANDLOCK_ACCESS_FS_READ_FILE */
	struct __attribute__((packed)) { uint64_t allowed; int32_t parent; } rule = {
		.allowed = rules, .parent = some_dir(t),
	};
	const struct hostile_file *f = some_file(t);
	pid_t pid = fork_child();
	int fd;

	if (!pid) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		fd = syscall(SYS_LANDLOCK_CREATE_RULESET, &rules, sizeof(rules), 0);
		if (fd < 0 || syscall(SYS_LANDLOCK_ADD_RULE, fd, 1, &rule, 0) ||
		    syscall(SYS_LANDLOCK_RESTRICT_SELF, fd, 0))
			_exit(1);
		fd = open("/proc/self/status", O_RDONLY);
		if (fd >= 0)
			_exit(2);
		(void)!pread(open(f->path, O_RDONLY), t->buffer, PAGE, 0);
		_exit(0);
	}
	return pid > 0 && !child_status(pid);
}

const struct operation observer_operations[] = {
	{ "inotify", watch, true },
	{ "fanotify", fanotify, true },
	{ "statx", statx_it, true },
	{ "handle", handle, true },
	{ "kcmp", compare, true },
	{ "quotactl-fd", quota, false },
	{ "perf", perf, true },
	{ "uprobe", uprobe, false },
	{ "bpf", bpf, false },
	{ "landlock", landlock, false },
	{ NULL, NULL, false },
};
