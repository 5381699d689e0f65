// SPDX-License-Identifier: GPL-2.0-only
/*
 * A packed file reads back from the image through its map, holes are holes, and
 * equal blocks are stored once: compared with a reference that looks at every block
 * and at every block before it; and the same for any number of workers.  Would catch
 * a block that goes to the wrong place, an equal block that is missed because it is
 * still being written, and zeros that are stored.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "ktap.h"
#include "sparse.h"
#include "unit.h"

#define BLOCKS	700
#define START	5

/*
 * A packer that ends with the case, also if an expect() fails: its threads, which have
 * it on the stack of the case, would go on in the next one.
 */
#define PACKER(name)							\
	struct sparse_packer name __attribute__((cleanup(sparse_packer_exit)))

static u8 content[BLOCKS * SPARSE_BLOCK_SIZE];
static struct sparse_leaf leaves[1000];
static const u8 zeros[SPARSE_BLOCK_SIZE];

static int pack(struct sparse_packer *packer, struct sparse_source *source,
		struct sparse_chunkmap **map, u8 digest[SPARSE_DIGEST_SIZE])
{
	sparse_pack_begin(packer, source, map);
	while (sparse_pack_run(packer) > 0)
		;
	return sparse_pack_end(packer, digest);
}

static struct sparse_source source_of(int fd, u64 size)
{
	return (struct sparse_source) {
		.ops = &sparse_source_raw, .path = "a file", .fd = fd, .size = size,
	};
}

static int pack_file(struct sparse_packer *packer, int fd, u64 size,
		     struct sparse_chunkmap *map, u8 digest[SPARSE_DIGEST_SIZE])
{
	struct sparse_source source = source_of(fd, size);

	return pack(packer, &source, &map, digest);
}

static const u8 *block_of(u64 n)
{
	return content + n * SPARSE_BLOCK_SIZE;
}

static bool is_equal(const void *a, const void *b)
{
	return !memcmp(a, b, SPARSE_BLOCK_SIZE);
}

/* the same bytes at both places; a chunk that the file ends in is like no other */
static bool is_equal_chunk(u64 a, u64 b, u64 blocks, unsigned int shift)
{
	u64 count = 1ULL << shift, n;

	if (b + count > blocks)
		return false;
	for (n = 0; n < count; n++)
		if (!is_equal(block_of(a + n), block_of(b + n)))
			return false;
	return true;
}

static bool is_hole(u64 first, u64 blocks, unsigned int shift)
{
	u64 n;

	for (n = first; n < first + (1ULL << shift) && n < blocks; n++)
		if (!is_equal(block_of(n), zeros))
			return false;
	return true;
}

/* holes, stored zeros, a few different blocks again and again, and fresh ones */
static int make_file(u64 size)
{
	int fd = unit_file();
	u64 n, i;

	memset(content, 0, sizeof(content));
	need(!ftruncate(fd, size));
	for (n = 0; n < BLOCKS; n++) {
		unsigned int kind = unit_random(4);
		u64 pos = n * SPARSE_BLOCK_SIZE;
		u64 len = size - pos;

		if (pos >= size)
			break;
		if (len > SPARSE_BLOCK_SIZE)
			len = SPARSE_BLOCK_SIZE;
		if (kind == 0)
			continue;
		if (kind == 2)
			content[pos + unit_random(2) * (len - 1)] =
				1 + unit_random(3);
		if (kind == 3)
			for (i = 0; i < len; i++)
				content[pos + i] = unit_random(256);
		need(pwrite(fd, content + pos, len, pos) == (ssize_t)len);
	}
	return fd;
}

/* where a chunk should be: nowhere, where an equal one is, or @next */
static u32 place(const struct sparse_chunkmap *map, u64 first, unsigned int shift,
		 u32 next)
{
	u64 m;

	if (is_hole(first, map->blocks, shift))
		return 0;
	for (m = 0; m < first; m += 1ULL << shift)
		if (map->addr[m] && is_equal_chunk(m, first, map->blocks, shift))
			return map->addr[m];
	return next;
}

