/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of PID 1 of the guests share: see vm-init.c.
 */
#ifndef VM_INIT_H
#define VM_INIT_H

#include <stddef.h>

#define __printf(a, b)	__attribute__((format(printf, a, b)))
#define __noreturn	__attribute__((noreturn))

/* vm-init.c: what goes wrong */

/* Nothing can be done about it: say so on the console; the host sees no verdict. */
void __noreturn __printf(1, 2) fatal(const char *format, ...);
/* The run is a failure.  Only the first thing counts, the rest may follow from it. */
void __printf(1, 2) set_bad(const char *format, ...);

long long now_ms(void);
/* Whole content of a small file, with a NUL behind it, to be freed; or NULL */
char *read_file(const char *path, size_t *size);
/* /dev path of the disk with this serial number, or NULL */
const char *disk_path(const char *serial);

/* vm-init-beat.c: a heartbeat that goes on from now on; signals are blocked before */

void start_beat(int fd);

/* vm-init-mounts.c: the root file system, and what the command has mounted in it */

void mount_early(void);
void mount_root(void);
void enter_root(void);
void mount_rest(void);
void unmount_rest(void);
void unload_erofs(void);

#endif	/* VM_INIT_H */
