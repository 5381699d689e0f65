// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#include "text.h"

unsigned int sparse_text_length(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	unsigned int len = 1, i;
	unsigned char least = 0x80, most = 0xbf;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		len = 2;
	else if (s[0] >= 0xe0 && s[0] <= 0xef)
		len = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		len = 4;
	else
		return 0;
	if (s[0] == 0xe0)
		least = 0xa0;
	else if (s[0] == 0xed)
		most = 0x9f;
	else if (s[0] == 0xf0)
		least = 0x90;
	else if (s[0] == 0xf4)
		most = 0x8f;
	/* a sequence that is cut short ends in the string's null byte */
	for (i = 1; i < len; i++, least = 0x80, most = 0xbf)
		if (s[i] < least || s[i] > most)
			return 0;
	return len;
}

unsigned int sparse_text_control(const char *text, unsigned int length)
{
	const unsigned char *s = (const unsigned char *)text;

	if (length == 1 && (s[0] < 0x20 || s[0] == 0x7f))
		return s[0];
	if (length == 2 && s[0] == 0xc2 && s[1] < 0xa0)
		return s[1];
	return 0;
}
