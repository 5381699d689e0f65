// SPDX-License-Identifier: GPL-2.0-only
/*
 * attacks FOLDER [CASE]... - who shares by fingerprint among strangers:
 * users who have a file open, makers of archives and of images, tenants whose memory is
 * short.  What is in FOLDER says ishare.c, whose images these are; /disk0 and /disk1 are
 * "one" and "two", /disk2 is "plain", /disk3 an ext4 to put images on.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../ktap.h"
#include "attacks.h"
#include "guest.h"
#include "sharing.h"

#define VERIFY	"inode_share_verify,domain_id=test"
#define PARAMS	"/sys/module/erofs/parameters/"
#define TRACING	"/sys/kernel/tracing/"
#define READ	(1 << 20)	/* bytes that are read at a time */

static int run(const char *command)
{
	int ret = system(command);

	return WIFEXITED(ret) ? WEXITSTATUS(ret) : -1;
}

/* ---- fingerprints of others ---- */

/* "twice" and "both" have a fingerprint of DENSE beside their own, see ishare.test */
static int not_with_two_fingerprints(void)
{
	static const char * const images[] = { "twice", "both" };
	struct map a, f;
	size_t i, data;

	for (i = 0; i < sizeof(images) / sizeof(*images); i++) {
		printf("# %s\n", images[i]);
		expect(!attach(images[i], "f", BELIEVE) && !attach("plain", "a", BELIEVE),
		       "mount: %s", strerror(errno));
		drop_caches();
		f = map_at("f", "almost.bin");
		expect_ok(same_bytes(f, "almost.bin"));
		a = map_at("a", DENSE);
		expect_ok(same_bytes(a, DENSE));
		expect(!common(a, f, &data) && data, "pages are shared");
		/* nor by the one that is right */
		drop_map(a);
		a = map_at("a", "almost.bin");
		expect_ok(same_bytes(a, "almost.bin"));
		expect(!common(a, f, &data) && data, "pages are shared by the other one");
		expect_ok(drop_map(a) || drop_map(f) || leave("a") || leave("f"));
		forget_mounts();
	}
	return 0;
}

static int digests_of_stock_are_verified(void)
{
	static const char * const images[] = { "plain", "inline", "chunks" };
	struct map f;
	size_t i;

	for (i = 0; i < sizeof(images) / sizeof(*images); i++)
		expect(!attach(images[i], images[i], VERIFY), "mount of %s", images[i]);
	for (i = 1; i < sizeof(images) / sizeof(*images); i++) {
		struct map a = map_at("plain", DENSE), b = map_at(images[i], DENSE);
		size_t data;

		printf("# %s\n", images[i]);
		expect_ok(expect_shared(a, b, DENSE, true));
		a = map_at("plain", "holes.img");
		b = map_at(images[i], "holes.img");
		expect_ok(same_bytes(b, "holes.img"));
		expect(common(a, b, &data) == data && data, "holes.img is not shared");
	}
	/* what a compressed block decodes to depends on more than the block */
	expect(!attach("lz4", "z", VERIFY), "mount");
	expect_ok(expect_shared(map_at("plain", DENSE), map_at("z", DENSE), DENSE, false));
	expect(!attach("stock-liar", "f", VERIFY), "mount");
	f = map_at("f", "almost.bin");
	expect_ok(same_bytes(f, "almost.bin"));
	return same_bytes(map_at("plain", DENSE), DENSE);
}

static int traced(const char *event)
{
	char line[512];
	int n = 0;
	FILE *f = fopen(TRACING "trace", "r");

	while (f && fgets(line, sizeof(line), f))
		n += !!strstr(line, event);
	if (f)
		fclose(f);
	return n;
}

/* how often @name of /m/f is read when it is opened */
static int reads_of_open(const char *name)
{
	int fd = open(TRACING "trace", O_WRONLY | O_TRUNC);

	close(fd);
	write_string(TRACING "events/erofs/erofs_readahead/enable", "1");
	write_string(TRACING "events/erofs/erofs_read_folio/enable", "1");
	fd = open_at("f", name, 0);
	write_string(TRACING "events/erofs/enable", "0");
	if (fd < 0)
		return -1;
	close(fd);
	return traced("erofs_read");
}

