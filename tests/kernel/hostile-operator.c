// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who has mounted what hostile.c is about, keeps the cgroups, and goes on with what
 * operators do: caches are emptied, switches turned, memory reclaimed, files probed, and
 * other mounts that share come and go.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "guest.h"
#include "hostile.h"

/*
 * All kinds of sharing, on block devices and on files, each in two mounts at least.  Names
 * without a slash are images of the folder.
 */
static const struct mounted {
	const char *where, *source, *options;
} mounts[] = {
	{ "plain", "/disk0", "" },
	{ "file", "plain", "" },
	{ "shared", "/disk1", "inode_share,domain_id=a" },
	{ "shared-file", "shared", "inode_share,domain_id=a" },
	{ "shared-lz4", "lz4", "inode_share,domain_id=a" },
	{ "shared-stock", "stock", "inode_share,domain_id=a" },
	{ "verified", "/disk2", "inode_share_verify,domain_id=a" },
	{ "verified-file", "verified", "inode_share_verify,domain_id=a" },
	{ "chunks", "/disk3", "chunk_share" },
	{ "chunks-base", "base", "chunk_share" },
	{ "chunks-next", "next", "chunk_share,device=base" },
	{ "both", "both", "chunk_share,inode_share,domain_id=a" },
};

/* lower folders: on one layer overlayfs hands out the files themselves to be mapped */
static const struct { const char *where, *lower; } overlays[] = {
	{ "over-shared", "lowerdir=/m/shared:/m/empty" },
	{ "over-chunks", "lowerdir=/m/chunks-next:/m/shared-lz4" },
};

static const char *folder;

static int mount_image(const struct mounted *m, const char *where)
{
	char source[256], options[512], target[64];
	const char *device = strstr(m->options, "device=");

	mkdir("/m", 0755);
	snprintf(target, sizeof(target), "/m/%s", where);
	mkdir(target, 0755);
	snprintf(source, sizeof(source), "%s/%s", folder, m->source);
	snprintf(options, sizeof(options), "%s", m->options);
	if (device)
		snprintf(options, sizeof(options), "chunk_share,device=%s/%s", folder,
			 device + strlen("device="));
	return mount(*m->source == '/' ? m->source : source, target, "erofs", MS_RDONLY,
		     options);
}

/* the same files, with the owners of another user namespace */
static int mount_with_owners(const char *from, const char *to)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP };
	int ends[2], tree, ret;
	char path[64], byte;
	pid_t pid;

	if (pipe(ends))
		err(1, "pipe");
	pid = fork();
	if (!pid) {
		close(ends[1]);
		if (unshare(CLONE_NEWUSER))
			err(1, "unshare");
		(void)!read(ends[0], &byte, 1);
		_exit(0);
	}
	close(ends[0]);
	usleep(300000);
	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	write_string(path, "0 100000 65536");
	snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
	write_string(path, "0 100000 65536");
	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	attr.userns_fd = open(path, O_RDONLY | O_CLOEXEC);
	tree = open_tree(AT_FDCWD, from, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	mkdir(to, 0755);
	ret = mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) ||
		move_mount(tree, "", AT_FDCWD, to, MOVE_MOUNT_F_EMPTY_PATH);
	close(tree);
	close(attr.userns_fd);
	close(ends[1]);
	waitpid(pid, NULL, 0);
	return ret;
}

int operator_mount(const char *images)
{
	char target[64];
	size_t i;

	folder = images;
	(void)!system("modprobe -q overlay");
	for (i = 0; i < sizeof(mounts) / sizeof(*mounts); i++) {
		if (mount_image(&mounts[i], mounts[i].where)) {
			printf("# %s: %s\n", mounts[i].where, strerror(errno));
			return 1;
		}
		snprintf(target, sizeof(target), "/m/%s", mounts[i].where);
		content_find(target);
	}
	mkdir("/m/empty", 0755);
	for (i = 0; i < sizeof(overlays) / sizeof(*overlays); i++) {
		snprintf(target, sizeof(target), "/m/%s", overlays[i].where);
		mkdir(target, 0755);
		if (mount("over", target, "overlay", MS_RDONLY, overlays[i].lower)) {
			printf("# %s: %s\n", target, strerror(errno));
			return 1;
		}
		content_find(target);
	}
	if (mount_with_owners("/m/shared-file", "/m/owners")) {
		printf("# /m/owners: %s\n", strerror(errno));
		return 1;
	}
	content_find("/m/owners");
	return 0;
}

