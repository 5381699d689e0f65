// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is written is JSON whatever the names in it.  Would catch a name that breaks out of
 * its string, bytes that no reader of JSON takes, and commas that are too many or missing.
 */
#include <string.h>

#include "json.h"
#include "ktap.h"
#include "types.h"
#include "unit.h"

static char *text;
static size_t length;

static struct sparse_json begin(void)
{
	struct sparse_json json = { .out = open_memstream(&text, &length) };

	need(json.out);
	return json;
}

static int shapes(void)
{
	struct sparse_json json = begin();

	sparse_json_open(&json, NULL, '{', true);
	sparse_json_number(&json, "n", UINT64_MAX);
	sparse_json_open(&json, "empty", '[', true);
	sparse_json_close(&json);
	sparse_json_open(&json, "none", '{', false);
	sparse_json_close(&json);
	sparse_json_open(&json, "list", '[', true);
	sparse_json_open(&json, NULL, '{', false);
	sparse_json_bool(&json, "a", true);
	sparse_json_string(&json, "b", NULL);
	sparse_json_close(&json);
	sparse_json_print(&json, NULL, "%.1f", 0.5);
	sparse_json_close(&json);
	sparse_json_close(&json);
	fclose(json.out);
	expect(!strcmp(text, "{\n  \"n\": 18446744073709551615,\n  \"empty\": [\n  ],\n"
		       "  \"none\": {},\n  \"list\": [\n    {\"a\": true, \"b\": null},\n"
		       "    0.5\n  ]\n}\n"), "%s", text);
	free(text);
	return 0;
}

static int strings(void)
{
	static const struct {
		const char *name, *want;
	} table[] = {
		{ "plain", "\"plain\"" },
		{ "q\"b\\s/", "\"q\\\"b\\\\s/\"" },
		{ "\n\t\x01\x7f", "\"\\u000a\\u0009\\u0001\\u007f\"" },
		{ "\xc2\x80\xc2\x9b\xc2\xa0", "\"\\u0080\\u009b\xc2\xa0\"" },
		{ "\xc3\xa4\xe2\x82\xac", "\"\xc3\xa4\xe2\x82\xac\"" },
		{ "\xf0\x9f\x90\xa7", "\"\xf0\x9f\x90\xa7\"" },
		/* a byte that begins nothing, one that ends too early */
		{ "\x80-\xff", "\"\\udc80-\\udcff\"" },
		{ "\xe2\x82", "\"\\udce2\\udc82\"" },
		{ "\xe2\x82x", "\"\\udce2\\udc82x\"" },
		/* too long for what they say, surrogates, beyond Unicode */
		{ "\xc0\xaf", "\"\\udcc0\\udcaf\"" },
		{ "\xe0\x80\xaf", "\"\\udce0\\udc80\\udcaf\"" },
		{ "\xf0\x8f\xbf\xbf", "\"\\udcf0\\udc8f\\udcbf\\udcbf\"" },
		{ "\xed\xa0\x80", "\"\\udced\\udca0\\udc80\"" },
		{ "\xf4\x90\x80\x80", "\"\\udcf4\\udc90\\udc80\\udc80\"" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		struct sparse_json json = begin();

		sparse_json_string(&json, NULL, table[i].name);
		fclose(json.out);
		expect(!strcmp(text, table[i].want), "%s, not %s", text, table[i].want);
		free(text);
	}
	return 0;
}

int main(void)
{
	const struct ktap_case cases[] = {
		{ "shapes", shapes },
		{ "strings", strings },
	};

	return ktap_main(cases);
}
