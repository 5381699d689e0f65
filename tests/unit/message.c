// SPDX-License-Identifier: GPL-2.0-only
/*
 * An error is one line that ends in its cause, and is passed on.  Would catch a
 * caller that goes on after an error without a number, and a name that looks like
 * another message.
 */
#include <errno.h>
#include <string.h>

#include "ktap.h"
#include "message.h"
#include "unit.h"

static char text[256];

static int capture(int err, const char *name)
{
	FILE *f;
	size_t len;
	int ret;

	need(freopen("message-stderr", "w", stderr));
	ret = sparse_error(err, "could not read '%s'", name);
	fflush(stderr);
	f = fopen("message-stderr", "r");
	need(f);
	len = fread(text, 1, sizeof(text) - 1, f);
	text[len] = '\0';
	fclose(f);
	unlink("message-stderr");
	return ret;
}

static int with_a_cause(void)
{
	int ret = capture(-ENOENT, "a file");

	expect(ret == -ENOENT, "%d", ret);
	expect(!strcmp(text, "mkfs.erofs: could not read 'a file': No such file or directory\n"),
	       "%s", text);
	return 0;
}

static int without_a_cause(void)
{
	int ret = capture(0, "a file");

	expect(ret == -EINVAL, "%d", ret);
	expect(!strcmp(text, "mkfs.erofs: could not read 'a file'\n"), "%s", text);
	return 0;
}

static int of_any_name(void)
{
	capture(0, "a\nmkfs.erofs: well\033[2K\177\t\303\244");
	expect(!strcmp(text, "mkfs.erofs: could not read 'a?mkfs.erofs: well?[2K??\303\244'\n"),
	       "%s", text);
	/* U+0085 and U+009B are control characters, and so is a byte where UTF-8 is not known */
	capture(0, "a\302\205\302\2332J\233\302\240\303\233\351\342\202'\302");
	expect(!strcmp(text, "mkfs.erofs: could not read 'a??2J?\302\240\303\233\351\342?'\302'\n"),
	       "%s", text);
	return 0;
}

int main(void)
{
	const struct ktap_case cases[] = {
		{ "with-a-cause", with_a_cause },
		{ "without-a-cause", without_a_cause },
		{ "of-any-name", of_any_name },
	};

	return ktap_main(cases);
}
