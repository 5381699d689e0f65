// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz the reader of ELF cores: whatever the input, it is refused, or it is a layout
 * that is in order, within the file, and says of each byte what its pieces say; and
 * all data is found.  Whatever has a layout looks like a core.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "batch.h"
#include "elfcore.h"

/* a file that is smaller has no more segments than are looked at first */
#define ALL_SEEN	(1024 * 32)

/* of the memory, looked at byte by byte */
#define LOOK	(16 * SPARSE_BLOCK_SIZE)

static void check_pieces(const struct sparse_layout *layout, u64 size)
{
	u64 end = 0;
	size_t i;

	if (!layout->size || layout->size >= SPARSE_FILE_MAX)
		abort();
	for (i = 0; i < layout->count; i++) {
		const struct sparse_piece *piece = &layout->piece[i];

		if (piece->start < end || piece->end <= piece->start ||
		    piece->offset > size ||
		    piece->end - piece->start > size - piece->offset)
			abort();
		end = piece->end;
	}
	if (end > layout->size)
		abort();
}

/* from @start on, which may be anywhere */
static void check_content(const struct sparse_layout *layout, int fd,
			  const u8 *data, u64 start)
{
	static u8 have[LOOK], want[LOOK];
	u64 len = layout->size - start, pos;
	size_t i;

	if (len > LOOK)
		len = LOOK;
	memset(want, 0, len);
	for (i = 0; i < layout->count; i++) {
		const struct sparse_piece *piece = &layout->piece[i];

		for (pos = piece->start > start ? piece->start : start;
		     pos < piece->end && pos < start + len; pos++)
			want[pos - start] = data[piece->offset + pos - piece->start];
	}
	if (sparse_layout_read(layout, fd, have, len, start) ||
	    memcmp(have, want, len))
		abort();
}

static void check_extents(const struct sparse_layout *layout, int fd,
			  const u8 *data)
{
	struct sparse_extent extent = { 0, 0 };
	u64 last = 0;
	int count = 0, ret;

	while ((ret = sparse_layout_next(layout, fd, extent.end, &extent)) > 0) {
		if (extent.start < last || extent.end <= extent.start ||
		    extent.end > sparse_blocks(layout->size))
			abort();
		last = extent.end;
		if (count++ < 8)
			check_content(layout, fd, data,
				      extent.start << SPARSE_BLOCK_BITS);
	}
	if (ret)
		abort();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct sparse_layout *layout;
	static int fd = -1;
	int ret, likely;

	if (fd < 0)
		fd = memfd_create("core", 0);
	if (ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	ret = sparse_elfcore_read(fd, "core", size, size & 1, &layout);
	if (ret && layout)
		abort();
	likely = sparse_elfcore_is_likely(fd, "core", size);
	if (likely < 0 || (layout && size < ALL_SEEN && !likely))
		abort();
	if (layout) {
		check_pieces(layout, size);
		check_content(layout, fd, data, 0);
		check_extents(layout, fd, data);
		free(layout);
	}
	return 0;
}