static int check_map(int image, const struct sparse_chunkmap *map,
		     const struct sparse_counts *counts, unsigned int shift)
{
	u32 next = START, want = 0;
	u64 n;

	for (n = 0; n < map->blocks; n++) {
		u8 got[SPARSE_BLOCK_SIZE];

		if (n & ((1ULL << shift) - 1))
			want += !!want;
		else
			want = place(map, n, shift, next);
		expect(map->addr[n] == want, "block %llu is at %u, not %u",
		       (unsigned long long)n, map->addr[n], want);
		if (!want)
			continue;
		next += want == next;
		need(pread(image, got, sizeof(got), (u64)want * sizeof(got)) ==
		     sizeof(got));
		expect(is_equal(got, block_of(n)), "bytes of block %llu",
		       (unsigned long long)n);
	}
	expect(counts->stored == next - START, "%llu stored, not %u",
	       (unsigned long long)counts->stored, next - START);
	return 0;
}

/* block by block, holes or not */
static int check_digest(struct sparse_packer *packer, u64 size,
			const u8 *digest)
{
	u8 block[SPARSE_DIGEST_SIZE], want[SPARSE_DIGEST_SIZE];
	u64 n;

	sparse_verity_begin(&packer->verity);
	for (n = 0; n < sparse_blocks(size); n++) {
		need(!sparse_hash_data(&packer->hash, block_of(n),
				       SPARSE_BLOCK_SIZE, block));
		need(!sparse_verity_block(&packer->verity, block));
	}
	need(!sparse_verity_end(&packer->verity, size, want));
	expect(!memcmp(want, digest, sizeof(want)), "digest of %llu bytes",
	       (unsigned long long)size);
	return 0;
}

/* write a file into a pipe, in pieces of any size; the pipe's other end */
static int send(int fd, u64 size)
{
	int pipefd[2];
	u64 pos = 0;

	need(!pipe(pipefd));
	fflush(stdout);
	if (fork()) {
		close(pipefd[1]);
		return pipefd[0];
	}
	signal(SIGPIPE, SIG_DFL);
	while (pos < size) {
		u64 len = 1 + unit_random(100000);

		if (len > size - pos)
			len = size - pos;
		if (write(pipefd[1], content + pos, len) != (ssize_t)len)
			break;
		pos += len;
	}
	close(fd);
	_exit(0);
}

/* as a file and as a stream: the same map, digest and data */
static int stream_and_check(u64 size, unsigned int shift)
{
	PACKER(packer) = {
		.want_digest = true, .workers = 2, .shift = shift,
	};
	u8 digest[SPARSE_DIGEST_SIZE];
	int image = unit_file(), fd = make_file(size), ret;
	struct sparse_chunkmap *map = sparse_chunkmap_alloc(0);
	struct sparse_source stream = {
		.ops = &sparse_source_stream, .path = "-", .fd = send(fd, size),
	};

	need(map && !sparse_packer_init(&packer, image, "image", START));
	need(!pack(&packer, &stream, &map, digest));
	need(!sparse_packer_flush(&packer));
	close(stream.fd);
	wait(NULL);
	expect(stream.size == size, "%llu bytes of %llu", (unsigned long long)stream.size,
	       (unsigned long long)size);
	expect(packer.place.counts.blocks == sparse_blocks(size), "%llu blocks",
	       (unsigned long long)packer.place.counts.blocks);
	ret = check_map(image, map, &packer.place.counts, shift) ||
		check_digest(&packer, size, digest);
	free(map);
	close(fd);
	close(image);
	return ret;
}

