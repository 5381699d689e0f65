/* SPDX-License-Identifier: GPL-2.0-only */
/* Between the parts of the program chunkshare. */
#ifndef CHUNKSHARE_H
#define CHUNKSHARE_H

/* chunkshare-replaced.c */
int backing_files_cannot_be_written(void);
int files_being_written_are_not_mounted(void);
int images_are_replaced_by_rename(void);
int direct_loop_devices_share(void);
int devices_may_be_written(void);
int files_of_devices_may_be_written(void);
int devices_may_get_another_file(void);
int files_may_change_elsewhere(void);

#endif	/* CHUNKSHARE_H */
