// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices that do not answer yet, for faulty.c: who waits for one can be killed, and
 * what he waits on be unmounted.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "../ktap.h"
#include "faulty.h"
#include "guest.h"
#include "sharing.h"

#define SECONDS	20	/* for what comes at once, on a slow machine */

static int waits_now(void)
{
	return dm_suspend(SICK);
}

static const struct fault waiting = {
	.name = "waiting", .outcome = FAILS, .prepare = sick, .arm = waits_now,
};

/* a process that asks for a page that is not cached; its status is 0 for RIGHT */
static pid_t asker(const struct reader *r, const struct way *way, size_t nr)
{
	pid_t pid = fork();

	if (!pid)
		_exit(ask(way, r->fd, nr) != RIGHT);
	return pid;
}

static bool is_in(char wanted, pid_t pid)
{
	char path[64], text[512] = "", *state;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (!f || !fgets(text, sizeof(text), f))
		text[0] = 0;
	if (f)
		fclose(f);
	state = strrchr(text, ')');
	return state && state[2] == wanted;
}

static int expect_wait(pid_t pid, const struct way *way)
{
	int tries, status;

	for (tries = 0; !is_in(way->waits ?: 'D', pid); tries++) {
		expect(!waitpid(pid, &status, WNOHANG), "%s does not wait: %x", way->name,
		       status);
		expect(tries < SECONDS * 100, "%s does not get to wait", way->name);
		usleep(10000);
	}
	return 0;
}

static int expect_end(pid_t pid, const char *way, int *status)
{
	int tries;

	for (tries = 0; waitpid(pid, status, WNOHANG) != pid; tries++) {
		expect(tries < SECONDS * 100, "%s does not end", way);
		usleep(10000);
	}
	return 0;
}

/*
 * Each way but direct reads, which wait in the block layer.  A page for each: those that
 * were asked for before stay locked, and who comes later waits for them.
 */
static int kill_each(struct scene *s)
{
	const struct reader *r = &s->readers[s->mode->first];
	int status;
	size_t k;

	expect_ok(waits_now());
	for (k = 0; k < nr_ways; k++) {
		pid_t pid;

		if (ways[k].direct)
			continue;
		pid = asker(r, &ways[k], KEPT + 2 + k * 2);
		expect_ok(expect_wait(pid, &ways[k]));
		kill(pid, SIGKILL);
		expect_ok(expect_end(pid, ways[k].name, &status));
		expect(WIFSIGNALED(status), "%s gets something: %x", ways[k].name, status);
	}
	return 0;
}

int killed_readers(const struct mode *mode)
{
	struct scene s = { .fault = &waiting, .mode = mode };
	int failed;

	expect_ok(set_up(&s));
	failed = kill_each(&s);
	expect_ok(dm_resume(SICK));
	expect_ok(failed);
	expect_ok(ask_all(&s, false));
	expect_ok(ask_all(&s, true));
	return leave_all(&s);
}

#define SMALL		"/disk9"	/* an image with blocks and chunks of a quarter of a page */
#define SMALL_FILE	"big"

/* the page of the file that is the first with an entry in the second page of its index */
static off_t index_goes_on(void)
{
	char text[32] = "";
	int fd = open(in_folder("small.index"), O_RDONLY);
	long pos;

	pos = read(fd, text, sizeof(text) - 1) > 0 ? atol(text) : 0;
	close(fd);
	return (page - pos % page) / 4 / 4;
}

/* who looks up data that goes on in a page of the chunk index which does not come */
int killed_at_the_index(void)
{
	const off_t at = index_goes_on() - 4;
	const char *device = dm_create(SICK, "linear", sectors_of(SMALL), "%s 0", SMALL);
	char buf[8 * page];
	int fd, status;
	pid_t pid;

	/* no page of the index is read ahead */
	fd = open(device, O_RDONLY);
	expect(!ioctl(fd, BLKRASET, page / 512), "BLKRASET: %s", strerror(errno));
	close(fd);
	expect(!attach(device, "a", NULL), "mount: %s", strerror(errno));
	fd = open_at("a", SMALL_FILE, 0);
	posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
	expect(pread(fd, buf, page, 0) == (ssize_t)page, "pread: %s", strerror(errno));
	expect_ok(waits_now());
	pid = fork();
	if (!pid)
		_exit(pread(fd, buf, sizeof(buf), at * page) < 0);
	expect_ok(expect_wait(pid, &ways[0]));
	kill(pid, SIGKILL);
	status = expect_end(pid, "pread", &status);
	expect_ok(dm_resume(SICK));
	expect_ok(status);
	close(fd);
	expect_ok(leave("a"));
	dm_remove(SICK);
	return 0;
}

