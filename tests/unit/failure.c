// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is noted first is what is said, in one line: what was being done, to which file, and
 * what failed or what to do.  Would catch a caller's guess that hides what is known.
 */
#include <errno.h>
#include <string.h>

#include "failure.h"
#include "ktap.h"
#include "unit.h"

/* compare, forget */
static bool is_said(struct sparse_failure *failure, const char *want)
{
	char *text = sparse_failure_text(failure);
	bool same = text && !strcmp(text, want);

	if (!same)
		printf("# %s\n", text);
	free(text);
	sparse_failure_exit(failure);
	return same;
}

static int in_one_line(void)
{
	struct sparse_failure failure = { 0 };

	sparse_fail(&failure, SPARSE_READ, "a file", -ENOENT);
	expect(is_said(&failure, "could not read 'a file': No such file or directory"), "errno");
	sparse_fail_at(&failure, SPARSE_WRITE, "a file", 4096, -EIO);
	expect(is_said(&failure, "could not write 'a file': Input/output error (at byte 4096)"),
	       "offset");
	sparse_fail(&failure, SPARSE_START, NULL, -ENOMEM);
	expect(is_said(&failure, "could not start: Cannot allocate memory"), "no file");
	sparse_refuse(&failure, "a file", " has %d bytes: not a snapshot", 0);
	expect(is_said(&failure, "'a file' has 0 bytes: not a snapshot"), "hint");
	sparse_refuse(&failure, NULL, "--this excludes %s", "--that");
	expect(is_said(&failure, "--this excludes --that"), "command line");
	return 0;
}

static int first_stays(void)
{
	struct sparse_failure failure = { 0 }, other = { 0 };
	int ret;

	sparse_refuse(&failure, "a file", " is empty");
	ret = sparse_fail(&failure, SPARSE_WRITE, "the image", -EIO);
	expect(ret == -EINVAL, "%d", ret);
	ret = sparse_refuse(&failure, "the image", " is full");
	expect(ret == -EINVAL, "%d", ret);
	sparse_fail(&other, SPARSE_READ, "another", -EIO);
	ret = sparse_failure_take(&failure, &other);
	expect(ret == -EINVAL && !other.err && !other.path, "%d", ret);
	expect(is_said(&failure, "'a file' is empty"), "another");
	sparse_fail(&other, SPARSE_READ, "another", -EIO);
	ret = sparse_failure_take(&failure, &other);
	expect(ret == -EIO && !other.err, "%d", ret);
	expect(is_said(&failure, "could not read 'another': Input/output error"), "taken");
	return 0;
}

int main(void)
{
	const struct ktap_case cases[] = {
		{ "in-one-line", in_one_line },
		{ "first-stays", first_stays },
	};

	return ktap_main(cases);
}
