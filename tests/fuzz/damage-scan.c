// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an image consists of.  Written from erofs_fs.h, and from nothing that reads images
 * elsewhere: what is damaged must be what the format says, not what a reader makes of it.
 */
#define _GNU_SOURCE
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "damage.h"

#define SUPER		1024
#define SLOT		128	/* of a device */
#define MOST_NODES	4096
#define MOST_OF_ONE	256	/* fields of one name that an inode is given */

enum { COMPAT = 8, INCOMPAT = 80, PLAIN_PREFIXES = 0x10, CONFIGS = 2, CHUNKS_AND_DEVICES = 8,
	WIDE = 0x80 };
enum { FLAT_PLAIN, COMPRESSED_FULL, FLAT_INLINE, COMPRESSED_COMPACT, CHUNK_BASED };

static uint64_t number_at(const struct damage_image *image, size_t pos, unsigned int width)
{
	uint64_t n = 0;

	if (pos + width > image->size)
		errx(1, "%#zx: not in the image", pos);
	while (width--)
		n = n << 8 | image->bytes[pos + width];
	return n;
}

static void *grow(void *array, size_t nr, size_t size)
{
	if (nr & (nr - 1))
		return array;
	array = realloc(array, (nr ? nr * 2 : 1) * size);
	if (!array)
		err(1, "an image's fields");
	return array;
}

static void add(struct damage_image *image, enum damage_class class, int node,
		const char *name, unsigned int index, size_t pos, unsigned int width)
{
	image->field = grow(image->field, image->fields, sizeof(*image->field));
	image->field[image->fields++] = (struct damage_field) {
		.name = name, .node = node, .index = index, .width = width, .pos = pos,
		.class = class,
	};
}

struct layout { const char *name; unsigned int pos, width; };

static void add_all(struct damage_image *image, enum damage_class class, int node,
		    unsigned int index, size_t pos, const struct layout *field)
{
	for (; field->name; field++)
		add(image, class, node, field->name, index, pos + field->pos, field->width);
}

static const struct layout super[] = {
	{ "magic", 0, 4 }, { "checksum", 4, 4 }, { "feature_compat", 8, 4 },
	{ "blkszbits", 12, 1 }, { "sb_extslots", 13, 1 }, { "rootnid_2b", 14, 2 },
	{ "inos", 16, 8 }, { "epoch", 24, 8 }, { "fixed_nsec", 32, 4 },
	{ "blocks_lo", 36, 4 }, { "meta_blkaddr", 40, 4 }, { "xattr_blkaddr", 44, 4 },
	{ "uuid", 48, 16 }, { "volume_name", 64, 16 }, { "feature_incompat", 80, 4 },
	{ "compr_algs", 84, 2 }, { "extra_devices", 86, 2 }, { "devt_slotoff", 88, 2 },
	{ "dirblkbits", 90, 1 }, { "xattr_prefix_count", 91, 1 },
	{ "xattr_prefix_start", 92, 4 }, { "packed_nid", 96, 8 }, { "xattr_filter", 104, 1 },
	{ "ishare_prefix_id", 105, 1 }, { "build_time", 108, 4 }, { "rootnid_8b", 112, 8 },
	{ "metabox_nid", 128, 8 }, { NULL }
}, device[] = {
	{ "tag", 0, 64 }, { "blocks_lo", 64, 4 }, { "uniaddr_lo", 68, 4 },
	{ "blocks_hi", 72, 2 }, { "uniaddr_hi", 74, 2 }, { NULL }
}, compact[] = {
	{ "i_format", 0, 2 }, { "i_xattr_icount", 2, 2 }, { "i_mode", 4, 2 }, { "i_nb", 6, 2 },
	{ "i_size", 8, 4 }, { "i_mtime", 12, 4 }, { "i_u", 16, 4 }, { "i_ino", 20, 4 },
	{ "i_uid", 24, 2 }, { "i_gid", 26, 2 }, { "compact", 0, 32 }, { NULL }
}, extended[] = {
	{ "i_format", 0, 2 }, { "i_xattr_icount", 2, 2 }, { "i_mode", 4, 2 }, { "i_nb", 6, 2 },
	{ "i_size", 8, 8 }, { "i_u", 16, 4 }, { "i_ino", 20, 4 }, { "i_uid", 24, 4 },
	{ "i_gid", 28, 4 }, { "i_mtime", 32, 8 }, { "i_mtime_nsec", 40, 4 },
	{ "i_nlink", 44, 4 }, { "extended", 0, 64 }, { NULL }
}, xattr_header[] = {
	{ "h_name_filter", 0, 4 }, { "h_shared_count", 4, 1 }, { NULL }
}, xattr[] = {
	{ "e_name_len", 0, 1 }, { "e_name_index", 1, 1 }, { "e_value_size", 2, 2 }, { NULL }
}, chunk_index[] = {
	{ "chunk_hi", 0, 2 }, { "chunk_device", 2, 2 }, { "chunk_lo", 4, 4 },
	{ "chunk_index", 0, 8 }, { NULL }
}, cluster_header[] = {
	{ "h_first", 0, 4 }, { "h_idata_size", 2, 2 }, { "h_advise", 4, 2 },
	{ "h_algorithmtype", 6, 1 }, { "h_clusterbits", 7, 1 }, { NULL }
}, cluster[] = {
	{ "di_advise", 0, 2 }, { "di_clusterofs", 2, 2 }, { "di_u", 4, 4 }, { "di", 0, 8 },
	{ NULL }
}, dirent[] = {
	{ "d_nid", 0, 8 }, { "d_nameoff", 8, 2 }, { "d_file_type", 10, 1 },
	{ "d_reserved", 11, 1 }, { NULL }
};

