// SPDX-License-Identifier: GPL-2.0-only
/*
 * Batches hold every block of data once, with the right bytes, padded where the file
 * ends, and chunks as a whole.  Would catch a block lost between two batches or two
 * extents, bytes of an earlier batch behind the end of the file or in a hole, and
 * data that is taken for a hole.
 */
#include <errno.h>
#include <string.h>

#include "digest.h"
#include "ktap.h"
#include "unit.h"

#define BLOCKS	1000

static u8 content[BLOCKS * SPARSE_BLOCK_SIZE];
static const u8 zeros[SPARSE_BLOCK_SIZE];
static struct sparse_key key[2];
static const struct sparse_known known;
static struct sparse_failure failure;

static struct sparse_source source_of(int fd, u64 size)
{
	return (struct sparse_source) {
		.ops = &sparse_source_raw, .path = "a file", .fd = fd, .size = size,
	};
}

/* data of random lengths between holes; some of it is zeros */
static int make_file(u64 size)
{
	int fd = unit_file();
	u64 pos = 0;

	memset(content, 0, sizeof(content));
	need(!ftruncate(fd, size));
	while (pos < size) {
		u64 len = (1 + unit_random(100)) * SPARSE_BLOCK_SIZE;

		pos += unit_random(20) * SPARSE_BLOCK_SIZE;
		for (; len && pos < size; pos++, len--)
			content[pos] = (pos >> SPARSE_BLOCK_BITS) % 7 ?
				unit_random(256) : 0;
	}
	for (pos = 0; pos < size; pos += SPARSE_BLOCK_SIZE) {
		u64 len = size - pos < SPARSE_BLOCK_SIZE ? size - pos :
			SPARSE_BLOCK_SIZE;

		/* block 700 is stored, and zeros */
		if (pos >> SPARSE_BLOCK_BITS == 700 ||
		    memcmp(content + pos, zeros, len))
			need(pwrite(fd, content + pos, len, pos) == (ssize_t)len);
	}
	return fd;
}

/* chunks begin where they should, are whole, and have data in them */
static int check_chunks(const struct sparse_batch *batch, u64 size)
{
	unsigned int i, n, count;

	for (i = 0; i < batch->count; i += count) {
		u64 first = batch->block[i], left = sparse_blocks(size) - first;
		bool hole = true;

		count = sparse_batch_chunk(batch, i);
		expect(count == 1U << batch->shift || count == left,
		       "%u blocks at %llu", count, (unsigned long long)first);
		expect(!(first & ((1U << batch->shift) - 1)), "starts at %llu",
		       (unsigned long long)first);
		for (n = 0; n < count; n++) {
			expect(batch->block[i + n] == first + n, "block %u of %llu",
			       n, (unsigned long long)first);
			hole &= batch->hole[i + n];
		}
		expect(!hole, "a chunk of nothing at %llu",
		       (unsigned long long)first);
	}
	return 0;
}

static int check_batch(const struct sparse_batch *batch, bool *seen)
{
	unsigned int i;

	for (i = 0; i < batch->count; i++) {
		u64 block = batch->block[i];
		const u8 *data = batch->data + i * SPARSE_BLOCK_SIZE;

		expect(block < BLOCKS && !seen[block], "block %llu",
		       (unsigned long long)block);
		expect(!i || block > batch->block[i - 1], "not rising");
		expect(!memcmp(data, content + block * SPARSE_BLOCK_SIZE,
			       SPARSE_BLOCK_SIZE), "bytes of block %llu",
		       (unsigned long long)block);
		expect(batch->zero[i] == !memcmp(data, zeros, sizeof(zeros)),
		       "zeros in block %llu", (unsigned long long)block);
		seen[block] = !batch->hole[i];
	}
	return 0;
}

static int check_file(int fd, u64 size, unsigned int shift)
{
	struct sparse_source source = source_of(fd, size);
	struct sparse_pages pages;
	struct sparse_batch batch;
	struct sparse_digest digest;
	bool seen[BLOCKS] = { false };
	int failed = 0;
	u64 i;

	need(!sparse_batch_init(&batch) && !sparse_digest_init(&digest, key, &known, false));
	sparse_pages_init(&pages, &source, shift);
	for (;;) {
		need(!sparse_pages_run(&pages, &batch, &failure));
		if (!batch.count)
			break;
		need(!sparse_pages_read(&batch, &failure));
		need(!sparse_digest_run(&digest, &batch));
		failed |= check_batch(&batch, seen) || check_chunks(&batch, size);
	}
	sparse_batch_exit(&batch);
	for (i = 0; i < BLOCKS; i++)
		expect(seen[i] || !memcmp(content + i * SPARSE_BLOCK_SIZE, zeros,
					  sizeof(zeros)),
		       "block %llu was not seen", (unsigned long long)i);
	expect(seen[700], "zeros that are stored were not seen");
	return failed;
}

