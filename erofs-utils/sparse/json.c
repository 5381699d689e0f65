// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#include <inttypes.h>
#include <stdarg.h>

#include "json.h"

static void put_string(FILE *out, const char *s)
{
	uint32_t c;
	size_t len;

	fputc('"', out);
	for (; *s; s += len ? len : 1) {
		len = sparse_text_character(s, &c);
		if (!len)
			fprintf(out, "\\udc%02x", (unsigned char)*s);
		else if (c == '"' || c == '\\')
			fprintf(out, "\\%c", *s);
		else if (sparse_text_is_control(c))
			fprintf(out, "\\u%04" PRIx32, c);
		else
			fwrite(s, 1, len, out);
	}
	fputc('"', out);
}

/* what comes before a member of what is open */
static void begin(struct sparse_json *json, const char *name)
{
	if (json->depth) {
		bool lines = json->level[json->depth - 1].lines;
		bool *filled = &json->level[json->depth - 1].filled;

		fputs(*filled ? lines ? ",\n" : ", " : lines ? "\n" : "", json->out);
		if (lines)
			fprintf(json->out, "%*s", 2 * (int)json->depth, "");
		*filled = true;
	}
	if (name) {
		put_string(json->out, name);
		fputs(": ", json->out);
	}
}

void sparse_json_open(struct sparse_json *json, const char *name, char kind, bool lines)
{
	begin(json, name);
	fputc(kind, json->out);
	json->level[json->depth].end = kind == '{' ? '}' : ']';
	json->level[json->depth].lines = lines;
	json->level[json->depth++].filled = false;
}

void sparse_json_close(struct sparse_json *json)
{
	if (json->level[--json->depth].lines)
		fprintf(json->out, "\n%*s", 2 * (int)json->depth, "");
	fputc(json->level[json->depth].end, json->out);
	if (!json->depth)
		fputc('\n', json->out);
}

void sparse_json_print(struct sparse_json *json, const char *name, const char *fmt, ...)
{
	va_list args;

	begin(json, name);
	va_start(args, fmt);
	vfprintf(json->out, fmt, args);
	va_end(args);
}

void sparse_json_number(struct sparse_json *json, const char *name, uint64_t number)
{
	sparse_json_print(json, name, "%" PRIu64, number);
}

void sparse_json_bool(struct sparse_json *json, const char *name, bool value)
{
	sparse_json_print(json, name, value ? "true" : "false");
}

void sparse_json_string(struct sparse_json *json, const char *name, const char *string)
{
	begin(json, name);
	if (string)
		put_string(json->out, string);
	else
		fputs("null", json->out);
}
