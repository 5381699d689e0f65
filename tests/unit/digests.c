// SPDX-License-Identifier: GPL-2.0-only
/*
 * Digests that were kept are taken again for the image that they are of, and for no other:
 * not once it was written to, not from a file that somebody else could have made, and not
 * if a bit of the header differs.  Would catch each of the questions that is not asked,
 * and a file of somebody else's that is overwritten.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "digests.h"
#include "ktap.h"
#include "unit.h"

#define BLOCKS	100
#define IMAGE	"digests-image"
#define KEPT	"digests-image.digests"
#define SIZE	(4096 + BLOCKS * SPARSE_DIGEST_SIZE)

static const u8 root[SPARSE_DIGEST_SIZE] = "root";

static void write_file(const char *name, size_t size)
{
	int fd;

	unlink(name);
	fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0644);
	need(fd >= 0 && !ftruncate(fd, size) && pwrite(fd, "x", 1, size - 1) == 1);
	close(fd);
}

static struct stat stat_of(const char *name)
{
	struct stat st;

	need(!stat(name, &st));
	return st;
}

/* until the clock of the file system is in another second than the file's last change */
static void age(const char *name)
{
	struct stat st = stat_of(name);
	int fd;

	do {
		usleep(10000);
		fd = open("digests-clock", O_CREAT | O_TRUNC | O_WRONLY, 0600);
		need(fd >= 0);
		close(fd);
	} while (stat_of("digests-clock").st_mtim.tv_sec <= st.st_ctim.tv_sec);
	unlink("digests-clock");
}

static void keep(const char *name)
{
	struct sparse_digests digests = SPARSE_DIGESTS_NONE;
	struct stat st = stat_of(name);
	unsigned int i;

	need(!sparse_digests_start(&digests, name, &st, BLOCKS));
	for (i = 0; i < BLOCKS; i++)
		memset(&digests.leaf[i], i, sizeof(digests.leaf[i]));
	sparse_digests_keep(&digests, name, &st, root);
	sparse_digests_exit(&digests);
}

static bool load(const char *name)
{
	struct sparse_digests digests = SPARSE_DIGESTS_NONE;
	struct stat st = stat_of(name);
	u8 got[SPARSE_DIGEST_SIZE];
	unsigned int i;
	bool taken;

	taken = sparse_digests_load(&digests, name, &st, BLOCKS, got);
	if (taken) {
		need(!memcmp(got, root, sizeof(root)));
		for (i = 0; i < BLOCKS; i++)
			need(digests.leaf[i].digest[0] == i && digests.leaf[i].digest[31] == i);
	}
	sparse_digests_exit(&digests);
	return taken;
}

static void start(void)
{
	unlink(KEPT);
	write_file(IMAGE, 5000);
	age(IMAGE);
	keep(IMAGE);
	need(load(IMAGE));
}

static int taken_again(void)
{
	struct stat st;

	start();
	expect(load("./" IMAGE), "by another path");
	st = stat_of(KEPT);
	expect((st.st_mode & 07777) == 0600, "mode %o", st.st_mode);
	/* of the same kind: it takes its place */
	keep(IMAGE);
	expect(load(IMAGE) && stat_of(KEPT).st_ino != st.st_ino, "made anew");
	return 0;
}

static int not_of_a_changed_image(void)
{
	struct timespec times[2];
	struct stat st;
	int fd;

	start();
	st = stat_of(IMAGE);
	age(IMAGE);
	fd = open(IMAGE, O_WRONLY);
	need(fd >= 0 && pwrite(fd, "y", 1, 17) == 1 && !close(fd));
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	need(!utimensat(AT_FDCWD, IMAGE, times, 0));
	expect(!load(IMAGE), "with its time set back");
	start();
	write_file("digests-copy", 5000);
	need(!rename("digests-copy", IMAGE));
	expect(!load(IMAGE), "of another inode");
	return 0;
}

/* it may be written to in the same second, and none would see it */
static int not_of_a_young_image(void)
{
	unsigned int tries, kept = 0;
	struct stat st;

	for (tries = 0; tries < 20; tries++) {
		unlink(KEPT);
		write_file(IMAGE, 5000);
		keep(IMAGE);
		st = stat_of(IMAGE);
		/* the second may end at any time */
		kept += !access(KEPT, F_OK) && st.st_ctim.tv_nsec < 900000000;
	}
	expect(kept < 5, "%u of %u", kept, tries);
	return 0;
}

