// SPDX-License-Identifier: GPL-2.0-only
/*
 * A core of each class and byte order is the same layout; headers that lie about the
 * file, or about memory, are refused before anything is read by them; what looks like
 * a core is known by little of it.  Would catch a field that is read from the wrong
 * place, and sums that wrap.
 */
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "elfcore.h"
#include "ktap.h"
#include "unit.h"

#define SIZE	20000

/* a core in the making: the words of its headers, class and order */
struct maker {
	u8 bytes[SIZE];
	bool wide;
	bool big;
};

static void put(struct maker *maker, size_t pos, size_t size, u64 value)
{
	size_t i;

	for (i = 0; i < size; i++)
		maker->bytes[pos + (maker->big ? size - 1 - i : i)] =
			value >> (8 * i);
}

/* by the tables of "System V ABI", not by <elf.h> */
static void put_header(struct maker *maker, u64 table, unsigned int count)
{
	size_t w = maker->wide ? 8 : 4;

	memcpy(maker->bytes, "\177ELF", 4);
	maker->bytes[4] = maker->wide ? 2 : 1;
	maker->bytes[5] = maker->big ? 2 : 1;
	maker->bytes[6] = 1;
	put(maker, 16, 2, 4);
	put(maker, 18, 2, 62);
	put(maker, 20, 4, 1);
	put(maker, 24 + w, w, table);
	put(maker, 24 + 3 * w + 6, 2, maker->wide ? 56 : 32);
	put(maker, 24 + 3 * w + 8, 2, count);
}

static void put_segment(struct maker *maker, unsigned int n, u32 type, u64 offset,
			u64 address, u64 held, u64 bytes)
{
	size_t w = maker->wide ? 8 : 4, pos = 100 + n * (maker->wide ? 56 : 32);

	put(maker, pos, 4, type);
	put(maker, pos + w, w, offset);
	put(maker, pos + 3 * w, w, address);
	put(maker, pos + 4 * w, w, held);
	put(maker, pos + 5 * w, w, bytes);
}

static struct sparse_source source_of(int fd, u64 size)
{
	return (struct sparse_source) {
		.ops = &sparse_source_raw, .path = "core", .fd = fd, .size = size,
	};
}

/* what is noted is one line, and is forgotten */
static int elfcore_read(int fd, u64 size, bool wanted, struct sparse_layout **layout)
{
	struct sparse_source source = source_of(fd, size);
	struct sparse_failure failure = { 0 };
	int ret = sparse_elfcore_read(&source, wanted, layout, &failure);
	char *text = ret ? sparse_failure_text(&failure) : NULL;

	need(ret == failure.err && !ret == !text && (!text || !strchr(text, '\n')));
	free(text);
	sparse_failure_exit(&failure);
	return ret;
}

static int elfcore_is_likely(int fd, u64 size)
{
	struct sparse_source source = source_of(fd, size);
	struct sparse_failure failure = { 0 };
	int ret = sparse_elfcore_is_likely(&source, &failure);

	sparse_failure_exit(&failure);
	return ret;
}

static int read_core(const struct maker *maker, size_t size, bool wanted,
		     struct sparse_layout **layout)
{
	int fd = unit_file(), ret;

	need(pwrite(fd, maker->bytes, size, 0) == (ssize_t)size);
	ret = elfcore_read(fd, size, wanted, layout);
	close(fd);
	return ret;
}

static int is_likely(const struct maker *maker, size_t size)
{
	int fd = unit_file(), ret;

	need(pwrite(fd, maker->bytes, size, 0) == (ssize_t)size);
	ret = elfcore_is_likely(fd, size);
	close(fd);
	return ret;
}

static int classes_and_orders(void)
{
	struct sparse_layout *layout;
	struct maker maker;
	int i;

	for (i = 0; i < 4; i++) {
		memset(&maker, 0, sizeof(maker));
		maker.wide = i & 1;
		maker.big = i & 2;
		put_header(&maker, 100, 4);
		put_segment(&maker, 0, PT_NOTE, 10, 1 << 30, 100, 100);
		put_segment(&maker, 1, PT_LOAD, 9000, 0x12345678, 5000, 6000);
		put_segment(&maker, 2, PT_LOAD, 1000, 0x1000, 7, 7);
		put_segment(&maker, 3, PT_LOAD, 0, 0x20000000, 0, 1);
		need(!read_core(&maker, SIZE, true, &layout));
		expect(layout && layout->count == 2 &&
		       layout->size == 0x20000001, "%d: not understood", i);
		expect(layout->piece[0].start == 0x1000 &&
		       layout->piece[0].end == 0x1007 &&
		       layout->piece[0].offset == 1000, "%d: piece 0", i);
		expect(layout->piece[1].start == 0x12345678 &&
		       layout->piece[1].end == 0x12345678 + 5000 &&
		       layout->piece[1].offset == 9000, "%d: piece 1", i);
		free(layout);
		expect(is_likely(&maker, SIZE) == 1, "%d: not likely", i);
	}
	return 0;
}

static struct maker good(void)
{
	struct maker maker = { .wide = true };

	put_header(&maker, 100, 2);
	put_segment(&maker, 0, PT_LOAD, 1000, 0, 4096, 8192);
	put_segment(&maker, 1, PT_LOAD, 5096, 1 << 20, 4096, 4096);
	return maker;
}

