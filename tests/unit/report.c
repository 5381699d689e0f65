// SPDX-License-Identifier: GPL-2.0-only
/*
 * A report is JSON, and has its name when it is committed and not before.
 */
#include <errno.h>
#include <string.h>

#include "ktap.h"
#include "report.h"
#include "unit.h"

static struct sparse_failure failure;

static const struct sparse_summary summary = {
	.path = "an \"image\"", .uuid = "", .files = 2,
	.bytes = 8192 + 5, .index = 12, .image = 16384, .seconds = 0.25,
	.counts = { .blocks = 3, .zero = 1, .stored = 1 },
};

/* the report of files with these names; its text */
static const char *write_report(const char * const *names, int count)
{
	static char text[8192];
	struct sparse_report report = SPARSE_REPORT_NONE;
	struct sparse_file_summary file = {
		.bytes = 4096, .index = 4, .chunk = 4096, .counts = { .blocks = 1 },
	};
	FILE *f;
	int i;

	unlink("report.json");
	need(!sparse_report_open(&report, "report.json", "1.9.4", &failure));
	for (i = 0; i < count; i++) {
		file.path = names[i];
		sparse_report_file(&report, &file);
	}
	need(!sparse_report_write(&report, &summary, SPARSE_MODE_KEPT, &failure));
	need(access("report.json", F_OK));
	need(!sparse_output_commit(&report.out, NULL, &failure));
	sparse_report_close(&report);
	f = fopen("report.json", "r");
	need(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	return text;
}

static int complete(void)
{
	static const char * const names[] = { "a", "b" };
	static const char want[] =
"{\n"
"  \"made by\": \"mkfs.erofs 1.9.4\",\n"
"  \"version\": 1,\n"
"  \"files\": [\n"
"    {\"path\": \"a\", \"format\": \"raw\", \"bytes\": 4096, \"pages\": 1, \"holes\": 1, \"zeros\": 0, \"duplicates\": 0, \"base\": 0, \"stored\": 0, \"index\": 4, \"chunk\": 4096},\n"
"    {\"path\": \"b\", \"format\": \"raw\", \"bytes\": 4096, \"pages\": 1, \"holes\": 1, \"zeros\": 0, \"duplicates\": 0, \"base\": 0, \"stored\": 0, \"index\": 4, \"chunk\": 4096}\n"
"  ],\n"
"  \"image\": \"an \\\"image\\\"\",\n"
"  \"uuid\": \"\",\n"
"  \"size\": 16384,\n"
"  \"seconds\": 0.250,\n"
"  \"total\": {\"files\": 2, \"bytes\": 8197, \"pages\": 3, \"holes\": 1, \"zeros\": 1, \"duplicates\": 0, \"base\": 0, \"stored\": 1, \"index\": 12}\n"
"}\n";
	const char *text = write_report(names, 2);

	expect(!strcmp(text, want), "%s", text);
	text = write_report(names, 0);
	expect(strstr(text, "\"files\": [\n  ],\n"), "%s", text);
	return 0;
}

static int refused(void)
{
	struct sparse_report report = SPARSE_REPORT_NONE;
	FILE *f = fopen("report.json", "w");
	int ret;

	need(f);
	fputs("{\"something\": \"else\"}", f);
	fclose(f);
	ret = sparse_report_open(&report, "report.json", "1.9.4", &failure);
	expect(ret && !strcmp(failure.hint, " exists and is no report: remove it"), "%d", ret);
	sparse_failure_exit(&failure);
	sparse_report_close(&report);
	unlink("report.json");
	report = SPARSE_REPORT_NONE;
	ret = sparse_report_open(&report, "nowhere/report.json", "", &failure);
	expect(ret == -ENOENT, "%d", ret);
	sparse_failure_exit(&failure);
	sparse_report_close(&report);
	return 0;
}

/* a report may take the place of a report */
static int again(void)
{
	static const char * const name[] = { "second" };
	struct sparse_report report = SPARSE_REPORT_NONE;

	write_report(name, 1);
	need(!sparse_report_open(&report, "report.json", "1.9.4", &failure));
	need(!sparse_report_write(&report, &summary, SPARSE_MODE_KEPT, &failure));
	sparse_report_close(&report);
	expect(!access("report.json", F_OK), "gone, and nothing was committed");
	unlink("report.json");
	return 0;
}

int main(void)
{
	const struct ktap_case cases[] = {
		{ "complete", complete },
		{ "refused", refused },
		{ "again", again },
	};

	return ktap_main(cases);
}
