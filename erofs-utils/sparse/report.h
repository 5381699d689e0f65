/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_REPORT_H
#define EROFS_SPARSE_REPORT_H

#include "json.h"
#include "output.h"
#include "progress.h"

/**
 * struct sparse_report - what a run did, as JSON
 * @to_stdout: that is where it goes, once the image has its name: nothing else is there
 *
 * Names in it are what they are in the image.
 */
struct sparse_report {
	bool to_stdout;
	/* private */
	struct sparse_output out;
	struct sparse_json json;
	char *text;		/* that goes there */
	size_t length;
};

/* nothing to close */
#define SPARSE_REPORT_NONE	((struct sparse_report) { .out = SPARSE_OUTPUT_NONE })

/**
 * struct sparse_file_summary - what became of a file
 * @path: its name in the image
 * @bytes: its size
 * @index: bytes of its block map
 * @chunk: bytes in a chunk
 * @counts: of blocks
 * @core: it was an ELF core, and is the memory that this holds
 * @digest: its fs-verity digest, or NULL
 */
struct sparse_file_summary {
	const char *path;
	u64 bytes;
	u64 index;
	u64 chunk;
	struct sparse_counts counts;
	bool core;
	const u8 *digest;
};

/**
 * sparse_report_open() - look at where the report is to go
 * @report: SPARSE_REPORT_NONE; to be closed after any result
 * @path: its name, or "-" for standard output
 * @version: of the program
 */
int sparse_report_open(struct sparse_report *report, const char *path,
		       const char *version, struct sparse_failure *failure);

/**
 * sparse_report_file() - add a file
 * @report: open
 * @file: what became of it
 */
void sparse_report_file(struct sparse_report *report,
			const struct sparse_file_summary *file);

/**
 * sparse_report_write() - write the report, to disk still without its name
 * @report: open
 * @summary: of all files
 * @mode: permissions, see sparse_output_sync()
 */
int sparse_report_write(struct sparse_report *report,
			const struct sparse_summary *summary, mode_t mode,
			struct sparse_failure *failure);

/** sparse_report_close() - remove what was not committed, release the rest */
void sparse_report_close(struct sparse_report *report);

#endif
