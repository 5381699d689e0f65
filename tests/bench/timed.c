// SPDX-License-Identifier: GPL-2.0-only
/*
 * timed - run commands in turn, and print for each how long it took.
 *
 * Standard input has a line "NAME RUNS COMMAND" for each, COMMAND being for sh.  They
 * take turns until each has had its RUNS, so that what disturbs one disturbs all.
 * Before each run out.* is removed and all is written to disk.  Output, in seconds, and
 * in MiB the largest resident set of a process of each run:
 *
 *	NAME time RUN...
 *	NAME peak RUN...
 *
 * (The resident set of who forks counts for the child as well: one reason why this is not
 * a script.)
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
	double seconds[MAX_RUNS], peak[MAX_RUNS];
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
	command->peak[turn] = usage.ru_maxrss / 1024.0;
}

static void print(const char *name, const char *what, const double *runs, int nr)
{
	int i;

	printf("%s %s", name, what);
	for (i = 0; i < nr; i++)
		printf(" %.3f", runs[i]);
	putchar('\n');
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
	for (i = 0; i < count; i++) {
		print(commands[i].name, "time", commands[i].seconds, commands[i].runs);
		print(commands[i].name, "peak", commands[i].peak, commands[i].runs);
	}
	return 0;
}
