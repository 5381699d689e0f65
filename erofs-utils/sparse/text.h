/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_TEXT_H
#define EROFS_SPARSE_TEXT_H

/* Text that others choose, such as names of files; erofs-status has it, too. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * sparse_text_character() - the UTF-8 character at the beginning of a text
 * @text: not empty
 * @character: set to its number
 *
 * Source of what is one: Unicode, table 3-7.
 *
 * Return: its length in bytes, or 0 if there is none.
 */
size_t sparse_text_character(const char *text, uint32_t *character);

/**
 * sparse_text_is_control() - whether a terminal obeys a character
 * @character: its number; those from U+0080 on count, too: U+009B is the same as ESC [
 */
bool sparse_text_is_control(uint32_t character);

#endif
