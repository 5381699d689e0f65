// SPDX-License-Identifier: GPL-2.0-only
/*
 * sparse_is_zero() sees one bit anywhere and nothing beyond the end.  Would catch
 * a scan that skips its head or tail, or that reads too far.
 */
#include <string.h>

#include "ktap.h"
#include "unit.h"
#include "zero.h"

static u8 buf[SPARSE_BLOCK_SIZE + 64];

static int zeros(void)
{
	size_t len, shift;

	memset(buf, 0, sizeof(buf));
	for (shift = 0; shift < 33; shift++)
		for (len = 0; len < 200; len++)
			expect(sparse_is_zero(buf + shift, len),
			       "%zu bytes, shifted by %zu", len, shift);
	expect(sparse_is_zero(buf, SPARSE_BLOCK_SIZE), "a block");
	return 0;
}

static int one_bit_anywhere(void)
{
	size_t len, pos;

	memset(buf, 0, sizeof(buf));
	for (len = 1; len < 100; len++) {
		for (pos = 0; pos < len; pos++) {
			buf[pos] = 1 << pos % 8;
			expect(!sparse_is_zero(buf, len),
			       "byte %zu of %zu", pos, len);
			buf[pos] = 0;
		}
	}
	for (pos = 0; pos < SPARSE_BLOCK_SIZE; pos++) {
		buf[pos] = 0x80;
		expect(!sparse_is_zero(buf, SPARSE_BLOCK_SIZE),
		       "byte %zu of a block", pos);
		buf[pos] = 0;
	}
	return 0;
}

static int not_beyond_the_end(void)
{
	size_t len;

	for (len = 0; len < 100; len++) {
		/* so large that the address sanitizer sees one byte too many */
		u8 *exact = calloc(1, len + 1);
		bool zero;

		need(exact);
		exact[len] = 1;
		zero = sparse_is_zero(exact, len);
		free(exact);
		expect(zero, "%zu bytes", len);
	}
	return 0;
}

/* periodic with the step in which the bytes are compared */
static int repeating(void)
{
	size_t i;

	for (i = 0; i < SPARSE_BLOCK_SIZE; i++)
		buf[i] = i % 16 == 15;
	expect(!sparse_is_zero(buf, SPARSE_BLOCK_SIZE), "every 16th byte set");
	return 0;
}

int main(void)
{
	const struct ktap_case cases[] = {
		{ "zeros", zeros },
		{ "one-bit-anywhere", one_bit_anywhere },
		{ "not-beyond-the-end", not_beyond_the_end },
		{ "repeating", repeating },
	};

	return ktap_main(cases);
}
