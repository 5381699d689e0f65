// SPDX-License-Identifier: GPL-2.0-only
/*
 * hostile [--seed N] [--only NAME]... [--without NAME]... SECONDS FOLDER
 * hostile --make FOLDER
 *
 * Nobody in particular, with files, mappings and mounts of ours, does at random all that
 * system calls allow (hostile-process.c, and a table of operations for each kind of thing).
 * Beside him a victim in another cgroup reads the same files, and an operator goes on with
 * his work.  What must hold:
 *
 * - nobody ever sees other bytes than those of the file, and nothing is written to;
 * - nothing that is not his is given to the hostile process;
 * - the victim lives, and goes on;
 * - no operation hangs, and the hostile process dies when it is killed;
 * - what is left behind can be unmounted, and the module unloaded;
 * and the kernel's log is silent.  An operation that has to be possible and never was fails,
 * too: its attack was none.
 *
 * With --make the files that go into the images are made; this program is one of them, as
 * "answer".  Which images FOLDER and /disk0 ... /disk3 have says hostile.test.
 *
 * The seed is printed, and a run with it does the same operations again, as far as the time
 * that they take does not matter; --only and --without are to find out which of them do.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include "../ktap.h"
#include "guest.h"
#include "hostile.h"

#define SLOWER	25	/* times as long may the victim need for a file, see bound() */
#define LONGER	4	/* times @seconds, at most, until everything was tried */
#define HANG	60000	/* ms that an operation may take, and the victim for a file in any case */

static unsigned long seconds;
static const char *folder;
static long long hang = HANG, lasted;
static bool watched;
static pid_t victim, hostile, operator;

/* ---- what goes on ---- */

static pid_t start(int (*run)(void))
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (!pid) {
		int ret = run();

		fflush(stdout);
		_exit(ret);
	}
	return pid;
}

static int run_hostile(void)
{
	operator_join(HOSTILE_GROUP);
	hostile_process();
}

/* where the hostile process's threads are in the kernel */
static void print_stacks(void)
{
	FILE *threads = fopen(HOSTILE_GROUP "/cgroup.threads", "r");
	char line[64], path[64], text[2048], *at;
	ssize_t n;
	int fd;

	while (threads && fgets(line, sizeof(line), threads)) {
		snprintf(path, sizeof(path), "/proc/%d/stack", atoi(line));
		fd = open(path, O_RDONLY);
		n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
		close(fd);
		text[n > 0 ? n : 0] = 0;
		printf("# thread %d\n", atoi(line));
		for (at = strtok(text, "\n"); at; at = strtok(NULL, "\n"))
			printf("#   %s\n", at);
	}
	if (threads)
		fclose(threads);
}

/* what its rings wait for */
static void print_rings(void)
{
	FILE *processes = fopen(HOSTILE_GROUP "/cgroup.procs", "r"), *info;
	char pid[64], path[128], target[64], line[256];
	ssize_t n;
	int fd;

	while (processes && fgets(pid, sizeof(pid), processes)) {
		for (fd = 0; fd < 1024; fd++) {
			snprintf(path, sizeof(path), "/proc/%d/fd/%d", atoi(pid), fd);
			n = readlink(path, target, sizeof(target) - 1);
			target[n > 0 ? n : 0] = 0;
			if (strcmp(target, "anon_inode:[io_uring]"))
				continue;
			printf("# process %d, ring %d\n", atoi(pid), fd);
			snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", atoi(pid), fd);
			info = fopen(path, "r");
			while (info && fgets(line, sizeof(line), info))
				printf("#   %s", line);
			if (info)
				fclose(info);
		}
	}
	if (processes)
		fclose(processes);
}

static bool hung;

/* is any thread at an operation that it began before @when? */
static bool is_busy(long long when, bool say)
{
	bool busy = false;
	int w, nr, op;

	for (w = 0; w < WORKERS; w++) {
		for (nr = 0; nr < THREADS; nr++) {
			op = atomic_load(&shared->threads[w][nr].operation);
			if (!op || atomic_load(&shared->threads[w][nr].since) > when)
				continue;
			if (say)
				printf("# worker %d, thread %d: %s does not end\n", w, nr,
				       operations[op - 1].name);
			busy = true;
		}
	}
	return busy;
}

