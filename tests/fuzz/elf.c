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
static void check_content(struct sparse_source *source, const u8 *data, u64 start)
{
	const struct sparse_layout *layout = source->layout;
	struct sparse_failure failure = { 0 };
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
	if (sparse_source_read(source, have, len, start, &failure) ||
	    memcmp(have, want, len))
		abort();
}

static void check_extents(struct sparse_source *source, const u8 *data)
{
	struct sparse_extent extent = { 0 };
	struct sparse_failure failure = { 0 };
	u64 last = 0;
	int count = 0, ret;

	while ((ret = sparse_source_next(source, extent.end, &extent, &failure)) > 0) {
		if (extent.start < last || extent.end <= extent.start ||
		    extent.end > sparse_blocks(source->size))
			abort();
		last = extent.end;
		if (count++ < 8)
			check_content(source, data, extent.start << SPARSE_BLOCK_BITS);
	}
	if (ret)
		abort();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct sparse_source source = { .ops = &sparse_source_raw, .path = "core", .size = size };
	struct sparse_failure failure = { 0 };
	struct sparse_layout *layout;
	static int fd = -1;
	int ret, likely;

	if (fd < 0)
		fd = memfd_create("core", 0);
	if (ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	source.fd = fd;
	ret = sparse_elfcore_read(&source, size & 1, &layout, &failure);
	if (ret != failure.err || (ret && layout))
		abort();
	sparse_failure_exit(&failure);
	likely = sparse_elfcore_is_likely(&source, &failure);
	if (likely < 0 || (layout && size < ALL_SEEN && !likely))
		abort();
	if (layout) {
		check_pieces(layout, size);
		source.ops = &sparse_source_layout;
		source.layout = layout;
		source.size = layout->size;
		check_content(&source, data, 0);
		check_extents(&source, data);
		free(layout);
	}
	return 0;
}
