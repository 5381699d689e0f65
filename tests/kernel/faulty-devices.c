// SPDX-License-Identifier: GPL-2.0-only
/*
 * Block devices that fail, for faulty.c: below the device mapper's, and one that is
 * unplugged.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../ktap.h"
#include "faulty.h"
#include "guest.h"
#include "sharing.h"

static const char *disk;	/* that the sick one is made of */
static uint64_t sectors;

/* "one" is /disk0 and "base" /disk2 */
const char *disk_of(const char *image)
{
	return strcmp(image, "base") ? "/disk0" : "/disk2";
}

const char *sick(const char *image)
{
	disk = disk_of(image);
	sectors = sectors_of(disk);
	return dm_create(SICK, "linear", sectors, "%s 0", disk);
}

int well(void)
{
	return dm_become(SICK, "linear", sectors, "%s 0", disk);
}

static int errors(void)
{
	return dm_become(SICK, "error", sectors, "%s", "");
}

/* up for no time, and down for long */
static int flaky(void)
{
	return dm_become(SICK, "flakey", sectors, "%s 0 0 3600 1 error_reads", disk);
}

/* each read of it has a byte that is wrong: no page begins with one of 0 */
static int corrupts(void)
{
	return dm_become(SICK, "flakey", sectors, "%s 0 0 3600 5 corrupt_bio_byte 1 r 0 0", disk);
}

/* each byte of it is wrong */
int is_empty(void)
{
	return dm_become(SICK, "zero", sectors, "%s", "");
}

/* all reads of it take their time */
static int slow(void)
{
	return dm_become(SICK, "delay", sectors, "%s 0 20", disk);
}

void remove_sick(void)
{
	dm_remove(SICK);
}

/* dm-verity on that: the hashes are a disk of their own, which is well */
static const char *verified(const char *image)
{
	char root[65] = "", name[32], *hashes = strcmp(image, "base") ? "/disk5" : "/disk6";
	const char *data = sick(image);
	FILE *f;

	snprintf(name, sizeof(name), "%s.root", image);
	f = fopen(in_folder(name), "r");
	if (!f || !fgets(root, sizeof(root), f))
		err(1, "%s", name);
	fclose(f);
	return dm_create("verity", "verity", sectors,
			 "1 %s %s 4096 4096 %llu 0 sha256 %s -", data, hashes,
			 (unsigned long long)sectors / 8, root);
}

static void remove_verified(void)
{
	dm_remove("verity");
	dm_remove(SICK);
}

/* a disk that is unplugged, and does not come back */
static char scsi_disk[64];

static const char *scsi(const char *image)
{
	static const char disks[] =
		"/sys/bus/pseudo/drivers/scsi_debug/adapter*/host*/target*/*:*/block/sd*";
	glob_t found;
	int tries;

	if (system("modprobe scsi_debug dev_size_mb=8"))
		errx(1, "scsi_debug");
	for (tries = 0; glob(disks, 0, NULL, &found); tries++) {
		if (tries == 100)
			errx(1, "there is no disk of scsi_debug");
		usleep(100000);
	}
	snprintf(scsi_disk, sizeof(scsi_disk), "/dev/%s", strrchr(found.gl_pathv[0], '/') + 1);
	globfree(&found);
	if (copy(in_folder(image), scsi_disk))
		exit(1);
	return scsi_disk;
}

static int unplug(void)
{
	char path[128];
	int ret;

	snprintf(path, sizeof(path), "/sys/block/%s/device/delete", scsi_disk + 5);
	ret = write_string(path, "1");
	expect(!ret, "%s: %s", path, strerror(-ret));
	return 0;
}

static void remove_scsi(void)
{
	int tries;

	for (tries = 0; system("rmmod scsi_debug 2>/dev/null") && tries < 20; tries++)
		usleep(100000);
}

const struct fault device_faults[] = {
	{ .name = "error", .in_all_modes = true, .outcome = FAILS, .prepare = sick,
	  .arm = errors, .heal = well, .finish = remove_sick },
	{ .name = "flakey", .outcome = FAILS, .prepare = sick,
	  .arm = flaky, .heal = well, .finish = remove_sick },
	{ .name = "verity", .outcome = FAILS, .prepare = verified,
	  .arm = corrupts, .heal = well, .finish = remove_verified },
	{ .name = "delay", .outcome = ANSWERS, .prepare = sick,
	  .arm = slow, .heal = well, .finish = remove_sick },
	{ .name = "unplugged", .outcome = FAILS, .index_goes = true, .prepare = scsi,
	  .arm = unplug, .finish = remove_scsi },
};

const size_t nr_device_faults = sizeof(device_faults) / sizeof(*device_faults);
