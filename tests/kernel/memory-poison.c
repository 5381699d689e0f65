// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that fails: hard, by MADV_HWPOISON or by its frame (hwpoison-inject), and
 * softly, by MADV_SOFT_OFFLINE or by its address (soft_offline_page).
 *
 * A clean page of a file is dropped, or replaced, and read anew: nobody is killed, and
 * nobody sees other bytes, who shares it by fingerprint included.  One that is shared by
 * chunks and mapped can be neither; it stays until nobody maps it
 * (Documentation/chunk-sharing.md).  The zero page is the kernel's, and stays.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../ktap.h"
#include "area.h"
#include "guest.h"
#include "memory.h"

#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE	101
#endif

#define CORRUPT		"/sys/kernel/debug/hwpoison/corrupt-pfn"
#define SOFT_OFFLINE	"/sys/devices/system/memory/soft_offline_page"
#define NR		16	/* pages of a mapping here */

/* kB of memory that the kernel has given up */
static long corrupted(void)
{
	return number_in("/proc/meminfo", "HardwareCorrupted");
}

static int inject(char *p, int advice)
{
	return madvise(p, file.page, advice) ? errno : 0;
}

static int inject_frame(const char *path, uint64_t number)
{
	char text[32];

	snprintf(text, sizeof(text), "%#llx", (unsigned long long)number);
	return -write_string(path, text);
}

static int soft_offline_frame(uint64_t pfn)
{
	return inject_frame(SOFT_OFFLINE, pfn * file.page);
}

static int poison_frame(uint64_t pfn)
{
	return inject_frame(CORRUPT, pfn);
}

/* who has the same page, or with no sharing the same bytes, in a process of its own */
struct other {
	pid_t pid;
	int to, from;
};

/* looks at its mapping whenever it is told to, and tells its first frame */
static void other_looks(char *p, size_t index, int from, int to)
{
	char byte;

	while (read(from, &byte, 1) == 1) {
		uint64_t frame = memory_same(p, index, NR) ? 0 : memory_frame(p);

		if (write(to, &frame, sizeof(frame)) != sizeof(frame))
			_exit(1);
	}
	_exit(0);
}

static int other_start(struct other *o, size_t index)
{
	int to[2], from[2];

	expect(!pipe(to) && !pipe(from), "pipe");
	fflush(stdout);
	o->pid = fork();
	if (!o->pid) {
		close(to[1]);
		other_looks(memory_map(sibling, index, NR), index, to[0], from[1]);
	}
	expect(o->pid > 0, "fork");
	close(to[0]);
	close(from[1]);
	o->to = to[1];
	o->from = from[0];
	return 0;
}

/* the frame of its first page; 0 if it sees other bytes, or is not there any more */
static uint64_t other_frame(struct other *o)
{
	uint64_t frame = 0;

	if (write(o->to, "", 1) != 1 || read(o->from, &frame, sizeof(frame)) != sizeof(frame))
		return 0;
	return frame;
}

static int other_end(struct other *o)
{
	int status;

	close(o->to);
	close(o->from);
	expect(waitpid(o->pid, &status, 0) == o->pid && !status, "the other: %x", status);
	return 0;
}

/* 0 if the file has its bytes, by all ways, whatever happened to its pages */
static int file_is_whole(size_t index, size_t nr)
{
	char *buf = malloc(nr * file.page), *p = memory_map(file.fd, index, nr);
	int ret;

	expect(pread(file.fd, buf, nr * file.page, index * file.page) ==
	       (ssize_t)(nr * file.page), "read: %s", strerror(errno));
	ret = memory_same(buf, index, nr) | memory_same(p, index, nr);
	munmap(p, nr * file.page);
	free(buf);
	return ret;
}

static int fresh_fd;
static size_t fresh_index;

static int maps_anew(void)
{
	(void)*(volatile char *)memory_map(fresh_fd, fresh_index, 1);
	return 0;
}

