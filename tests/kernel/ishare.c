// SPDX-License-Identifier: GPL-2.0-only
/*
 * ishare FOLDER [CASE]... - files of equal content share their pages (mount
 * options inode_share and domain_id).  FOLDER has the images that ishare.test makes and,
 * in "tree", the files that are in them.  /disk0 and /disk1 are the images "one" and
 * "two".
 *
 * The question that started it: two files with equal bytes are mapped by a process;
 * are these the same pages?  /proc/self/pagemap tells.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../ktap.h"
#include "guest.h"
#include "sharing.h"

#define RAM	"ram.img"	/* a guest's memory, with holes */
#define DENSE	"dense.bin"	/* 4 MiB without holes, its size is no multiple of a page */
#define PARAM	"/sys/module/erofs/parameters/ishare_domain"
#define TRACING	"/sys/kernel/tracing/"
#define CGROUP	"/sys/fs/cgroup/stalls"

static int share(const char *source, const char *where)
{
	return attach(source, where, "inode_share,domain_id=test");
}

static int pair(const char *a, const char *b, const char *name, bool shared)
{
	expect_ok(expect_shared(map_at(a, name), map_at(b, name), name, shared));
	return 0;
}

/* ---- same bytes, same page ---- */

static int devices_share(void)
{
	expect(!share("/disk0", "a") && !share("/disk1", "b"), "mount: %s", strerror(errno));
	drop_caches();
	expect_ok(pair("a", "b", RAM, true));
	return pair("a", "b", DENSE, true);
}

static int one_image_shares(void)
{
	expect(!share("/disk1", "a"), "mount");
	return expect_shared(map_at("a", RAM), map_at("a", "again.img"), RAM, true);
}

static int file_backed_mounts_share(void)
{
	expect(!share("one", "a") && !share("/disk1", "b") && !share("two", "c"), "mount");
	expect_ok(pair("a", "b", RAM, true));
	expect_ok(pair("a", "c", DENSE, true));
	return pair("c", "b", DENSE, true);
}

/* images of stock mkfs.erofs: plain, chunks of two sizes, compressed, inline tails */
static int layouts_share(void)
{
	static const char * const images[] = {
		"plain", "chunks", "large-chunks", "lz4", "inline",
	};
	size_t i, k;

	for (i = 0; i < sizeof(images) / sizeof(*images); i++)
		expect(!share(images[i], images[i]), "mount of %s: %s", images[i],
		       strerror(errno));
	for (i = 0; i < sizeof(images) / sizeof(*images); i++) {
		/* each is the one that reads, once */
		drop_caches();
		for (k = 0; k < sizeof(images) / sizeof(*images); k++) {
			printf("# %s, read first by %s\n", images[k], images[i]);
			if (k != i)
				expect_ok(pair(images[i], images[k], DENSE, true));
		}
		expect_ok(pair(images[i], images[!i], RAM, true));
	}
	return 0;
}

/*
 * pages of a file's contents in the page cache; cachestat(2) asks the file that was
 * opened, which has none in its own where another's are used
 */
static long shared_pages_of(int fd, size_t size)
{
	struct map m = map_file(fd);
	size_t n = ((m.size < size ? m.size : size) + page - 1) / page, i;
	unsigned char *in_core = malloc(n);
	long cached = 0;

	if (!in_core || mincore(m.p, n * page, in_core))
		err(1, "mincore");
	for (i = 0; i < n; i++)
		cached += in_core[i] & 1;
	munmap(m.p, m.size);
	free(in_core);
	return cached;
}

static long shared_pages(int fd)
{
	return shared_pages_of(fd, SIZE_MAX);
}

/* are the pages that were asked for there, or, as nobody waits for them, soon? */
static bool get_shared(int fd)
{
	int i;

	for (i = 0; i < 100 && shared_pages(fd) < 32; i++)
		usleep(100000);
	return i < 100;
}