/* who opens a file whose content is not as it says has it hashed once, not each time */
static int mismatch_is_remembered(void)
{
	expect(!attach("liar", "f", VERIFY), "mount");
	expect(reads_of_open("almost.bin") > 0, "it is not verified");
	expect(!reads_of_open("almost.bin"), "it is verified again");
	expect_ok(same_bytes(map_at("f", "almost.bin"), "almost.bin"));
	return 0;
}

/* 80 MiB of one page: whoever opens it would wait for as much as an image likes to say */
static int bomb_is_not_hashed_to_its_end(void)
{
	struct map a;
	size_t i;

	expect(!attach("bomb", "f", VERIFY), "mount: %s", strerror(errno));
	expect(reads_of_open("bomb.img") > 0, "it is not verified");
	expect(!reads_of_open("bomb.img"), "it is verified again");
	a = map_at("f", "bomb.img");
	for (i = 0; i < a.size; i += page)
		expect(a.p[i] == 'b', "byte %zu", i);
	expect(!attach("bomb-2", "b", VERIFY), "mount: %s", strerror(errno));
	a = map_at("f", "bomb.img");
	expect(a.p[0] == 'b', "other bytes");
	{
		struct map b = map_at("b", "bomb.img");
		size_t data;

		expect(!common(a, b, &data) && data, "pages are shared");
	}
	return 0;
}

/* an error at the end of a file would have it hashed up to there at each open */
static int read_error_is_remembered(void)
{
	run("modprobe dm-mod; dmsetup remove --retry bad 2>/dev/null");
	expect(!run("echo 0 $(blockdev --getsz /disk0) linear /disk0 0 | dmsetup create bad"),
	       "dmsetup");
	expect(!attach("/dev/mapper/bad", "f", VERIFY), "mount");
	expect(!run("ls -lR /m/f >/dev/null; getfattr -dm- -R /m/f >/dev/null 2>&1; "
		    "echo 0 $(blockdev --getsz /dev/mapper/bad) error >/tmp/bad; "
		    "dmsetup suspend bad && dmsetup reload bad /tmp/bad && dmsetup resume bad"),
	       "dmsetup");
	expect(reads_of_open(DENSE) > 0, "it is not verified");
	expect(!reads_of_open(DENSE), "it is verified again");
	expect_ok(leave("f"));
	forget_mounts();
	expect(!run("dmsetup remove --retry bad"), "dmsetup");
	return 0;
}

/* what fills page tables asks again as long as a fault gives up its lock, also for an error */
static int errors_end_a_populate(void)
{
	char byte;
	size_t i;
	int fd;

	run("modprobe dm-mod; dmsetup remove --retry bad 2>/dev/null");
	expect(!run("echo 0 $(blockdev --getsz /disk0) linear /disk0 0 | dmsetup create bad"),
	       "dmsetup");
	expect(!attach("/dev/mapper/bad", "a", "chunk_share"), "mount");
	fd = open_at("a", DENSE, 0);
	for (i = 0; i < 4 << 20; i += 1 << 20)
		expect(pread(fd, &byte, 1, i) == 1, "read");
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	expect(!run("echo 0 $(blockdev --getsz /dev/mapper/bad) error >/tmp/bad; "
		    "dmsetup suspend bad && dmsetup reload bad /tmp/bad && dmsetup resume bad"),
	       "dmsetup");
	alarm(60 * patience());
	for (i = 0; i < 3; i++) {
		char *p = mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE, fd, i << 20);

		expect(p != MAP_FAILED, "mmap");
		expect(i == 2 ? madvise(p, 1 << 20, MADV_POPULATE_READ) :
		       mlock2(p, 1 << 20, 0), "an unreadable page is there");
		munmap(p, 1 << 20);
	}
	close(fd);
	expect_ok(leave("a"));
	forget_mounts();
	expect(!run("dmsetup remove --retry bad"), "dmsetup");
	return 0;
}

#define SLOW	"/sys/fs/cgroup/slow"

