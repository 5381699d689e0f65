// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#include <string.h>

#include "zero.h"

bool sparse_is_zero(const void *buf, size_t len)
{
	const u8 *p = buf;
	size_t head = len < 16 ? len : 16;
	size_t i;

	for (i = 0; i < head; i++)
		if (p[i])
			return false;
	/*
	 * The first 16 bytes are zero; the rest is if each byte equals the one
	 * 16 bytes before it.  The C library picks the widest vector unit for
	 * this at run time, which a loop of ours could not do portably.
	 */
	return !memcmp(p, p + head, len - head);
}
