// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#include <errno.h>
#include <stdio.h>

#include "erofs/config.h"
#include "dump.h"
#include "json.h"
#include "message.h"

/* of what the names in the map mean: another one if one of them is no longer what it was */
#define MAP_VERSION	1

/**
 * struct map - a file's map on its way out
 * @inode: the file
 * @json: where it goes
 * @start: of the extent that is not complete yet
 * @length: of that
 * @address: where its bytes are on @device, if it is not a hole
 * @stored: how many they are there
 * @count: of extents that are complete: of data, and, at 1, of holes
 * @bytes: in them
 */
struct map {
	struct erofs_inode *inode;
	struct sparse_json json;
	u64 start;
	u64 length;
	u64 address;
	u64 stored;
	unsigned int device;
	bool hole;
	bool encoded;
	u64 count[2];
	u64 bytes[2];
};

static int find_inode(struct erofs_inode *inode, const char *path)
{
	unsigned long long nid = inode->nid;
	int err;

	err = path ? erofs_ilookup(path, inode) : erofs_read_inode_from_disk(inode);
	if (err && path)
		return sparse_error(err, "could not read '%s'", path);
	if (err)
		return sparse_error(err, "could not read the inode of nid %llu", nid);
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

/* the extent is complete */
static void put_extent(struct map *map)
{
	struct sparse_json *json = &map->json;

	if (!map->length)
		return;
	sparse_json_open(json, NULL, '{', false);
	sparse_json_number(json, "offset", map->start);
	sparse_json_number(json, "length", map->length);
	sparse_json_string(json, "kind", map->hole ? "hole" : "data");
	if (!map->hole) {
		sparse_json_number(json, "device", map->device);
		sparse_json_number(json, "address", map->address);
	}
	if (map->encoded)
		sparse_json_number(json, "stored", map->stored);
	sparse_json_close(json);
	map->count[map->hole]++;
	map->bytes[map->hole] += map->length;
	map->start += map->length;
	map->length = 0;
}

/* what @piece says of the next @length bytes; data is one extent as long as it is in one piece */
static void add_piece(struct map *map, const struct erofs_map_blocks *piece, u64 length)
{
	bool hole = !(piece->m_flags & EROFS_MAP_MAPPED);
	bool encoded = !hole && piece->m_flags & EROFS_MAP_ENCODED;

	if (map->hole != hole || encoded || map->encoded ||
	    (!hole && (piece->m_deviceid != map->device ||
		       piece->m_pa != map->address + map->length)))
		put_extent(map);
	if (!map->length) {
		map->hole = hole;
		map->encoded = encoded;
		map->device = piece->m_deviceid;
		map->address = piece->m_pa;
		map->stored = piece->m_plen;
	}
	map->length += length;
}

static int read_map(struct map *map)
{
	struct erofs_map_blocks piece = { .buf = __EROFS_BUF_INITIALIZER };
	struct erofs_inode *inode = map->inode;
	u64 pos, length;
	int err;

	for (pos = 0; pos < inode->i_size && !ferror(map->json.out); pos += length) {
		piece.m_la = pos;
		err = erofs_map_blocks(inode, &piece, EROFS_GET_BLOCKS_FIEMAP);
		if (!err && piece.m_la + piece.m_llen <= pos)
			err = -EIO;
		if (err)
			return sparse_error(err, "could not read the map of nid %llu",
					    (unsigned long long)inode->nid);
		length = piece.m_la + piece.m_llen - pos;
		if (length > inode->i_size - pos)
			length = inode->i_size - pos;
		add_piece(map, &piece, length);
	}
	put_extent(map);
	return 0;
}

static void put_total(struct map *map, const char *name, bool hole)
{
	sparse_json_open(&map->json, name, '{', false);
	sparse_json_number(&map->json, "bytes", map->bytes[hole]);
	sparse_json_number(&map->json, "extents", map->count[hole]);
	sparse_json_close(&map->json);
}

static int put_map(struct map *map, const char *path)
{
	struct sparse_json *json = &map->json;
	int err;

	sparse_json_open(json, NULL, '{', true);
	sparse_json_print(json, "made by", "\"dump.erofs %s\"", cfg.c_version);
	sparse_json_number(json, "version", MAP_VERSION);
	sparse_json_string(json, "path", path);
	sparse_json_number(json, "nid", map->inode->nid);
	sparse_json_number(json, "size", map->inode->i_size);
	sparse_json_open(json, "extents", '[', true);
	err = read_map(map);
	/* who reads it is to see that it is not complete */
	if (err)
		return err;
	sparse_json_close(json);
	sparse_json_open(json, "total", '{', false);
	put_total(map, "data", false);
	put_total(map, "hole", true);
	sparse_json_close(json);
	sparse_json_close(json);
	if (fflush(json->out) || ferror(json->out))
		return sparse_error(-errno, "could not write the map");
	return 0;
}

int erofs_sparse_show_map(struct erofs_sb_info *sbi, erofs_nid_t nid,
			  const char *path)
{
	struct erofs_inode inode = { .sbi = sbi, .nid = nid };
	struct map map = { .inode = &inode, .json.out = stdout };

	sparse_program = "dump.erofs";
	if (!path && !nid) {
		sparse_error(0, "--map needs --path=PATH or --nid=NID");
		return 2;
	}
	return find_inode(&inode, path) || check_index(&inode) || put_map(&map, path);
}
