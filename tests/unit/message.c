// SPDX-License-Identifier: GPL-2.0-only
/*
 * An error is one line that ends in its cause, and is passed on.  Would catch a
 * caller that goes on after an error without a number.
 */
#include <errno.h>
#include <string.h>

#include "ktap.h"
#include "message.h"
#include "unit.h"

static char text[256];

static int capture(int err)
{
	FILE *f;
	size_t len;
	int ret;

	need(freopen("message-stderr", "w", stderr));
	ret = sparse_error(err, "could not read '%s'", "a file");
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
	int ret = capture(-ENOENT);

	expect(ret == -ENOENT, "%d", ret);
	expect(!strcmp(text, "mkfs.erofs: could not read 'a file': No such file or directory\n"),
	       "%s", text);
	return 0;
}

static int without_a_cause(void)
{
	int ret = capture(0);

	expect(ret == -EINVAL, "%d", ret);
	expect(!strcmp(text, "mkfs.erofs: could not read 'a file'\n"), "%s", text);
	return 0;
}

int main(void)
{
	const struct ktap_case cases[] = {
		{ "with-a-cause", with_a_cause },
		{ "without-a-cause", without_a_cause },
	};

	return ktap_main(cases);
}
