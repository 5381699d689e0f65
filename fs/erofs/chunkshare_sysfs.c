// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is shared by chunks: /sys/fs/erofs/MOUNT/chunk_share/
 */
#include "chunkshare.h"
#include "folder.h"

static u64 erofs_chunk_cached_pages(const struct erofs_chunk_share *cs)
{
	u64 pages = 0;
	unsigned int i;

	for (i = 0; i < cs->nr_devices; ++i)
		if (cs->device[i].cache)
			pages += READ_ONCE(cs->device[i].cache->file->f_mapping->nrpages);
	return pages;
}

EROFS_FOLDER_RO(cached_bytes, "%llu",
		erofs_chunk_cached_pages(erofs_folder_sbi(kobj)->chunk_share) << PAGE_SHIFT);
EROFS_FOLDER_RO(regions_unmapped, "%ld",
		atomic_long_read(&erofs_folder_sbi(kobj)->chunk_share->unmapped));

static struct attribute *erofs_chunk_files[] = {
	&erofs_file_cached_bytes.attr,
	&erofs_file_regions_unmapped.attr,
	NULL,
};

/* /sys/fs/erofs/MOUNT/chunk_share/ */
const struct attribute_group erofs_chunk_group = {
	.attrs = erofs_chunk_files,
};
