// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report.h"
#include "text.h"

/* of what the names in it mean: another one if one of them is no longer what it was */
#define REPORT_VERSION	1

#define SIGNATURE	"{\n  \"made by\": \"mkfs.erofs"

static const struct sparse_signature report_signature = {
	.pos = 0, .bytes = SIGNATURE, .len = sizeof(SIGNATURE) - 1,
};

int sparse_report_open(struct sparse_report *report, const char *path)
{
	int err = 0;

	report->to_stdout = !strcmp(path, "-");
	if (!report->to_stdout)
		err = sparse_output_find(&report->out, path, &report_signature);
	if (err)
		return err;
	/* better now than after an hour's work */
	if (!report->to_stdout && faccessat(report->out.dirfd, ".", W_OK, AT_EACCESS))
		return -errno;
	report->stream = open_memstream(&report->files, &report->length);
	return report->stream ? 0 : -ENOMEM;
}

static void put_string(FILE *f, const char *string)
{
	const char *s = string;
	unsigned int len, control;

	fputc('"', f);
	for (; *s; s += len ? len : 1) {
		len = sparse_text_length(s);
		control = sparse_text_control(s, len);
		if (!len)
			fprintf(f, "\\udc%02x", (u8)*s);
		else if (control)
			fprintf(f, "\\u%04x", control);
		else if (*s == '"' || *s == '\\')
			fprintf(f, "\\%c", *s);
		else
			fwrite(s, 1, len, f);
	}
	fputc('"', f);
}

static void put_number(FILE *f, const char *name, u64 number)
{
	fprintf(f, ", \"%s\": %llu", name, (unsigned long long)number);
}

static void put_counts(FILE *f, const struct sparse_counts *counts)
{
	put_number(f, "pages", counts->blocks);
	put_number(f, "holes", sparse_counts_holes(counts));
	put_number(f, "zeros", counts->zero);
	put_number(f, "duplicates", counts->duplicate);
	put_number(f, "base", counts->base);
	put_number(f, "stored", counts->stored);
}

void sparse_report_file(struct sparse_report *report,
			const struct sparse_file_summary *file)
{
	FILE *f = report->stream;
	int i;

	fputs(ftell(f) ? ",\n    {\"path\": " : "\n    {\"path\": ", f);
	put_string(f, file->path);
	fprintf(f, ", \"format\": \"%s\"", file->core ? "elf" : "raw");
	put_number(f, "bytes", file->bytes);
	put_counts(f, &file->counts);
	put_number(f, "index", file->index);
	put_number(f, "chunk", file->chunk);
	if (file->digest) {
		fputs(", \"fsverity\": \"sha256:", f);
		for (i = 0; i < SPARSE_DIGEST_SIZE; i++)
			fprintf(f, "%02x", file->digest[i]);
		fputc('"', f);
	}
	fputc('}', f);
}

static void put_report(FILE *f, const struct sparse_report *report,
		       const struct sparse_summary *summary)
{
	fprintf(f, SIGNATURE " %s\",\n  \"version\": %d,\n  \"image\": ",
		summary->version, REPORT_VERSION);
	put_string(f, summary->path);
	fprintf(f, ",\n  \"uuid\": \"%s\",\n  \"size\": %llu,\n  \"seconds\": %.3f,\n",
		summary->uuid, (unsigned long long)summary->image,
		summary->seconds);
	fprintf(f, "  \"total\": {\"files\": %llu",
		(unsigned long long)summary->files);
	put_number(f, "bytes", summary->bytes);
	put_counts(f, &summary->counts);
	put_number(f, "index", summary->index);
	fprintf(f, "},\n  \"files\": [%s\n  ]\n}\n", report->files);
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
			const struct sparse_summary *summary, mode_t mode)
{
	char *text = NULL;
	size_t len;
	FILE *f;
	int err;

	f = open_memstream(&text, &len);
	if (!f)
		return -ENOMEM;
	err = fflush(report->stream) || ferror(report->stream) ? -ENOMEM : 0;
	if (!err)
		put_report(f, report, summary);
	if (fclose(f) && !err)
		err = -ENOMEM;
	if (!err && !report->to_stdout)
		err = sparse_output_open(&report->out);
	if (!err)
		err = write_fully(report->to_stdout ? STDOUT_FILENO : report->out.fd,
				  text, len);
	if (!err && !report->to_stdout)
		err = sparse_output_sync(&report->out, mode);
	free(text);
	return err;
}

void sparse_report_close(struct sparse_report *report)
{
	if (report->stream)
		fclose(report->stream);
	free(report->files);
	if (report->out.fd >= 0)
		close(report->out.fd);
	sparse_output_close(&report->out);
}
