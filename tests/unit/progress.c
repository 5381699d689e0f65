// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is said at the end adds up and fits a terminal.  Would catch holes that are
 * counted twice, and a division by nothing.
 */
#include <string.h>

#include "ktap.h"
#include "progress.h"
#include "unit.h"

static char text[4096];

static void print(const struct sparse_summary *summary)
{
	FILE *f = fmemopen(text, sizeof(text), "w");

	need(f);
	sparse_summary_print(f, summary);
	fclose(f);
}

static int of_a_template(void)
{
	struct sparse_summary summary = {
		.path = "ram.img.erofs",
		.files = 1,
		.bytes = 1ULL << 30,
		.index = 1 << 20,
		.image = 60 << 20,
		.seconds = 0.5,
		.uuid = "00000000-0000-0000-0000-000000000000",
		.counts = {
			.blocks = 262144, .zero = 6886, .duplicate = 2000,
			.stored = 14948,
		},
	};
	static const char * const want[] = {
		"ram.img.erofs: 1 file of 1.0 GiB in 60.0 MiB, in 0.50 s (2.0 GiB/s)\n",
		"  pages              262144  100.0 %\n",
		"  holes              238310   90.9 %\n",
		"  zeros                6886    2.6 %\n",
		"  duplicates           2000    0.8 %\n",
		"  stored              14948    5.7 %\n",
		"  index 1.0 MiB, UUID 00000000-0000-0000-0000-000000000000\n",
	};
	size_t i;

	print(&summary);
	for (i = 0; i < ARRAY_SIZE(want); i++)
		expect(strstr(text, want[i]), "no line '%s' in\n%s", want[i],
		       text);
	expect(!strstr(text, "ELF"), "%s", text);
	summary.cores = 1;
	print(&summary);
	expect(strstr(text, "  1 ELF core, as the memory it holds\n"), "%s", text);
	summary.cores = 2;
	print(&summary);
	expect(strstr(text, "  2 ELF cores, as the memory they hold\n"), "%s", text);
	return 0;
}

static int of_nothing(void)
{
	const struct sparse_summary summary = {
		.path = "x", .files = 0, .seconds = 0.001, .uuid = "",
	};

	print(&summary);
	expect(strstr(text, "0 files of 0 bytes in 0 bytes"), "%s", text);
	expect(!strstr(text, "nan") && !strstr(text, "inf"), "%s", text);
	return 0;
}

static int silent_without_a_terminal(void)
{
	struct sparse_progress progress = { .total = 1 << 20 };
	int i;

	sparse_progress_start(&progress);
	need(freopen("progress-stderr", "w", stderr));
	for (i = 0; i < 1000; i++)
		sparse_progress_add(&progress, 64);
	expect(sparse_progress_stop(&progress) >= 0, "time runs backwards");
	expect(!ftell(stderr), "%ld bytes", ftell(stderr));
	expect(progress.done == 64000ULL << SPARSE_BLOCK_BITS, "%llu",
	       (unsigned long long)progress.done);
	unlink("progress-stderr");
	return 0;
}

int main(void)
{
	const struct ktap_case cases[] = {
		{ "of-a-template", of_a_template },
		{ "of-nothing", of_nothing },
		{ "silent-without-a-terminal", silent_without_a_terminal },
	};

	return ktap_main(cases);
}
