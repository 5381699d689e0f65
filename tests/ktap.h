/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KTAP for tests written in C: a table of cases, each a function that returns 0
 * if the case holds.  expect() says what was expected and where when it does not.
 *
 * The plan comes first and the end line last, with how many cases passed: whoever
 * reads it (ktap_read of tests/ktap.sh) takes a program without either for one that
 * failed.
 */
#ifndef KTAP_H
#define KTAP_H

#include <stdarg.h>
#include <stdio.h>
#include <stddef.h>

struct ktap_case {
	const char *name;	/* kebab-case */
	int (*run)(void);
};

/* returned by a case that cannot run here, after ktap_skip_reason was set */
#define KTAP_SKIP	77
static const char *ktap_skip_reason __attribute__((unused)) = "";

/* leave the case as failed unless @cond holds; the rest is a printf() format */
#define expect(cond, ...)						\
	do {								\
		if (!(cond)) {						\
			printf("# %s:%d: not (%s): ", __FILE__, __LINE__, #cond); \
			printf(__VA_ARGS__);				\
			putchar('\n');					\
			return 1;					\
		}							\
	} while (0)

static struct {
	size_t plan, passed, failed, skipped;
} ktap_totals __attribute__((unused));

/* first of all: how many cases there will be */
static inline void ktap_begin(size_t plan)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	ktap_totals.plan = plan;
	printf("KTAP version 1\n1..%zu\n", plan);
}

/* a case that returned @ret; its name is a printf() format */
__attribute__((format(printf, 2, 3)))
static inline void ktap_result(int ret, const char *name, ...)
{
	size_t *count = !ret ? &ktap_totals.passed :
		ret == KTAP_SKIP ? &ktap_totals.skipped : &ktap_totals.failed;
	va_list args;

	++*count;
	printf("%sok %zu ", count == &ktap_totals.failed ? "not " : "",
	       ktap_totals.passed + ktap_totals.failed + ktap_totals.skipped);
	va_start(args, name);
	vprintf(name, args);
	va_end(args);
	if (ret == KTAP_SKIP)
		printf(" # SKIP %s", ktap_skip_reason);
	putchar('\n');
}

/* last of all; returns the exit status */
static inline int ktap_end(void)
{
	printf("# Totals: pass:%zu fail:%zu skip:%zu\n", ktap_totals.passed,
	       ktap_totals.failed, ktap_totals.skipped);
	return ktap_totals.failed ||
		ktap_totals.passed + ktap_totals.skipped != ktap_totals.plan;
}

/* run the cases; returns the exit status */
static inline int ktap_run(const struct ktap_case *cases, size_t nr)
{
	size_t i;

	ktap_begin(nr);
	for (i = 0; i < nr; i++)
		ktap_result(cases[i].run(), "%s", cases[i].name);
	return ktap_end();
}

#define ktap_main(cases) ktap_run(cases, sizeof(cases) / sizeof(*(cases)))

#endif	/* KTAP_H */