static bool feature(const struct damage_image *image, unsigned int bit)
{
	return number_at(image, SUPER + INCOMPAT, 4) & bit;
}

static unsigned int block_bits(const struct damage_image *image)
{
	return number_at(image, SUPER + 12, 1);
}

/* an entry, its parts, and as a whole, which may be put over another one */
static size_t scan_xattr(struct damage_image *image, int node, unsigned int index, size_t pos)
{
	unsigned int name = number_at(image, pos, 1), value = number_at(image, pos + 2, 2);
	unsigned int size = (4 + name + value + 3) / 4 * 4;

	add_all(image, DAMAGE_XATTR, node, index, pos, xattr);
	if (name)
		add(image, DAMAGE_XATTR, node, "e_name", index, pos + 4, 1);
	if (value)
		add(image, DAMAGE_XATTR, node, "e_value", index, pos + 4 + name,
		    value < 64 ? value : 64);
	add(image, DAMAGE_XATTR, node, "entry", index, pos,
	    size < DAMAGE_WIDTH ? size : DAMAGE_WIDTH);
	return size;
}

static void scan_xattrs(struct damage_image *image, int node, size_t pos, size_t end)
{
	unsigned int shared = number_at(image, pos + 4, 1), id, i;
	size_t area = number_at(image, SUPER + 44, 4) << block_bits(image);

	add_all(image, DAMAGE_XATTR, node, 0, pos, xattr_header);
	pos += 12;
	for (i = 0; i < shared; i++, pos += 4) {
		add(image, DAMAGE_XATTR, node, "h_shared_xattrs", i, pos, 4);
		/* two inodes that have it name it twice: they are one field */
		id = number_at(image, pos, 4);
		scan_xattr(image, -2, id, area + id * 4);
	}
	for (i = 0; pos + 4 <= end && i < MOST_OF_ONE; i++)
		pos += scan_xattr(image, node, i, pos);
}

static void scan_chunks(struct damage_image *image, int node, size_t pos)
{
	unsigned int format = number_at(image, image->node[node].pos + 16, 2);
	unsigned int unit = format & 0x20 ? 8 : 4, bits = (format & 0x1f) + block_bits(image), i;

	pos = (pos + unit - 1) / unit * unit;
	for (i = 0; ((uint64_t)i << bits) < image->node[node].size && i < MOST_OF_ONE; i++) {
		if (unit == 8)
			add_all(image, DAMAGE_CHUNK, node, i, pos + i * 8, chunk_index);
		else
			add(image, DAMAGE_CHUNK, node, "chunk", i, pos + i * 4, 4);
	}
}