static int as_a_stream(void)
{
	static const u64 size[] = {
		sizeof(content), sizeof(content) - 1000, 1, 0, 4096, 4097,
		SPARSE_BATCH_BLOCKS * SPARSE_BLOCK_SIZE,
		SPARSE_BATCH_BLOCKS * SPARSE_BLOCK_SIZE + 1,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(size); i++)
		if (stream_and_check(size[i], 0) || stream_and_check(size[i], 3))
			return 1;
	return 0;
}

static int pack_and_check(u64 size, unsigned int workers, unsigned int shift)
{
	PACKER(packer) = {
		.want_digest = true,
		.workers = workers,
		.shift = shift,
	};
	u8 digest[SPARSE_DIGEST_SIZE];
	int image = unit_file(), fd = make_file(size), ret;
	struct sparse_chunkmap *map = sparse_chunkmap_alloc(sparse_blocks(size));

	need(map);
	need(!sparse_packer_init(&packer, image, "image", START));
	need(!pack_file(&packer, fd, size, map, digest));
	need(!sparse_packer_flush(&packer));
	ret = check_map(image, map, &packer.place.counts, shift) ||
		check_digest(&packer, size, digest);
	free(map);
	close(fd);
	close(image);
	return ret;
}

static int as_the_reference(void)
{
	return pack_and_check(sizeof(content), 1, 0);
}

static int by_many_workers(void)
{
	static const unsigned int workers[] = { 0, 2, 3, 7, 1000 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(workers); i++)
		if (pack_and_check(sizeof(content), workers[i], 0))
			return 1;
	return 0;
}

static int with_a_tail(void)
{
	return pack_and_check(sizeof(content) - 1000, 2, 0) ||
		pack_and_check(sizeof(content) - SPARSE_BLOCK_SIZE + 1, 2, 0) ||
		pack_and_check(1, 2, 0);
}

static int by_chunks(void)
{
	unsigned int shift;

	for (shift = 1; shift <= SPARSE_SHIFT_MAX; shift++)
		if (pack_and_check(sizeof(content), 2, shift) ||
		    pack_and_check(sizeof(content) - 1000, 3, shift) ||
		    pack_and_check(1, 2, shift))
			return 1;
	return 0;
}

/* what finds an equal chunk is then made of its bytes */
static int without_digests(void)
{
	struct sparse_chunkmap *map;
	unsigned int shift;
	int image, fd, ret;
	u64 size;

	for (shift = 0; shift <= SPARSE_SHIFT_MAX; shift++) {
		PACKER(packer) = { .workers = 2, .shift = shift };

		size = sizeof(content) - 1000 * (shift & 1);
		image = unit_file();
		fd = make_file(size);
		map = sparse_chunkmap_alloc(sparse_blocks(size));
		need(map && !sparse_packer_init(&packer, image, "image", START));
		need(!pack_file(&packer, fd, size, map, NULL));
		need(!sparse_packer_flush(&packer));
		ret = check_map(image, map, &packer.place.counts, shift);
		free(map);
		close(fd);
		close(image);
		if (ret)
			return ret;
	}
	return 0;
}

static int pack_base(struct sparse_packer *packer, int fd, u64 blocks,
		     u8 digest[SPARSE_DIGEST_SIZE])
{
	struct sparse_source source = source_of(fd, blocks * SPARSE_BLOCK_SIZE);
	int err;

	memset(leaves, 0, sizeof(leaves));
	sparse_pack_begin_leaves(packer, &source, leaves);
	while (sparse_pack_run(packer) > 0)
		;
	err = sparse_pack_end(packer, digest);
	return err ? err : sparse_pack_base(packer, leaves, blocks);
}

