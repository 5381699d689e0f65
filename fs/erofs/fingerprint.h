/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __EROFS_FINGERPRINT_H
#define __EROFS_FINGERPRINT_H

struct inode;

int erofs_xattr_count(struct inode *inode, int index, const char *name);

#endif	/* __EROFS_FINGERPRINT_H */
