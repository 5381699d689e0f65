/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef EROFS_SPARSE_ELFCORE_H
#define EROFS_SPARSE_ELFCORE_H

#include "layout.h"

/* program headers: far more than any machine has runs of memory, 96 MiB of pieces */
#define SPARSE_SEGMENTS_MAX	((u64)1 << 22)

/**
 * sparse_elfcore_read() - find a machine's memory in an ELF core
 * @source: the core
 * @wanted: it is to be one; else it may be anything
 * @layout: set to where in it memory is: what its PT_LOAD segments hold, at their
 *	physical addresses, from address 0 on; or, if it is not @wanted and none, to
 *	NULL
 *
 * A core is a file that says so (ET_CORE) by a header in which all that is fixed is
 * right.  One whose segments have no physical addresses is of a process, and is none
 * here; what is wrong in any other is an error.  What two segments hold (the kernel
 * itself, in a core that /proc/vmcore gave) has to be equal.
 *
 * Source of the format: <elf.h>, and "System V ABI", chapters 4 and 5.
 */
int sparse_elfcore_read(const struct sparse_source *source, bool wanted,
			struct sparse_layout **layout, struct sparse_failure *failure);

/**
 * sparse_elfcore_is_likely() - see whether a file looks like an ELF core of a machine
 * @source: the file
 *
 * Only its header and its first 1,024 segments are looked at: a guest, in whose memory
 * they may be, is not to make packing slow.  What is wrong in a core is not looked for.
 *
 * Return: 1 if it does, 0 if not, or a negative errno.
 */
int sparse_elfcore_is_likely(const struct sparse_source *source,
			     struct sparse_failure *failure);

#endif