/* what another image has is found there; the rest is stored */
static int on_a_base(void)
{
	PACKER(packer) = { .want_digest = true, .workers = 3, .base_blocks = BLOCKS };
	struct sparse_chunkmap *map = sparse_chunkmap_alloc(BLOCKS);
	int image = unit_file(), base = make_file(sizeof(content)), fd;
	u8 digest[SPARSE_DIGEST_SIZE];
	u32 block, addr;
	u64 n;

	need(map && !sparse_packer_init(&packer, image, "image", START));
	need(!pack_base(&packer, base, BLOCKS, digest));
	if (check_digest(&packer, sizeof(content), digest))
		return 1;
	expect(!packer.place.counts.blocks && !packer.place.counts.stored, "the base counts");
	/* the last half, and something new in front of it */
	fd = unit_file();
	need(pwrite(fd, "new", 3, 0) == 3);
	n = (BLOCKS / 2) * SPARSE_BLOCK_SIZE;
	need(pwrite(fd, content + n, n, SPARSE_BLOCK_SIZE) == (ssize_t)n);
	need(!pack_file(&packer, fd, n + SPARSE_BLOCK_SIZE, map, digest));
	need(!sparse_packer_flush(&packer));
	expect(packer.place.counts.stored == 1 && packer.place.counts.base, "%llu stored",
	       (unsigned long long)packer.place.counts.stored);
	expect(map->addr[0] == START, "%u", map->addr[0]);
	for (n = BLOCKS / 2; n < BLOCKS; n++) {
		addr = map->addr[n - BLOCKS / 2 + 1];
		expect(!addr == is_equal(block_of(n), zeros), "hole %llu",
		       (unsigned long long)n);
		expect(!addr || sparse_space_find(&packer.space, addr, &block) == 1,
		       "block %llu is at %u", (unsigned long long)n, addr);
		expect(!addr || is_equal(block_of(block), block_of(n)),
		       "block %llu is not %u", (unsigned long long)n, block);
	}
	free(map);
	close(fd);
	close(base);
	close(image);
	return 0;
}

static int base_is_cut_short(void)
{
	PACKER(packer) = { .want_digest = true, .workers = 2, .base_blocks = BLOCKS + 1 };
	int image = unit_file(), base = make_file(sizeof(content)), ret;
	u8 digest[SPARSE_DIGEST_SIZE];

	need(!sparse_packer_init(&packer, image, "image", START));
	need(pwrite(base, "x", 1, sizeof(content) - 1) == 1);
	ret = pack_base(&packer, base, BLOCKS + 1, digest);
	expect(!ret, "a hole at the end: %d", ret);
	need(!ftruncate(base, 5000));
	need(pwrite(base, "x", 1, 5000) == 1);
	ret = pack_base(&packer, base, BLOCKS, digest);
	expect(ret && strstr(packer.failure.hint, "was changed"), "%d", ret);
	close(base);
	close(image);
	return 0;
}

/* of what a base has many times the first is found */
static int base_that_repeats(void)
{
	PACKER(packer) = { .want_digest = true, .workers = 2, .base_blocks = 1000 };
	struct sparse_chunkmap *map = sparse_chunkmap_alloc(2);
	int image = unit_file(), base = unit_file(), i;
	u8 digest[SPARSE_DIGEST_SIZE];
	u32 block;

	need(map && !sparse_packer_init(&packer, image, "image", START));
	for (i = 0; i < 1000; i++)
		need(pwrite(base, i % 2 ? "odd" : "two", 3,
			    i * SPARSE_BLOCK_SIZE) == 3);
	need(!ftruncate(base, i * SPARSE_BLOCK_SIZE));
	need(!pack_base(&packer, base, i, digest));
	need(!pack_file(&packer, base, 2 * SPARSE_BLOCK_SIZE, map, digest));
	expect(packer.place.counts.base == 2, "%llu in the base",
	       (unsigned long long)packer.place.counts.base);
	for (i = 0; i < 2; i++)
		expect(sparse_space_find(&packer.space, map->addr[i], &block) == 1 &&
		       block == (u32)i, "block %d is %u", i, block);
	free(map);
	close(base);
	close(image);
	return 0;
}

