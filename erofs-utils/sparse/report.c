// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report.h"

/* of what the names in it mean: another one if one of them is no longer what it was */
#define REPORT_VERSION	1

#define SIGNATURE	"{\n  \"made by\": \"mkfs.erofs"

static const struct sparse_signature report_signature = {
	.what = "no report", .name = "report",
	.pos = 0, .bytes = SIGNATURE, .len = sizeof(SIGNATURE) - 1,
};

int sparse_report_open(struct sparse_report *report, const char *path,
		       const char *version, struct sparse_failure *failure)
{
	struct sparse_json *json = &report->json;
	int err = 0;

	report->to_stdout = !strcmp(path, "-");
	if (!report->to_stdout)
		err = sparse_output_find(&report->out, path, &report_signature, failure);
	if (err)
		return err;
	/* better now than after an hour's work */
	if (!report->to_stdout && faccessat(report->out.dirfd, ".", W_OK, AT_EACCESS))
		return sparse_fail(failure, SPARSE_CREATE, path, -errno);
	json->out = open_memstream(&report->text, &report->length);
	if (!json->out)
		return sparse_fail(failure, SPARSE_CREATE, path, -ENOMEM);
	sparse_json_open(json, NULL, '{', true);
	sparse_json_print(json, "made by", "\"mkfs.erofs %s\"", version);
	sparse_json_number(json, "version", REPORT_VERSION);
	sparse_json_open(json, "files", '[', true);
	return 0;
}

static void put_counts(struct sparse_json *json, const struct sparse_counts *counts)
{
	sparse_json_number(json, "pages", counts->blocks);
	sparse_json_number(json, "holes", sparse_counts_holes(counts));
	sparse_json_number(json, "zeros", counts->zero);
	sparse_json_number(json, "duplicates", counts->duplicate);
	sparse_json_number(json, "base", counts->base);
	sparse_json_number(json, "stored", counts->stored);
}

void sparse_report_file(struct sparse_report *report,
			const struct sparse_file_summary *file)
{
	struct sparse_json *json = &report->json;
	char digest[SPARSE_DIGEST_TEXT];

	sparse_json_open(json, NULL, '{', false);
	sparse_json_string(json, "path", file->path);
	sparse_json_string(json, "format", file->core ? "elf" : "raw");
	sparse_json_number(json, "bytes", file->bytes);
	put_counts(json, &file->counts);
	sparse_json_number(json, "index", file->index);
	sparse_json_number(json, "chunk", file->chunk);
	if (file->digest) {
		sparse_verity_text(file->digest, digest);
		sparse_json_print(json, "fsverity", "\"sha256:%s\"", digest);
	}
	sparse_json_close(json);
}

static void put_summary(struct sparse_json *json, const struct sparse_summary *summary)
{
	sparse_json_close(json);
	sparse_json_string(json, "image", summary->path);
	sparse_json_string(json, "uuid", summary->uuid);
	sparse_json_number(json, "size", summary->image);
	sparse_json_print(json, "seconds", "%.3f", summary->seconds);
	sparse_json_open(json, "total", '{', false);
	sparse_json_number(json, "files", summary->files);
	sparse_json_number(json, "bytes", summary->bytes);
	put_counts(json, &summary->counts);
	sparse_json_number(json, "index", summary->index);
	sparse_json_close(json);
	sparse_json_close(json);
}

static int write_fully(int fd, const char *text, size_t len)
{
	ssize_t ret;

	while (len) {
		ret = write(fd, text, len);
		if (ret < 0 && errno == EINTR)
			continue;
		if (ret < 0)
			return -errno;
		text += ret;
		len -= ret;
	}
	return 0;
}

int sparse_report_write(struct sparse_report *report,
			const struct sparse_summary *summary, mode_t mode,
			struct sparse_failure *failure)
{
	FILE *f = report->json.out;
	int fd = STDOUT_FILENO;
	int err;

	put_summary(&report->json, summary);
	err = fflush(f) || ferror(f) ? -ENOMEM : 0;
	if (!err && !report->to_stdout) {
		err = sparse_output_open(&report->out, failure);
		fd = report->out.fd;
	}
	if (!err)
		err = write_fully(fd, report->text, report->length);
	if (err)
		return sparse_fail(failure, SPARSE_WRITE,
				   report->to_stdout ? "-" : report->out.path, err);
	return report->to_stdout ? 0 : sparse_output_sync(&report->out, mode, failure);
}

void sparse_report_close(struct sparse_report *report)
{
	if (report->json.out)
		fclose(report->json.out);
	free(report->text);
	if (report->out.fd >= 0)
		close(report->out.fd);
	sparse_output_close(&report->out);
}