/* the signal that ends a process that maps a page of its own accord; 0 for none */
static int signal_of_newcomer(int fd, size_t index)
{
	int status;
	pid_t pid;

	fresh_fd = fd;
	fresh_index = index;
	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(maps_anew());
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* what read() of the first page, and of what is before and behind it, gives: @error or bytes */
static int reads_as(int error)
{
	const size_t size = NR * file.page;
	char *buf = malloc(size);
	ssize_t n = pread(file.fd, buf, file.page, memory_data * file.page);

	if (error)
		expect(n < 0 && errno == error, "read() gives %zd, %s", n, strerror(errno));
	else
		expect(n == (ssize_t)file.page, "read() gives %zd, %s", n, strerror(errno));
	n = pread(file.fd, buf, size - file.page, (memory_data + 1) * file.page);
	expect(n == (ssize_t)(size - file.page), "read() of what follows gives %zd", n);
	expect_ok(memory_same(buf, memory_data + 1, NR - 1));
	free(buf);
	return 0;
}

/*
 * What a chunk's page is for two who map it when it fails: it stays with both, bytes and
 * all, as a machine check would tell who really meets the failure.  Who maps a page anew
 * that is known to be bad gets SIGBUS.  It goes when nobody maps it any more.
 */
static int stays_while_mapped(char *p, uint64_t frame, struct other *o, int err, bool hard)
{
	const int sig = signal_of_newcomer(file.fd, memory_data);

	expect(err == EBUSY || (hard && err == EHWPOISON), "%s", strerror(err));
	expect(memory_frame(p) == frame && other_frame(o) == frame,
	       "a page that is mapped was replaced");
	expect(sig == (hard ? SIGBUS : 0), "who maps it anew gets signal %d", sig);
	expect_ok(reads_as(hard ? EIO : 0));
	expect_ok(other_end(o));
	expect_ok(memory_same(p, memory_data, NR));
	munmap(p, NR * file.page);
	if (!hard) {
		err = soft_offline_frame(frame);
		expect(!err, "unmapped: %s", strerror(err));
	}
	/* who reads comes first, as nobody may map it any more */
	expect_ok(reads_as(0));
	expect(!signal_of_newcomer(file.fd, memory_data), "it does not go");
	return 0;
}

static int goes_at_once(char *p, uint64_t frame, struct other *o, int err)
{
	expect(!err, "%s", strerror(err));
	expect(PM_PFN(pagemap_entry(p)) != frame, "the page is mapped still");
	expect(!signal_of_newcomer(file.fd, memory_data), "who maps it anew is killed");
	expect(memory_frame(p) != frame && other_frame(o), "the page came back");
	expect_ok(other_end(o));
	expect_ok(memory_same(p, memory_data, NR));
	munmap(p, NR * file.page);
	return 0;
}

/* the first page of a mapping of data fails, by @fail */
static int data_fails(int (*fail)(char *p, uint64_t frame), bool hard)
{
	char *p = memory_map(file.fd, memory_data, NR);
	const long before = corrupted();
	uint64_t frame, others;
	struct other o;
	int err;

	expect_ok(memory_same(p, memory_data, NR));
	expect_ok(other_start(&o, memory_data));
	frame = memory_frame(p);
	others = other_frame(&o);
	expect(others, "the other has other bytes");
	expect((frame == others) == (file.chunks || memory_shared), "the page is %sshared",
	       frame == others ? "" : "not ");
	err = fail(p, frame);
	if (file.fixed)
		expect_ok(stays_while_mapped(p, frame, &o, err, hard));
	else
		expect_ok(goes_at_once(p, frame, &o, err));
	expect(corrupted() - before == 4, "%ld kB were given up", corrupted() - before);
	p = memory_map(file.fd, memory_data, NR);
	expect(memory_frame(p) != frame, "the page came back");
	return file_is_whole(memory_data, NR);
}

static int advise_soft(char *p, uint64_t frame)
{
	(void)frame;
	return inject(p, MADV_SOFT_OFFLINE);
}

static int advise_hard(char *p, uint64_t frame)
{
	(void)frame;
	return inject(p, MADV_HWPOISON);
}

static int frame_soft(char *p, uint64_t frame)
{
	(void)p;
	return soft_offline_frame(frame);
}

static int frame_hard(char *p, uint64_t frame)
{
	(void)p;
	return poison_frame(frame);
}

int soft_offline_of_data(void)
{
	return data_fails(advise_soft, false);
}

int soft_offline_of_data_by_frame(void)
{
	return data_fails(frame_soft, false);
}

int poisoned_data(void)
{
	return data_fails(advise_hard, true);
}

int poisoned_data_by_frame(void)
{
	expect(!system("modprobe hwpoison-inject"), "no hwpoison-inject");
	return data_fails(frame_hard, true);
}

static char *copy;

static int touches_copy(void)
{
	char *p = copy;

	p[0] = 1;
	if (inject(p, MADV_HWPOISON))
		return 2;
	(void)*(volatile char *)p;
	return 3;
}

/* what a process has written cannot be had back: it is killed, and nobody else */
int poisoned_copy(void)
{
	const size_t indexes[] = { memory_data, memory_hole };
	struct other o;
	size_t i;

	for (i = 0; i < 2; i++) {
		int status;
		pid_t pid;

		copy = memory_map(file.fd, indexes[i], NR);
		expect_ok(memory_same(copy, indexes[i], NR));
		expect_ok(other_start(&o, indexes[i]));
		expect(other_frame(&o), "the other has other bytes");
		fflush(stdout);
		pid = fork();
		if (!pid)
			_exit(touches_copy());
		expect(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) &&
		       WTERMSIG(status) == SIGBUS, "who wrote: %x", status);
		expect(other_frame(&o), "the other has other bytes");
		expect_ok(other_end(&o));
		expect_ok(memory_same(copy, indexes[i], NR));
		expect_ok(file_is_whole(indexes[i], NR));
	}
	return 0;
}

