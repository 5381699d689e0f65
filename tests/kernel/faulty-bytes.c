// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices that give other bytes than they have, for faulty.c.  No file system can tell
 * without a checksum of what is read, as dm-verity's and btrfs's, which are in the table.
 * Who verifies fingerprints reads a file before he shares it: then its wrong bytes are
 * his alone.  Who believes them shares them, as Documentation/sharing.md says.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "../ktap.h"
#include "faulty.h"
#include "guest.h"
#include "sharing.h"

/* mount a device that has become empty at /m/a, with its metadata in memory from better times */
static int attach_empty(const char *options)
{
	const char *device = sick("one");
	static char buf[1 << 16];
	int fd = open(device, O_RDONLY);

	/* it stays cached while the device is open; the data are read past that */
	while (read(fd, buf, sizeof(buf)) > 0)
		;
	expect_ok(is_empty());
	expect(!attach(device, "a", options), "mount: %s", strerror(errno));
	return 0;
}

static int ask_of(const char *where, int *fd, int want)
{
	size_t i;

	*fd = open_at(where, FILE_NAME, 0);
	expect(*fd >= 0, "open: %s", strerror(errno));
	for (i = 0; i < nr_ways; i++) {
		int found;

		/* of its own device, where it can be had */
		if (ways[i].direct)
			continue;
		found = ask(&ways[i], *fd, i * 2);
		expect(found == want, "%s, by %s: %s", where, ways[i].name, answer_name(found));
	}
	return 0;
}

static int wrong(const char *options, int bystander, bool *first)
{
	int a, b;

	expect(!attach("/disk1", "b", options), "mount: %s", strerror(errno));
	expect_ok(attach_empty(options));
	a = open_at("a", FILE_NAME, 0);
	/* all of it, before somebody else has a page cached */
	for (b = 0; b < PAGES; b++)
		*first = ask(&ways[0], a, b) == WRONG || *first;
	expect_ok(ask_of("b", &b, bystander));
	expect_ok(well());
	close(a);
	close(b);
	return 0;
}

int wrong_at_open(void)
{
	bool first = false;
	int ret = wrong(VERIFY, RIGHT, &first);

	clean_up();
	remove_sick();
	expect_ok(ret);
	expect(first, "the device gives the right bytes");
	return 0;
}

int wrong_and_believed(void)
{
	bool first = false;
	int ret = wrong(BELIEVE, WRONG, &first);

	clean_up();
	remove_sick();
	return ret;
}