static int whole_blocks(void)
{
	u64 size = BLOCKS * SPARSE_BLOCK_SIZE;
	int fd = make_file(size), ret = check_file(fd, size, 0);

	close(fd);
	return ret;
}

static int with_a_tail(void)
{
	/* one byte into the last block, which follows a batch of other bytes */
	u64 size = (BLOCKS - 1) * SPARSE_BLOCK_SIZE + 1;
	int fd = make_file(size), ret;

	content[size - 1] = 77;
	need(pwrite(fd, content + size - 1, 1, size - 1) == 1);
	ret = check_file(fd, size, 0);
	close(fd);
	return ret;
}

static int chunks(void)
{
	unsigned int shift;

	for (shift = 1; shift <= SPARSE_SHIFT_MAX; shift++) {
		u64 size = (BLOCKS - unit_random(20)) * SPARSE_BLOCK_SIZE -
			unit_random(2) * 1000;
		int fd = make_file(size), ret = check_file(fd, size, shift);

		close(fd);
		expect(!ret, "chunks of %u blocks", 1U << shift);
	}
	return 0;
}

static bool is_same(const struct sparse_batch *batch, unsigned int a, unsigned int b)
{
	return !memcmp(&batch->id[a], &batch->id[b], sizeof(batch->id[a]));
}

/* what a chunk is known by is about all of it */
static int id_of_a_chunk(void)
{
	struct sparse_source source = source_of(unit_file(), 6 * SPARSE_BLOCK_SIZE);
	struct sparse_pages pages;
	struct sparse_batch batch;
	struct sparse_digest digest;

	memset(content, 0, 6 * SPARSE_BLOCK_SIZE);
	content[SPARSE_BLOCK_SIZE] = 1;
	content[3 * SPARSE_BLOCK_SIZE] = 1;
	content[4 * SPARSE_BLOCK_SIZE] = 1;
	need(pwrite(source.fd, content, source.size, 0) == (ssize_t)source.size);
	need(!sparse_batch_init(&batch) && !sparse_digest_init(&digest, key, &known, false));
	sparse_pages_init(&pages, &source, 1);
	need(!sparse_pages_run(&pages, &batch, &failure));
	need(!sparse_pages_read(&batch, &failure));
	need(!sparse_digest_run(&digest, &batch));
	expect(batch.count == 6, "%u blocks", batch.count);
	expect(is_same(&batch, 0, 2), "equal chunks");
	expect(!is_same(&batch, 0, 4), "the other way round");
	sparse_batch_exit(&batch);
	close(source.fd);
	return 0;
}