/* what the kernel says of a page of its own: Linux 7 knows it for one */
static int not_to_be_had(void)
{
	struct utsname name;

	return uname(&name) || atoi(name.release) < 7 ? EIO : ENOTRECOVERABLE;
}

int soft_offline_of_hole(void)
{
	char *p = memory_map(file.fd, memory_hole, NR);
	const long before = corrupted();
	uint64_t frame;
	int err;

	expect_ok(memory_same(p, memory_hole, NR));
	frame = memory_frame(p);
	expect((frame == zero_pfn()) == file.active, "the hole is%s the zero page",
	       file.active ? " not" : "");
	err = inject(p, MADV_SOFT_OFFLINE);
	expect(err == (file.active ? not_to_be_had() : 0), "by address: %s", strerror(err));
	if (file.active) {
		err = soft_offline_frame(frame);
		expect(err == not_to_be_had(), "by frame: %s", strerror(err));
	}
	expect((memory_frame(p) == frame) == file.active, "the page is %s",
	       memory_frame(p) == frame ? "the same" : "another");
	expect(corrupted() - before == (file.active ? 0 : 4), "%ld kB were given up",
	       corrupted() - before);
	expect_ok(memory_same(p, memory_hole, NR));
	p[0] = 1;
	munmap(p, NR * file.page);
	return file_is_whole(memory_hole, NR);
}

/*
 * The kernel knows the zero page for its own, gives nothing up but its word, and kills
 * nobody.  In stock's hands the page is the file's, and is dropped.
 */
int poisoned_hole(void)
{
	char *p = memory_map(file.fd, memory_hole, NR), *anonymous;
	struct other o;
	uint64_t frame;
	size_t i;
	int err;

	anonymous = mmap(NULL, file.page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	expect_ok(memory_same(p, memory_hole, NR));
	expect_ok(other_start(&o, memory_hole));
	frame = memory_frame(p);
	expect(other_frame(&o), "the other has other bytes");
	err = inject(p, MADV_HWPOISON);
	expect(err == (file.active ? EBUSY : 0), "by address: %s", strerror(err));
	if (file.active) {
		/* once more, by the way that blames nobody */
		expect(!system("modprobe hwpoison-inject"), "no hwpoison-inject");
		err = poison_frame(frame);
		expect(err == EHWPOISON, "by frame: %s", strerror(err));
	}
	expect((memory_frame(p) == frame) == file.active, "the page is %s",
	       memory_frame(p) == frame ? "the same" : "another");
	expect_ok(memory_same(p, memory_hole, NR));
	expect(other_frame(&o), "the other has other bytes");
	expect_ok(other_end(&o));
	for (i = 0; i < NR; i++)
		p[i * file.page] = 1;
	expect(!anonymous[0], "anonymous memory");
	anonymous[0] = 1;
	munmap(p, NR * file.page);
	return file_is_whole(memory_hole, NR);
}