static int not_by_others(void)
{
	start();
	need(!chmod(KEPT, 0620));
	expect(!load(IMAGE), "a group may write to it");
	need(!chmod(KEPT, 0602));
	expect(!load(IMAGE), "everybody may write to it");
	need(!chmod(KEPT, 0644));
	expect(load(IMAGE), "who may read it does not matter");
	if (!geteuid()) {
		need(!chown(KEPT, 1, 1));
		expect(!load(IMAGE), "somebody else's");
		need(!chown(KEPT, 0, 1));
		expect(load(IMAGE), "ours again");
	}
	need(!rename(KEPT, "digests-elsewhere"));
	need(!symlink("digests-elsewhere", KEPT));
	expect(!load(IMAGE), "a symbolic link");
	unlink("digests-elsewhere");
	unlink(KEPT);
	need(!mkfifo(KEPT, 0600));
	expect(!load(IMAGE), "a FIFO");
	unlink(KEPT);
	return 0;
}

static int every_bit_of_the_header_counts(void)
{
	struct sparse_digests digests = SPARSE_DIGESTS_NONE;
	u8 byte, got[SPARSE_DIGEST_SIZE];
	struct stat st;
	int fd, pos;

	start();
	st = stat_of(IMAGE);
	expect(!sparse_digests_load(&digests, IMAGE, &st, BLOCKS - 1, got), "fewer blocks");
	expect(!sparse_digests_load(&digests, IMAGE, &st, BLOCKS + 1, got), "more blocks");
	fd = open(KEPT, O_RDWR);
	need(fd >= 0);
	for (pos = 0; pos < 72; pos++) {
		need(pread(fd, &byte, 1, pos) == 1);
		byte ^= 1 << pos % 8;
		need(pwrite(fd, &byte, 1, pos) == 1);
		expect(!load(IMAGE), "byte %d", pos);
		byte ^= 1 << pos % 8;
		need(pwrite(fd, &byte, 1, pos) == 1);
	}
	expect(load(IMAGE), "as it was");
	need(!ftruncate(fd, SIZE - 1));
	expect(!load(IMAGE), "shorter");
	need(!ftruncate(fd, SIZE + 1));
	expect(!load(IMAGE), "longer");
	close(fd);
	return 0;
}

static void copy(const char *from, const char *to)
{
	static u8 data[SIZE];
	int fd = open(from, O_RDONLY);

	need(fd >= 0 && read(fd, data, SIZE) == SIZE && !close(fd));
	fd = open(to, O_CREAT | O_WRONLY, 0600);
	need(fd >= 0 && write(fd, data, SIZE) == SIZE && !close(fd));
}

/* a link leads to the image, and what is beside the link may say that it is whose it likes */
static int not_on_another_file_system(void)
{
	const char *image = "/dev/shm/erofs-digests-image";
	const char *kept = "/dev/shm/erofs-digests-image.digests";

	if (access("/dev/shm", W_OK) ||
	    stat_of("/dev/shm").st_dev == stat_of(".").st_dev) {
		ktap_skip_reason = "no other file system in /dev/shm";
		return KTAP_SKIP;
	}
	write_file(image, 5000);
	age(image);
	unlink(IMAGE);
	unlink(KEPT);
	need(!symlink(image, IMAGE));
	keep(IMAGE);
	expect(access(KEPT, F_OK), "kept beside the link");
	keep(image);
	expect(load(image), "where the image is");
	unlink(KEPT);
	copy(kept, KEPT);
	expect(!load(IMAGE), "beside the link");
	unlink(image);
	unlink(kept);
	unlink(IMAGE);
	unlink(KEPT);
	return 0;
}

/* what has the name and is none of ours stays */
static int nothing_else_is_replaced(void)
{
	unlink(KEPT);
	write_file(IMAGE, 5000);
	age(IMAGE);
	write_file(KEPT, 77);
	keep(IMAGE);
	expect(stat_of(KEPT).st_size == 77, "a file");
	unlink(KEPT);
	need(!mkdir(KEPT, 0700));
	keep(IMAGE);
	expect(S_ISDIR(stat_of(KEPT).st_mode), "a directory");
	rmdir(KEPT);
	need(!symlink("nowhere", KEPT));
	keep(IMAGE);
	expect(access("nowhere", F_OK) && !unlink(KEPT), "a link");
	unlink(KEPT);
	return 0;
}

int main(void)
{
	const struct ktap_case cases[] = {
		{ "taken-again", taken_again },
		{ "not-of-a-changed-image", not_of_a_changed_image },
		{ "not-of-a-young-image", not_of_a_young_image },
		{ "not-by-others", not_by_others },
		{ "every-bit-of-the-header-counts", every_bit_of_the_header_counts },
		{ "not-on-another-file-system", not_on_another_file_system },
		{ "nothing-else-is-replaced", nothing_else_is_replaced },
	};

	return ktap_main(cases);
}