static void scan_extents(struct damage_image *image, int node, size_t pos, unsigned int advise)
{
	static const char * const name[] = { "plen", "pstart_lo", "pstart_hi", "lstart_lo",
		"lstart_hi" };
	unsigned int words = 1 << (advise >> 1 & 3), nr = number_at(image, pos, 4), i, j;

	pos = (pos + 8 + words * 4 - 1) / (words * 4) * words * 4;
	for (i = 0; i < nr && i < MOST_OF_ONE; i++)
		for (j = 0; j < words && j < 5; j++)
			add(image, DAMAGE_CLUSTER, node, name[j], i, pos + (i * words + j) * 4, 4);
}

static void scan_clusters(struct damage_image *image, int node, size_t pos)
{
	unsigned int advise, bits, nr, i, layout = image->node[node].layout;

	pos = (pos + 7) / 8 * 8;
	add_all(image, DAMAGE_CLUSTER, node, 0, pos, cluster_header);
	/* all of it may be a fragment */
	if (number_at(image, pos + 7, 1) & 0x80)
		return;
	advise = number_at(image, pos + 4, 2);
	if (layout == COMPRESSED_FULL && advise & 1) {
		scan_extents(image, node, pos, advise);
		return;
	}
	bits = block_bits(image) + (number_at(image, pos + 7, 1) & 0xf);
	nr = (image->node[node].size + (1ULL << bits) - 1) >> bits;
	if (layout == COMPRESSED_FULL) {
		for (i = 0; i < nr && i < MOST_OF_ONE; i++)
			add_all(image, DAMAGE_CLUSTER, node, i, pos + 16 + i * 8, cluster);
		return;
	}
	/* 2 or 4 bytes each, packed: what a byte means is left to chance */
	for (i = 0; i < nr * 2 && i < MOST_OF_ONE; i++)
		add(image, DAMAGE_CLUSTER, node, "packed", i, pos + 8 + i, 1);
}

static int scan_node(struct damage_image *image, uint64_t nid, char *path);

static void scan_names(struct damage_image *image, int node, size_t pos, size_t length)
{
	unsigned int nr = number_at(image, pos + 8, 2) / 12, i;

	for (i = 0; i < nr; i++) {
		size_t entry = pos + i * 12, name = number_at(image, entry + 8, 2);
		size_t end = i + 1 < nr ? number_at(image, entry + 20, 2) : length;
		const char *text = (char *)image->bytes + pos + name;
		const char *parent = image->node[node].path;
		char *path;

		end = name + strnlen(text, end - name);
		if (i < MOST_OF_ONE) {
			add_all(image, DAMAGE_DIRECTORY, node, i, entry, dirent);
			add(image, DAMAGE_DIRECTORY, node, "d_name", i, pos + name, 1);
		}
		if ((end - name == 1 &&
		     *text == '.') || (end - name == 2 && !memcmp(text, "..", 2)))
			continue;
		if (asprintf(&path, "%s/%.*s", strcmp(parent, "/") ? parent : "",
			     (int)(end - name), text) < 0)
			err(1, "a path");
		scan_node(image, number_at(image, entry, 8), path);
	}
}

static void scan_directory(struct damage_image *image, int node, size_t inline_pos)
{
	uint64_t size = image->node[node].size, block = 1ULL << block_bits(image), at;
	size_t start = number_at(image, image->node[node].pos + 16, 4) << block_bits(image);

	for (at = 0; at < size; at += block) {
		size_t length = size - at < block ? size - at : block;
		bool tail = image->node[node].layout == FLAT_INLINE && at + block >= size;

		scan_names(image, node, tail ? inline_pos : start + at, length);
	}
}

/* what follows the inode and its xattrs */
static void scan_data(struct damage_image *image, int node, size_t pos)
{
	const struct damage_node *n = &image->node[node];

	if (S_ISDIR(n->mode)) {
		if (n->layout == FLAT_PLAIN || n->layout == FLAT_INLINE)
			scan_directory(image, node, pos);
	} else if (n->layout == CHUNK_BASED) {
		scan_chunks(image, node, pos);
	} else if (n->layout == COMPRESSED_FULL || n->layout == COMPRESSED_COMPACT) {
		scan_clusters(image, node, pos);
	}
}

