// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices of the device mapper, for faulty.c, which come up and fail many times: without
 * a process for each.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "../ktap.h"
#include "faulty.h"
#include "sharing.h"

struct dm_request {
	struct dm_ioctl head;
	struct dm_target_spec target;
	char parameters[512];
};

static int dm_control(unsigned long command, struct dm_request *request, const char *name)
{
	int control, ret;

	/* after a case nothing is open any more, see clean_up() */
	control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	request->head.version[0] = DM_VERSION_MAJOR;
	request->head.data_size = sizeof(*request);
	request->head.data_start = sizeof(request->head);
	snprintf(request->head.name, sizeof(request->head.name), "%s", name);
	ret = ioctl(control, command, request) ? -errno : 0;
	close(control);
	return ret;
}

static int dm_load(const char *name, const char *type, uint64_t sectors,
		   const char *format, va_list args)
{
	struct dm_request request = {
		/* dm-verity is nothing else */
		.head = { .target_count = 1,
			  .flags = strcmp(type, "verity") ? 0 : DM_READONLY_FLAG },
		.target = { .length = sectors },
	};
	int ret;

	/* without a format string there are no parameters */
	if (*format)
		vsnprintf(request.parameters, sizeof(request.parameters), format, args);
	snprintf(request.target.target_type, sizeof(request.target.target_type), "%s", type);
	ret = dm_control(DM_TABLE_LOAD, &request, name);
	expect(!ret, "%s as %s %s: %s", name, type, request.parameters, strerror(-ret));
	expect_ok(dm_resume(name));
	return 0;
}

int dm_become(const char *name, const char *type, uint64_t sectors, const char *format, ...)
{
	va_list args;
	int ret;

	va_start(args, format);
	ret = dm_load(name, type, sectors, format, args);
	va_end(args);
	return ret;
}

const char *dm_create(const char *name, const char *type, uint64_t sectors,
		      const char *format, ...)
{
	static char paths[4][32];
	static unsigned int turn;
	struct dm_request request = {};
	char *path = paths[turn++ % 4];
	va_list args;
	int ret;

	dm_remove(name);
	ret = dm_control(DM_DEV_CREATE, &request, name);
	if (ret)
		errx(1, "device %s: %s", name, strerror(-ret));
	va_start(args, format);
	ret = dm_load(name, type, sectors, format, args);
	va_end(args);
	if (ret)
		exit(1);
	snprintf(path, sizeof(paths[0]), "/dev/dm-%u", minor(request.head.dev));
	return path;
}

int dm_suspend(const char *name)
{
	struct dm_request request = { .head = { .flags = DM_SUSPEND_FLAG } };
	int ret = dm_control(DM_DEV_SUSPEND, &request, name);

	expect(!ret, "%s is not suspended: %s", name, strerror(-ret));
	return 0;
}

int dm_resume(const char *name)
{
	struct dm_request request = {};
	int ret = dm_control(DM_DEV_SUSPEND, &request, name);

	expect(!ret, "%s is not resumed: %s", name, strerror(-ret));
	return 0;
}

/* what was unmounted a moment ago may have it open still */
void dm_remove(const char *name)
{
	int tries, ret = -EBUSY;

	for (tries = 0; ret == -EBUSY && tries < 100; tries++) {
		struct dm_request request = {};

		if (tries)
			usleep(10000);
		ret = dm_control(DM_DEV_REMOVE, &request, name);
	}
	if (ret && ret != -ENXIO)
		errx(1, "%s is not removed: %s", name, strerror(-ret));
}

uint64_t sectors_of(const char *device)
{
	uint64_t bytes = 0;
	int fd = open(device, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &bytes))
		err(1, "%s", device);
	close(fd);
	return bytes / 512;
}
