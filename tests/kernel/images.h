/* SPDX-License-Identifier: GPL-2.0-only */
/* Damaged images: what images.c and its parts have in common. */
#ifndef IMAGES_H
#define IMAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "../fuzz/damage.h"

/* how an image is mounted */
struct way {
	const char *name, *options;
	bool file;		/* the image is a plain file, on ext4, not a loop device */
	bool believed;		/* fingerprints are believed: a forged one misleads */
	bool ours;		/* only our module on 6.12 knows these options */
	bool huge;		/* zero pages by 2 MiB */
};

/* what a file of an image is when nothing is damaged */
struct golden {
	ino_t ino;
	mode_t mode;
	off_t size;
	char *path;		/* below the tree that the image was made of */
	const char *bytes;	/* of a file, or where a symbolic link leads */
	uint64_t names, xattrs;	/* hashes of the names of a directory, of all xattrs */
};

struct base {
	const char *name;
	struct damage_image image;
	struct golden *golden;
	unsigned int nr;
	char device[64];	/* the file that it needs besides; empty if none */
	char device_loop[32];	/* the loop device of that */
};

#define MOST_DAMAGES	4

/* an image under test */
struct trial {
	const struct base *base;
	const struct way *way;
	uint64_t seed;
	struct damage damage[MOST_DAMAGES];
	unsigned int damages;
	unsigned char *bytes;	/* the image as it is now */
	size_t size;
	struct damage_random random;
	/* what came of it */
	unsigned int files, pages, errors, failed;
	uint64_t errnos;	/* bit N is errno N */
};

/* where the tree is that all images are made of */
extern char images_tree[];

/* say what is wrong with this trial; it has failed */
void complain(struct trial *trial, const char *path, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* an error that damage may lead to: noted, and complained of if it is no such error */
void note_error(struct trial *trial, const char *path, const char *what, int error);

/* images-walk.c: look at all that is mounted at @top; with @record, it is what is golden */
void walk(struct trial *trial, const char *top, struct base *record);

/* images-file.c: read a regular file by all ways there are */
void read_file(struct trial *trial, const char *path, int fd, off_t size, const char *golden,
	       bool consistent);

/* can what @golden's file holds be other than it was, by this damage? */
bool content_touched(const struct trial *trial, ino_t ino);

/* is a file of these contents read the same by every way, damaged as they may be? */
bool is_consistent(const struct trial *trial, ino_t ino);

#endif	/* IMAGES_H */