/* can the pages be dropped by way of @by? Not while they are read ahead, so soon */
static bool drop_shared(int by, int a, int b)
{
	int i;

	for (i = 0; i < 100; i++) {
		if (posix_fadvise(by, 0, 0, POSIX_FADV_DONTNEED))
			return false;
		if (!shared_pages(a) && !shared_pages(b))
			return true;
		usleep(100000);
	}
	return false;
}

/* data that only one of them has asked for is there for the other */
static int cache_is_one(void)
{
	int a, b;
	char *buf = malloc(1 << 20);

	expect(!share("/disk0", "a") && !share("/disk1", "b"), "mount");
	a = open_at("a", DENSE, 0);
	b = open_at("b", DENSE, 0);
	drop_caches();
	expect(pread(a, buf, 1 << 20, 0) == 1 << 20, "pread");
	/* what is read ahead of those may be on its way */
	expect(shared_pages_of(a, 1 << 20) == 256 && shared_pages_of(b, 1 << 20) == 256,
	       "%ld and %ld pages", shared_pages_of(a, 1 << 20), shared_pages_of(b, 1 << 20));
	expect(drop_shared(b, a, b), "%ld pages", shared_pages(a));
	/* how far ahead a device reads does not matter to upstream's */
	expect(!posix_fadvise(b, 0, 1 << 17, POSIX_FADV_WILLNEED), "fadvise");
	expect(get_shared(a), "%ld pages", shared_pages(a));
	expect(drop_shared(a, a, b), "%ld pages", shared_pages(a));
	expect(!readahead(a, 0, 1 << 17), "readahead: %s", strerror(errno));
	expect(get_shared(b), "%ld pages", shared_pages(b));
	return 0;
}

static int all_reads_are_right(void)
{
	struct map ref = reference(DENSE), got, m;
	unsigned char vec[2048];
	int b, out, pipes[2];
	size_t i, done = 0;
	ssize_t n;
	char *buf;

	expect(!share("/disk0", "a") && !share("/disk1", "b"), "mount");
	expect_ok(same_bytes(map_at("a", DENSE), DENSE));
	b = open_at("b", DENSE, 0);
	buf = malloc(ref.size);
	expect(pread(b, buf, ref.size, 0) == (ssize_t)ref.size, "pread");
	expect(!memcmp(buf, ref.p, ref.size), "read other bytes");
	expect(!pread(b, buf, 1, ref.size), "there is more behind the end");

	expect(!pipe(pipes), "pipe");
	while (done < ref.size) {
		loff_t pos = done;

		n = splice(b, &pos, pipes[1], NULL, 65536, 0);
		expect(n > 0 && read(pipes[0], buf, n) == n, "splice: %zd", n);
		expect(!memcmp(buf, ref.p + done, n), "splice: other bytes");
		done += n;
	}
	out = memfd_create("out", 0);
	for (done = 0; done < ref.size; done += n) {
		n = sendfile(out, b, NULL, ref.size - done);
		expect(n > 0, "sendfile: %s", strerror(errno));
	}
	got = map_file(out);
	expect(got.size == ref.size && !memcmp(got.p, ref.p, ref.size), "sendfile");

	/* pages of the cache are resident for whoever maps them */
	m = map_file(b);
	expect(m.size / page < sizeof(vec), "size");
	expect(!mincore(m.p, m.size, vec), "mincore");
	for (i = 0; i < m.size / page; i++)
		expect(vec[i] & 1, "page %zu is not resident", i);
	expect(lseek(b, 0, SEEK_DATA) == 0, "SEEK_DATA");
	expect(lseek(b, 0, SEEK_HOLE) == (off_t)ref.size, "SEEK_HOLE");
	/* behind the end of the file there are zeros, whatever is on the device */
	for (i = ref.size; i % page; i++)
		expect(!m.p[i], "byte %zu behind the end", i);
	return 0;
}