static int unmount(const char *where)
{
	char target[64];
	int tries;

	snprintf(target, sizeof(target), "/m/%s", where);
	/* what was killed a moment ago gives up its files by and by */
	for (tries = 0; umount(target) && errno == EBUSY; tries++) {
		if (tries == 200) {
			printf("# %s is in use\n", target);
			return 1;
		}
		usleep(100000);
	}
	return 0;
}

int operator_unmount(void)
{
	size_t i = sizeof(overlays) / sizeof(*overlays);
	int ret = unmount("owners");

	while (i--)
		ret |= unmount(overlays[i].where);
	for (i = sizeof(mounts) / sizeof(*mounts); i--; )
		ret |= unmount(mounts[i].where);
	return ret;
}

/* ---- cgroups and what users may ---- */

/*
 * The victim's holds a file or two with what it writes, and is full all the time.  Objects
 * of a kernel that watches them are larger.
 */
int operator_groups(bool watched)
{
	const struct { const char *path, *value; } settings[] = {
		{ HOSTILE_GROUP "/memory.max", "100663296" },
		{ HOSTILE_GROUP "/pids.max", "96" },
		{ VICTIM_GROUP "/memory.max", watched ? "16777216" : "8388608" },
		{ "/proc/sys/fs/lease-break-time", "1" },
		{ "/proc/sys/vm/unprivileged_userfaultfd", "1" },
		{ "/proc/sys/kernel/perf_event_paranoid", "1" },
		{ "/proc/sys/kernel/core_pattern", "core" },
	};
	size_t i;

	write_string("/sys/fs/cgroup/cgroup.subtree_control", "+memory +pids");
	/* a debug kernel has no weights of CPU time */
	write_string("/sys/fs/cgroup/cgroup.subtree_control", "+cpu");
	mkdir(HOSTILE_GROUP, 0755);
	mkdir(VICTIM_GROUP, 0755);
	for (i = 0; i < sizeof(settings) / sizeof(*settings); i++) {
		int ret = write_string(settings[i].path, settings[i].value);

		if (ret && strncmp(settings[i].path, "/proc/sys/kernel/perf", 21)) {
			printf("# %s: %s\n", settings[i].path, strerror(-ret));
			return 1;
		}
	}
	/* it is 2 where root may still allow it */
	write_string("/proc/sys/kernel/unprivileged_bpf_disabled", "0");
	return 0;
}

int operator_join(const char *group)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	return write_string(path, "0");
}

/* ---- what operators do ---- */

static void write_all(struct thread *t, const char *pattern, const char *value)
{
	glob_t found;
	size_t i;

	if (glob(pattern, 0, NULL, &found))
		return;
	for (i = 0; i < found.gl_pathc; i++)
		if (dice(t, 2))
			write_string(found.gl_pathv[i], value);
	globfree(&found);
}

/* another mount, read and gone */
static void churn(struct thread *t)
{
	struct hostile_file f = { .path = "/m/churn/holes.img", .content = HOLES };
	const struct mounted *m;
	struct stat st;
	uint64_t pos;
	int fd;

	do {
		m = &mounts[dice(t, sizeof(mounts) / sizeof(*mounts))];
	} while (*m->source == '/');
	if (mount_image(m, "churn"))
		return;
	fd = open(f.path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && !fstat(fd, &st)) {
		f.size = st.st_size;
		pos = dice(t, f.size);
		check_bytes(&f, pos, t->buffer, pread(fd, t->buffer, BUFFER, pos), "churn");
	}
	close(fd);
	if (umount("/m/churn"))
		umount2("/m/churn", MNT_DETACH);
	atomic_fetch_add(&shared->churns, 1);
}

