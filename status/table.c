// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
/* For people: a line for each file system, and below what is not there, and why. */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "status.h"
#include "text.h"

char *status_size(uint64_t bytes, char text[16])
{
	static const char *const units[] = { "MiB", "GiB", "TiB", "PiB", "EiB" };
	double size = bytes / 1048576.0;
	size_t unit = 0;

	if (bytes < 10000 * 1024) {
		snprintf(text, 16, "%" PRIu64 " kB", (bytes + 1023) / 1024);
		return text;
	}
	while (size >= 9999.95 && unit < 4) {
		size /= 1024;
		unit++;
	}
	snprintf(text, 16, "%.1f %s", size, units[unit]);
	return text;
}

/*
 * A terminal must not be made to obey the name of a folder: neither by the control
 * characters that everybody knows nor by those from U+0080 on, nor by single bytes that
 * are such where the terminal does not expect UTF-8.
 */
static void print_path(FILE *out, const char *path)
{
	uint32_t c;
	size_t len;

	while (*path) {
		len = sparse_text_character(path, &c);
		if (len && !sparse_text_is_control(c)) {
			fwrite(path, 1, len, out);
			path += len;
			continue;
		}
		for (len += !len; len; len--)
			fprintf(out, "\\%03o", (unsigned char)*path++);
	}
}

static void print_places(FILE *out, const struct filesystem *fs)
{
	size_t i;

	if (!fs->nr_points)
		fputs("(not mounted anywhere we can see)", out);
	for (i = 0; i < fs->nr_points; i++) {
		if (i)
			fputs(", ", out);
		print_path(out, fs->points[i].path);
		if (fs->points[i].pid)
			fprintf(out, " (of process %d)", (int)fs->points[i].pid);
	}
	fputc('\n', out);
}

/* what both kinds of saving come to, in fields as wide as their heads */
static void print_zeropage(FILE *out, const struct zeropage *zp, const char *state)
{
	char mapped[16], read[16];

	fprintf(out, " %-5s %9" PRIu64 " %11s %11s", state, zp->hole_faults + zp->write_faults,
		status_size(zp->zero_pages * sysconf(_SC_PAGESIZE), mapped),
		status_size(zp->read_bytes, read));
}

static void print_sharing(FILE *out, const struct sharing *sharing, const char *domain)
{
	char cached[16], saved[16];

	fprintf(out, "  %-12s %8" PRIu64 " %11s %11s", domain, sharing->files,
		status_size(sharing->pages * sysconf(_SC_PAGESIZE), cached),
		status_size(sharing->saved_bytes, saved));
}

static void print_head(FILE *out)
{
	fprintf(out, "%-10s %-39s  %s\n", "", "zero page: since the mount", "sharing: now");
	fprintf(out, "%-10s %-5s %9s %11s %11s  %-12s %8s %11s %11s  %s\n", "DEVICE", "STATE",
		"FAULTS", "MAPPED", "READ", "DOMAIN", "FILES", "CACHED", "SAVED", "MOUNTED AT");
}

static const char *state_of(const struct status *status, const struct filesystem *fs)
{
	if (!status->zeropage_enabled || !fs->zeropage.enabled)
		return "off";
	return fs->zeropage.huge ? "huge" : "on";
}

/* the domain has a number and no name for those who look: "12 (of 3)" */
static void domain_of(const struct sharing *sharing, char *text, size_t size)
{
	const char *dash = strrchr(sharing->domain, '-');

	if (dash)
		snprintf(text, size, "%s (of %u)", dash + 1, sharing->domain_mounts);
	else
		snprintf(text, size, "?");
}

static void print_filesystem(FILE *out, const struct status *status,
			     const struct filesystem *fs)
{
	char domain[80];

	fprintf(out, "%-10s", fs->name ? fs->name : "file");
	if (fs->has_zeropage)
		print_zeropage(out, &fs->zeropage, state_of(status, fs));
	else
		fprintf(out, " %-5s %9s %11s %11s", "-", "-", "-", "-");
	if (fs->has_sharing) {
		domain_of(&fs->sharing, domain, sizeof(domain));
		print_sharing(out, &fs->sharing, domain);
	} else {
		fprintf(out, "  %-12s %8s %11s %11s", fs->inode_share ? "kernel's" : "-",
			"-", "-", "-");
	}
	fputs("  ", out);
	print_places(out, fs);
}

static void print_sums(FILE *out, const struct status *status)
{
	struct zeropage zp = {};
	struct sharing sharing = {};
	size_t i;

	for (i = 0; i < status->nr_fs; i++) {
		const struct filesystem *fs = &status->fs[i];

		zp.hole_faults += fs->zeropage.hole_faults + fs->zeropage.write_faults;
		zp.zero_pages += fs->zeropage.zero_pages;
		zp.read_bytes += fs->zeropage.read_bytes;
		sharing.files += fs->sharing.files;
		sharing.pages += fs->sharing.pages;
		sharing.saved_bytes += fs->sharing.saved_bytes;
	}
	fprintf(out, "%-10s", "all");
	print_zeropage(out, &zp, "");
	print_sharing(out, &sharing, "");
	fputc('\n', out);
}

static void print_chunks(FILE *out, const struct filesystem *fs)
{
	char cached[16];

	fprintf(out, "Chunks of %s: %s cached, once for all files that refer to them.\n", fs->name,
		status_size(fs->chunk_share.cached_bytes, cached));
}

static void print_remarks(FILE *out, const struct status *status)
{
	bool upstream = false;
	size_t i;

	if (!status->nr_fs) {
		fprintf(out, "No EROFS file system is mounted%s.\n",
			status->loaded ? "" : ", and the erofs module is not loaded");
		return;
	}
	for (i = 0; i < status->nr_fs; i++) {
		if (status->fs[i].has_chunk_share)
			print_chunks(out, &status->fs[i]);
		upstream |= status->fs[i].inode_share && !status->fs[i].has_sharing;
	}
	if (!status->has_zeropage)
		fputs("Zero page: this kernel's erofs module has none; holes take page cache.\n",
		      out);
	else if (!status->zeropage_enabled)
		fputs("Zero page: off for all by /sys/module/erofs/parameters/zeropage.\n", out);
	if (upstream)
		fputs("Sharing: this kernel's own, which keeps no figures.\n", out);
	else if (!status->has_sharing)
		fputs("Sharing: this kernel's erofs module shows none.\n", out);
}

void status_table(const struct status *status, FILE *out)
{
	size_t i;

	if (status->nr_fs) {
		print_head(out);
		for (i = 0; i < status->nr_fs; i++)
			print_filesystem(out, status, &status->fs[i]);
		if (status->nr_fs > 1)
			print_sums(out, status);
	}
	print_remarks(out, status);
}
