// SPDX-License-Identifier: GPL-2.0-only
/*
 * images SEED COUNT DIR IMAGE... - write COUNT damaged ones of these images into DIR, each
 * as N and its text, "SEED - IMAGE CHANGE...", as N.text
 * images - 0 DIR IMAGE... - the same for each line of standard input of that kind
 */
#define _GNU_SOURCE
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "damage.h"

#define MOST		4	/* changes of an image */
#define SPACE		"\n "	/* between the words of a line */

static struct damage_image *image;
static char **name;
static int nr;

static void load(const char *path, struct damage_image *loaded)
{
	FILE *f = fopen(path, "r");
	char *bytes;
	long size;

	if (!f || fseek(f, 0, SEEK_END))
		err(1, "%s", path);
	size = ftell(f);
	rewind(f);
	bytes = malloc(size);
	if (!bytes || fread(bytes, 1, size, f) != (size_t)size)
		err(1, "%s", path);
	fclose(f);
	damage_scan(loaded, bytes, size);
}

static FILE *create(const char *dir, unsigned int n, const char *suffix)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%u%s", dir, n, suffix);
	f = fopen(path, "w");
	if (!f)
		err(1, "%s", path);
	return f;
}

static void finish(FILE *f)
{
	if (ferror(f) | fclose(f))
		err(1, "an image");
}

static void write_damaged(const char *dir, unsigned int n, uint64_t seed, int which,
			  const struct damage *damage, unsigned int damages)
{
	const struct damage_image *from = &image[which];
	unsigned char *bytes = malloc(from->size);
	size_t size = from->size;
	char text[DAMAGE_TEXT];
	FILE *f = create(dir, n, ".text");
	bool checksum = false;
	unsigned int i;

	fprintf(f, "%ju - %s", (uintmax_t)seed, basename(name[which]));
	if (!bytes)
		err(1, "an image");
	memcpy(bytes, from->bytes, size);
	for (i = 0; i < damages; i++) {
		size = damage_apply(&damage[i], bytes, size);
		checksum |= !!strstr(damage[i].what, "super:checksum");
		damage_print(&damage[i], text);
		fprintf(f, " %s", text);
	}
	fputc('\n', f);
	finish(f);
	/* it would only hide what the rest leads to */
	if (!checksum)
		damage_fix_checksum(bytes, size);
	f = create(dir, n, "");
	fwrite(bytes, 1, size, f);
	finish(f);
	free(bytes);
}

static void write_random(const char *dir, unsigned int n, uint64_t seed)
{
	struct damage_random random = { seed };
	struct damage damage[MOST];
	int which = damage_below(&random, nr);
	unsigned int i, damages;

	damages = 1 + damage_below(&random, damage_below(&random, 4) ? 1 : MOST);
	for (i = 0; i < damages; i++)
		damage_choose(&image[which], &random, &damage[i]);
	write_damaged(dir, n, seed, which, damage, damages);
}

/* @line is lost; its way to mount the image does not matter */
static void write_again(const char *dir, unsigned int n, char *line)
{
	uint64_t seed = strtoull(strtok(line, " "), NULL, 0);
	struct damage damage[MOST];
	unsigned int damages = 0;
	const char *of, *change;
	int which;

	if (!strtok(NULL, " "))
		errx(1, "a line of %s", line);
	of = strtok(NULL, SPACE);
	for (which = 0; of && which < nr; which++)
		if (!strcmp(basename(name[which]), of))
			break;
	if (!of || which == nr)
		errx(1, "there is no image %s", of);
	while ((change = strtok(NULL, SPACE)) && damages < MOST)
		if (damage_parse(&image[which], change, &damage[damages++]))
			errx(1, "%s has no field '%s'", of, change);
	write_damaged(dir, n, seed, which, damage, damages);
}

int main(int argc, char **argv)
{
	uint64_t seed, count, n;
	char line[4096];
	int i;

	if (argc < 5) {
		fprintf(stderr, "usage: images SEED|- COUNT DIR IMAGE...\n");
		return 2;
	}
	nr = argc - 4;
	name = argv + 4;
	image = calloc(nr, sizeof(*image));
	if (!image)
		err(1, "images");
	for (i = 0; i < nr; i++)
		load(name[i], &image[i]);
	seed = strtoull(argv[1], NULL, 0);
	count = strtoull(argv[2], NULL, 0);
	for (n = 0; n < count; n++)
		write_random(argv[3], n, seed + n);
	for (n = 0; !strcmp(argv[1], "-") && fgets(line, sizeof(line), stdin); n++)
		write_again(argv[3], n, line);
	return 0;
}