static int direct_reads_bypass(void)
{
	struct map ref = reference(DENSE);
	char *buf = aligned_alloc(page, 1 << 20);
	int a;

	expect(!share("/disk0", "a") && !share("/disk1", "b"), "mount");
	a = open_at("a", DENSE, O_DIRECT);
	expect(a >= 0, "O_DIRECT: %s", strerror(errno));
	drop_caches();
	expect(pread(a, buf, 1 << 20, 0) == 1 << 20, "pread: %s", strerror(errno));
	expect(!memcmp(buf, ref.p, 1 << 20), "other bytes");
	expect(!cached_pages(a), "%ld pages cached", cached_pages(a));
	/* there are none of compressed files */
	expect(!share("lz4", "z"), "mount");
	expect(open_at("z", DENSE, O_DIRECT) < 0 && errno == EINVAL, "compressed: %s",
	       strerror(errno));
	return 0;
}

static int holes_are_zero_pages(void)
{
	struct map a, b;
	size_t i, data, zero = 0, holes = 0;

	expect(!share("/disk0", "a") && !share("/disk1", "b"), "mount");
	drop_caches();
	a = map_at("a", RAM);
	b = map_at("b", RAM);
	expect_ok(expect_shared(a, b, RAM, true));
	common(a, b, &data);
	for (i = 0; i < a.size; i += page) {
		holes += maps_zero_page(a.p + i);
		zero += maps_zero_page(b.p + i);
	}
	expect(holes == (a.size + page - 1) / page - data && holes == zero,
	       "%zu and %zu zero pages, %zu of data", holes, zero, data);
	expect(shared_pages(a.fd) == (long)data, "%ld pages cached, %zu of data",
	       shared_pages(a.fd), data);
	/* a write is the writer's own */
	a.p[0] ^= 1;
	a.p[a.size / 2] ^= 1;
	return same_bytes(b, RAM);
}

/* pages of the shared cache are brought in for locked memory: see uffd-locked.c */
static int locked_uffd_wp_marker_does_not_loop(void)
{
	struct map m = reference(RAM);
	size_t hole = 0, data = 0, i;
	char command[PATH_MAX];

	for (i = 0; i < m.size / page && !(hole && data); i++)
		if (m.p[i * page])
			data = i;
		else if (!memcmp(m.p + i * page, m.p + i * page + 1, page - 1))
			hole = i;
	expect(!share("/disk0", "a"), "mount");
	drop_caches();
	snprintf(command, sizeof(command), "/in/uffd-locked /m/a/" RAM " %zu", hole);
	expect(!system(command), "a hole");
	snprintf(command, sizeof(command), "/in/uffd-locked /m/a/" RAM " %zu", data);
	expect(!system(command), "data");
	return 0;
}

static int read_thrice(const char *name)
{
	static char buf[1 << 16];
	int fd = open_at("a", name, 0), n;
	off_t at;

	for (n = 0; n < 3; n++)
		for (at = 0; pread(fd, buf, sizeof(buf), at) > 0; at += sizeof(buf))
			;
	return fd;
}

/* the sum of stalls for memory so far, of all processes */
static int stalls(unsigned long *some, unsigned long *full)
{
	FILE *f = fopen("/proc/pressure/memory", "r");
	int n;

	expect(f, "/proc/pressure/memory: %s", strerror(errno));
	n = fscanf(f, "some %*s %*s %*s total=%lu full %*s %*s %*s total=%lu", some, full);
	fclose(f);
	expect(n == 2, "/proc/pressure/memory has %d numbers", n);
	return 0;
}

/*
 * How many pages come back that were thrown out while they were in use?  The file is thrown
 * out in small steps up to its half: what is still in use has to be more than what has gone
 * since.
 */
