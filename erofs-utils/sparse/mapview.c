// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mapstat.h"
#include "mapview.h"
#include "message.h"
#include "output.h"

/* of the picture, in its own units */
#define CELL	10
#define TOP	50
#define MARGIN	10

#define SIGNATURE	"<svg xmlns=\"http://www.w3.org/2000/svg\""

static const struct sparse_signature svg_signature = {
	.pos = 0, .bytes = SIGNATURE, .len = sizeof(SIGNATURE) - 1,
};

static int find_inode(struct erofs_sb_info *sbi, erofs_nid_t nid, const char *path,
		      struct erofs_inode *inode)
{
	int err;

	inode->sbi = sbi;
	inode->nid = nid;
	err = path ? erofs_ilookup(path, inode) : erofs_read_inode_from_disk(inode);
	if (err && path)
		return sparse_error(err, "could not read '%s'", path);
	if (err)
		return sparse_error(err, "could not read the inode of nid %llu",
				    (unsigned long long)nid);
	if (!S_ISREG(inode->i_mode))
		return sparse_error(0, "nid %llu is not a regular file: it has no map",
				    (unsigned long long)inode->nid);
	return 0;
}

/*
 * Behind the end of an image zeros are read, and any size of a file would have a map.
 */
static int check_index(struct erofs_inode *inode)
{
	u64 unit = inode->u.chunkformat & EROFS_CHUNK_FORMAT_INDEXES ?
		sizeof(struct erofs_inode_chunk_index) :
		EROFS_BLOCK_MAP_ENTRY_SIZE;
	u64 image = inode->sbi->primarydevice_blocks << inode->sbi->blkszbits;

	if (inode->datalayout != EROFS_INODE_CHUNK_BASED || !inode->i_size ||
	    erofs_inode_in_metabox(inode) ||
	    (inode->i_size - 1) >> inode->u.chunkbits < image / unit)
		return 0;
	return sparse_error(0, "nid %llu is corrupt: its map is larger than the image",
			    (unsigned long long)inode->nid);
}

static int read_map(struct erofs_inode *inode, struct sparse_mapstat *stat)
{
	struct erofs_map_blocks map = { .buf = __EROFS_BUF_INITIALIZER };
	unsigned int device = 0;
	u64 next = 0, length;
	int err;

	sparse_mapstat_init(stat, inode->i_size);
	while (stat->pos < inode->i_size) {
		map.m_la = stat->pos;
		err = erofs_map_blocks(inode, &map, EROFS_GET_BLOCKS_FIEMAP);
		if (!err && map.m_la + map.m_llen <= stat->pos)
			err = -EIO;
		if (err)
			return sparse_error(err, "could not read the map of nid %llu",
					    (unsigned long long)inode->nid);
		length = map.m_la + map.m_llen - stat->pos;
		if (length > inode->i_size - stat->pos)
			length = inode->i_size - stat->pos;
		sparse_mapstat_add(stat, length, !(map.m_flags & EROFS_MAP_MAPPED),
				   map.m_pa == next && map.m_deviceid == device);
		next = map.m_pa + map.m_plen;
		device = map.m_deviceid;
	}
	sparse_mapstat_end(stat);
	return 0;
}

static double percent(u64 part, u64 whole)
{
	return whole ? 100.0 * part / whole : 0.0;
}

static void print_map(const struct sparse_mapstat *stat, u64 size)
{
	const struct sparse_extents *data = &stat->of[0], *holes = &stat->of[1];
	unsigned int i;

	printf("\nMap:   %14s %8s %12s\n", "bytes", "share", "extents");
	printf("data   %14llu %6.1f %% %12llu\n", (unsigned long long)data->bytes,
	       percent(data->bytes, size), (unsigned long long)data->count);
	printf("holes  %14llu %6.1f %% %12llu\n", (unsigned long long)holes->bytes,
	       percent(holes->bytes, size), (unsigned long long)holes->count);
	printf("\n%-21s %8s %12s\n", "extents of KiB", "data", "holes");
	for (i = 0; i < SPARSE_MAPSTAT_CLASSES; i++)
		if (data->classes[i] || holes->classes[i])
			printf("%9llu ..%9llu %8llu %12llu\n", 4ULL << i,
			       (8ULL << i) - 1,
			       (unsigned long long)data->classes[i],
			       (unsigned long long)holes->classes[i]);
}