/* one field set to each of what an attacker would think of first */
static int any_word_anywhere(void)
{
	static const u64 values[] = {
		0, 1, 0x7fffffff, 0xffffffff, 1ULL << 32, SPARSE_FILE_MAX - 1,
		SPARSE_FILE_MAX, 1ULL << 62, (1ULL << 63) - 1, 1ULL << 63,
		UINT64_MAX - 4096, UINT64_MAX - 1, UINT64_MAX,
	};
	struct sparse_layout *layout;
	struct maker maker;
	size_t pos, i, n;

	for (pos = 16; pos < 100 + 2 * 56; pos += 4) {
		for (i = 0; i < ARRAY_SIZE(values); i++) {
			maker = good();
			put(&maker, pos, 8, values[i]);
			if (read_core(&maker, SIZE, false, &layout) || !layout)
				continue;
			expect(layout->size < SPARSE_FILE_MAX, "size");
			for (n = 0; n < layout->count; n++) {
				const struct sparse_piece *p = &layout->piece[n];

				expect(p->start < p->end &&
				       p->end <= layout->size &&
				       p->offset <= SIZE &&
				       p->end - p->start <= SIZE - p->offset,
				       "word at %zu: %zu", pos, i);
			}
			free(layout);
		}
	}
	return 0;
}

static int cut_anywhere(void)
{
	struct maker maker = good();
	struct sparse_layout *layout;
	size_t size;
	int ret;

	for (size = 0; size < 9192; size += size < 300 ? 1 : 97) {
		ret = read_core(&maker, size, false, &layout);
		/* before the number of segments nobody can say what it is */
		expect(!layout && (size < 57 ? !ret : ret == -EINVAL),
		       "%zu bytes: %d", size, ret);
		ret = read_core(&maker, size, true, &layout);
		expect(ret == -EINVAL && !layout, "%zu bytes: %d", size, ret);
	}
	ret = read_core(&maker, 9192, false, &layout);
	expect(!ret && layout, "%d", ret);
	free(layout);
	return 0;
}

static int of_a_process(void)
{
	struct maker maker = good();
	struct sparse_layout *layout;

	put_segment(&maker, 1, PT_LOAD, 5096, 0, 4096, 4096);
	expect(!read_core(&maker, SIZE, false, &layout) && !layout, "taken");
	expect(read_core(&maker, SIZE, true, &layout) == -EINVAL, "taken");
	/* and is not looked at */
	put_segment(&maker, 1, PT_LOAD, UINT64_MAX, 0, UINT64_MAX, 1);
	expect(!read_core(&maker, SIZE, false, &layout) && !layout, "taken");
	return 0;
}

/* what is wrong in it does not matter, and its count may be elsewhere */
static int looks_like_one(void)
{
	struct maker maker = good();
	size_t size;
	int ret;

	/* its segments are in bytes 100 to 211 */
	for (size = 0; size < 9192; size += size < 300 ? 1 : 97) {
		ret = is_likely(&maker, size);
		expect(ret == (size >= 212), "%zu bytes: %d", size, ret);
	}
	put_segment(&maker, 0, PT_LOAD, UINT64_MAX, UINT64_MAX, UINT64_MAX, 1);
	expect(is_likely(&maker, SIZE) == 1, "a core that is refused");
	put_segment(&maker, 0, PT_LOAD, 1000, 0, 4096, 8192);
	put_segment(&maker, 1, PT_LOAD, 5096, 0, 4096, 4096);
	expect(!is_likely(&maker, SIZE), "of a process");
	maker = good();
	maker.bytes[16] = ET_EXEC;
	expect(!is_likely(&maker, SIZE), "a program");
	return 0;
}

/* there is more than is looked at; the rest of the file is a hole */
static int of_many_segments(void)
{
	static const unsigned int counts[] = { 1024, 1025, 65534, PN_XNUM };
	struct maker maker = good();
	int fd = unit_file(), ret;
	size_t i;

	/* where the count is that does not fit */
	put(&maker, 40, 8, 3000);
	put(&maker, 3044, 4, 1 << 22);
	need(!ftruncate(fd, 100 + 1024 * 56));
	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		put_header(&maker, 100, counts[i]);
		need(pwrite(fd, maker.bytes, 4096, 0) == 4096);
		ret = elfcore_is_likely(fd, 100 + 1024 * 56);
		expect(ret == 1, "%u: %d", counts[i], ret);
		ret = elfcore_is_likely(fd, 100 + 1024 * 56 - 1);
		expect(!ret, "%u, cut: %d", counts[i], ret);
	}
	close(fd);
	return 0;
}

static int unreadable(void)
{
	struct sparse_layout *layout;
	int ret = elfcore_read(-1, SIZE, false, &layout);

	expect(ret == -EBADF && !layout, "%d", ret);
	ret = elfcore_is_likely(-1, SIZE);
	expect(ret == -EBADF, "%d", ret);
	return 0;
}

int main(void)
{
	const struct ktap_case cases[] = {
		{ "classes-and-orders", classes_and_orders },
		{ "any-word-anywhere", any_word_anywhere },
		{ "cut-anywhere", cut_anywhere },
		{ "of-a-process", of_a_process },
		{ "looks-like-one", looks_like_one },
		{ "of-many-segments", of_many_segments },
		{ "unreadable", unreadable },
	};

	return ktap_main(cases);
}
