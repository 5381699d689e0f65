/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_STATE_H
#define EROFS_SPARSE_STATE_H

#include "ahead.h"
#include "base.h"
#include "output.h"
#include "progress.h"
#include "report.h"
#include "mkfs.h"

#define SPARSE_FINGERPRINT_XATTR	"trusted.erofs.fingerprint"

enum sparse_format {
	SPARSE_FORMAT_DEFAULT,	/* raw, and a word about what looks like something else */
	SPARSE_FORMAT_RAW,
	SPARSE_FORMAT_ELF,
	SPARSE_FORMAT_AUTO,	/* an ELF core of a machine is one, all else is raw */
};

enum sparse_delta {
	SPARSE_DELTA_NONE,	/* holes are zeros */
	SPARSE_DELTA_ALL,	/* every file is one; filled holes are an error */
	SPARSE_DELTA_IF_HOLES,	/* a file without a hole is complete */
};

/**
 * struct erofs_sparse - one run of "mkfs.erofs --sparse"
 * @image: name of the image
 * @snapshots: what to pack
 * @count: how many
 * @asked: --sparse was given, and not just what goes with it
 * @conflict: another source was asked for before --sparse
 * @said: what went wrong has been printed
 * @fingerprint: whether to write them
 * @chunkbits: log2 of the bytes in a chunk, or 0 to choose them for each file
 * @quiet: no progress, no summary
 * @dry_run: only look at the holes, and say what the image would have
 * @mode: permissions of the image and the report, or SPARSE_MODE_KEPT
 * @report_path: name of the report, or NULL
 * @format: what the snapshots are
 * @stream_size: bytes that standard input is to have, or 0 if nobody knows
 * @bases: images whose blocks may be referenced
 * @delta: whether holes mean what the last of them has
 * @ahead: the files that come next
 * @packer: its space is in use until the image is written; its failure is that of the run
 */
struct erofs_sparse {
	char *image;
	char **snapshots;
	int count;
	bool asked;
	bool conflict;
	bool said;
	bool fingerprint;
	unsigned int chunkbits;
	bool quiet;
	bool dry_run;
	mode_t mode;
	const char *report_path;
	enum sparse_format format;
	u64 stream_size;
	struct sparse_report report;
	struct sparse_bases bases;
	enum sparse_delta delta;
	struct sparse_ahead ahead;
	struct sparse_packer packer;
	struct sparse_output out;
	struct sparse_progress progress;
	struct sparse_summary summary;
};

#endif
