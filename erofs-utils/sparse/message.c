// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "text.h"

const char *sparse_program = "mkfs.erofs";

/* names come from tarballs, too: none is to look like a line of ours, or to steer a terminal */
static void print(char *text, int err)
{
	char *s, *to;
	uint32_t c;
	size_t len;

	for (s = to = text; *s; s += len ? len : 1) {
		len = sparse_text_character(s, &c);
		/* a single byte is one where the terminal does not expect UTF-8 */
		if (len ? sparse_text_is_control(c) : (*s & 0xe0) == 0x80) {
			*to++ = '?';
			continue;
		}
		memmove(to, s, len ? len : 1);
		to += len ? len : 1;
	}
	*to = '\0';
	fprintf(stderr, "%s: %s%s%s\n", sparse_program, text, err ? ": " : "",
		err ? strerror(-err) : "");
}

static void say(int err, const char *fmt, va_list args)
{
	char text[2 * PATH_MAX];

	vsnprintf(text, sizeof(text), fmt, args);
	print(text, err);
}

void sparse_failure_print(const struct sparse_failure *failure)
{
	char *text = sparse_failure_text(failure);

	if (text)
		print(text, 0);
	else
		sparse_error(-ENOMEM, "could not say what went wrong");
	free(text);
}

int sparse_error(int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(err, fmt, args);
	va_end(args);
	return err ? err : -EINVAL;
}

void sparse_warning(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(0, fmt, args);
	va_end(args);
}
