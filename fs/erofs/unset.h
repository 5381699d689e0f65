/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel's configuration has, and the module that is built out of tree has not. */
#undef CONFIG_EROFS_FS_PAGE_CACHE_SHARE
