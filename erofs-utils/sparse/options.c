// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "options.h"
#include "types.h"

/* what asks for compression, another layout or for another kind of source */
static const char * const long_options[] = {
	"MZ", "aufs", "clean", "compress-hints", "gzinfo", "gzip", "max-extent-bytes",
	"random-algorithms", "random-pclusterblks", "sort", "ungzip", "unlzma", "unxz",
	"zD", "zfeature-bits",
};

static const char short_options[] = "Cmz";

/* of -E */
static const char * const extended_options[] = {
	"all-fragments", "dedupe", "force-chunk-indexes", "force-inode-blockmap",
	"fragdedupe", "fragments", "legacy-compress", "ztailpacking",
};

static char excluded[32];

static void exclude(const char *dashes, const char *name)
{
	if (!*excluded)
		snprintf(excluded, sizeof(excluded), "%s%s", dashes, name);
}

/* "ztailpacking,dedupe=x,^fragments", where the last is the default */
static void note_extended(const char *list)
{
	size_t len, i;

	for (; *list; list += len + (list[len] == ',')) {
		size_t name = strcspn(list, "=,");

		len = strcspn(list, ",");
		for (i = 0; i < ARRAY_SIZE(extended_options); i++)
			if (strlen(extended_options[i]) == name &&
			    !strncmp(extended_options[i], list, name))
				exclude("-E", extended_options[i]);
	}
}

void erofs_sparse_note_option(const struct option *table, int option,
			      const char *value)
{
	const char *name = NULL;
	char letter[2] = "";
	size_t i;

	if (option == 'E')
		note_extended(value);
	if (option > ' ' && option <= '~' && strchr(short_options, option)) {
		letter[0] = option;
		exclude("-", letter);
	}
	for (; table->name && !name; table++)
		name = table->val == option ? table->name : NULL;
	for (i = 0; name && i < ARRAY_SIZE(long_options); i++)
		if (!strcmp(name, long_options[i]))
			exclude("--", name);
}

const char *sparse_options_excluded(void)
{
	return *excluded ? excluded : NULL;
}