/* a mount that somebody waits on is busy; when it is left lazily, he gets his page */
int unmounted_readers(const struct mode *mode)
{
	static const char * const names[] = { "pread", "load", "splice", "ring" };
	struct scene s = { .fault = &waiting, .mode = mode };
	pid_t pids[4];
	size_t i, k;
	int status;

	expect_ok(set_up(&s));
	expect_ok(waits_now());
	for (i = 0; i < 4; i++) {
		for (k = 0; strcmp(ways[k].name, names[i]); k++)
			;
		pids[i] = asker(&s.readers[mode->first], &ways[k], KEPT + 2 + i * 8);
		expect_ok(expect_wait(pids[i], &ways[k]));
	}
	for (i = 0; i < s.nr; i++) {
		close(s.readers[i].fd);
		close(s.readers[i].program);
	}
	status = detach("a");
	if (!status || umount2("/m/a", MNT_DETACH))
		printf("# umount: %s, then %s\n", strerror(-status), strerror(errno));
	expect_ok(dm_resume(SICK));
	expect(status == -EBUSY, "umount: %s", strerror(-status));
	for (i = 0; i < 4; i++) {
		expect_ok(expect_end(pids[i], names[i], &status));
		expect(!status, "%s gets an error, or other bytes: %x", names[i], status);
	}
	expect_ok(leave("b"));
	if (mode->common)
		expect_ok(leave("c"));
	forget_mounts();
	/* nobody has the device any more */
	dm_remove(SICK);
	return 0;
}

/* what is read ahead ends before the mount, and what it reads into, are gone */
int unmounted_readahead(const struct mode *mode)
{
	struct scene s = { .fault = &waiting, .mode = mode };
	const struct reader *r = &s.readers[mode->first];
	const char *device = disk_of(mode->common ? "base" : "one");
	struct timespec start, end;
	size_t i;

	expect_ok(set_up(&s));
	expect_ok(dm_become(SICK, "delay", sectors_of(device), "%s 0 400", device));
	clock_gettime(CLOCK_MONOTONIC, &start);
	/* also by who shares it, whom umount leaves behind with that */
	for (i = 0; i < PAGES; i += 8)
		posix_fadvise(r->fd, i * page, 8 * page, POSIX_FADV_WILLNEED);
	expect_ok(leave_all(&s));
	dm_remove(SICK);
	clock_gettime(CLOCK_MONOTONIC, &end);
	/* a sign that it was under way; that it ends is the case */
	expect((end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000 >=
	       400, "nothing was read ahead");
	return 0;
}

/* ---- faults that come and go while the file is asked for ---- */

#define TURNS	20	/* of the device, in a round */

static void toggle(const char *device, int rounds)
{
	const uint64_t sectors = sectors_of(device);
	int i;

	for (i = 0; i < rounds * TURNS; i++) {
		const bool fails = i % 2 == 0;

		if (dm_become(SICK, fails ? "error" : "linear", sectors, fails ? "%s" : "%s 0",
			      fails ? "" : device))
			_exit(1);
		usleep(rand() % 20000);
	}
	_exit(0);
}

int comes_and_goes(const struct mode *mode)
{
	const char *rounds = getenv("FAULTY_ROUNDS");
	const char *device = disk_of(mode->common ? "base" : "one");
	struct scene s = { .fault = &waiting, .mode = mode, .failing = true };
	int status, errors = 0, asked = 0;
	size_t i;
	pid_t pid;

	expect_ok(set_up(&s));
	pid = fork();
	if (!pid)
		toggle(device, rounds ? atoi(rounds) : 1);
	while (!waitpid(pid, &status, WNOHANG)) {
		for (i = 0; i < s.nr; i++) {
			const struct reader *r = &s.readers[i];
			const struct way *way = &ways[rand() % nr_ways];
			const size_t nr = KEPT + rand() % (40 - KEPT);
			int found;

			if (rand() % 4 == 0)
				forget(&s);
			found = ask(way, r->fd, nr);
			asked++;
			errors += found != RIGHT;
			if (found == RIGHT || (way->direct && found == EINVAL) ||
			    (found == way->error && gets_error(&s, r, way->direct)))
				continue;
			kill(pid, SIGKILL);
			expect(false, "%s, by %s, page %zu: %s", r->who, way->name, nr,
			       answer_name(found));
		}
	}
	expect(!status, "the device: %x", status);
	printf("# asked %d times, %d errors\n", asked, errors);
	s.failing = false;
	expect_ok(ask_all(&s, false));
	return leave_all(&s);
}
