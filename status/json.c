// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
/* For programs: all of it as one line of JSON, described in Documentation/status.md. */
#include <inttypes.h>
#include <unistd.h>

#include "status.h"

/* paths are bytes, JSON is characters: what is none becomes U+FFFD */
static void print_string(FILE *out, const char *text)
{
	uint32_t c;
	size_t len;

	if (!text) {
		fputs("null", out);
		return;
	}
	fputc('"', out);
	for (; *text; text += len ? len : 1) {
		len = status_character(text, &c);
		if (!len)
			fputs("\\ufffd", out);
		else if (c == '"' || c == '\\')
			fprintf(out, "\\%c", *text);
		else if (status_is_control(c))
			fprintf(out, "\\u%04x", c);
		else
			fwrite(text, 1, len, out);
	}
	fputc('"', out);
}

static const char *boolean(bool value)
{
	return value ? "true" : "false";
}

static void print_number(FILE *out, const char *name, uint64_t value)
{
	fprintf(out, ", \"%s\": %" PRIu64, name, value);
}

static void print_zeropage(FILE *out, const struct zeropage *zp)
{
	fprintf(out, "{\"enabled\": %s, \"huge\": %s", boolean(zp->enabled), boolean(zp->huge));
	print_number(out, "read_window", zp->read_window);
	print_number(out, "write_window", zp->write_window);
	print_number(out, "hole_faults", zp->hole_faults);
	print_number(out, "write_faults", zp->write_faults);
	print_number(out, "zero_pages", zp->zero_pages);
	print_number(out, "mapped_bytes", zp->zero_pages * sysconf(_SC_PAGESIZE));
	print_number(out, "read_bytes", zp->read_bytes);
	fputc('}', out);
}

static void print_sharing(FILE *out, const struct sharing *sharing)
{
	fputs("{\"domain\": ", out);
	print_string(out, *sharing->domain ? sharing->domain : NULL);
	print_number(out, "domain_mounts", sharing->domain_mounts);
	print_number(out, "files", sharing->files);
	print_number(out, "pages", sharing->pages);
	print_number(out, "cached_bytes", sharing->pages * sysconf(_SC_PAGESIZE));
	print_number(out, "saved_bytes", sharing->saved_bytes);
	fputc('}', out);
}

static void print_chunk_share(FILE *out, const struct chunk_share *chunks)
{
	fprintf(out, "{\"cached_bytes\": %" PRIu64, chunks->cached_bytes);
	print_number(out, "regions_unmapped", chunks->regions_unmapped);
	fputc('}', out);
}

static void print_filesystem(FILE *out, const struct filesystem *fs)
{
	size_t i;

	fputs("{\"name\": ", out);
	print_string(out, fs->name);
	if (fs->major || fs->minor)
		fprintf(out, ", \"device\": \"%u:%u\"", fs->major, fs->minor);
	else
		fputs(", \"device\": null", out);
	fputs(", \"source\": ", out);
	print_string(out, fs->source);
	fputs(", \"backing_file\": ", out);
	print_string(out, fs->backing_file);
	fputs(", \"mount_points\": [", out);
	for (i = 0; i < fs->nr_points; i++) {
		fputs(i ? ", {\"path\": " : "{\"path\": ", out);
		print_string(out, fs->points[i].path);
		if (fs->points[i].pid)
			fprintf(out, ", \"pid\": %d}", (int)fs->points[i].pid);
		else
			fputs(", \"pid\": null}", out);
	}
	fprintf(out, "], \"inode_share\": %s, \"zeropage\": ", boolean(fs->inode_share));
	if (fs->has_zeropage)
		print_zeropage(out, &fs->zeropage);
	else
		fputs("null", out);
	fputs(", \"sharing\": ", out);
	if (fs->has_sharing)
		print_sharing(out, &fs->sharing);
	else
		fputs("null", out);
	fputs(", \"chunk_share\": ", out);
	if (fs->has_chunk_share)
		print_chunk_share(out, &fs->chunk_share);
	else
		fputs("null", out);
	fputc('}', out);
}

void status_json(const struct status *status, FILE *out)
{
	size_t i;

	fprintf(out, "{\"module\": {\"loaded\": %s", boolean(status->loaded));
	fprintf(out, ", \"zeropage\": %s", boolean(status->has_zeropage));
	fprintf(out, ", \"zeropage_enabled\": %s", boolean(status->zeropage_enabled));
	fprintf(out, ", \"sharing\": %s}, \"filesystems\": [", boolean(status->has_sharing));
	for (i = 0; i < status->nr_fs; i++) {
		if (i)
			fputs(", ", out);
		print_filesystem(out, &status->fs[i]);
	}
	fputs("]}\n", out);
}
