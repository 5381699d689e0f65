/* SPDX-License-Identifier: GPL-2.0-only */
/* How the programs of tests/bench/ report what their passes measured. */
#ifndef PASSES_H
#define PASSES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_PASSES	64

static inline int compare_passes(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* print "NAME MEDIAN PASS...", of at most MOST_PASSES */
static inline void report_passes(const char *name, const double *values, int nr)
{
	double sorted[MOST_PASSES];
	int i;

	memcpy(sorted, values, sizeof(*values) * nr);
	qsort(sorted, nr, sizeof(*sorted), compare_passes);
	printf("%s %.1f", name, sorted[nr / 2]);
	for (i = 0; i < nr; i++)
		printf(" %.1f", values[i]);
	putchar('\n');
}

#endif	/* PASSES_H */
