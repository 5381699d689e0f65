/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __EROFS_BACKING_H
#define __EROFS_BACKING_H

#include <linux/fs.h>
#include <linux/fs_context.h>

int erofs_deny_write(struct super_block *sb, struct fs_context *fc, const char *option);
void erofs_allow_write(struct super_block *sb);

#endif	/* __EROFS_BACKING_H */