static long restore_pages(void)
{
	long before = number_in(CGROUP "/memory.stat", "workingset_restore_file"), all, left;
	struct map m;
	size_t at;
	int fd, i;

	drop_caches();
	fd = read_thrice(DENSE);
	all = shared_pages(fd);
	left = all;
	close(read_thrice(RAM));
	for (i = 0; i < 64 && left > all / 2; i++) {
		write_string(CGROUP "/memory.reclaim", "256K");
		left = shared_pages(fd);
	}
	printf("# %ld of %ld pages are left after %d steps\n", left, all, i);
	close(fd);
	/* the kernel asks sums of the cgroup what is in use, at most two seconds old */
	sleep(3);
	m = map_at("a", DENSE);
	madvise(m.p, m.size, MADV_RANDOM);
	for (at = 0; at < m.size; at += 16 * page)
		(void)*(volatile char *)(m.p + at);
	drop_map(m);
	sleep(3);
	return number_in(CGROUP "/memory.stat", "workingset_restore_file") - before;
}

/*
 * A page is read alone, and what is read with it has been thrown out while it was in use:
 * that is a stall for memory, which ends with the read, not with the process.
 */
static int stalls_end(void)
{
	static const char lru_gen[] = "/sys/kernel/mm/lru_gen/enabled";
	unsigned long some[2], full[2];
	long restored;

	expect(!share("deflate", "a"), "mount");
	/* the lists that tell how active a page was, and a cgroup that is reclaimed from */
	expect(!write_string(lru_gen, "0"), "%s", lru_gen);
	write_string("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	expect(!mkdir(CGROUP, 0755) && !write_string(CGROUP "/cgroup.procs", "0"), CGROUP);
	restored = restore_pages();
	printf("# %ld of them came back\n", restored);
	expect_ok(stalls(&some[0], &full[0]));
	sleep(3);
	expect_ok(stalls(&some[1], &full[1]));
	write_string("/sys/fs/cgroup/cgroup.procs", "0");
	rmdir(CGROUP);
	write_string(lru_gen, "y");
	expect(restored > 16, "%ld pages had been in use", restored);
	expect(some[0] == some[1] && full[0] == full[1],
	       "a stall goes on: %lu and %lu us, then %lu and %lu", some[0], full[0], some[1],
	       full[1]);
	return 0;
}

/* ---- who does not share ---- */

static int not_without_the_option(void)
{
	expect(!share("/disk0", "a") && !attach("/disk1", "b", NULL), "mount");
	return pair("a", "b", DENSE, false);
}

static int not_with_another_domain(void)
{
	expect(!share("/disk0", "a"), "mount");
	expect(!attach("/disk1", "b", "inode_share,domain_id=other"), "mount");
	return pair("a", "b", DENSE, false);
}

/* a device that is mounted already cannot be had for another domain */
static int device_keeps_its_domain(void)
{
	expect(!share("/disk0", "a"), "mount");
	expect(attach("/disk0", "b", "inode_share,domain_id=other") == -EBUSY,
	       "the other domain: %s", strerror(errno));
	expect(attach("/disk0", "b", NULL) == -EBUSY, "no domain: %s", strerror(errno));
	expect(!share("/disk0", "b"), "the same domain: %s", strerror(errno));
	return 0;
}

static int not_with_one_byte_different(void)
{
	struct map a, b;
	size_t data;

	expect(!share("/disk0", "a") && !share("/disk1", "b"), "mount");
	a = map_at("a", "almost.bin");
	b = map_at("b", "almost.bin");
	expect(a.size == b.size && memcmp(a.p, b.p, a.size), "the files are equal");
	expect(!common(a, b, &data) && data > 100, "pages are shared");
	return 0;
}

/* "forged" has the fingerprint of DENSE on another file of another size */
static int not_with_unequal_size(void)
{
	struct map a, b;
	size_t data;

	expect(!share("/disk0", "a") && !share("forged", "b"), "mount");
	a = map_at("a", DENSE);
	b = map_at("b", "other.bin");
	expect_ok(same_bytes(a, DENSE));
	expect_ok(same_bytes(b, "other.bin"));
	expect(!common(a, b, &data), "pages are shared");
	return 0;
}

/* fingerprints that are too long, and none where the super block names one */
static int not_with_malformed_xattrs(void)
{
	static const char * const images[] = { "long", "nowhere", "undeclared" };
	size_t i;
	int err;

	expect(!share("/disk0", "a"), "mount");
	for (i = 0; i < sizeof(images) / sizeof(*images); i++) {
		printf("# %s\n", images[i]);
		err = share(images[i], images[i]);
		/* Linux 7 does not even mount it */
		if (err == -EUCLEAN && !strcmp(images[i], "nowhere"))
			continue;
		expect(!err, "mount: %s", strerror(-err));
		expect_ok(pair("a", images[i], DENSE, false));
	}
	return 0;
}

/* content that is not what its fingerprint says, of the same size, is told by it */
static int verified_mounts_share(void)
{
	static const char verify[] = "inode_share_verify,domain_id=test";
	struct map f;

	expect(!attach("/disk0", "a", verify) && !attach("/disk1", "b", verify) &&
	       !attach("liar", "f", verify) && !attach("plain", "p", verify), "mount");
	drop_caches();
	expect_ok(pair("a", "b", RAM, true));
	expect_ok(pair("a", "b", DENSE, true));
	expect_ok(pair("a", "b", "one-block.bin", true));
	expect_ok(pair("a", "b", "holes.img", true));
	f = map_at("f", "almost.bin");
	expect_ok(same_bytes(f, "almost.bin"));
	expect_ok(pair("a", "b", DENSE, true));
	/* digests of stock mkfs.erofs are right as well, but other ones */
	expect_ok(pair("a", "p", DENSE, false));
	return 0;
}

/* who does not check may get what he is told, but not those who do */
static int verified_do_not_share_with_others(void)
{
	struct map a, f;
	size_t data;

	expect(!share("liar", "f"), "mount");
	drop_caches();
	f = map_at("f", "almost.bin");
	expect_ok(same_bytes(f, "almost.bin"));
	expect(!attach("/disk0", "a", "inode_share_verify,domain_id=test"), "mount");
	a = map_at("a", DENSE);
	expect_ok(same_bytes(a, DENSE));
	expect(!common(a, f, &data), "%zu pages are shared", data);
	/* the negative: without the check it is the liar's content */
	expect(!share("/disk1", "b"), "mount");
	return expect_shared(map_at("b", DENSE), f, "almost.bin", true);
}

static int options_are_checked(void)
{
	char line[512], *got = NULL;
	FILE *f;

	expect(attach("/disk0", "a", "inode_share") == -EINVAL, "no domain");
	expect(attach("/disk0", "a", "domain_id=x") == -EINVAL, "no inode_share");
	expect(attach("/disk0", "a", "inode_share,domain_id=") == -EINVAL, "empty");
	expect(attach("/disk0", "a", "inode_share=1,domain_id=x") == -EINVAL, "value");
	expect(!attach("/disk0", "a", "inode_share,domain_id=secret"), "mount");
	f = fopen("/proc/mounts", "r");
	while (fgets(line, sizeof(line), f) && !got)
		if (strstr(line, " /m/a "))
			got = line;
	fclose(f);
	expect(got && strstr(got, ",inode_share"), "/proc/mounts: %s", got ? got : "-");
	expect(!strstr(got, "secret") && !strstr(got, "domain_id"), "%s", got);
	return 0;
}

static int default_domain(void)
{
	int ret;

	expect(!write_string(PARAM, "everybody\n"), "%s", PARAM);
	ret = attach("/disk0", "a", NULL) || attach("/disk1", "b", "user_xattr") ||
		attach("two", "c", "inode_share,domain_id=other");
	expect(!write_string(PARAM, "\n"), "%s", PARAM);
	expect(!ret, "mount: %s", strerror(errno));
	expect_ok(pair("a", "b", DENSE, true));
	expect_ok(pair("a", "c", DENSE, false));
	expect(!attach("one", "d", NULL), "mount: %s", strerror(errno));
	return pair("a", "d", DENSE, false);
}

/* ---- the file stays itself ---- */

static int identity_is_kept(void)
{
	struct map a, b;
	struct stat sa, sb;
	char line[512], want[64], path[PATH_MAX], name[64];
	bool found = false;
	int status;
	ssize_t n;
	FILE *f;

	expect(!share("/disk0", "a") && !share("/disk1", "b"), "mount");
	a = map_at("a", DENSE);
	b = map_at("b", DENSE);
	expect(!fstat(a.fd, &sa) && !fstat(b.fd, &sb), "fstat");
	expect(sa.st_dev != sb.st_dev, "one device");
	expect(sa.st_mode != sb.st_mode && sa.st_uid != sb.st_uid &&
	       sa.st_mtime != sb.st_mtime, "ishare.test made them different");
	snprintf(want, sizeof(want), "%02x:%02x %llu ", major(sb.st_dev),
		 minor(sb.st_dev), (unsigned long long)sb.st_ino);
	snprintf(name, sizeof(name), "%llx-", (unsigned long long)(uintptr_t)b.p);
	f = fopen("/proc/self/maps", "r");
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, name, strlen(name)))
			continue;
		found = true;
		expect(strstr(line, "/m/b/" DENSE), "%s", line);
		expect(strstr(line, want), "%s has no %s", line, want);
		*strchr(line, ' ') = 0;
		snprintf(path, sizeof(path), "/proc/self/map_files/%s", line);
		n = readlink(path, line, sizeof(line) - 1);
		line[n > 0 ? n : 0] = 0;
		expect(!strcmp(line, "/m/b/" DENSE), "%s: %s", path, line);
	}
	fclose(f);
	expect(found, "no mapping");
	/* leases are the opened file's */
	expect(!fcntl(a.fd, F_SETLEASE, F_RDLCK), "lease: %s", strerror(errno));
	expect(fcntl(b.fd, F_GETLEASE) == F_UNLCK, "b has the lease of a");
	fcntl(a.fd, F_SETLEASE, F_UNLCK);
	/* and permissions: nobody may read what the mode of b forbids, a allows */
	expect(sa.st_mode & 0004 && !(sb.st_mode & 0044), "modes");
	if (!fork()) {
		if (setgid(65534) || setuid(65534) || chdir("/"))
			_exit(2);
		_exit(open_at("a", DENSE, 0) < 0 || open_at("b", DENSE, 0) >= 0);
	}
	wait(&status);
	expect(!status, "permissions of the other file: %x", status);
	return 0;
}