static void look_for_hangs(long long when)
{
	if (!is_busy(when, true))
		return;
	hung = true;
	print_stacks();
	print_rings();
	atomic_store(&shared->stop, true);
}

/*
 * All that was begun comes to its end, with nobody who kills, turns a switch or drops caches,
 * any of which may let go what would hang.
 */
static void come_to_an_end(void)
{
	long long end = now_ms() + hang;

	atomic_store(&shared->enough, true);
	while (!atomic_load(&shared->stop) && is_busy(now_ms(), false) && now_ms() < end)
		usleep(50000);
	if (!atomic_load(&shared->stop))
		look_for_hangs(now_ms());
}

/*
 * A look at a file, of 6 MiB at most, may take this long, ms; alone it takes a tenth of a
 * second on a machine without hardware virtualisation.  It is no measurement: a victim that
 * has to wait for what the hostile process holds waits for ever, or for as long as that one
 * likes.  Nine threads, their children, kernel threads that work for them and the operator
 * compete with it for two CPUs, the disk and the page cache, which is emptied all the time.
 */
static long long bound(void)
{
	long long most = atomic_load(&shared->victim_alone) * SLOWER;

	return most > hang ? most : hang;
}

/* has it ended, and may not have? */
static bool has_ended(pid_t pid, const char *who)
{
	int status;

	if (atomic_load(&shared->enough) || waitpid(pid, &status, WNOHANG) != pid)
		return false;
	wrong("%s has ended with %x", who, status);
	return true;
}

static bool victim_died, victim_starved;
static int hostile_died = 1;

/* wait for one that has been told to end */
static int wait_for(pid_t pid, const char *who)
{
	long long end = now_ms() + 2 * hang;
	int status;

	while (waitpid(pid, &status, WNOHANG) != pid) {
		if (now_ms() > end) {
			printf("# %s does not end\n", who);
			print_stacks();
			return 1;
		}
		usleep(20000);
	}
	if (status)
		printf("# %s: status %x\n", who, status);
	return !!status;
}

/* what never came up, or never succeeded though it must */
static const char *missing(size_t i)
{
	if (!atomic_load(&shared->operations[i].done))
		return "came up";
	if (operations[i].must && !atomic_load(&shared->operations[i].succeeded))
		return "succeeded";
	return NULL;
}

static bool all_were_done(void)
{
	size_t i;

	for (i = 0; i < nr_operations; i++)
		if (missing(i))
			return false;
	return true;
}

static void hostilities(void)
{
	long long end, last, since;

	hostile = start(run_hostile);
	operator = start(operator_process);
	end = now_ms() + seconds * 1000;
	/* on a kernel that watches it may take longer until all of them have come up */
	last = end + LONGER * seconds * 1000;
	while (!atomic_load(&shared->stop) &&
	       (now_ms() < end || (now_ms() < last && !all_were_done()))) {
		usleep(50000);
		if (end - now_ms() < (long long)seconds * 700)
			atomic_store(&shared->settled, true);
		look_for_hangs(now_ms() - hang);
		since = atomic_load(&shared->victim_since);
		if (since && now_ms() - since > bound()) {
			victim_starved = true;
			break;
		}
		victim_died |= has_ended(victim, "the victim");
		has_ended(hostile, "the hostile process");
		has_ended(operator, "the operator");
	}
	lasted = now_ms() - end + seconds * 1000;
	come_to_an_end();
	atomic_store(&shared->stop, true);
	hostile_died = wait_for(hostile, "the hostile process");
	if (!victim_died)
		victim_died = wait_for(victim, "the victim");
	wait_for(operator, "the operator");
}

/* ---- cases ---- */

static int images_are_mounted(void)
{
	expect(!operator_groups(watched), "see above");
	expect(!operator_mount(folder), "see above");
	return 0;
}

static int victim_reads_alone(void)
{
	long long end = now_ms() + 4 * hang;

	victim = start(victim_process);
	while (!atomic_load(&shared->victim_alone) && !atomic_load(&shared->wrong)) {
		expect(now_ms() < end, "the victim does not even read alone");
		expect(!has_ended(victim, "the victim"), "%s", shared->what);
		usleep(20000);
	}
	printf("# a look at a file takes %lld ms\n", atomic_load(&shared->victim_alone));
	expect(!atomic_load(&shared->wrong), "%s", shared->what);
	return 0;
}

