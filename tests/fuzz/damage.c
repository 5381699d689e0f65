// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "damage.h"

enum { SUPER = 1024, CHECKSUM = SUPER + 4, COMPAT = SUPER + 8, BLOCK_BITS = SUPER + 12 };

/* splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014) */
uint64_t damage_number(struct damage_random *random)
{
	uint64_t n = random->state += 0x9e3779b97f4a7c15;

	n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9;
	n = (n ^ n >> 27) * 0x94d049bb133111eb;
	return n ^ n >> 31;
}

uint64_t damage_below(struct damage_random *random, uint64_t limit)
{
	return damage_number(random) % limit;
}

static void name_field(const struct damage_image *image, const struct damage_field *field,
		       char *what, size_t size)
{
	const char *whose = field->node >= 0 ? image->node[field->node].path :
		field->node == -2 ? "shared" : field->class == DAMAGE_DEVICE ? "device" : "super";

	snprintf(what, size, "%s:%s[%u]", whose, field->name, field->index);
}

/* what another field of the name has, for instance the xattr of another file */
static void transplant(const struct damage_image *image, struct damage_random *random,
		       const struct damage_field *field, struct damage *damage)
{
	const struct damage_field *from;
	unsigned int tries, width;

	for (tries = 0; tries < 64; tries++) {
		unsigned int first = image->first[field->class];

		from = &image->field[first + damage_below(random,
					image->first[field->class + 1] - first)];
		if (from == field || strcmp(from->name, field->name))
			continue;
		width = from->width < field->width ? from->width : field->width;
		memcpy(damage->value, image->bytes + from->pos, width);
		return;
	}
	damage->value[damage_below(random, damage->width)] ^= 1 << damage_below(random, 8);
}

/* values at which something changes */
static uint64_t remarkable(const struct damage_image *image, struct damage_random *random)
{
	uint64_t blocks = image->size >> image->bytes[BLOCK_BITS];
	const uint64_t value[] = {
		blocks, blocks - 1, blocks + 1, image->size, 0x7fffffff, 0x80000000, 0xfffffffe,
		0xffff, 4096, 4095, 12, 1, 1ULL << damage_below(random, 64),
		(1ULL << damage_below(random, 64)) - 1,
	};

	return value[damage_below(random, sizeof(value) / sizeof(*value))];
}

static void choose_value(const struct damage_image *image, struct damage_random *random,
			 const struct damage_field *field, struct damage *damage)
{
	unsigned int i, width = damage->width;
	uint64_t n = 0;

	if (width > 8 || !damage_below(random, 4)) {
		transplant(image, random, field, damage);
		return;
	}
	for (i = width; i--;)
		n = n << 8 | damage->value[i];
	switch (damage_below(random, 7)) {
	case 0:
		n ^= 1ULL << damage_below(random, width * 8);
		break;
	case 1:
		n = 0;
		break;
	case 2:
		n = ~0ULL;
		break;
	case 3:
		n++;
		break;
	case 4:
		n--;
		break;
	case 5:
		n = damage_number(random) >> damage_below(random, 64);
		break;
	case 6:
		n = remarkable(image, random);
		break;
	}
	for (i = 0; i < width; i++)
		damage->value[i] = n >> i * 8;
}

static void set_byte(struct damage *damage, const char *what, size_t pos, unsigned int width)
{
	*damage = (struct damage) {
		.class = DAMAGE_BYTE, .node = -1, .pos = pos, .width = width,
	};
	snprintf(damage->what, sizeof(damage->what), "image:%s[%zx]", what, pos);
}

static void choose_byte(const struct damage_image *image, struct damage_random *random,
			struct damage *damage)
{
	const size_t first = SUPER + 144;
	size_t pos = first + damage_below(random, image->size - first);

	if (!damage_below(random, 8)) {
		set_byte(damage, "size", damage_below(random, 2) ? pos : pos / 4096 * 4096, 0);
		return;
	}
	set_byte(damage, "byte", pos, 1);
	damage->value[0] = image->bytes[pos] ^ (1 + damage_below(random, 255));
}

