// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file that is in pieces elsewhere reads as if somebody had put each piece in its
 * place, byte by byte, and all of its data is found.  Would catch a piece that is cut at
 * the wrong end, a block that two pieces have a part of, and pieces that contradict
 * each other.
 */
#include <errno.h>
#include <string.h>

#include "ktap.h"
#include "layout.h"
#include "unit.h"

#define SOURCE	(64 * SPARSE_BLOCK_SIZE)
#define SIZE	(100 * SPARSE_BLOCK_SIZE + 77)
#define PIECES	40

static u8 source[SOURCE], want[SIZE];
static struct sparse_failure failure;
static bool held[SIZE];

static struct sparse_layout *new_layout(size_t count)
{
	struct sparse_layout *layout;

	layout = calloc(1, sizeof(*layout) + count * sizeof(layout->piece[0]));
	need(layout);
	layout->size = SIZE;
	return layout;
}

static void add(struct sparse_layout *layout, u64 start, u64 len, u64 offset)
{
	layout->piece[layout->count] = (struct sparse_piece) {
		start, start + len, offset, layout->count,
	};
	layout->count++;
}

/* holes, and bytes of which some stand for a whole stretch */
static int make_source(void)
{
	int fd = unit_file();
	u64 pos, i;

	memset(source, 0, sizeof(source));
	need(!ftruncate(fd, SOURCE));
	for (pos = 0; pos < SOURCE; pos += 2 * SPARSE_BLOCK_SIZE) {
		if (!unit_random(3))
			continue;
		for (i = 0; i < 2 * SPARSE_BLOCK_SIZE; i++)
			source[pos + i] = 1 + unit_random(255);
		need(pwrite(fd, source + pos, 2 * SPARSE_BLOCK_SIZE, pos) ==
		     2 * SPARSE_BLOCK_SIZE);
	}
	return fd;
}

/* what the pieces say, one after the other */
static void make_reference(const struct sparse_layout *layout)
{
	size_t i;

	memset(want, 0, sizeof(want));
	memset(held, 0, sizeof(held));
	for (i = 0; i < layout->count; i++) {
		const struct sparse_piece *piece = &layout->piece[i];
		u64 len = piece->end - piece->start;

		memcpy(want + piece->start, source + piece->offset, len);
		memset(held + piece->start, true, len);
	}
}

static int check_arranged(const struct sparse_layout *layout)
{
	u64 end = 0;
	size_t i;

	for (i = 0; i < layout->count; i++) {
		const struct sparse_piece *piece = &layout->piece[i];

		expect(piece->start >= end && piece->end > piece->start,
		       "piece %zu is not in order", i);
		end = piece->end;
	}
	return 0;
}

static struct sparse_source raw_of(int fd)
{
	return (struct sparse_source) {
		.ops = &sparse_source_raw, .path = "a file", .fd = fd, .size = SOURCE,
	};
}

static struct sparse_source layout_of(const struct sparse_layout *layout, int fd)
{
	return (struct sparse_source) {
		.ops = &sparse_source_layout, .path = "a file", .fd = fd,
		.size = layout->size, .layout = layout,
	};
}

static int arrange(struct sparse_layout *layout, int fd, struct sparse_conflict *conflict)
{
	struct sparse_source raw = raw_of(fd);

	return sparse_layout_arrange(layout, &raw, conflict, &failure);
}

static int check_read(const struct sparse_layout *layout, int fd)
{
	struct sparse_source all = layout_of(layout, fd);
	static u8 buf[SIZE];
	u64 pos, len;
	int i;

	for (i = 0; i < 300; i++) {
		pos = i ? unit_random(SIZE) : 0;
		len = i ? 1 + unit_random(SIZE - pos) : SIZE;
		memset(buf, 0xee, len);
		expect(!sparse_source_read(&all, buf, len, pos, &failure), "read");
		expect(!memcmp(buf, want + pos, len), "%llu bytes from %llu on",
		       (unsigned long long)len, (unsigned long long)pos);
	}
	return 0;
}

/* all data is in an extent, and no block is where nothing is held */
static int check_extents(const struct sparse_layout *layout, int fd)
{
	struct sparse_source all = layout_of(layout, fd);
	struct sparse_extent extent = { 0 };
	u64 last = 0, pos, block;
	bool some;
	int ret;

	do {
		ret = sparse_source_next(&all, extent.end, &extent, &failure);
		expect(ret >= 0, "%d", ret);
		if (!ret)
			extent.start = sparse_blocks(SIZE);
		expect(extent.start >= last, "goes back");
		for (pos = last << SPARSE_BLOCK_BITS;
		     pos < extent.start << SPARSE_BLOCK_BITS && pos < SIZE; pos++)
			expect(!want[pos], "byte %llu is missed",
			       (unsigned long long)pos);
		for (block = extent.start; ret && block < extent.end; block++) {
			some = false;
			for (pos = block << SPARSE_BLOCK_BITS; pos < SIZE &&
			     pos >> SPARSE_BLOCK_BITS == block; pos++)
				some |= held[pos];
			expect(some, "block %llu is not held",
			       (unsigned long long)block);
		}
		last = extent.end;
	} while (ret);
	return 0;
}

static int check(struct sparse_layout *layout, int fd)
{
	struct sparse_conflict conflict;
	int ret;

	make_reference(layout);
	ret = arrange(layout, fd, &conflict);
	expect(!ret, "%d", ret);
	ret = check_arranged(layout) || check_read(layout, fd) ||
		check_extents(layout, fd);
	free(layout);
	close(fd);
	return ret;
}

static int nothing(void)
{
	return check(new_layout(0), make_source());
}

static int one_piece(void)
{
	struct sparse_layout *layout = new_layout(1);

	add(layout, 5000, SOURCE - 123, 123);
	return check(layout, make_source());
}

