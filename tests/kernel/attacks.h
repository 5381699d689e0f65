/* SPDX-License-Identifier: GPL-2.0-only */
/* Between the parts of the program attacks. */
#ifndef ATTACKS_H
#define ATTACKS_H

#define DENSE	"dense.bin"
#define BELIEVE	"inode_share,domain_id=test"

/* attacks-direct.c */
int direct_reads_after_open(void);
int direct_reads_beside_others(void);
int direct_reads_through_overlayfs(void);
int statx_of_all_mounts(void);

#endif	/* ATTACKS_H */
