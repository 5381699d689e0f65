// SPDX-License-Identifier: GPL-2.0-only
/*
 * timed - run commands in turn, and print for each how long it took.
 *
 * Standard input has a line "NAME RUNS COMMAND" for each, COMMAND being for sh.  They
 * take turns until each has had its RUNS, so that what disturbs one disturbs all.
 * Before each run out.* is removed and all is written to disk.  Output, in seconds:
 *
 *	NAME RUNS MEDIAN LEAST MOST PEAK
 *
 * PEAK is in KiB: the largest resident set of a process of any run.  (That of who
 * forks counts for the child as well: one reason why this is not a script.)
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_COMMANDS	16
#define MAX_RUNS	100

static struct command {
	char name[64];
	int runs;
	char line[1024];
	double seconds[MAX_RUNS];
	long peak;
} commands[MAX_COMMANDS];

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void run(struct command *command, int turn)
{
	struct rusage usage;
	double start;
	int status;
	pid_t pid;

	if (system("rm -f out.*; sync"))
		errx(1, "could not clean up");
	start = now();
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (!pid) {
		if (!freopen("/dev/null", "w", stdout))
			err(1, "/dev/null");
		execl("/bin/sh", "sh", "-c", command->line, NULL);
		err(1, "sh");
	}
	if (wait4(pid, &status, 0, &usage) != pid)
		err(1, "wait4");
	if (status)
		errx(1, "'%s' failed", command->line);
	command->seconds[turn] = now() - start;
	if (command->peak < usage.ru_maxrss)
		command->peak = usage.ru_maxrss;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print(struct command *command)
{
	int runs = command->runs;

	qsort(command->seconds, runs, sizeof(double), ascending);
	printf("%s %d %.3f %.3f %.3f %ld\n", command->name, runs,
	       command->seconds[runs / 2], command->seconds[0],
	       command->seconds[runs - 1], command->peak);
}

int main(void)
{
	int count = 0, most = 0, turn, i;

	while (count < MAX_COMMANDS &&
	       scanf("%63s %d %1023[^\n]", commands[count].name,
		     &commands[count].runs, commands[count].line) == 3) {
		if (commands[count].runs < 1 || commands[count].runs > MAX_RUNS)
			errx(1, "%s: 1 to %d runs", commands[count].name, MAX_RUNS);
		if (most < commands[count].runs)
			most = commands[count].runs;
		count++;
	}
	for (turn = 0; turn < most; turn++)
		for (i = 0; i < count; i++)
			if (turn < commands[i].runs)
				run(&commands[i], turn);
	for (i = 0; i < count; i++)
		print(&commands[i]);
	return 0;
}
