/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Damage to EROFS images that knows the format: what an image consists of is a list of
 * named fields, and a change gives one of them another value.
 *
 * A change has a text, by which it can be repeated on another image of the same tree:
 *	super:meta_blkaddr=ffffff7f	the bytes as they are in the image
 *	device:blocks_lo[0]=00000000
 *	/dir/file:i_format=1f00
 *	/dir/file:chunk[3]=feffffff
 *	image:byte[1a2b]=00		at this place, hexadecimal
 *	image:size[1000]=		cut there
 * Paths are those of the first name of an inode in the order of the image; "packed" is
 * the inode that has the fragments, "shared" the shared xattrs.
 */
#ifndef DAMAGE_H
#define DAMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DAMAGE_WIDTH	80	/* bytes of the largest field */
#define DAMAGE_TEXT	512	/* room for the text of a change */

enum damage_class {
	DAMAGE_SUPER,		/* the superblock, and what compressors are said to need */
	DAMAGE_DEVICE,
	DAMAGE_INODE,
	DAMAGE_XATTR,
	DAMAGE_CHUNK,
	DAMAGE_CLUSTER,		/* what tells of the extents of compressed files */
	DAMAGE_DIRECTORY,
	DAMAGE_BYTE,		/* any byte behind the superblock, or the size */
	DAMAGE_CLASSES
};

struct damage_node {
	char *path;
	uint64_t nid, size;
	size_t pos;		/* of the inode in the image */
	unsigned int mode, layout;
};

struct damage_field {
	const char *name;
	int node;		/* -1 if it is no inode's, -2 if it is the shared xattrs' */
	unsigned int index, width;
	size_t pos;
	enum damage_class class;
};

/* an image as it should be */
struct damage_image {
	unsigned char *bytes;
	size_t size;
	struct damage_node *node;
	struct damage_field *field;
	unsigned int nodes, fields, first[DAMAGE_CLASSES + 1];
	int packed;		/* the node of the fragments, or -1 */
};

struct damage {
	enum damage_class class;
	int node;		/* whose it is, or less than 0 */
	char what[DAMAGE_TEXT / 2];	/* the text up to the value */
	size_t pos;
	unsigned int width;	/* 0 if the image is cut at @pos */
	unsigned char value[DAMAGE_WIDTH];
};

/* numbers that follow from a seed */
struct damage_random {
	uint64_t state;
};

uint64_t damage_number(struct damage_random *random);
uint64_t damage_below(struct damage_random *random, uint64_t limit);

/*
 * List the fields of the image in @bytes, which stays where it is; ends the process if it
 * is no image as it should be.
 */
void damage_scan(struct damage_image *image, void *bytes, size_t size);

/* choose a change */
void damage_choose(const struct damage_image *image, struct damage_random *random,
		   struct damage *damage);

/* the change that a text stands for; 0, or -1 if the image has no such field */
int damage_parse(const struct damage_image *image, const char *text, struct damage *damage);

void damage_print(const struct damage *damage, char text[DAMAGE_TEXT]);

/* make the change in @bytes, a copy of the image; returns its size from then on */
size_t damage_apply(const struct damage *damage, unsigned char *bytes, size_t size);

/* give the superblock the checksum that it should have, if it says that it has one */
void damage_fix_checksum(unsigned char *bytes, size_t size);

#endif	/* DAMAGE_H */
