/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KTAP for tests written in C: a table of cases, each a function that returns 0
 * if the case holds.  expect() says what was expected and where when it does not.
 */
#ifndef KTAP_H
#define KTAP_H

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

/* run the cases; returns the exit status */
static inline int ktap_run(const struct ktap_case *cases, size_t nr)
{
	int failed = 0;
	size_t i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("KTAP version 1\n1..%zu\n", nr);
	for (i = 0; i < nr; i++) {
		int ret = cases[i].run();

		if (ret == KTAP_SKIP)
			printf("ok %zu %s # SKIP %s\n", i + 1, cases[i].name,
			       ktap_skip_reason);
		else
			printf("%sok %zu %s\n", ret ? "not " : "", i + 1,
			       cases[i].name);
		failed |= ret && ret != KTAP_SKIP;
	}
	return failed;
}

#define ktap_main(cases) ktap_run(cases, sizeof(cases) / sizeof(*(cases)))

#endif	/* KTAP_H */