/* who opens a file first, and gets no time, has nobody else wait for him */
static int opener_waits_for_nobody(void)
{
	pid_t slow, quick;
	int i, status = 0;

	write_string("/sys/fs/cgroup/cgroup.subtree_control", "+cpu");
	mkdir(SLOW, 0755);
	expect(!write_string(SLOW "/cpu.max", "1000 100000"), "a cgroup with little time");
	expect(!attach("bomb", "f", VERIFY), "mount: %s", strerror(errno));
	slow = fork();
	if (!slow) {
		write_string(SLOW "/cgroup.procs", "0");
		_exit(open_at("f", "bomb.img", 0) < 0);
	}
	sleep(2);
	expect(!waitpid(slow, &status, WNOHANG), "the first one is not slow");
	quick = fork();
	if (!quick)
		_exit(open_at("f", "bomb.img", 0) < 0);
	for (i = 0; i < 600 && waitpid(quick, &status, WNOHANG) != quick; i++)
		usleep(100000);
	expect(i < 600 && !status, "the second one waits, or has failed: %x", status);
	expect(!waitpid(slow, &status, WNOHANG), "the first one was not slow");
	kill(slow, SIGKILL);
	write_string(SLOW "/cpu.max", "max");
	waitpid(slow, &status, 0);
	rmdir(SLOW);
	return 0;
}

static int device_keeps_being_verified(void)
{
	expect(!attach("/disk0", "a", BELIEVE), "mount");
	expect(attach("/disk0", "b", VERIFY) == -EBUSY, "verified: %s", strerror(errno));
	expect_ok(leave("a"));
	forget_mounts();
	expect(!attach("/disk0", "a", VERIFY), "mount");
	expect(attach("/disk0", "b", BELIEVE) == -EBUSY, "believed: %s", strerror(errno));
	expect(!attach("/disk0", "b", VERIFY), "the same: %s", strerror(errno));
	expect(mount("none", "/m/a", "", MS_REMOUNT | MS_RDONLY, BELIEVE) && errno == EINVAL,
	       "believed from now on: %s", strerror(errno));
	expect(!mount("none", "/m/a", "", MS_REMOUNT | MS_RDONLY, "inode_share_verify"),
	       "as /proc/mounts has it: %s", strerror(errno));
	return 0;
}

/* whether "liar" gives its content to the DENSE of "two" in the default domain */
static int default_domain_believes(bool believes)
{
	struct map a, f;
	size_t data;
	int ret;

	expect(!write_string(PARAMS "ishare_domain", "everybody"), "ishare_domain");
	expect(!write_string(PARAMS "ishare_verify", believes ? "N" : "Y"), "ishare_verify");
	ret = attach("liar", "f", NULL) || attach("two", "b", NULL);
	write_string(PARAMS "ishare_domain", "\n");
	write_string(PARAMS "ishare_verify", "Y");
	expect(!ret, "mount: %s", strerror(errno));
	f = map_at("f", "almost.bin");
	expect_ok(same_bytes(f, "almost.bin"));
	a = map_at("b", DENSE);
	if (believes)
		return expect_shared(f, a, "almost.bin", true);
	expect_ok(same_bytes(a, DENSE));
	expect(!common(a, f, &data) && data, "pages are shared");
	expect_ok(drop_map(a) || drop_map(f) || leave("b") || leave("f"));
	forget_mounts();
	return 0;
}

static int default_domain_verifies(void)
{
	char value[4] = "";
	FILE *f = fopen(PARAMS "ishare_verify", "r");

	expect(f && fgets(value, sizeof(value), f) && *value == 'Y', "the default is %s", value);
	fclose(f);
	expect_ok(default_domain_believes(false));
	return default_domain_believes(true);
}

/* ---- memory that is short ---- */

#define MANY	1500		/* files of the image "many", all of one content */
#define GROUP	"/sys/fs/cgroup/attack"
#define LIMIT	(24L << 20)	/* bytes of memory that the group has */
#define LEAVE	TRACING "events/erofs/erofs_ishare_leave/enable"

static void open_many(void)
{
	char name[32];
	int i, fd;

	for (i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "%d", i);
		fd = open_at("z", name, 0);
		if (fd < 0)
			err(1, "file %s", name);
		close(fd);
	}
}

