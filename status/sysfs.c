// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
/*
 * What the kernel shows.  The folders of /sys/fs/erofs are all file systems of this
 * kernel, in whatever namespace they are mounted, and after a lazy unmount nowhere.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "status.h"

/* the path of a file in sysfs; empty if it is too long to be one */
static void vpath(char path[PATH_MAX], const char *fmt, va_list args)
{
	const size_t len = snprintf(path, PATH_MAX, "%s/", status_sys);

	if (len >= PATH_MAX ||
	    vsnprintf(path + len, PATH_MAX - len, fmt, args) >= (int)(PATH_MAX - len))
		path[0] = '\0';
}

/* the first line of a file; false if there is none */
__attribute__((__format__(printf, 3, 4)))
static bool read_line(char *line, size_t size, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list args;
	bool ok;
	FILE *f;

	va_start(args, fmt);
	vpath(path, fmt, args);
	va_end(args);
	f = fopen(path, "re");
	if (!f)
		return false;
	ok = fgets(line, size, f);
	fclose(f);
	if (ok)
		line[strcspn(line, "\n")] = '\0';
	return ok;
}

__attribute__((__format__(printf, 1, 2)))
static bool exists(const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list args;

	va_start(args, fmt);
	vpath(path, fmt, args);
	va_end(args);
	return !access(path, F_OK);
}

struct file {
	const char *name;
	size_t offset;
};

#define FILES_OF(type)	static const struct file type##_files[]
#define FILE_OF(type, member)	{ #member, offsetof(struct type, member) }

FILES_OF(zeropage) = {
	FILE_OF(zeropage, enabled), FILE_OF(zeropage, huge),
	FILE_OF(zeropage, read_window), FILE_OF(zeropage, write_window),
	FILE_OF(zeropage, hole_faults), FILE_OF(zeropage, write_faults),
	FILE_OF(zeropage, zero_pages), FILE_OF(zeropage, read_bytes),
	{}
};

FILES_OF(sharing) = {
	FILE_OF(sharing, files), FILE_OF(sharing, pages),
	FILE_OF(sharing, saved_bytes),
	{}
};

FILES_OF(chunk_share) = {
	FILE_OF(chunk_share, cached_bytes), FILE_OF(chunk_share, regions_unmapped),
	{}
};

/* all numbers of a folder, or false */
static bool read_numbers(void *numbers, const struct file *file, const char *name,
			 const char *part)
{
	char line[64], *end;

	for (; file->name; file++) {
		uint64_t *value = (uint64_t *)((char *)numbers + file->offset);

		if (!read_line(line, sizeof(line), "fs/erofs/%s/%s/%s", name, part, file->name))
			return false;
		*value = strtoull(line, &end, 10);
		if (end == line)
			return false;
	}
	return true;
}

/* by our module for any mount, or else by the device that it is of */
static void read_device(struct filesystem *fs)
{
	unsigned int major, minor;
	char line[64];

	if (!read_line(line, sizeof(line), "fs/erofs/%s/zeropage/dev", fs->name) &&
	    !read_line(line, sizeof(line), "class/block/%s/dev", fs->name))
		return;
	if (sscanf(line, "%u:%u", &major, &minor) == 2) {
		fs->major = major;
		fs->minor = minor;
	}
}

static int read_filesystem(struct status *status, const struct dirent *entry)
{
	const char *name = entry->d_name;
	struct filesystem *fs = status_one_more(status->fs, status->nr_fs, sizeof(*fs));
	char line[PATH_MAX];

	if (!fs)
		return -ENOMEM;
	status->fs = fs;
	fs += status->nr_fs++;
	fs->id = entry->d_ino;
	fs->name = strdup(name);
	if (!fs->name)
		return -ENOMEM;
	read_device(fs);
	fs->has_zeropage = read_numbers(&fs->zeropage, zeropage_files, name, "zeropage");
	fs->has_sharing = read_numbers(&fs->sharing, sharing_files, name, "ishare") &&
		read_line(fs->sharing.domain, sizeof(fs->sharing.domain),
			  "fs/erofs/%s/ishare/domain", name);
	fs->has_chunk_share = read_numbers(&fs->chunk_share, chunk_share_files, name,
					   "chunk_share");
	if (read_line(line, sizeof(line), "class/block/%s/loop/backing_file", name)) {
		fs->backing_file = strdup(line);
		if (!fs->backing_file)
			return -ENOMEM;
	}
	return 0;
}

/* not file systems, but the module's own */
static bool is_feature(const char *name)
{
	return name[0] == '.' || !strcmp(name, "features") || !strcmp(name, "ishare");
}

int status_read_sysfs(struct status *status)
{
	char path[PATH_MAX], line[8];
	struct dirent **entries;
	int err = 0, nr, i;

	status->has_zeropage = read_line(line, sizeof(line), "module/erofs/parameters/zeropage");
	status->zeropage_enabled = status->has_zeropage && line[0] == 'Y';
	status->has_sharing = exists("module/erofs/parameters/ishare_domain");
	snprintf(path, sizeof(path), "%s/fs/erofs", status_sys);
	nr = scandir(path, &entries, NULL, versionsort);
	if (nr < 0)
		return errno == ENOMEM ? -ENOMEM : 0;
	status->loaded = true;
	for (i = 0; i < nr; i++) {
		if (!err && !is_feature(entries[i]->d_name))
			err = read_filesystem(status, entries[i]);
		free(entries[i]);
	}
	free(entries);
	return err;
}

void status_mark_gone(struct status *status)
{
	size_t i;

	for (i = 0; i < status->nr_fs; i++) {
		struct filesystem *fs = &status->fs[i];

		fs->wanted = !fs->name || exists("fs/erofs/%s", fs->name);
	}
}
