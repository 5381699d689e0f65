// SPDX-License-Identifier: GPL-2.0-only
/*
 * In place of the C library's for the packer's sources alone, which are compiled with
 * -Dmalloc=fault_malloc and so on: allocation $FAULT_ALLOCATION of theirs, counted from 1,
 * finds no memory, and then the file $FAULT_REACHED is made.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *fault_malloc(size_t size);
void *fault_calloc(size_t nr, size_t size);
void *fault_realloc(void *old, size_t size);
void *fault_aligned_alloc(size_t align, size_t size);
char *fault_strdup(const char *text);

static bool fails(void)
{
	static unsigned int seen;
	const char *number = getenv("FAULT_ALLOCATION");

	if (!number ||
	    __atomic_add_fetch(&seen, 1, __ATOMIC_RELAXED) != (unsigned int)atoi(number))
		return false;
	close(open(getenv("FAULT_REACHED"), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	errno = ENOMEM;
	return true;
}

void *fault_malloc(size_t size)
{
	return fails() ? NULL : malloc(size);
}

void *fault_calloc(size_t nr, size_t size)
{
	return fails() ? NULL : calloc(nr, size);
}

void *fault_realloc(void *old, size_t size)
{
	return fails() ? NULL : realloc(old, size);
}

void *fault_aligned_alloc(size_t align, size_t size)
{
	return fails() ? NULL : aligned_alloc(align, size);
}

char *fault_strdup(const char *text)
{
	return fails() ? NULL : strdup(text);
}
