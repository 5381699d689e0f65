// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "erofs/config.h"
#include "erofs/inode.h"
#include "erofs/print.h"
#include "erofs/xattr.h"
#include "liberofs_uuid.h"
#include "message.h"
#include "options.h"
#include "source.h"
#include "state.h"

#define IMAGE_SUFFIX		".erofs"

enum { EXIT_OK, EXIT_FAILED, EXIT_USAGE };

static int make_state(struct erofs_sparse **sparse)
{
	if (*sparse)
		return 0;
	*sparse = calloc(1, sizeof(**sparse));
	if (!*sparse)
		return -ENOMEM;
	(*sparse)->out = SPARSE_OUTPUT_NONE;
	(*sparse)->report = SPARSE_REPORT_NONE;
	(*sparse)->mode = SPARSE_MODE_KEPT;
	return 0;
}

static int usage_error(struct erofs_sparse *sparse, const char *problem)
{
	return sparse_refuse(&sparse->packer.failure, NULL, "%s", problem);
}

/* the one place that prints what went wrong; once */
static int say(struct erofs_sparse *sparse, int err)
{
	if (err && !sparse->said)
		sparse_failure_print(&sparse->packer.failure);
	sparse->said |= err;
	return err;
}

int erofs_sparse_option(struct erofs_sparse **sparse, bool alone)
{
	int err = make_state(sparse);

	if (err)
		return err;
	(*sparse)->asked = true;
	if (!alone)
		(*sparse)->conflict = true;
	return 0;
}

static int take_format(struct erofs_sparse *sparse, const char *value)
{
	static const char * const name[] = {
		[SPARSE_FORMAT_RAW] = "raw",
		[SPARSE_FORMAT_ELF] = "elf",
		[SPARSE_FORMAT_AUTO] = "auto",
	};
	size_t i;

	for (i = SPARSE_FORMAT_RAW; i < ARRAY_SIZE(name); i++) {
		if (strcmp(value, name[i]))
			continue;
		sparse->format = i;
		return 0;
	}
	return usage_error(sparse, "--sparse takes a --format of raw, elf or auto");
}

static int take_delta(struct erofs_sparse *sparse, const char *value)
{
	sparse->delta = value ? SPARSE_DELTA_IF_HOLES : SPARSE_DELTA_ALL;
	if (!value || !strcmp(value, "if-holes"))
		return 0;
	return usage_error(sparse, "--delta takes nothing or if-holes");
}

static int take_stream_size(struct erofs_sparse *sparse, const char *value)
{
	char *end;

	errno = 0;
	sparse->stream_size = strtoull(value, &end, 10);
	if (errno || *end || value[0] < '1' || value[0] > '9')
		return usage_error(sparse, "--stream-size is a number of bytes");
	return 0;
}

static int take_mode(struct erofs_sparse *sparse, const char *value)
{
	char *end;
	unsigned long mode = strtoul(value, &end, 8);

	if (*end || value[0] < '0' || value[0] > '7' || mode > 0777)
		return usage_error(sparse, "--mode is an octal number of 0 to 777");
	sparse->mode = mode;
	return 0;
}

int erofs_sparse_argument(struct erofs_sparse **sparse,
			  enum erofs_sparse_argument option, const char *value)
{
	int err = make_state(sparse);

	if (err)
		return err;
	switch (option) {
	case EROFS_SPARSE_REPORT:
		(*sparse)->report_path = value;
		break;
	case EROFS_SPARSE_BASE:
		err = sparse_bases_add(&(*sparse)->bases, value);
		if (err)
			sparse_fail(&(*sparse)->packer.failure, SPARSE_READ, value, err);
		break;
	case EROFS_SPARSE_DELTA:
		err = take_delta(*sparse, value);
		break;
	case EROFS_SPARSE_FORMAT:
		err = take_format(*sparse, value);
		break;
	case EROFS_SPARSE_STREAM_SIZE:
		err = take_stream_size(*sparse, value);
		break;
	case EROFS_SPARSE_MODE:
		err = take_mode(*sparse, value);
		break;
	case EROFS_SPARSE_DRY_RUN:
		(*sparse)->dry_run = true;
		break;
	}
	return say(*sparse, err);
}

/* "snapshot.img.erofs" beside "snapshot.img" */
static char *name_image(const char *snapshot)
{
	size_t len = strlen(snapshot);
	char *name;

	while (len > 1 && snapshot[len - 1] == '/')
		len--;
	if (asprintf(&name, "%.*s" IMAGE_SUFFIX, (int)len, snapshot) < 0)
		return NULL;
	return name;
}

