/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_JSON_H
#define EROFS_SPARSE_JSON_H

#include <stdint.h>
#include <stdio.h>

#include "text.h"

#define SPARSE_JSON_DEPTH	8

/**
 * struct sparse_json - JSON as it is written: the report's, the map's and erofs-status's
 * @out: where to; errors stay with it.  The rest is all zero to begin with
 *
 * Not json-c, which upstream may be built with: that holds a document in memory until it is
 * complete, and the map of 1 TiB has 2^28 extents; it has no way to write a name that is no
 * UTF-8; and tools that need no other library are easier to install.
 */
struct sparse_json {
	FILE *out;
	/* private: of each object or array that is open */
	unsigned int depth;
	struct {
		char end;
		bool lines;
		bool filled;
	} level[SPARSE_JSON_DEPTH];
};

/**
 * sparse_json_open() - begin an object or an array
 * @json: as above
 * @name: in the object that it is in, or NULL in an array
 * @kind: '{' or '['
 * @lines: each member has a line of its own
 */
void sparse_json_open(struct sparse_json *json, const char *name, char kind, bool lines);

/** sparse_json_close() - end what was begun last */
void sparse_json_close(struct sparse_json *json);

/**
 * sparse_json_print() - write something that is no string
 * @json: as above
 * @name: as above
 * @fmt: of the value
 */
void sparse_json_print(struct sparse_json *json, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** sparse_json_number() - write a whole number */
void sparse_json_number(struct sparse_json *json, const char *name, uint64_t number);

/** sparse_json_bool() - write a truth */
void sparse_json_bool(struct sparse_json *json, const char *name, bool value);

/**
 * sparse_json_string() - write a string
 * @json: as above
 * @name: as above
 * @string: or NULL
 *
 * A byte that is not a part of UTF-8 is written as a lone surrogate, U+DC80 to U+DCFF, as
 * Python does and undoes it.
 */
void sparse_json_string(struct sparse_json *json, const char *name, const char *string);

#endif