/* page by page, so that it is not read-ahead that brings it in */
static void read_alone(struct map m)
{
	size_t k;

	posix_fadvise(m.fd, 0, 0, POSIX_FADV_DONTNEED);
	for (k = 0; k < m.size; k += page)
		(void)*(volatile char *)(m.p + k);
	madvise(m.p, m.size, MADV_DONTNEED);
}

/*
 * Read one of many equal files page by page where memory is so short that reclaim has to
 * evict the others: they are members of the same shared inode, whose page is locked.
 */
static void read_where_others_are_evicted(void)
{
	size_t size = 0, i, round;
	struct map m;
	char *hog;

	if (write_string(GROUP "/cgroup.procs", "0"))
		_exit(2);
	/* there is no swap: but for a little it can only be inodes that give way */
	hog = mmap(NULL, LIMIT, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	while (number_in(GROUP "/memory.current", "") < LIMIT - (2 << 20))
		for (i = 0; i < 16; i++, size += page)
			hog[size] = 1;
	m = map_at("z", "0");
	madvise(m.p, m.size, MADV_RANDOM);
	for (round = 0; round < 2 || (round < 16 && !traced("erofs_ishare_leave:")); round++) {
		open_many();
		write_string(LEAVE, "1");
		for (i = 0; i < 4; i++)
			read_alone(m);
		write_string(LEAVE, "0");
		/* what the sums of the cgroup lag behind */
		for (i = 0; i < 16 && size < (size_t)LIMIT; i++, size += page)
			hog[size] = 1;
	}
	_exit(0);
}

static int eviction_below_a_read(void)
{
	int i, most, status = 0;
	char limit[32];
	pid_t pid;

	write_string("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	mkdir(GROUP, 0755);
	snprintf(limit, sizeof(limit), "%ld", LIMIT);
	expect(!write_string(GROUP "/memory.max", limit), "a memory cgroup");
	expect(!attach("many", "z", BELIEVE), "mount: %s", strerror(errno));
	close(open(TRACING "trace", O_WRONLY | O_TRUNC));
	pid = fork();
	if (!pid)
		read_where_others_are_evicted();
	most = 600 * patience();
	for (i = 0; i < most && !waitpid(pid, &status, WNOHANG); i++)
		usleep(100000);
	expect(i < most, "the read does not end");
	expect(!status, "status %x", status);
	i = traced("erofs_ishare_leave:");
	printf("# %d evicted\n", i);
	expect(i > 0, "nobody was evicted");
	rmdir(GROUP);
	return 0;
}

/* ---- a file system that goes while others use it ---- */

static volatile bool stop;
static int answered;		/* times that a thread got what it asked for */

static void *read_of_bad(void *fd)
{
	char *buf = malloc(READ);

	while (!stop) {
		ssize_t n;

		posix_fadvise(*(int *)fd, 0, 0, POSIX_FADV_DONTNEED);
		n = pread(*(int *)fd, buf, READ, 0);
		if (n < 0 && errno != EIO)
			err(1, "pread");
		answered += n > 0;
	}
	free(buf);
	return NULL;
}

/*
 * The device @disk fails, so that each read of a file there asks one of @lenders, which
 * come and go.
 */
static int lend_and_unmount(const char *disk, const char * const lenders[2])
{
	char create[256], byte;
	pthread_t thread;
	int fd, other, i;

	run("modprobe dm-mod; dmsetup remove --retry bad 2>/dev/null");
	snprintf(create, sizeof(create),
		 "echo 0 $(blockdev --getsz %s) linear %s 0 | dmsetup create bad", disk, disk);
	expect(!run(create), "dmsetup");
	expect(!attach("/dev/mapper/bad", "a", BELIEVE), "mount");
	fd = open_at("a", DENSE, 0);
	expect(!run("echo 0 $(blockdev --getsz /dev/mapper/bad) error >/tmp/bad; "
		    "dmsetup suspend bad && dmsetup reload bad /tmp/bad && dmsetup resume bad"),
	       "dmsetup");
	stop = false;
	answered = 0;
	expect(!pthread_create(&thread, NULL, read_of_bad, &fd), "thread");
	for (i = 0; i < 40; i++) {
		expect(!attach(lenders[i % 2], "b", BELIEVE), "mount: %s", strerror(errno));
		forget_mounts();
		other = open_at("b", DENSE, 0);
		expect(other >= 0 && pread(other, &byte, 1, 0) == 1, "read: %s", strerror(errno));
		close(other);
		if (i % 4 == 0)
			run("echo 2 >/proc/sys/vm/drop_caches");
		else
			usleep(20000);
		expect_ok(leave("b"));
	}
	stop = true;
	pthread_join(thread, NULL);
	printf("# %d reads were answered\n", answered);
	expect(answered, "nobody has lent a block");
	close(fd);
	expect_ok(leave("a"));
	expect(!run("dmsetup remove --retry bad"), "dmsetup");
	return 0;
}

static int lenders_can_be_unmounted(void)
{
	static const char * const chunked[2] = { "/disk1", "two" };
	static const char * const compressed[2] = { "lz4", "inline" };

	expect_ok(lend_and_unmount("/disk0", chunked));
	return lend_and_unmount("/disk2", compressed);
}

static void *read_sums(void *arg)
{
	(void)arg;
	while (!stop) {
		char buf[64];
		int fd = open("/sys/fs/erofs/ishare/files", O_RDONLY);

		if (fd < 0)
			continue;
		if (read(fd, buf, sizeof(buf)) > 0)
			answered++;
		else if (errno != ENODEV)
			err(1, "files");
		close(fd);
	}
	return NULL;
}

/* the folder of all mounts comes with the first and goes with the last */
static int sums_are_read_while_they_come(void)
{
	pthread_t thread;
	int i;

	stop = false;
	expect(!pthread_create(&thread, NULL, read_sums, NULL), "thread");
	for (i = 0; i < 300; i++) {
		expect(!attach("/disk0", "a", BELIEVE), "mount: %s", strerror(errno));
		expect_ok(leave("a"));
		forget_mounts();
	}
	stop = true;
	pthread_join(thread, NULL);
	expect(answered, "nobody has read the sums");
	return 0;
}

/* an inode that the super block holds is used by its name, and evicted late */
static int internal_inode_has_a_name(void)
{
	struct map m;

	expect(!attach("packed", "a", "chunk_share"), "mount: %s", strerror(errno));
	m = map_at("a", DENSE);
	expect_ok(same_bytes(m, DENSE));
	/* nor does a huge page of its own take the place of pages that are not its */
	expect(madvise(m.p, m.size, MADV_COLLAPSE) && errno == EINVAL, "MADV_COLLAPSE: %s",
	       strerror(errno));
	expect_ok(same_bytes(m, DENSE));
	expect_ok(drop_map(m) || leave("a"));
	forget_mounts();
	drop_caches();
	return 0;
}

/* ---- images that are written to ---- */

#define STORE	"/store/"

static int set_up_store(void)
{
	mkdir("/store", 0755);
	expect(!mount("/disk3", "/store", "ext4", 0, "") || errno == EBUSY, "/disk3: %s",
	       strerror(errno));
	expect(!run("cp /in/plain " STORE "a; cp /in/plain " STORE "b; sync"), "cp");
	return 0;
}

/* what is written to an image in place would get to the files of others */
static int images_of_mounts_are_not_written(void)
{
	static const char * const options[] = { BELIEVE, VERIFY };
	int fd, i;

	expect_ok(set_up_store());
	for (i = 0; i < 2; i++) {
		struct map a, b;

		printf("# %s\n", options[i]);
		expect(!attach(STORE "a", "a", options[i]), "mount: %s", strerror(errno));
		a = map_at("a", DENSE);
		fd = open(STORE "a", O_WRONLY);
		expect(fd < 0 && errno == ETXTBSY, "open: %s", strerror(errno));
		expect(truncate(STORE "a", 4096) && errno == ETXTBSY, "truncate: %s",
		       strerror(errno));
		expect(run("cat /in/one 2>/dev/null >" STORE "a"), "it is written to");
		expect(!attach(STORE "b", "b", options[i]), "mount: %s", strerror(errno));
		b = map_at("b", DENSE);
		expect_ok(expect_shared(a, b, DENSE, true));
		expect_ok(drop_map(a) || drop_map(b) || leave("a") || leave("b"));
		forget_mounts();
		/* and then it is */
		fd = open(STORE "a", O_WRONLY);
		expect(fd >= 0, "open: %s", strerror(errno));
		close(fd);
	}
	return 0;
}

/* what a mount has not asked for it does not get later, when nothing is denied any more */
static int remount_does_not_share(void)
{
	struct map a, b;
	size_t data;
	int fd;

	expect_ok(set_up_store());
	expect(!attach(STORE "a", "a", NULL) && !attach(STORE "b", "b", BELIEVE), "mount: %s",
	       strerror(errno));
	expect(mount("none", "/m/a", "", MS_REMOUNT | MS_RDONLY, BELIEVE) &&
	       errno == EINVAL, "remount: %s", strerror(errno));
	fd = open(STORE "a", O_WRONLY);
	expect(fd >= 0, "open: %s", strerror(errno));
	close(fd);
	a = map_at("a", DENSE);
	b = map_at("b", DENSE);
	expect_ok(same_bytes(a, DENSE) || same_bytes(b, DENSE));
	expect(!common(a, b, &data) && data, "pages are shared");
	return 0;
}

/* nor is one mounted that somebody may write to, unless nobody has asked for sharing */
static int images_being_written_are_not_shared(void)
{
	struct map a, b;
	size_t data;
	int fd;

	expect_ok(set_up_store());
	fd = open(STORE "a", O_RDWR);
	expect(attach(STORE "a", "a", BELIEVE) == -ETXTBSY, "mount: %s", strerror(errno));
	expect(!attach(STORE "a", "a", NULL), "without sharing: %s", strerror(errno));
	expect_ok(leave("a"));
	forget_mounts();
	expect(!write_string(PARAMS "ishare_domain", "everybody"), "ishare_domain");
	data = attach(STORE "a", "a", NULL) || attach(STORE "b", "b", NULL);
	write_string(PARAMS "ishare_domain", "\n");
	expect(!data, "by default: %s", strerror(errno));
	a = map_at("a", DENSE);
	b = map_at("b", DENSE);
	expect_ok(same_bytes(a, DENSE) || same_bytes(b, DENSE));
	expect(!common(a, b, &data) && data, "pages are shared");
	close(fd);
	return 0;
}

static const struct sharing_case cases[] = {
	{ "direct-reads-after-open", direct_reads_after_open },
	{ "direct-reads-beside-others", direct_reads_beside_others },
	{ "direct-reads-through-overlayfs", direct_reads_through_overlayfs },
	{ "statx-of-all-mounts", statx_of_all_mounts },
	{ "not-with-two-fingerprints", not_with_two_fingerprints },
	{ "digests-of-stock-are-verified", digests_of_stock_are_verified },
	{ "mismatch-is-remembered", mismatch_is_remembered },
	{ "bomb-is-not-hashed-to-its-end", bomb_is_not_hashed_to_its_end },
	{ "read-error-is-remembered", read_error_is_remembered },
	{ "opener-waits-for-nobody", opener_waits_for_nobody },
	{ "device-keeps-being-verified", device_keeps_being_verified },
	{ "default-domain-verifies", default_domain_verifies },
	{ "eviction-below-a-read", eviction_below_a_read },
	{ "lenders-can-be-unmounted", lenders_can_be_unmounted },
	{ "sums-are-read-while-they-come", sums_are_read_while_they_come },
	{ "errors-end-a-populate", errors_end_a_populate },
	{ "internal-inode-has-a-name", internal_inode_has_a_name },
	{ "images-of-mounts-are-not-written", images_of_mounts_are_not_written },
	{ "remount-does-not-share", remount_does_not_share },
	{ "images-being-written-are-not-shared", images_being_written_are_not_shared },
};

int main(int argc, char **argv)
{
	return sharing_main(argc, argv, cases, sizeof(cases) / sizeof(*cases));
}
