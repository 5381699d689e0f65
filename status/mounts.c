// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
/* Where file systems are mounted: what /proc/PID/mountinfo says. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "status.h"

/* what is asked of a line of mountinfo */
struct mount_line {
	unsigned int major, minor;
	char *path, *type, *source, *options;
};

void status_unescape(char *text)
{
	char *to = text;

	while (*text) {
		if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' &&
		    text[2] >= '0' && text[2] <= '7' && text[3] >= '0' && text[3] <= '7') {
			*to++ = (text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0');
			text += 4;
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
}

/*
 * "36 35 98:0 /root /mnt rw,noatime shared:1 - erofs /dev/vda ro,inode_share"; there is
 * any number of fields like "shared:1" before the dash
 */
static bool parse_mount(struct mount_line *mount, char *line)
{
	char *field, *save;
	int i;

	line[strcspn(line, "\n")] = '\0';
	for (i = 0; (field = strtok_r(i ? NULL : line, " ", &save)); i++) {
		if (i == 2 && sscanf(field, "%u:%u", &mount->major, &mount->minor) != 2)
			return false;
		if (i == 4)
			mount->path = field;
		if (i > 5 && !strcmp(field, "-"))
			break;
	}
	if (!field)
		return false;
	mount->type = strtok_r(NULL, " ", &save);
	mount->source = strtok_r(NULL, " ", &save);
	mount->options = strtok_r(NULL, "", &save);
	return mount->options;
}

static bool has_option(const char *options, const char *name)
{
	const size_t len = strlen(name);

	for (; options; options = strchr(options, ',')) {
		options += *options == ',';
		if (!strncmp(options, name, len) && (!options[len] || options[len] == ','))
			return true;
	}
	return false;
}

static struct filesystem *find(struct status *status, unsigned int major, unsigned int minor)
{
	size_t i;

	for (i = 0; i < status->nr_fs; i++)
		if (status->fs[i].major == major && status->fs[i].minor == minor)
			return &status->fs[i];
	return NULL;
}

/*
 * A file-backed mount by a module that is not ours: its folder is there, but nothing
 * says which it is.  They are all alike; one stands for the mount, without its name.
 */
static struct filesystem *adopt(struct status *status, const struct mount_line *mount)
{
	size_t i;

	for (i = 0; !mount->major && i < status->nr_fs; i++) {
		struct filesystem *fs = &status->fs[i];

		if (!fs->major && !fs->minor && !fs->has_zeropage) {
			fs->minor = mount->minor;
			free(fs->name);
			fs->name = NULL;
			return fs;
		}
	}
	return NULL;
}

static int add_mount(struct status *status, struct mount_line *mount, pid_t pid, bool only_lost)
{
	struct filesystem *fs = find(status, mount->major, mount->minor);
	struct mount_point *point;

	if (!fs)
		fs = adopt(status, mount);
	/* another namespace is asked about what is not mounted in ours */
	if (!fs || (only_lost && fs->nr_points && fs->points[0].pid != pid))
		return 0;
	point = status_one_more(fs->points, fs->nr_points, sizeof(*point));
	if (!point)
		return -ENOMEM;
	fs->points = point;
	point += fs->nr_points++;
	status_unescape(mount->path);
	point->path = strdup(mount->path);
	point->pid = pid;
	if (!fs->source) {
		status_unescape(mount->source);
		fs->source = strdup(mount->source);
		fs->inode_share = has_option(mount->options, "inode_share") ||
			has_option(mount->options, "inode_share_verify");
	}
	return point->path && fs->source ? 0 : -ENOMEM;
}

int status_read_mounts(struct status *status, pid_t pid)
{
	char path[PATH_MAX], *line = NULL;
	size_t size = 0;
	int err = 0;
	FILE *f;

	if (pid)
		snprintf(path, sizeof(path), "%s/%d/mountinfo", status_proc, (int)pid);
	else
		snprintf(path, sizeof(path), "%s/self/mountinfo", status_proc);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (!err && getline(&line, &size, f) > 0) {
		struct mount_line mount = {};

		if (parse_mount(&mount, line) && !strcmp(mount.type, "erofs"))
			err = add_mount(status, &mount, pid, pid != 0);
	}
	if (!err && ferror(f))
		err = -EIO;
	free(line);
	fclose(f);
	return err;
}