/* ---- lifetimes ---- */

/* pages that are not cached yet come from the image that is left */
static int other_images_serve_on(void)
{
	struct map b;
	char *buf = malloc(1 << 20);
	int a;

	expect(!share("/disk0", "a") && !share("/disk1", "b"), "mount");
	drop_caches();
	b = map_at("b", DENSE);
	a = open_at("a", DENSE, 0);
	expect(pread(a, buf, 1 << 20, 0) == 1 << 20, "pread");
	close(a);
	expect(!detach("a"), "umount: %s", strerror(errno));
	return same_bytes(b, DENSE);
}

static int mappings_outlive_lazy_unmounts(void)
{
	struct map a, b;

	expect(!share("/disk0", "a") && !share("/disk1", "b"), "mount");
	drop_caches();
	a = map_at("a", DENSE);
	b = map_at("b", DENSE);
	expect(detach("a") == -EBUSY, "umount while mapped");
	close(a.fd);
	clean_up();	/* lazily; the mappings stay */
	expect_ok(same_bytes(a, DENSE));
	expect_ok(same_bytes(b, DENSE));
	munmap(a.p, a.size);
	munmap(b.p, b.size);
	return 0;
}

static int run(const char *command)
{
	int ret = system(command);

	return WIFEXITED(ret) ? WEXITSTATUS(ret) : -1;
}