static void put_text(FILE *f, const char *text)
{
	for (; *text; text++) {
		if (strchr("<>&\"'", *text) || (unsigned char)*text < 0x20)
			fprintf(f, "&#%u;", (unsigned char)*text < 0x20 ? '?' : *text);
		else
			fputc(*text, f);
	}
}

static void put_svg(FILE *f, const struct sparse_mapstat *stat, const char *title,
		    u64 size)
{
	unsigned int width = SPARSE_MAPSTAT_COLUMNS * CELL + 2 * MARGIN;
	unsigned int i;

	fprintf(f, SIGNATURE " viewBox=\"0 0 %u %u\" font-family=\"sans-serif\">\n",
		width, TOP + SPARSE_MAPSTAT_ROWS * CELL + MARGIN);
	fprintf(f, "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n<text x=\"%u\" y=\"20\" font-size=\"14\">",
		MARGIN);
	put_text(f, title);
	fprintf(f, "</text>\n<text x=\"%u\" y=\"38\" font-size=\"11\" fill=\"#555\">",
		MARGIN);
	fprintf(f, "%llu bytes, %.1f %% holes, %llu KiB a cell, the darker the more data</text>\n",
		(unsigned long long)size, percent(stat->of[1].bytes, size),
		(unsigned long long)stat->cell >> 10);
	fprintf(f, "<rect x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\" fill=\"#f2f2f2\"/>\n",
		MARGIN, TOP, width - 2 * MARGIN, SPARSE_MAPSTAT_ROWS * CELL);
	for (i = 0; i < SPARSE_MAPSTAT_CELLS; i++)
		if (stat->data[i])
			fprintf(f, "<rect x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\" fill=\"#08519c\" fill-opacity=\"%.2f\"/>\n",
				MARGIN + i % SPARSE_MAPSTAT_COLUMNS * CELL,
				TOP + i / SPARSE_MAPSTAT_COLUMNS * CELL,
				CELL, CELL,
				0.15 + 0.85 * stat->data[i] / stat->cell);
	fputs("</svg>\n", f);
}

static int write_text(int fd, const char *text, size_t len)
{
	ssize_t ret;

	for (; len; text += ret, len -= ret) {
		ret = write(fd, text, len);
		if (ret < 0)
			return -errno;
	}
	return 0;
}

static int write_svg(struct sparse_output *out, const struct sparse_mapstat *stat,
		     const char *title, u64 size)
{
	const char *failed;
	char *text = NULL;
	size_t len;
	FILE *f;
	int err;

	f = open_memstream(&text, &len);
	if (!f)
		return -ENOMEM;
	put_svg(f, stat, title, size);
	err = fclose(f) ? -ENOMEM : sparse_output_open(out);
	if (!err)
		err = write_text(out->fd, text, len);
	if (!err)
		err = sparse_output_sync(out, SPARSE_MODE_KEPT);
	if (!err)
		err = sparse_output_commit(out, NULL, &failed);
	if (out->fd >= 0)
		close(out->fd);
	free(text);
	return err;
}

static int draw(const char *svg, const struct sparse_mapstat *stat,
		const char *title, u64 size)
{
	struct sparse_output out = SPARSE_OUTPUT_NONE;
	int err;

	err = sparse_output_find(&out, svg, &svg_signature);
	if (!err)
		err = write_svg(&out, stat, title, size);
	sparse_output_close(&out);
	if (err == -EEXIST)
		return sparse_error(0, "'%s' exists and is no picture of a map: remove it",
				    svg);
	if (err)
		return sparse_error(err, "could not write '%s'", svg);
	return 0;
}

int erofs_sparse_show_map(struct erofs_sb_info *sbi, erofs_nid_t nid,
			  const char *path, const char *svg)
{
	struct sparse_mapstat stat;
	struct erofs_inode inode = { 0 };
	char title[PATH_MAX];

	sparse_program = "dump.erofs";
	if (!path && !nid) {
		sparse_error(0, "--map needs --path=PATH or --nid=NID");
		return 2;
	}
	if (find_inode(sbi, nid, path, &inode) || check_index(&inode) ||
	    read_map(&inode, &stat))
		return 1;
	print_map(&stat, inode.i_size);
	if (!svg)
		return 0;
	if (path)
		snprintf(title, sizeof(title), "%s", path);
	else
		snprintf(title, sizeof(title), "nid %llu", (unsigned long long)nid);
	return draw(svg, &stat, title, inode.i_size) ? 1 : 0;
}
