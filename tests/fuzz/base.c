// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz the reader of bases: an image that is not what it should be is refused, or its
 * block map leads to blocks that it has.  The image is the input; the file is "f".
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "erofs/config.h"
#include "base.h"
#include "delta.h"

/* as tests/fuzz/base.test makes it */
#define FILE_SIZE	(64 * 4096)

/* what is on the map is on a device */
static void check(const struct sparse_space *space,
		  const struct sparse_chunkmap *map)
{
	u32 block;
	u64 n;

	for (n = 0; n < map->blocks; n++) {
		unsigned int id = sparse_space_find(space, map->addr[n], &block);

		if (map->addr[n] && (!id || block >= space->device[id - 1].blocks))
			abort();
	}
}

static void read_base(const char *path)
{
	struct sparse_bases bases = { 0 };
	struct sparse_space space = { 0 };
	struct sparse_chunkmap *map = NULL;
	struct sparse_failure failure = { 0 };

	if (sparse_bases_add(&bases, path))
		abort();
	if (!sparse_bases_open(&bases, &failure) &&
	    !sparse_space_add(&space, NULL,
			      bases.base[0].sbi.primarydevice_blocks) &&
	    !sparse_delta_map(&bases, &space, "f", FILE_SIZE, &map, &failure)) {
		check(&space, map);
		free(map);
	}
	sparse_failure_exit(&failure);
	sparse_space_exit(&space);
	sparse_bases_close(&bases);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static char path[64];
	static int fd = -1;

	if (fd < 0) {
		fd = memfd_create("base", 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	if (ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	cfg.c_dbg_lvl = -1;
	read_base(path);
	return 0;
}