/*
 * Open DENSE on @disk, at /m/a, when all reads from the disk fail from now on: nobody
 * else has it yet.  The mapped device below is called bad.
 */
static int open_on_bad(const char *disk, int *fd)
{
	char create[256], buf[4096];

	run("modprobe dm-mod; dmsetup remove --retry bad 2>/dev/null");
	snprintf(create, sizeof(create),
		 "echo 0 $(blockdev --getsz %s) linear %s 0 | dmsetup create bad", disk, disk);
	expect(!run(create), "dmsetup");
	expect(!share("/dev/mapper/bad", "a"), "mount");
	*fd = open_at("a", DENSE, 0);
	expect(!run("echo 0 $(blockdev --getsz /dev/mapper/bad) error >/tmp/bad"), "size");
	expect(!run("dmsetup suspend bad && dmsetup reload bad /tmp/bad && dmsetup resume bad"),
	       "dmsetup");
	posix_fadvise(*fd, 0, 0, POSIX_FADV_DONTNEED);
	expect(pread(*fd, buf, sizeof(buf), 0) < 0 && errno == EIO, "nobody else has it");
	return 0;
}

static int errors_are_answered_by_others(void)
{
	char *buf = malloc(1 << 23);
	struct map ref = reference(DENSE);
	int a, b;

	expect_ok(open_on_bad("/disk0", &a));
	/* now somebody has */
	expect(!share("/disk1", "b"), "mount");
	b = open_at("b", DENSE, 0);
	expect(pread(a, buf, 1 << 20, 0) == 1 << 20, "pread: %s", strerror(errno));
	expect(!memcmp(buf, ref.p, 1 << 20), "other bytes");
	/* and is asked no longer when he has gone */
	expect(pread(b, buf, 1 << 20, 0) == 1 << 20, "pread of the good one");
	close(b);
	expect(!detach("b"), "umount");
	expect(pread(a, buf, 1 << 20, 2 << 20) < 0 && errno == EIO, "gone");
	close(a);
	return 0;
}