static int take_operands(struct erofs_sparse *sparse, bool alone, int count,
			 char **operands)
{
	const char *excluded = sparse_options_excluded();
	char problem[128];

	if (!sparse->asked)
		return usage_error(sparse, "--report, --base, --delta, --dry-run, --format, --stream-size and --mode go with --sparse");
	/* upstream's banner is not for us; that it reports bad options is */
	if (cfg.c_dbg_lvl == EROFS_WARN)
		cfg.c_dbg_lvl = EROFS_ERR;
	if (excluded) {
		snprintf(problem, sizeof(problem), "--sparse excludes %s%s", excluded,
			 strcmp(excluded, "-z") ? "" :
			 ": leave one out, or compress the image (zstd) where it only lies");
		return usage_error(sparse, problem);
	}
	if (sparse->conflict || !alone)
		return usage_error(sparse, "--sparse excludes other sources and --incremental");
	if (count == 1 && sparse_source_is_stream(operands[0]))
		return usage_error(sparse, "give the image a name: OUT -");
	if (count == 1) {
		sparse->image = name_image(operands[0]);
		sparse->snapshots = operands;
		sparse->count = 1;
	} else {
		sparse->image = strdup(operands[0]);
		sparse->snapshots = operands + 1;
		sparse->count = count - 1;
	}
	if (sparse->image)
		return 0;
	return sparse_fail(&sparse->packer.failure, SPARSE_START, NULL, -ENOMEM);
}

int erofs_sparse_operands(struct erofs_sparse *sparse, bool alone, int count,
			  char **operands)
{
	return say(sparse, take_operands(sparse, alone, count, operands));
}

static int check_snapshot(struct erofs_sparse *sparse, const char *path)
{
	struct sparse_failure *failure = &sparse->packer.failure;
	bool stream = sparse_source_is_stream(path);
	struct sparse_source source;
	int err;

	err = sparse_source_open(&source, path);
	if (err)
		return sparse_fail(failure, SPARSE_READ, path, err);
	sparse_source_close(&source);
	if (stream && isatty(STDIN_FILENO))
		return sparse_refuse(failure, path, " is a terminal: not a snapshot");
	if (S_ISDIR(source.st.st_mode) && !stream)
		return 0;
	if (!S_ISREG(source.st.st_mode))
		return sparse_refuse(failure, path,
				     " is neither a regular file, a block device nor a directory");
	if (!source.size && !stream)
		return sparse_refuse(failure, path, " is empty (0 bytes): not a snapshot");
	return 0;
}

/* that no operand is to be replaced by @out, which is the @what */
static int check_operands(struct erofs_sparse *sparse,
			  const struct sparse_output *out, const char *what)
{
	struct stat st;
	int i, err;

	for (i = 0; i < sparse->count; i++) {
		const char *path = sparse->snapshots[i];

		err = sparse_source_is_stream(path) ?
			fstat(STDIN_FILENO, &st) : stat(path, &st);
		if (!err && sparse_output_exists_as(out, &st))
			return sparse_refuse(&sparse->packer.failure, path,
					     " is to be packed, and is the %s '%s'",
					     what, out->path);
	}
	return 0;
}

/* a snapshot that would be lost is a worse mistake than what @out is not */
static int find_output(struct erofs_sparse *sparse)
{
	struct sparse_failure failure = { 0 };

	sparse_output_find(&sparse->out, sparse->image, &sparse_image_signature, &failure);
	check_operands(sparse, &sparse->out, "image");
	return sparse_failure_take(&sparse->packer.failure, &failure);
}

static int find_report(struct erofs_sparse *sparse)
{
	struct sparse_failure *failure = &sparse->packer.failure;
	const char *path = sparse->report_path;
	int err;

	if (!path)
		return 0;
	err = sparse_report_open(&sparse->report, path, cfg.c_version, failure);
	if (err || sparse->report.to_stdout)
		return err;
	if (sparse_output_is_same(&sparse->report.out, &sparse->out))
		return sparse_refuse(failure, path, " is to be the report, and is the image");
	return check_operands(sparse, &sparse->report.out, "report");
}

static int open_bases(struct erofs_sparse *sparse)
{
	struct sparse_failure *failure = &sparse->packer.failure;
	const struct sparse_source *source;
	unsigned int i;
	int err;

	err = sparse_bases_open(&sparse->bases, failure);
	for (i = 0; i < sparse->bases.count && !err; i++) {
		source = &sparse->bases.base[i].source;
		if (sparse_output_exists_as(&sparse->out, &source->st))
			err = sparse_refuse(failure, source->path,
					    " is a base of the image '%s'", sparse->image);
	}
	return err;
}

/* from upstream, whose own way to make chunks is not to start */
static int take_chunksize(struct erofs_sparse *sparse)
{
	sparse->chunkbits = cfg.c_chunkbits;
	cfg.c_chunkbits = 0;
	if (!sparse->chunkbits ||
	    (sparse->chunkbits >= SPARSE_BLOCK_BITS &&
	     sparse->chunkbits <= SPARSE_BLOCK_BITS + SPARSE_SHIFT_MAX))
		return 0;
	return usage_error(sparse, "--sparse takes a --chunksize of 4096 to 262144");
}

/* that what is said of standard input fits it */
static int check_stream(struct erofs_sparse *sparse)
{
	bool stream = false;
	int i;

	for (i = 0; i < sparse->count; i++)
		stream |= sparse_source_is_stream(sparse->snapshots[i]);
	if (stream && sparse->format == SPARSE_FORMAT_ELF)
		return usage_error(sparse, "--format=elf needs files, not a stream");
	if (stream && sparse->dry_run)
		return usage_error(sparse, "--dry-run needs files, not a stream");
	if (!stream && sparse->stream_size)
		return usage_error(sparse, "--stream-size needs a stream: -");
	return 0;
}

