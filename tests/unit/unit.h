/* SPDX-License-Identifier: GPL-2.0-only */
/* What the packer's unit tests share beyond ../ktap.h. */
#ifndef UNIT_H
#define UNIT_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* for helpers, and for what no case could go on without */
#define need(cond)							\
	do {								\
		if (!(cond)) {						\
			printf("# %s:%d: not (%s)\n", __FILE__, __LINE__, #cond); \
			exit(1);					\
		}							\
	} while (0)

/* the same numbers below @limit on every machine, every time */
static inline unsigned int unit_random(unsigned int limit)
{
	static unsigned long long state = 88172645463325252ULL;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % limit;
}

/* an open file without a name in the current directory, below build/ */
static inline int unit_file(void)
{
	char name[] = "unit-XXXXXX";
	int fd = mkstemp(name);

	need(fd >= 0 && !unlink(name));
	return fd;
}

#endif	/* UNIT_H */
