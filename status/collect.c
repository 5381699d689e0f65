// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
/*
 * What there is, from sysfs and mountinfo.  Anything may vanish between two looks:
 * what is gone is left out.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "status.h"

const char *status_sys = "/sys", *status_proc = "/proc";

void *status_one_more(void *array, size_t nr, size_t size)
{
	array = reallocarray(array, nr + 1, size);
	if (array)
		memset((char *)array + nr * size, 0, size);
	return array;
}

static void free_filesystem(struct filesystem *fs)
{
	size_t i;

	for (i = 0; i < fs->nr_points; i++)
		free(fs->points[i].path);
	free(fs->points);
	free(fs->name);
	free(fs->source);
	free(fs->backing_file);
}

/* keep only what is wanted */
static void drop_others(struct status *status)
{
	size_t i, kept = 0;

	for (i = 0; i < status->nr_fs; i++) {
		if (status->fs[i].wanted)
			status->fs[kept++] = status->fs[i];
		else
			free_filesystem(&status->fs[i]);
	}
	status->nr_fs = kept;
}

static void count_domains(struct status *status)
{
	size_t i, j;

	for (i = 0; i < status->nr_fs; i++) {
		struct sharing *sharing = &status->fs[i].sharing;

		for (j = 0; *sharing->domain && j < status->nr_fs; j++)
			sharing->domain_mounts +=
				!strcmp(sharing->domain, status->fs[j].sharing.domain);
	}
}

int status_collect(struct status *status, struct namespaces *known)
{
	int err;

	memset(status, 0, sizeof(*status));
	err = status_read_sysfs(status);
	if (!err)
		err = status_read_mounts(status, 0);
	if (!err)
		err = status_read_namespaces(status, known);
	if (err)
		return err;
	status_mark_gone(status);
	drop_others(status);
	count_domains(status);
	return 0;
}

void status_free(struct status *status)
{
	size_t i;

	for (i = 0; i < status->nr_fs; i++)
		free_filesystem(&status->fs[i]);
	free(status->fs);
	memset(status, 0, sizeof(*status));
}

static bool is_called(const struct filesystem *fs, const char *name)
{
	struct stat st;
	dev_t dev;

	if ((fs->name && !strcmp(fs->name, name)) ||
	    (fs->source && !strcmp(fs->source, name)))
		return true;
	if (stat(name, &st))
		return false;
	dev = S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev;
	return (fs->major || fs->minor) && dev == makedev(fs->major, fs->minor);
}

const char *status_select(struct status *status, char **names, size_t nr)
{
	const char *lost = NULL;
	size_t i, j;

	for (i = 0; i < status->nr_fs; i++)
		status->fs[i].wanted = !nr;
	for (j = 0; j < nr; j++) {
		bool found = false;

		for (i = 0; i < status->nr_fs; i++) {
			if (is_called(&status->fs[i], names[j])) {
				status->fs[i].wanted = true;
				found = true;
			}
		}
		if (!found && !lost)
			lost = names[j];
	}
	drop_others(status);
	return lost;
}