#define CPUS	2	/* of the machine */

/* where the program that is in the images comes by */
static __attribute__((noinline)) int answer(void)
{
	return getppid() != 42424242;
}

static void probe(struct thread *t, int type)
{
	struct perf_event_attr attr = { .type = type, .size = sizeof(attr) };
	const struct hostile_file *f;
	uint64_t hits, sum = 0;
	int fds[CPUS], status, i;
	pid_t pid;

	do {
		f = &files[dice(t, nr_files)];
	} while (f->content != PROGRAM);
	attr.config1 = (uintptr_t)f->path;
	attr.config2 = (uintptr_t)answer - (uintptr_t)__executable_start;
	/* by CPU: what children inherit is not always counted, on any file system */
	for (i = 0; i < CPUS; i++)
		fds[i] = syscall(SYS_perf_event_open, &attr, -1, i, -1, 8);
	pid = fork();
	if (!pid) {
		execl(f->path, "answer", NULL);
		_exit(1);
	}
	status = pid > 0 ? child_status(pid) : 0;
	if (WIFSIGNALED(status) || (pid > 0 && WEXITSTATUS(status) != 42))
		wrong("probed: %s ended with %x", f->path, status);
	for (i = 0; i < CPUS; i++) {
		if (fds[i] >= 0 && read(fds[i], &hits, sizeof(hits)) == sizeof(hits))
			sum += hits;
		close(fds[i]);
	}
	if (pid > 0 && !sum)
		wrong("probed: %s was not seen", f->path);
}

static int uprobe_type(void)
{
	return number_in("/sys/bus/event_source/devices/uprobe/type", "");
}

/*
 * On and off at first.  Later they are on: a fault that comes back for ever while one is on
 * must not be let go by turning it.
 */
static void turn_switches(struct thread *t)
{
	static const char * const switches[] = { "0", "1" };
	const bool on = atomic_load(&shared->settled);

	write_string("/sys/module/erofs/parameters/zeropage", on || dice(t, 4) ? "Y" : "N");
	write_all(t, "/sys/fs/erofs/*/zeropage/enabled", on ? "1" : pick(t, switches));
	write_all(t, "/sys/fs/erofs/*/zeropage/huge", pick(t, switches));
}

int operator_process(void)
{
	static const char * const levels[] = { "-1", "0", "1", "2", "3" };
	static const char * const drop[] = { "1", "2", "3" };
	static const char * const switches[] = { "0", "1" };
	struct thread t = { .dice = dice_seed(WORKERS, 1, 0), .buffer = malloc(BUFFER) };
	int type = uprobe_type();

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (!atomic_load(&shared->enough)) {
		usleep(20000 + dice(&t, 200000));
		switch (dice(&t, 12)) {
		case 0:
			write_string("/proc/sys/vm/drop_caches", pick(&t, drop));
			break;
		case 1:
			write_string("/proc/sys/vm/compact_memory", "1");
			break;
		case 2 ... 4:
			turn_switches(&t);
			break;
		case 5:
			write_string("/proc/sys/kernel/perf_event_paranoid", pick(&t, levels));
			break;
		case 6:
			write_string(HOSTILE_GROUP "/memory.reclaim", "16M");
			break;
		case 7:
			write_string(VICTIM_GROUP "/memory.reclaim", "2M");
			break;
		case 8:
			write_string("/sys/kernel/mm/ksm/run", pick(&t, switches));
			break;
		case 9:
			if (type > 0)
				probe(&t, type);
			break;
		default:
			churn(&t);
		}
	}
	return 0;
}

/* the program that is in the images */
int operator_answer(void)
{
	return answer() ? 42 : 1;
}
