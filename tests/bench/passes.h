/* SPDX-License-Identifier: GPL-2.0-only */
/* How the programs of tests/bench/ report what their passes measured. */
#ifndef PASSES_H
#define PASSES_H

#include <stdio.h>

#define MOST_PASSES	64

/* print "NAME PASS..." */
static inline void report_passes(const char *name, const double *values, int nr)
{
	int i;

	fputs(name, stdout);
	for (i = 0; i < nr; i++)
		printf(" %.2f", values[i]);
	putchar('\n');
}

#endif	/* PASSES_H */
