// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
/*
 * What is mounted in other mount namespaces.  To know all of them every process has to be
 * looked at, and there may be ten thousands: a search is made when a file system turns up
 * that is not mounted here, and else now and then.  In between only those namespaces are
 * looked at in which something was found.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "status.h"

/* what is not found stays so for a while: it may have been moved out of everybody's sight */
#define SEARCH_EVERY	(30 * 1000000000ULL)
/* and searching takes no more than a twentieth of the time */
#define SEARCH_REST	20

static uint64_t monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

uint64_t (*status_clock)(void) = monotonic;

/* by identity, and of one namespace the oldest process first */
static int compare(const void *a, const void *b)
{
	const struct namespace *one = a, *two = b;

	if (one->id != two->id)
		return one->id < two->id ? -1 : 1;
	return one->pid < two->pid ? -1 : one->pid > two->pid;
}

static int compare_id(const void *a, const void *b)
{
	const struct namespace *one = a, *two = b;

	return one->id < two->id ? -1 : one->id > two->id;
}

static bool is_among(const struct namespace *array, size_t nr, uint64_t id)
{
	const struct namespace key = { .id = id };

	return nr && bsearch(&key, array, nr, sizeof(*array), compare_id);
}

static int append(struct namespace **array, size_t *nr, uint64_t id, pid_t pid)
{
	struct namespace *more = status_one_more(*array, *nr, sizeof(*more));

	if (!more)
		return -ENOMEM;
	*array = more;
	more[(*nr)++] = (struct namespace){ .id = id, .pid = pid };
	return 0;
}

/* an identity of the namespace of a process, or 0 if we may not know */
static uint64_t identity(const char *process)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s/ns/mnt", status_proc, process);
	return stat(path, &st) ? 0 : st.st_ino;
}

static bool any_lost(const struct status *status)
{
	size_t i;

	for (i = 0; i < status->nr_fs; i++)
		if (!status->fs[i].nr_points)
			return true;
	return false;
}

static size_t count_points(const struct status *status)
{
	size_t i, nr = 0;

	for (i = 0; i < status->nr_fs; i++)
		nr += status->fs[i].nr_points;
	return nr;
}

/* those in which something was found before; those that nothing is seen of are forgotten */
static int revisit(struct status *status, struct namespaces *known)
{
	size_t i, kept = 0;
	int err = 0;

	for (i = 0; i < known->nr_found; i++) {
		const struct namespace ns = known->found[i];
		const size_t points = count_points(status);
		char process[16];

		snprintf(process, sizeof(process), "%d", (int)ns.pid);
		if (!err && any_lost(status) && identity(process) == ns.id)
			err = status_read_mounts(status, ns.pid);
		if (err != -ENOMEM)
			err = 0;
		if (count_points(status) > points)
			known->found[kept++] = ns;
	}
	known->nr_found = kept;
	return err;
}

/* is anything lost that was not when it was last searched for? */
static bool any_news(const struct status *status, const struct namespaces *known)
{
	size_t i;

	for (i = 0; i < status->nr_fs; i++)
		if (!status->fs[i].nr_points &&
		    !is_among(known->lost, known->nr_lost, status->fs[i].id))
			return true;
	return false;
}

static bool is_due(const struct status *status, const struct namespaces *known)
{
	const uint64_t since = status_clock() - known->searched;

	if (!known->searched)
		return true;
	return since >= SEARCH_REST * known->cost &&
		(since >= SEARCH_EVERY || any_news(status, known));
}

/* all processes whose namespace we may know and is not ours */
static int list_processes(struct namespace **list, size_t *nr)
{
	const uint64_t ours = identity("self");
	DIR *proc = opendir(status_proc);
	struct dirent *entry;
	int err = 0;

	while (proc && !err && (entry = readdir(proc))) {
		uint64_t id;

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		id = identity(entry->d_name);
		if (id && id != ours)
			err = append(list, nr, id, atoi(entry->d_name));
	}
	if (proc)
		closedir(proc);
	return err;
}

/* one process of each namespace is asked */
static int search(struct status *status, struct namespaces *known)
{
	const size_t nr_revisited = known->nr_found;
	struct namespace *list = NULL;
	size_t nr = 0, i;
	int err = list_processes(&list, &nr);
	uint64_t done = 0;

	if (nr)
		qsort(list, nr, sizeof(*list), compare);
	for (i = 0; i < nr && !err && any_lost(status); i++) {
		const size_t points = count_points(status);

		if (list[i].id == done || is_among(known->found, nr_revisited, list[i].id))
			continue;
		err = status_read_mounts(status, list[i].pid);
		/* the process may be gone, or none of our business */
		if (err && err != -ENOMEM) {
			err = 0;
			continue;
		}
		done = list[i].id;
		if (!err && count_points(status) > points)
			err = append(&known->found, &known->nr_found, list[i].id, list[i].pid);
	}
	free(list);
	if (known->nr_found)
		qsort(known->found, known->nr_found, sizeof(*known->found), compare);
	return err;
}

static int note_lost(const struct status *status, struct namespaces *known)
{
	size_t i;
	int err = 0;

	known->nr_lost = 0;
	for (i = 0; i < status->nr_fs && !err; i++)
		if (!status->fs[i].nr_points)
			err = append(&known->lost, &known->nr_lost, status->fs[i].id, 0);
	if (known->nr_lost)
		qsort(known->lost, known->nr_lost, sizeof(*known->lost), compare);
	return err;
}

int status_read_namespaces(struct status *status, struct namespaces *known)
{
	uint64_t start;
	int err = revisit(status, known);

	if (err || !any_lost(status) || !is_due(status, known))
		return err;
	start = status_clock();
	err = search(status, known);
	known->searched = status_clock();
	known->cost = known->searched - start;
	return err ? err : note_lost(status, known);
}

void status_forget(struct namespaces *known)
{
	free(known->found);
	free(known->lost);
	memset(known, 0, sizeof(*known));
}