/* that the options go together */
static int check_options(struct erofs_sparse *sparse, const struct erofs_sb_info *sbi)
{
	int err;

	if (sbi->bdev.offset || cfg.c_blobdev_path)
		return usage_error(sparse, "--sparse excludes --offset and --blobdev");
	if (sbi->ishare_xattr_prefix_id)
		return usage_error(sparse, "--sparse excludes --xattr-inode-digest");
	err = take_chunksize(sparse);
	if (err)
		return err;
	if (sparse->chunkbits && sparse->bases.count)
		return usage_error(sparse, "--base excludes --chunksize");
	if (sparse->delta && !sparse->bases.count)
		return usage_error(sparse, "--delta needs --base=IMAGE");
	if (sparse->dry_run && sparse->report_path)
		return usage_error(sparse, "--dry-run excludes --report");
	return check_stream(sparse);
}

int erofs_sparse_open(struct erofs_sparse *sparse, struct erofs_sb_info *sbi,
		      bool xattrs)
{
	int i, err;

	sparse->quiet = !cfg.c_showprogress;
	cfg.c_showprogress = false;
	/* we say in one line what upstream says in several, but if asked to */
	if (cfg.c_dbg_lvl <= EROFS_WARN)
		cfg.c_dbg_lvl = EROFS_ERR - 1;

	err = check_options(sparse, sbi);
	for (i = 0; i < sparse->count && !err; i++)
		err = check_snapshot(sparse, sparse->snapshots[i]);
	if (!err)
		err = find_output(sparse);
	if (!err)
		err = find_report(sparse);
	if (!err)
		err = open_bases(sparse);
	if (!err)
		err = sparse_output_open(&sparse->out, &sparse->packer.failure);
	if (err)
		return err;
	sbi->bdev.fd = sparse->out.fd;
	sbi->devname = strdup(sparse->image);
	if (xattrs) {
		sparse->fingerprint = true;
		err = erofs_xattr_set_ishare_prefix(sbi, SPARSE_FINGERPRINT_XATTR);
	}
	erofs_sb_set_chunked_file(sbi);
	return err;
}

static int write_report(struct erofs_sparse *sparse)
{
	return sparse_report_write(&sparse->report, &sparse->summary, sparse->mode,
				   &sparse->packer.failure);
}

static int commit_files(struct erofs_sparse *sparse)
{
	struct sparse_failure *failure = &sparse->packer.failure;
	bool to_file = sparse->report_path && !sparse->report.to_stdout;
	int err;

	err = sparse_output_sync(&sparse->out, sparse->mode, failure);
	sparse->summary.seconds = sparse_progress_stop(&sparse->progress);
	if (!err && to_file)
		err = write_report(sparse);
	if (!err)
		err = sparse_output_commit(&sparse->out,
					   to_file ? &sparse->report.out : NULL, failure);
	if (!err && sparse->report.to_stdout)
		err = write_report(sparse);
	return err;
}

static int commit(struct erofs_sparse *sparse, struct erofs_sb_info *sbi)
{
	struct sparse_summary *summary = &sparse->summary;
	char uuid[37];
	int err;

	erofs_uuid_unparse_lower(sbi->uuid, uuid);
	summary->uuid = uuid;
	summary->path = sparse->image;
	summary->bases = sparse->bases.count;
	summary->image = erofs_pos(sbi, sbi->primarydevice_blocks);
	err = commit_files(sparse);
	if (!err && !sparse->quiet && !sparse->report.to_stdout)
		sparse_summary_print(stdout, summary);
	return err;
}

int erofs_sparse_finish(struct erofs_sparse *sparse, struct erofs_sb_info *sbi,
			int err)
{
	struct sparse_failure *failure = &sparse->packer.failure;

	if (!err)
		err = commit(sparse, sbi);
	/* what was asked for was said, and there is no image to go on with */
	if (sparse->dry_run && err == -ECANCELED && !failure->err) {
		sparse_output_close(&sparse->out);
		_exit(EXIT_OK);
	}
	if (err && !failure->err && sparse->out.fd < 0) {
		/* an option of upstream's, which has said why */
		sparse->said = true;
		failure->stage = SPARSE_USAGE;
	} else if (err) {
		sparse_fail(failure, SPARSE_WRITE, sparse->image, err);
	}
	say(sparse, err);
	sparse_output_close(&sparse->out);
	sparse_report_close(&sparse->report);
	/*
	 * What is left to do is to release memory, and after a failed write
	 * upstream's way to do that follows pointers that were never set.
	 */
	if (err)
		_exit(failure->stage == SPARSE_USAGE ? EXIT_USAGE : EXIT_FAILED);
	sparse_packer_exit(&sparse->packer);
	sparse_bases_close(&sparse->bases);
	free(sparse->image);
	free(sparse);
	return EXIT_OK;
}
