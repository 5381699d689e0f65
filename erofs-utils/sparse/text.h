/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_TEXT_H
#define EROFS_SPARSE_TEXT_H

/**
 * sparse_text_length() - the UTF-8 character at the beginning of a text
 * @text: not empty
 *
 * Source of what is one: Unicode, table 3-7.
 *
 * Return: its length in bytes, or 0 if there is none.
 */
unsigned int sparse_text_length(const char *text);

/**
 * sparse_text_control() - which control character is at the beginning of a text
 * @text: begins with a character
 * @length: of that character
 *
 * A terminal obeys those from U+0080 on, too: U+009B is the same as ESC [.
 *
 * Return: its number in Unicode, or 0 if it is none.
 */
unsigned int sparse_text_control(const char *text, unsigned int length);

#endif