static int scan_node(struct damage_image *image, uint64_t nid, char *path)
{
	size_t pos = (number_at(image, SUPER + 40, 4) << block_bits(image)) + nid * 32;
	unsigned int format = number_at(image, pos, 2), xattrs = number_at(image, pos + 2, 2);
	unsigned int i;
	size_t end;
	int node;

	for (i = 0; i < image->nodes; i++)
		if (image->node[i].nid == nid)
			goto known;
	/* metadata in an inode of its own is not looked into */
	if (nid >> 63 || image->nodes == MOST_NODES)
		goto known;
	node = image->nodes;
	image->node = grow(image->node, image->nodes, sizeof(*image->node));
	image->node[image->nodes++] = (struct damage_node) {
		.path = path, .nid = nid, .pos = pos, .layout = format >> 1 & 7,
		.mode = number_at(image, pos + 4, 2),
		.size = number_at(image, pos + 8, format & 1 ? 8 : 4),
	};
	add_all(image, DAMAGE_INODE, node, 0, pos, format & 1 ? extended : compact);
	pos += format & 1 ? 64 : 32;
	end = pos + (xattrs ? 12 + 4 * (xattrs - 1) : 0);
	if (xattrs)
		scan_xattrs(image, node, pos, end);
	scan_data(image, node, end);
	return node;
known:
	free(path);
	return -1;
}

static void scan_prefixes(struct damage_image *image)
{
	unsigned int nr = number_at(image, SUPER + 91, 1), i;
	size_t pos = number_at(image, SUPER + 92, 4) * 4;

	/* they may be in the inode of fragments */
	if (number_at(image, SUPER + 96, 8) &&
	    !(number_at(image, SUPER + COMPAT, 4) & PLAIN_PREFIXES))
		return;
	for (i = 0; i < nr; i++) {
		unsigned int size = number_at(image, pos, 2);

		add(image, DAMAGE_XATTR, -1, "prefix_size", i, pos, 2);
		add(image, DAMAGE_XATTR, -1, "prefix_base", i, pos + 2, 1);
		if (size > 1)
			add(image, DAMAGE_XATTR, -1, "prefix_infix", i, pos + 3, 1);
		pos += (2 + size + 3) / 4 * 4;
	}
}

static void scan_super(struct damage_image *image)
{
	unsigned int slots = number_at(image, SUPER + 13, 1), i, j, size;
	unsigned int algorithms = number_at(image, SUPER + 84, 2);
	size_t pos = SUPER + 128 + slots * 16;

	add_all(image, DAMAGE_SUPER, -1, 0, SUPER, super);
	for (i = 0; feature(image, CONFIGS) && algorithms >> i; i++) {
		if (!(algorithms >> i & 1))
			continue;
		size = number_at(image, pos, 2);
		add(image, DAMAGE_SUPER, -1, "config_size", i, pos, 2);
		for (j = 0; j < size && j < 6; j++)
			add(image, DAMAGE_SUPER, -1, "config", i * 8 + j, pos + 2 + j, 1);
		pos += 2 + size;
	}
	pos = number_at(image, SUPER + 88, 2) * SLOT;
	for (i = 0; feature(image, CHUNKS_AND_DEVICES) && i < number_at(image, SUPER + 86, 2); i++)
		add_all(image, DAMAGE_DEVICE, -1, i, pos + i * SLOT, device);
}

static int by_class(const void *a, const void *b)
{
	const struct damage_field *x = a, *y = b;

	if (x->class != y->class)
		return x->class < y->class ? -1 : 1;
	return x->pos < y->pos ? -1 : x->pos > y->pos;
}

void damage_scan(struct damage_image *image, void *bytes, size_t size)
{
	uint64_t root, packed;
	unsigned int i, class;

	*image = (struct damage_image) { .bytes = bytes, .size = size, .packed = -1 };
	if (number_at(image, SUPER, 4) != 0xe0f5e1e2)
		errx(1, "not an EROFS image");
	scan_super(image);
	scan_prefixes(image);
	root = feature(image, WIDE) ? number_at(image, SUPER + 112, 8) :
		number_at(image, SUPER + 14, 2);
	scan_node(image, root, strdup("/"));
	packed = number_at(image, SUPER + 96, 8);
	if (packed)
		image->packed = scan_node(image, packed, strdup("packed"));
	qsort(image->field, image->fields, sizeof(*image->field), by_class);
	for (class = 0, i = 0; class < DAMAGE_CLASSES; class++) {
		image->first[class] = i;
		while (i < image->fields && image->field[i].class == class)
			i++;
	}
	image->first[class] = i;
}