static void set_field(const struct damage_image *image, const struct damage_field *field,
		      struct damage *damage)
{
	*damage = (struct damage) {
		.class = field->class, .node = field->node, .pos = field->pos,
		.width = field->width,
	};
	name_field(image, field, damage->what, sizeof(damage->what));
	memcpy(damage->value, image->bytes + field->pos, field->width);
}

void damage_choose(const struct damage_image *image, struct damage_random *random,
		   struct damage *damage)
{
	const struct damage_field *field;
	unsigned int class, nr;

	do {
		class = damage_below(random, DAMAGE_CLASSES);
		nr = image->first[class + 1] - image->first[class];
	} while (class != DAMAGE_BYTE && !nr);
	if (class == DAMAGE_BYTE) {
		choose_byte(image, random, damage);
		return;
	}
	do {
		field = &image->field[image->first[class] + damage_below(random, nr)];
		set_field(image, field, damage);
		choose_value(image, random, field, damage);
	} while (!memcmp(damage->value, image->bytes + damage->pos, damage->width));
}

static int parse_value(const char *text, struct damage *damage)
{
	unsigned int i, byte;

	for (i = 0; i < damage->width; i++, text += 2) {
		if (sscanf(text, "%2x", &byte) != 1)
			return -1;
		damage->value[i] = byte;
	}
	return *text ? -1 : 0;
}

int damage_parse(const struct damage_image *image, const char *text, struct damage *damage)
{
	const char *value = strrchr(text, '=');
	char what[DAMAGE_TEXT], plain[DAMAGE_TEXT];
	unsigned int i;
	size_t pos;

	if (!value || value - text >= DAMAGE_TEXT / 2)
		return -1;
	if (sscanf(text, "image:size[%zx]=", &pos) == 1 ||
	    sscanf(text, "image:byte[%zx]=", &pos) == 1) {
		bool cut = text[6] == 's';

		set_byte(damage, cut ? "size" : "byte", pos, !cut);
		return pos < image->size ? parse_value(value + 1, damage) : -1;
	}
	/* an index may be left out where there is but one */
	snprintf(plain, sizeof(plain), "%.*s%s", (int)(value - text), text,
		 value[-1] == ']' ? "" : "[0]");
	for (i = 0; i < image->fields; i++) {
		name_field(image, &image->field[i], what, sizeof(what));
		if (!strcmp(what, plain)) {
			set_field(image, &image->field[i], damage);
			return parse_value(value + 1, damage);
		}
	}
	return -1;
}

void damage_print(const struct damage *damage, char text[DAMAGE_TEXT])
{
	int at = snprintf(text, DAMAGE_TEXT, "%s=", damage->what);
	unsigned int i;

	for (i = 0; i < damage->width; i++)
		at += snprintf(text + at, DAMAGE_TEXT - at, "%02x", damage->value[i]);
}

size_t damage_apply(const struct damage *damage, unsigned char *bytes, size_t size)
{
	if (!damage->width)
		return damage->pos < size ? damage->pos : size;
	if (damage->pos + damage->width <= size)
		memcpy(bytes + damage->pos, damage->value, damage->width);
	return size;
}

/* CRC-32C as the format has it: not inverted at the end */
static uint32_t crc32c(uint32_t crc, const unsigned char *p, size_t n)
{
	int bit;

	while (n--) {
		crc ^= *p++;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return crc;
}

void damage_fix_checksum(unsigned char *bytes, size_t size)
{
	size_t block, from = SUPER;
	uint32_t crc;
	int i;

	if (size < SUPER + 144 || !(bytes[COMPAT] & 1) || bytes[BLOCK_BITS] > 16)
		return;
	/* a block that has the superblock in its midst is checked from there on */
	block = 1UL << bytes[BLOCK_BITS];
	block = block > SUPER ? block - SUPER : block;
	if (from + block > size)
		return;
	memset(bytes + CHECKSUM, 0, 4);
	crc = crc32c(~0U, bytes + from, block);
	for (i = 0; i < 4; i++)
		bytes[CHECKSUM + i] = crc >> i * 8;
}