/* next to each other, in both, in any order: one piece again */
static int in_order(void)
{
	struct sparse_layout *layout = new_layout(3);
	struct sparse_conflict conflict;
	int fd = make_source();

	add(layout, 7000, 1000, 1100);
	add(layout, 6000, 1000, 100);
	add(layout, 8000, 4000, 2100);
	need(!arrange(layout, fd, &conflict));
	expect(layout->count == 1, "%zu pieces", layout->count);
	expect(layout->piece[0].start == 6000 && layout->piece[0].end == 12000,
	       "not all of it");
	return check(layout, fd);
}

/* bytes to pages, none aligned, with and without gaps */
static int many(void)
{
	struct sparse_layout *layout;
	int turn, ret = 0;

	for (turn = 0; turn < 40 && !ret; turn++) {
		u64 pos = unit_random(10000), len;

		layout = new_layout(PIECES);
		while (layout->count < PIECES) {
			len = 1 + unit_random(unit_random(2) ? 20 : 20000);
			if (pos + len > SIZE)
				break;
			add(layout, pos, len, unit_random(SOURCE - len));
			pos += len + unit_random(2) * unit_random(9000);
		}
		ret = check(layout, make_source());
	}
	return ret;
}

/* the same bytes of the source, by any number of names */
static int aliases(void)
{
	struct sparse_layout *layout = new_layout(PIECES);

	while (layout->count < PIECES) {
		u64 len = unit_random(30000), pos = unit_random(SOURCE - len);

		add(layout, 3333 + pos, len, pos);
	}
	return check(layout, make_source());
}

/* equal bytes at two places; the inner one ends before, with and after the outer */
static int equal_overlaps(void)
{
	static const u64 place[][2] = {
		{ 10000, 20 }, { 9000, 21000 }, { 100, 5000 }, { 29999, 1 },
		{ 20000, 20000 }, { 9999, 1 }, { 30000, 9000 },
	};
	int fd = make_source();
	struct sparse_layout *layout = new_layout(ARRAY_SIZE(place) + 1);
	u64 at = 100000;
	size_t i;

	add(layout, 10000, 20000, 40000);
	for (i = 0; i < ARRAY_SIZE(place); i++) {
		memcpy(source + at, source + place[i][0] + 30000, place[i][1]);
		need(pwrite(fd, source + at, place[i][1], at) ==
		     (ssize_t)place[i][1]);
		add(layout, place[i][0], place[i][1], at);
		at += place[i][1] + 99;
	}
	need(at < SOURCE);
	return check(layout, fd);
}

static int other_overlaps(void)
{
	struct sparse_conflict conflict = { 0 };
	struct sparse_layout *layout;
	int fd = unit_file(), ret;
	u64 at;

	for (at = 0; at < 1000; at += 999) {
		memset(source, 'x', 5000);
		source[3000 + at] = 'y';
		need(pwrite(fd, source, 5000, 0) == 5000);
		layout = new_layout(2);
		add(layout, 20000, 1000, 3000);
		add(layout, 19000, 3000, 0);
		ret = arrange(layout, fd, &conflict);
		expect(ret == 1 && conflict.differ, "%d", ret);
		expect(conflict.a == 1 && conflict.b == 0 &&
		       conflict.start == 20000, "%u, %u: %llu", conflict.a,
		       conflict.b, (unsigned long long)conflict.start);
		free(layout);
	}
	close(fd);
	return 0;
}

static int too_much(void)
{
	struct sparse_conflict conflict;
	struct sparse_layout *layout = new_layout(2);
	int fd = unit_file(), ret;

	need(!ftruncate(fd, 2 * SPARSE_OVERLAP_MAX + SPARSE_BLOCK_SIZE));
	add(layout, 0, SPARSE_OVERLAP_MAX + 1, 0);
	add(layout, 0, SPARSE_OVERLAP_MAX + 1, SPARSE_OVERLAP_MAX);
	ret = arrange(layout, fd, &conflict);
	expect(ret == 1 && !conflict.differ, "%d", ret);
	free(layout);
	close(fd);
	return 0;
}

/* that it is shorter than it says; forgotten */
static bool is_changed(int ret)
{
	bool changed = ret && ret == failure.err && failure.hint &&
		strstr(failure.hint, "was changed while it was read");

	sparse_failure_exit(&failure);
	return changed;
}

static int source_too_short(void)
{
	struct sparse_conflict conflict;
	struct sparse_layout *layout = new_layout(2);
	int fd = unit_file(), ret;
	struct sparse_source all = layout_of(layout, fd);
	u8 buf[20];

	need(pwrite(fd, "0123456789", 10, 0) == 10);
	add(layout, 0, 10, 5);
	ret = sparse_source_read(&all, buf, 10, 0, &failure);
	expect(is_changed(ret), "%d", ret);
	add(layout, 0, 5, 0);
	ret = arrange(layout, fd, &conflict);
	expect(ret == 1, "%d", ret);
	layout->count = 0;
	add(layout, 0, 10, 50);
	add(layout, 0, 5, 0);
	ret = arrange(layout, fd, &conflict);
	expect(is_changed(ret), "%d", ret);
	ret = arrange(layout, -1, &conflict);
	expect(!ret || ret == -EBADF, "%d", ret);
	free(layout);
	close(fd);
	return 0;
}

int main(void)
{
	const struct ktap_case cases[] = {
		{ "nothing", nothing },
		{ "one-piece", one_piece },
		{ "in-order", in_order },
		{ "many", many },
		{ "aliases", aliases },
		{ "equal-overlaps", equal_overlaps },
		{ "other-overlaps", other_overlaps },
		{ "too-much", too_much },
		{ "source-too-short", source_too_short },
	};

	return ktap_main(cases);
}