/* what lies below the holes of a file, on two devices, and not below its data */
static int below_holes(void)
{
	static struct sparse_leaf leaves[2][100];
	struct sparse_space space = { 0 };
	struct sparse_chunkmap *delta = sparse_chunkmap_alloc(200);
	struct sparse_source source = source_of(unit_file(), 200 * SPARSE_BLOCK_SIZE);
	struct sparse_pages pages;
	const struct sparse_known bases = { .space = &space };
	struct sparse_batch batch;
	struct sparse_digest digest;
	unsigned int seen = 0, i, n;

	need(delta && !sparse_batch_init(&batch) &&
	     !sparse_digest_init(&digest, key, &bases, true));
	for (i = 0; i < 2; i++) {
		memset(leaves[i], 'a' + i, sizeof(leaves[i]));
		need(!sparse_space_add(&space, leaves[i], 100));
	}
	/* it is a block of zeros there */
	memset(&leaves[0][0], 0, sizeof(leaves[0][0]));
	source.ops = &sparse_source_delta;
	source.below = delta;
	sparse_pages_init(&pages, &source, 0);
	memset(content, 'f', 5 * SPARSE_BLOCK_SIZE);
	need(!ftruncate(source.fd, source.size));
	need(pwrite(source.fd, content, 5 * SPARSE_BLOCK_SIZE,
		    50 * SPARSE_BLOCK_SIZE) > 0);
	/* 40 to 59 on the first, 60 to 69 and the last one on the second */
	for (n = 40; n < 70; n++)
		delta->addr[n] = space.device[n >= 60].first + n - 40;
	delta->addr[199] = space.device[1].first + 99;
	for (;;) {
		need(!sparse_pages_run(&pages, &batch, &failure));
		if (!batch.count)
			break;
		need(!sparse_pages_read(&batch, &failure));
		need(!sparse_digest_run(&digest, &batch));
		for (i = 0; i < batch.count; i++) {
			u64 block = batch.block[i];
			bool data = block >= 50 && block < 55;

			expect(batch.base[i] == (data ? 0 : delta->addr[block]),
			       "address of %llu", (unsigned long long)block);
			expect(!data || batch.data[i * SPARSE_BLOCK_SIZE] == 'f',
			       "block %llu", (unsigned long long)block);
			expect(data || batch.digest[i][31] ==
			       (block == 40 ? 0 : block >= 60 ? 'b' : 'a'),
			       "digest of %llu", (unsigned long long)block);
			expect(batch.zero[i] == (block == 40), "zeros at %llu",
			       (unsigned long long)block);
			seen++;
		}
	}
	expect(seen == 31, "%u blocks", seen);
	sparse_digest_end(&digest);
	sparse_batch_exit(&batch);
	sparse_space_exit(&space);
	free(delta);
	close(source.fd);
	return 0;
}

static int file_shrank(void)
{
	struct sparse_source source = source_of(unit_file(), 10 * SPARSE_BLOCK_SIZE);
	struct sparse_pages pages;
	struct sparse_batch batch;
	int ret;

	memset(content, 1, source.size);
	need(pwrite(source.fd, content, source.size, 0) == (ssize_t)source.size);
	need(!sparse_batch_init(&batch));
	sparse_pages_init(&pages, &source, 0);
	need(!sparse_pages_run(&pages, &batch, &failure));
	need(!ftruncate(source.fd, source.size - 1));
	ret = sparse_pages_read(&batch, &failure);
	expect(ret == failure.err && failure.stage == SPARSE_CHECK &&
	       strstr(failure.hint, "was changed"), "%d", ret);
	sparse_failure_exit(&failure);
	sparse_batch_exit(&batch);
	close(source.fd);
	return 0;
}

static int hashes_and_digests(void)
{
	struct sparse_source source = source_of(unit_file(), 4 * SPARSE_BLOCK_SIZE);
	struct sparse_pages pages;
	struct sparse_batch batch;
	struct sparse_digest digest;
	u8 want[SPARSE_DIGEST_SIZE];

	memset(content, 0, 4 * SPARSE_BLOCK_SIZE);
	content[0] = 1;
	content[SPARSE_BLOCK_SIZE] = 1;
	content[2 * SPARSE_BLOCK_SIZE] = 2;
	need(pwrite(source.fd, content, source.size, 0) == (ssize_t)source.size);
	need(!sparse_batch_init(&batch));
	need(!sparse_digest_init(&digest, key, &known, true));
	sparse_pages_init(&pages, &source, 0);
	need(!sparse_pages_run(&pages, &batch, &failure));
	need(!sparse_pages_read(&batch, &failure));
	need(!sparse_digest_run(&digest, &batch));
	expect(batch.count == 4, "%u blocks", batch.count);
	expect(is_same(&batch, 0, 1), "equal blocks");
	expect(!is_same(&batch, 0, 2), "different blocks");
	expect(batch.zero[3] && !batch.zero[2], "zeros");
	need(!sparse_hash_data(&digest.hash, content + 2 * SPARSE_BLOCK_SIZE,
			       SPARSE_BLOCK_SIZE, want));
	expect(!memcmp(want, batch.digest[2], sizeof(want)), "digest");
	sparse_digest_end(&digest);
	sparse_batch_exit(&batch);
	close(source.fd);
	return 0;
}

int main(void)
{
	const struct ktap_case cases[] = {
		{ "whole-blocks", whole_blocks },
		{ "with-a-tail", with_a_tail },
		{ "chunks", chunks },
		{ "id-of-a-chunk", id_of_a_chunk },
		{ "below-holes", below_holes },
		{ "file-shrank", file_shrank },
		{ "hashes-and-digests", hashes_and_digests },
	};

	need(!sparse_key_init(&key[0]) && !sparse_key_init(&key[1]));
	return ktap_main(cases);
}