/* of two files with the same content, the second takes no block */
static int across_files(void)
{
	PACKER(packer) = { .want_digest = true, .workers = 3 };
	struct sparse_chunkmap *map[2];
	u8 digest[2][SPARSE_DIGEST_SIZE];
	int image = unit_file(), fd = make_file(sizeof(content)), i;
	u64 stored = 0;

	need(!sparse_packer_init(&packer, image, "image", START));
	for (i = 0; i < 2; i++) {
		map[i] = sparse_chunkmap_alloc(BLOCKS);
		need(map[i]);
		stored = packer.place.counts.stored;
		need(!pack_file(&packer, fd, sizeof(content), map[i], digest[i]));
	}
	expect(stored && packer.place.counts.stored == stored, "stored again");
	expect(!memcmp(map[0]->addr, map[1]->addr, BLOCKS * sizeof(u32)),
	       "the maps differ");
	expect(!memcmp(digest[0], digest[1], SPARSE_DIGEST_SIZE),
	       "the digests differ");
	for (i = 0; i < 2; i++)
		free(map[i]);
	close(fd);
	close(image);
	return 0;
}

/* the same bytes, as holes and as zeros that are stored */
static int holes_do_not_show(void)
{
	PACKER(packer) = { .want_digest = true };
	struct sparse_chunkmap *map = sparse_chunkmap_alloc(300);
	u8 digest[2][SPARSE_DIGEST_SIZE];
	int image = unit_file(), fd = unit_file(), i;
	u64 size = 300 * SPARSE_BLOCK_SIZE;

	need(map && !sparse_packer_init(&packer, image, "image", START));
	need(!ftruncate(fd, size));
	need(pwrite(fd, "x", 1, 200 * SPARSE_BLOCK_SIZE) == 1);
	need(!pack_file(&packer, fd, size, map, digest[0]));
	for (i = 0; i < 150; i++)
		need(pwrite(fd, zeros, sizeof(zeros), i * sizeof(zeros)) ==
		     sizeof(zeros));
	need(!pack_file(&packer, fd, size, map, digest[1]));
	expect(packer.place.counts.zero == 150, "%llu zeros",
	       (unsigned long long)packer.place.counts.zero);
	expect(packer.place.counts.stored == 1, "%llu stored",
	       (unsigned long long)packer.place.counts.stored);
	expect(!memcmp(digest[0], digest[1], sizeof(digest[0])), "digests");
	free(map);
	close(fd);
	close(image);
	return 0;
}

static int says_which_side_failed(void)
{
	PACKER(packer) = { .want_digest = false };
	struct sparse_chunkmap *map = sparse_chunkmap_alloc(BLOCKS);
	int image = unit_file(), fd = make_file(sizeof(content)), ret;

	need(map && !sparse_packer_init(&packer, image, "image", START));
	ret = pack_file(&packer, -1, sizeof(content), map, NULL);
	expect(ret == -EBADF && packer.failure.stage == SPARSE_READ &&
	       !strcmp(packer.failure.path, "a file"), "reading: %d", ret);
	sparse_failure_exit(&packer.failure);
	packer.store.fd = -1;
	ret = pack_file(&packer, fd, sizeof(content), map, NULL);
	if (!ret)
		ret = sparse_packer_flush(&packer);
	expect(ret == -EBADF && packer.failure.stage == SPARSE_WRITE &&
	       !strcmp(packer.failure.path, "image"), "writing: %d", ret);
	free(map);
	close(fd);
	close(image);
	return 0;
}