static int compressed_blocks_help_others(void)
{
	char *buf = malloc(1 << 23);
	struct map ref = reference(DENSE);
	int a, z;

	expect_ok(open_on_bad("/disk2", &a));
	expect(!share("lz4", "z"), "mount");
	z = open_at("z", DENSE, 0);
	expect(pread(a, buf, ref.size, 0) == (ssize_t)ref.size, "pread: %s",
	       strerror(errno));
	expect(!memcmp(buf, ref.p, ref.size), "other bytes");
	close(z);
	close(a);
	expect(!detach("a") && !detach("z"), "umount");
	forget_mounts();
	expect(!run("dmsetup remove --retry bad"), "dmsetup");
	return 0;
}

/* ---- visible ---- */

static long long number(const char *path)
{
	long long value = -1;
	FILE *f = fopen(path, "r");

	if (f && fscanf(f, "%lld", &value) != 1)
		value = -2;
	if (f)
		fclose(f);
	return value;
}

static int sums_are_shown(void)
{
	struct map a, b;
	long pages;
	glob_t found;
	size_t i;
	long long files = 0, saved = 0;

	expect(number("/sys/fs/erofs/ishare/files") == -1, "there is no mount");
	expect(!share("/disk0", "a") && !share("/disk1", "b"), "mount");
	expect(number("/sys/fs/erofs/ishare/files") == 0, "nothing is open");
	drop_caches();
	a = map_at("a", DENSE);
	expect_ok(same_bytes(a, DENSE));
	expect(number("/sys/fs/erofs/ishare/saved_bytes") == 0, "one file");
	b = map_at("b", DENSE);
	pages = cached_pages(b.fd);
	expect(number("/sys/fs/erofs/ishare/files") == 2, "two files");
	expect(number("/sys/fs/erofs/ishare/pages") / 2 == pages / 2, "pages");
	expect(number("/sys/fs/erofs/ishare/saved_bytes") / (long)page / 2 == pages / 2,
	       "saved bytes");
	expect(!glob("/sys/fs/erofs/*/ishare", 0, NULL, &found) && found.gl_pathc == 2,
	       "folders of mounts");
	for (i = 0; i < found.gl_pathc; i++) {
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s/files", found.gl_pathv[i]);
		files += number(path);
		snprintf(path, sizeof(path), "%s/saved_bytes", found.gl_pathv[i]);
		saved += number(path);
	}
	globfree(&found);
	expect(files == 2 && saved == number("/sys/fs/erofs/ishare/saved_bytes"), "sums");
	munmap(a.p, a.size);
	munmap(b.p, b.size);
	clean_up();
	expect(number("/sys/fs/erofs/ishare/files") == -1, "still there");
	return 0;
}

