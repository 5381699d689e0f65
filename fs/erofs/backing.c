// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files that are mounted are not written to.
 *
 * Mounts that have pages in common rely on the files that those were read from: what is
 * written to a file in place gets into some of the pages and not into others, and from
 * there into mounts of other files.  So such mounts deny writing to their files, as
 * running programs do: open() for writing and truncate() fail with -ETXTBSY, for everyone
 * who may have written, until the file system is gone.  A file is replaced by renaming
 * another one to its name, which is another inode.
 *
 * Denied is what goes through the inode that was opened.  If that is an overlay's, the
 * inode below it can be written to by its own name, which overlayfs leaves undefined.
 */
#include <linux/delay.h>
#include "internal.h"
#include "backing.h"

/* how often, and after how many milliseconds, a file that is open for writing is tried again */
#define EROFS_DENY_TRIES	10
#define EROFS_DENY_WAIT		10

static struct file *erofs_backing_file(const struct erofs_device_info *dif)
{
	return dif->file && S_ISREG(file_inode(dif->file)->i_mode) ? dif->file : NULL;
}

static int erofs_deny_write_to(const struct erofs_device_info *dif, const char *path,
			       struct fs_context *fc, const char *option)
{
	struct file *file = erofs_backing_file(dif);
	int err = file ? exe_file_deny_write_access(file) : 0, tries;

	/* a process that is made has the files of its parent until it is another program */
	for (tries = 0; err && tries < EROFS_DENY_TRIES; ++tries) {
		msleep(EROFS_DENY_WAIT);
		err = exe_file_deny_write_access(file);
	}
	if (err)
		errorfc(fc, "%s: %s is open for writing", option, path);
	return err;
}

/* undo it for the devices before @end, or all; the devices of a super block stay the same */
static void erofs_allow_write_until(struct super_block *sb,
				    const struct erofs_device_info *end)
{
	struct erofs_dev_context *devs = EROFS_SB(sb)->devs;
	struct erofs_device_info *dif;
	int id;

	exe_file_allow_write_access(erofs_backing_file(&EROFS_SB(sb)->dif0));
	idr_for_each_entry(&devs->tree, dif, id) {
		if (dif == end)
			break;
		exe_file_allow_write_access(erofs_backing_file(dif));
	}
}

/**
 * erofs_deny_write - keep the files of a mount from being written to
 * @sb: its super block, with all devices
 * @fc: for messages
 * @option: the one that asks for it
 *
 * Files for which pre-content events are reported have to be filled while they are
 * mounted; writing to those is not denied.  Mounts of one file may all deny it.
 *
 * Return: 0, also if it was done before, or -ETXTBSY if somebody has one open for writing;
 * then nothing is denied.
 */
int erofs_deny_write(struct super_block *sb, struct fs_context *fc, const char *option)
{
	struct erofs_sb_info *sbi = EROFS_SB(sb);
	struct erofs_device_info *dif;
	int id, err;

	if (sbi->writes_denied)
		return 0;
	err = erofs_deny_write_to(&sbi->dif0, fc->source, fc, option);
	if (err)
		return err;
	idr_for_each_entry(&sbi->devs->tree, dif, id) {
		err = erofs_deny_write_to(dif, dif->path, fc, option);
		if (err)
			break;
	}
	if (err)
		erofs_allow_write_until(sb, dif);
	else
		sbi->writes_denied = true;
	return err;
}

/**
 * erofs_allow_write - undo erofs_deny_write(), if it was done
 * @sb: a super block that is about to go, whose devices are still there
 */
void erofs_allow_write(struct super_block *sb)
{
	if (!EROFS_SB(sb)->writes_denied)
		return;
	EROFS_SB(sb)->writes_denied = false;
	erofs_allow_write_until(sb, NULL);
}
