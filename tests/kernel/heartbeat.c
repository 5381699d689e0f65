// SPDX-License-Identifier: GPL-2.0-only
/*
 * The first process of a guest that is made into a template.  Every beat it checks
 * memory that it has filled before, fills some that it has not touched, and prints
 * the number of the beat, which goes on where it was when the guest is restored.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OLD	(8 << 20)	/* bytes filled at the start */
#define NEW	(128 << 10)	/* bytes more for each beat */

static unsigned char byte_at(size_t i)
{
	return i * 7 + i / 4096;
}

int main(void)
{
	unsigned char *old = malloc(OLD), *fresh;
	unsigned long beat;
	size_t i;

	for (i = 0; i < OLD; i++)
		old[i] = byte_at(i);
	for (beat = 1; ; beat++) {
		for (i = beat % 4096; i < OLD; i += 4096)
			if (old[i] != byte_at(i))
				printf("\nbroken: %#x at %zu\n", old[i], i);
		fresh = calloc(1, NEW);
		for (i = 0; i < NEW; i += 64)
			if (fresh[i])
				printf("\nbroken: %#x in fresh memory\n", fresh[i]);
		memset(fresh, beat, NEW);
		/* kept, until there is enough of it */
		if (beat > 400)
			free(fresh);
		printf("\nbeat %lu\n", beat);
		fflush(stdout);
		usleep(100000);
	}
}