static int events_are_traced(void)
{
	char line[512];
	int join = 0, leave = 0, fd;
	FILE *f;

	expect(!write_string(TRACING "events/erofs/erofs_ishare_join/enable", "1") &&
	       !write_string(TRACING "events/erofs/erofs_ishare_leave/enable", "1"),
	       "no such events");
	expect(!share("/disk0", "a"), "mount");
	fd = open_at("a", DENSE, 0);
	close(fd);
	expect(!detach("a"), "umount");
	forget_mounts();
	write_string(TRACING "events/erofs/enable", "0");
	f = fopen(TRACING "trace", "r");
	while (f && fgets(line, sizeof(line), f)) {
		join += !!strstr(line, "erofs_ishare_join:");
		leave += !!strstr(line, "erofs_ishare_leave:");
	}
	if (f)
		fclose(f);
	write_string(TRACING "trace", "");
	expect(join == 1 && leave == 1, "%d joined, %d left", join, leave);
	return 0;
}

/* the last case: nothing holds the module, and nothing is left of the domains */
static int module_unloads(void)
{
	drop_caches();
	expect(!run("modprobe -r erofs"), "modprobe -r");
	expect(!run("modprobe erofs"), "modprobe");
	return 0;
}

static const struct sharing_case cases[] = {
	{ "sums-are-shown", sums_are_shown },
	{ "devices-share", devices_share },
	{ "one-image-shares", one_image_shares },
	{ "file-backed-mounts-share", file_backed_mounts_share },
	{ "layouts-share", layouts_share },
	{ "cache-is-one", cache_is_one },
	{ "all-reads-are-right", all_reads_are_right },
	{ "direct-reads-bypass", direct_reads_bypass },
	{ "holes-are-zero-pages", holes_are_zero_pages },
	{ "locked-uffd-wp-marker-does-not-loop", locked_uffd_wp_marker_does_not_loop },
	{ "stalls-end", stalls_end },
	{ "not-without-the-option", not_without_the_option },
	{ "not-with-another-domain", not_with_another_domain },
	{ "device-keeps-its-domain", device_keeps_its_domain },
	{ "not-with-one-byte-different", not_with_one_byte_different },
	{ "not-with-unequal-size", not_with_unequal_size },
	{ "not-with-malformed-xattrs", not_with_malformed_xattrs },
	{ "verified-mounts-share", verified_mounts_share },
	{ "verified-do-not-share-with-others", verified_do_not_share_with_others },
	{ "options-are-checked", options_are_checked },
	{ "default-domain", default_domain },
	{ "identity-is-kept", identity_is_kept },
	{ "other-images-serve-on", other_images_serve_on },
	{ "mappings-outlive-lazy-unmounts", mappings_outlive_lazy_unmounts },
	{ "errors-are-answered-by-others", errors_are_answered_by_others },
	{ "compressed-blocks-help-others", compressed_blocks_help_others },
	{ "events-are-traced", events_are_traced },
	{ "module-unloads", module_unloads },
};

int main(int argc, char **argv)
{
	return sharing_main(argc, argv, cases, sizeof(cases) / sizeof(*cases));
}