static int nothing_is_wrong(void)
{
	expect(victim, "there is no victim");
	hostilities();
	printf("# %lu lives of %d workers, %lu ended by us; %lu mounts came and went\n",
	       atomic_load(&shared->lives), WORKERS, atomic_load(&shared->kills),
	       atomic_load(&shared->churns));
	printf("# killed for want of memory: %ld\n",
	       number_in(HOSTILE_GROUP "/memory.events", "oom_kill"));
	expect(!atomic_load(&shared->wrong), "%s", shared->what);
	expect(atomic_load(&shared->kills) || seconds < 10, "no worker was killed");
	return 0;
}

static int victim_goes_on(void)
{
	long kills = number_in(VICTIM_GROUP "/memory.events", "oom_kill");

	printf("# it looked at %ld files, for at most %lld ms; its memory was full %ld times\n",
	       atomic_load(&shared->victim_looks), atomic_load(&shared->victim_worst),
	       number_in(VICTIM_GROUP "/memory.events", "max"));
	expect(!victim_died && !kills, "the victim was killed (%ld)", kills);
	expect(!victim_starved && atomic_load(&shared->victim_worst) <= bound(),
	       "a look at a file takes more than %lld ms", bound());
	expect(atomic_load(&shared->victim_looks), "it looked at no file");
	return 0;
}

static int nothing_hangs(void)
{
	expect(!hung && !hostile_died, "see above");
	return 0;
}

static int operations_succeed(void)
{
	unsigned long done = 0, never = 0;
	size_t i;

	for (i = 0; i < nr_operations; i++) {
		unsigned long n = atomic_load(&shared->operations[i].done),
			ok = atomic_load(&shared->operations[i].succeeded);

		printf("# %-18s %8lu, %8lu did something, the longest took %lld ms\n",
		       operations[i].name, n, ok, atomic_load(&shared->operations[i].worst));
		done += n;
		if (missing(i)) {
			printf("# %s never %s\n", operations[i].name, missing(i));
			never++;
		}
	}
	printf("# %lu operations in %lld s\n", done, lasted / 1000);
	expect(!never, "%lu operations were no attacks", never);
	return 0;
}

static int nothing_is_left(void)
{
	int i;

	expect(!operator_unmount(), "see above");
	for (i = 0; i < 50 && system("modprobe -r erofs 2>/dev/null"); i++)
		usleep(200000);
	expect(i < 50, "the module is in use");
	return 0;
}

static const struct ktap_case cases[] = {
	{ "images-are-mounted", images_are_mounted },
	{ "victim-reads-alone", victim_reads_alone },
	{ "nothing-is-wrong", nothing_is_wrong },
	{ "victim-goes-on", victim_goes_on },
	{ "nothing-hangs", nothing_hangs },
	{ "operations-succeed", operations_succeed },
	{ "nothing-is-left", nothing_is_left },
};

static void usage(void)
{
	fprintf(stderr, "usage: hostile [OPTION]... SECONDS FOLDER\n"
			"       hostile --make FOLDER\n");
	exit(2);
}

static void parse(int argc, char **argv)
{
	int nr = 0, i;
	bool without = false;
	char *names[argc];

	seed = time(NULL);
	for (i = 1; i < argc && !strncmp(argv[i], "--", 2); i++) {
		if (i + 1 == argc)
			usage();
		if (!strcmp(argv[i], "--seed"))
			seed = strtoull(argv[i + 1], NULL, 0);
		else if (!strcmp(argv[i], "--only") || !strcmp(argv[i], "--without"))
			names[nr++] = argv[i + 1];
		else
			usage();
		without |= !strcmp(argv[i++], "--without");
	}
	if (argc - i != 2)
		usage();
	seconds = strtoul(argv[i], NULL, 10);
	folder = argv[i + 1];
	if (operations_choose(names, nr, without))
		errx(2, "there are no such operations");
}

int main(int argc, char **argv)
{
	if (!strcmp(basename(argv[0]), "answer"))
		return operator_answer();
	if (argc == 3 && !strcmp(argv[1], "--make"))
		return content_make(argv[2]);
	parse(argc, argv);
	/* a kernel that watches is slow */
	watched = patience() > 1;
	if (watched)
		hang *= 6;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		err(1, "mmap");
	printf("# seed %llu\n", (unsigned long long)seed);
	return ktap_main(cases);
}