static int image_too_large(void)
{
	PACKER(packer) = { .want_digest = false };
	struct sparse_chunkmap *map = sparse_chunkmap_alloc(3);
	int image = unit_file(), fd = unit_file(), ret;

	need(pwrite(fd, "1", 1, 0) == 1);
	need(pwrite(fd, "2", 1, SPARSE_BLOCK_SIZE) == 1);
	need(pwrite(fd, "3", 1, 2 * SPARSE_BLOCK_SIZE) == 1);
	/* there is room for two more blocks */
	need(map && !sparse_packer_init(&packer, image, "image", SPARSE_DATA_END - 2));
	ret = pack_file(&packer, fd, 2 * SPARSE_BLOCK_SIZE + 1, map, NULL);
	expect(ret && strstr(packer.failure.hint, "16 TiB with its bases"), "%d", ret);
	expect(map->addr[1] == SPARSE_DATA_END - 1, "%u", map->addr[1]);
	/* so much can a superblock say, and so much of it comes before the data */
	expect(sparse_packer_has_room(&packer, SPARSE_IMAGE_MAX - (SPARSE_DATA_END << 12)),
	       "room");
	expect(!sparse_packer_has_room(&packer, SPARSE_IMAGE_MAX - (SPARSE_DATA_END << 12) + 1),
	       "more than room");
	expect(!sparse_packer_has_room(&packer, UINT64_MAX), "much more than room");
	free(map);
	close(fd);
	close(image);
	return 0;
}

/* the addresses of a base come down to where the data is */
static int bases_too_large(void)
{
	PACKER(packer) = { .want_digest = false };
	struct sparse_chunkmap *map = sparse_chunkmap_alloc(2);
	int image = unit_file(), fd = unit_file(), ret;

	need(pwrite(fd, "1", 1, 0) == 1);
	need(pwrite(fd, "2", 1, SPARSE_BLOCK_SIZE) == 1);
	need(map && !sparse_packer_init(&packer, image, "image", START));
	/* of all addresses those before START are left, one more, and the gap */
	need(!sparse_space_add(&packer.space, NULL, UINT32_MAX - START - 2));
	ret = pack_file(&packer, fd, SPARSE_BLOCK_SIZE + 1, map, NULL);
	expect(ret && strstr(packer.failure.hint, "16 TiB with its bases"), "%d", ret);
	expect(map->addr[0] == START, "%u", map->addr[0]);
	free(map);
	close(fd);
	close(image);
	return 0;
}

/* what a case leaves when an expect() fails while blocks are on their way */
static int fails(void)
{
	PACKER(packer) = { .want_digest = true, .workers = 3 };
	struct sparse_chunkmap *map = sparse_chunkmap_alloc(BLOCKS);
	int image = unit_file(), fd = make_file(sizeof(content)), ret;
	u8 digest[SPARSE_DIGEST_SIZE];

	need(map && !sparse_packer_init(&packer, image, "image", START));
	ret = pack_file(&packer, fd, sizeof(content), map, digest);
	free(map);
	return ret ? ret : 1;
}

static int threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	int count = 0;

	need(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static int ends_when_it_fails(void)
{
	int before, i;

	/* a sanitizer may have a thread of its own as soon as there is one */
	need(fails() == 1);
	before = threads();
	need(fails() == 1);
	/* a thread that was joined may be seen for a moment */
	for (i = 0; i < 1000 && threads() > before; i++)
		usleep(1000);
	expect(threads() <= before, "%d threads, not %d", threads(), before);
	return 0;
}

int main(void)
{
	const struct ktap_case cases[] = {
		{ "ends-when-it-fails", ends_when_it_fails },
		{ "as-the-reference", as_the_reference },
		{ "by-many-workers", by_many_workers },
		{ "with-a-tail", with_a_tail },
		{ "by-chunks", by_chunks },
		{ "without-digests", without_digests },
		{ "as-a-stream", as_a_stream },
		{ "on-a-base", on_a_base },
		{ "base-is-cut-short", base_is_cut_short },
		{ "base-that-repeats", base_that_repeats },
		{ "across-files", across_files },
		{ "holes-do-not-show", holes_do_not_show },
		{ "says-which-side-failed", says_which_side_failed },
		{ "image-too-large", image_too_large },
		{ "bases-too-large", bases_too_large },
	};

	return ktap_main(cases);
}
