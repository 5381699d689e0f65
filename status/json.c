// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
/* For programs: all of it as one line of JSON, described in Documentation/status.md. */
#include <unistd.h>

#include "json.h"
#include "status.h"

static void put_zeropage(struct sparse_json *json, const struct zeropage *zp)
{
	sparse_json_open(json, "zeropage", '{', false);
	sparse_json_bool(json, "enabled", zp->enabled);
	sparse_json_bool(json, "huge", zp->huge);
	sparse_json_number(json, "read_window", zp->read_window);
	sparse_json_number(json, "write_window", zp->write_window);
	sparse_json_number(json, "hole_faults", zp->hole_faults);
	sparse_json_number(json, "write_faults", zp->write_faults);
	sparse_json_number(json, "zero_pages", zp->zero_pages);
	sparse_json_number(json, "mapped_bytes", zp->zero_pages * sysconf(_SC_PAGESIZE));
	sparse_json_number(json, "read_bytes", zp->read_bytes);
	sparse_json_close(json);
}

static void put_sharing(struct sparse_json *json, const struct sharing *sharing)
{
	sparse_json_open(json, "sharing", '{', false);
	sparse_json_string(json, "domain", *sharing->domain ? sharing->domain : NULL);
	sparse_json_number(json, "domain_mounts", sharing->domain_mounts);
	sparse_json_number(json, "files", sharing->files);
	sparse_json_number(json, "pages", sharing->pages);
	sparse_json_number(json, "cached_bytes", sharing->pages * sysconf(_SC_PAGESIZE));
	sparse_json_number(json, "saved_bytes", sharing->saved_bytes);
	sparse_json_close(json);
}

static void put_chunk_share(struct sparse_json *json, const struct chunk_share *chunks)
{
	sparse_json_open(json, "chunk_share", '{', false);
	sparse_json_number(json, "cached_bytes", chunks->cached_bytes);
	sparse_json_number(json, "regions_unmapped", chunks->regions_unmapped);
	sparse_json_close(json);
}

static void put_point(struct sparse_json *json, const struct mount_point *point)
{
	sparse_json_open(json, NULL, '{', false);
	sparse_json_string(json, "path", point->path);
	if (point->pid)
		sparse_json_number(json, "pid", point->pid);
	else
		sparse_json_string(json, "pid", NULL);
	sparse_json_close(json);
}

static void put_filesystem(struct sparse_json *json, const struct filesystem *fs)
{
	size_t i;

	sparse_json_open(json, NULL, '{', false);
	sparse_json_string(json, "name", fs->name);
	if (fs->major || fs->minor)
		sparse_json_print(json, "device", "\"%u:%u\"", fs->major, fs->minor);
	else
		sparse_json_string(json, "device", NULL);
	sparse_json_string(json, "source", fs->source);
	sparse_json_string(json, "backing_file", fs->backing_file);
	sparse_json_open(json, "mount_points", '[', false);
	for (i = 0; i < fs->nr_points; i++)
		put_point(json, &fs->points[i]);
	sparse_json_close(json);
	sparse_json_bool(json, "inode_share", fs->inode_share);
	if (fs->has_zeropage)
		put_zeropage(json, &fs->zeropage);
	else
		sparse_json_string(json, "zeropage", NULL);
	if (fs->has_sharing)
		put_sharing(json, &fs->sharing);
	else
		sparse_json_string(json, "sharing", NULL);
	if (fs->has_chunk_share)
		put_chunk_share(json, &fs->chunk_share);
	else
		sparse_json_string(json, "chunk_share", NULL);
	sparse_json_close(json);
}

void status_json(const struct status *status, FILE *out)
{
	struct sparse_json json = { .out = out };
	size_t i;

	sparse_json_open(&json, NULL, '{', false);
	sparse_json_open(&json, "module", '{', false);
	sparse_json_bool(&json, "loaded", status->loaded);
	sparse_json_bool(&json, "zeropage", status->has_zeropage);
	sparse_json_bool(&json, "zeropage_enabled", status->zeropage_enabled);
	sparse_json_bool(&json, "sharing", status->has_sharing);
	sparse_json_close(&json);
	sparse_json_open(&json, "filesystems", '[', false);
	for (i = 0; i < status->nr_fs; i++)
		put_filesystem(&json, &status->fs[i]);
	sparse_json_close(&json);
	sparse_json_close(&json);
}
