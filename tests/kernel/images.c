// SPDX-License-Identifier: GPL-2.0-only
/*
 * Damaged images: what is in an image is given random values, and the kernel has to make
 * the best of it.  No file that the damage has nothing to do with may change, but for
 * errors; all others are read alike by every way, as bytes or as errors; nobody else's
 * files change; and nothing crashes, hangs or stays in memory.
 *
 * images [--seed N] [--count N] [--stock] [--debug] FOLDER
 *	N images, spread over all ways to mount one and over the images in FOLDER, which
 *	tests/fuzz/corpus/lib.sh has made; and those that the file "found" there has
 * images [--stock] [--debug] FOLDER 'SEED WAY IMAGE CHANGE...'...
 *	these, as they are printed before each is tried
 *
 * --stock is Debian's module, which shares on 7 only; --debug is for kernels that check
 * themselves, which are slow and keep what was freed for a while.
 *
 * KTAP.  An image at which something was wrong is left in /out.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "../ktap.h"
#include "guest.h"
#include "images.h"

#define MOST_BASES	32
#define LARGEST		(4 << 20)	/* bytes of an image */
#define HANGS		(debug ? 900 : 120)	/* seconds for one image; they take less than one */
#define TOP		"/m/image"

#define BELIEVED	"inode_share,domain_id=believed"
#define VERIFIED	"inode_share_verify,domain_id=verified"

static const struct way ways[] = {
	{ .name = "loop", .options = "" },
	{ .name = "loop-huge", .options = "", .huge = true },
	{ .name = "loop-uncached", .options = "cache_strategy=disabled" },
	{ .name = "loop-readahead", .options = "cache_strategy=readahead,noacl" },
	{ .name = "loop-chunks", .options = "chunk_share" },
	{ .name = "loop-believed", .options = BELIEVED, .believed = true },
	{ .name = "loop-verified", .options = VERIFIED, .ours = true },
	{ .name = "loop-chunks-verified", .options = "chunk_share," VERIFIED, .ours = true },
	{ .name = "file", .options = "", .file = true },
	{ .name = "file-direct", .options = "directio", .file = true },
	{ .name = "file-chunks", .options = "chunk_share,directio", .file = true },
	{ .name = "file-believed", .options = BELIEVED, .file = true, .believed = true },
	{ .name = "file-verified", .options = VERIFIED ",cache_strategy=readahead",
	  .file = true, .ours = true },
};

#define WAYS	(sizeof(ways) / sizeof(*ways))

char images_tree[256];
static const char *folder;
static bool stock, debug;
static struct base bases[MOST_BASES];
static unsigned int nr_bases;
static uint64_t first_seed = 1;
static unsigned int count = 300;
static int loop_fd = -1, backing_fd = -1;
static char loop_path[32], *backing;

/* images that nobody damages, mounted all the time, and their files */
static const struct { const char *top, *image, *options; bool ours; } others[] = {
	{ "/m/verified", "sparse", VERIFIED, true },
	{ "/m/apart", "sparse", "inode_share,domain_id=apart", false },
	{ "/m/chunks", "device", "chunk_share", false },
};

#define OTHERS	(sizeof(others) / sizeof(*others))

/* does this module know these options? */
static bool offered(const char *options, bool only_ours)
{
	if (stock && strstr(options, "chunk_share"))
		return false;
	return !stock || !only_ours;
}

/* --- devices */

static int attach_loop(int file, char path[32])
{
	/* it goes with us: what it is on can be unmounted */
	const struct loop_info64 info = { .lo_flags = LO_FLAGS_AUTOCLEAR };
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), nr, fd;

	nr = ioctl(control, LOOP_CTL_GET_FREE);
	close(control);
	snprintf(path, 32, "/dev/loop%d", nr);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (nr < 0 || fd < 0 || ioctl(fd, LOOP_SET_FD, file) ||
	    ioctl(fd, LOOP_SET_STATUS64, &info))
		err(1, "a loop device");
	return fd;
}

static void write_all(int fd, const void *bytes, size_t size)
{
	if (ftruncate(fd, size) || pwrite(fd, bytes, size, 0) != (ssize_t)size)
		err(1, "an image");
}

/* thousands of errors are expected: a console that prints them is all that there is time for */
#define CONSOLE_LEVEL	8
#define ALERTS		3

static void make_devices(void)
{
	klogctl(CONSOLE_LEVEL, NULL, ALERTS);
	mkdir("/work", 0700);
	mkdir("/store", 0700);
	mkdir("/m", 0700);
	mkdir(TOP, 0700);
	if (mount("work", "/work", "tmpfs", 0, NULL) ||
	    mount("/disk0", "/store", "ext4", 0, NULL))
		err(1, "where images are written");
	backing_fd = open("/work/image", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (ftruncate(backing_fd, LARGEST))
		err(1, "/work/image");
	backing = mmap(NULL, LARGEST, PROT_READ | PROT_WRITE, MAP_SHARED, backing_fd, 0);
	if (backing == MAP_FAILED)
		err(1, "/work/image");
	loop_fd = attach_loop(open("/work/image", O_RDONLY | O_CLOEXEC), loop_path);
}

/* have the image of a trial on its device; returns what is mounted */
static const char *place(const struct trial *trial)
{
	int fd;

	if (trial->way->file) {
		fd = open("/store/image", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		write_all(fd, trial->bytes, trial->size);
		close(fd);
		return "/store/image";
	}
	if (ftruncate(backing_fd, trial->size))
		err(1, "/work/image");
	memcpy(backing, trial->bytes, trial->size);
	if (ioctl(loop_fd, LOOP_SET_CAPACITY) || ioctl(loop_fd, BLKFLSBUF))
		err(1, "%s", loop_path);
	return loop_path;
}

/* --- images as they should be */

static void *load(const char *path, size_t *size)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *bytes;

	if (fd < 0 || fstat(fd, &st) || st.st_size > LARGEST)
		err(1, "%s", path);
	bytes = malloc(st.st_size);
	if (!bytes || read(fd, bytes, st.st_size) != st.st_size)
		err(1, "%s", path);
	close(fd);
	*size = st.st_size;
	return bytes;
}

/* the device of a base, as a file on ext4, and as a loop device on that */
static void place_device(struct base *base)
{
	char path[512];
	size_t size;
	void *bytes;
	int fd;

	snprintf(path, sizeof(path), "%s/device/%s", folder, base->name);
	if (access(path, R_OK))
		return;
	bytes = load(path, &size);
	snprintf(base->device, sizeof(base->device), "/store/device-%s", base->name);
	fd = open(base->device, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	write_all(fd, bytes, size);
	close(fd);
	free(bytes);
	attach_loop(open(base->device, O_RDONLY | O_CLOEXEC), base->device_loop);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct base *)a)->name, ((const struct base *)b)->name);
}

static void load_bases(void)
{
	char path[512];
	struct dirent *entry;
	size_t size;
	void *bytes;
	DIR *dir;

	snprintf(images_tree, sizeof(images_tree), "%s/tree", folder);
	snprintf(path, sizeof(path), "%s/image", folder);
	dir = opendir(path);
	if (!dir)
		err(1, "%s", path);
	while ((entry = readdir(dir))) {
		if (*entry->d_name == '.')
			continue;
		if (nr_bases == MOST_BASES)
			errx(1, "too many images");
		snprintf(path, sizeof(path), "%s/image/%s", folder, entry->d_name);
		bytes = load(path, &size);
		bases[nr_bases].name = strdup(entry->d_name);
		damage_scan(&bases[nr_bases].image, bytes, size);
		place_device(&bases[nr_bases++]);
	}
	closedir(dir);
	if (!nr_bases)
		errx(1, "no images in %s", folder);
	qsort(bases, nr_bases, sizeof(*bases), by_name);
}

/* --- images that are not damaged, beside */

static void mount_others(void)
{
	char source[512];
	unsigned int i;

	for (i = 0; i < OTHERS; i++) {
		if (!offered(others[i].options, others[i].ours))
			continue;
		snprintf(source, sizeof(source), "%s/image/%s", folder, others[i].image);
		/* the very file that damaged images refer to */
		if (!strcmp(others[i].image, "device"))
			snprintf(source, sizeof(source), "/store/device-base");
		mkdir(others[i].top, 0700);
		if (mount(source, others[i].top, "erofs", MS_RDONLY, others[i].options))
			err(1, "%s at %s", source, others[i].top);
	}
}

static void unmount_others(void)
{
	unsigned int i;

	for (i = 0; i < OTHERS; i++)
		if (offered(others[i].options, others[i].ours))
			if (umount(others[i].top))
				err(1, "umount %s", others[i].top);
}

/* one of their files, anew or as it is cached, has its bytes */
static void check_others(struct trial *trial)
{
	static const char * const names[] = { "text", "holes", "noise", "mixed", "again" };
	unsigned int other = damage_below(&trial->random, OTHERS);
	const char *name = names[damage_below(&trial->random, 5)];
	char path[512];
	struct stat st;
	const char *want, *found;
	int fd, ref;

	if (!offered(others[other].options, others[other].ours))
		return;
	snprintf(path, sizeof(path), "%s/%s", images_tree, name);
	ref = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "%s/%s", others[other].top, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	/* the device has two of them */
	if (fd >= 0 && ref >= 0 && !fstat(fd, &st)) {
		if (damage_below(&trial->random, 2))
			posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		want = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, ref, 0);
		found = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, fd, 0);
		if (want == MAP_FAILED || found == MAP_FAILED || memcmp(want, found, st.st_size))
			complain(trial, path, "who mounts another image reads other bytes");
		munmap((void *)want, st.st_size);
		munmap((void *)found, st.st_size);
	} else if (strcmp(others[other].image, "device")) {
		complain(trial, path, "of another image: %s", strerror(errno));
	}
	close(fd);
	close(ref);
}

/* --- trials */

static int mount_trial(struct trial *trial)
{
	const char *source = place(trial), *options = trial->way->options;
	char all[256];

	if (*trial->base->device) {
		snprintf(all, sizeof(all), "%s%sdevice=%s", options, *options ? "," : "",
			 trial->way->file ? trial->base->device : trial->base->device_loop);
		options = all;
	}
	if (mount(source, TOP, "erofs", MS_RDONLY | MS_NODEV | MS_NOSUID, options))
		return -errno;
	if (trial->way->huge)
		set_huge(true);
	return 0;
}

static void unmount_trial(struct trial *trial)
{
	int tries;

	/* the last reference to a file may be dropped a little later than it is closed */
	for (tries = 0; umount(TOP); tries++) {
		if (errno != EBUSY || tries == 500) {
			complain(trial, TOP, "umount: %s", strerror(errno));
			umount2(TOP, MNT_DETACH);
			return;
		}
		usleep(10000);
	}
}

static void run_trial(struct trial *trial)
{
	int ret = mount_trial(trial);

	switch (ret) {
	case 0:
		walk(trial, TOP, NULL);
		break;
	/* what a superblock that is damaged is refused with */
	case -EINVAL:
	case -EUCLEAN:
	case -EIO:
	case -EBADMSG:
	case -EOPNOTSUPP:
	case -ENODEV:
		trial->errors = -ret;
		break;
	default:
		complain(trial, TOP, "mount: %s", strerror(-ret));
	}
	check_others(trial);
	if (!ret)
		unmount_trial(trial);
}

/* its text, by which it can be repeated */
static void print_trial(const struct trial *trial, FILE *out)
{
	char text[DAMAGE_TEXT];
	unsigned int i;

	fprintf(out, "%ju %s %s", (uintmax_t)trial->seed, trial->way->name, trial->base->name);
	for (i = 0; i < trial->damages; i++) {
		damage_print(&trial->damage[i], text);
		fprintf(out, " %s", text);
	}
	fputc('\n', out);
}

/* of warnings, oopses and the like */
static long taints(void)
{
	return number_in("/proc/sys/kernel/tainted", "");
}

static void keep_trial(const struct trial *trial)
{
	char path[256], command[300];
	FILE *out;
	int fd;

	mkdir("/out", 0755);
	snprintf(path, sizeof(path), "/out/%ju-%s-%s", (uintmax_t)trial->seed,
		 trial->way->name, trial->base->name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	write_all(fd, trial->bytes, trial->size);
	close(fd);
	strcat(path, ".text");
	out = fopen(path, "w");
	print_trial(trial, out);
	fclose(out);
	printf("#   kept as %s\n", path);
	snprintf(command, sizeof(command), "dmesg | tail -n 300 >'%s.log'", path);
	if (system(command))
		printf("#   but the kernel's log is not\n");
}

static void show_stack(pid_t pid)
{
	char path[64], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stack", pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		printf("#   %s", line);
}

/* wait for a child as long as an image may take; 0 if it ended well */
static int wait_for(pid_t pid)
{
	struct timespec limit = { .tv_sec = HANGS };
	sigset_t child;
	int status;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	while (waitpid(pid, &status, WNOHANG) != pid) {
		if (sigtimedwait(&child, NULL, &limit) >= 0 || errno == EINTR)
			continue;
		printf("#   no end after %d s:\n", HANGS);
		show_stack(pid);
		kill(pid, SIGKILL);
		limit.tv_sec = 10;
		if (sigtimedwait(&child, NULL, &limit) < 0)
			errx(1, "it cannot be killed either");
		waitpid(pid, &status, 0);
		return 1;
	}
	if (WIFSIGNALED(status))
		printf("#   killed by signal %d\n", WTERMSIG(status));
	return status;
}

/* what of all trials of a case came out */
struct sum {
	unsigned int refused, files, pages, errors;
};

static struct sum *sum;		/* in memory that children share */

static void make_damaged(struct trial *trial, unsigned char *bytes)
{
	const struct damage_image *image = &trial->base->image;
	bool checksum = false;
	unsigned int i;

	memcpy(bytes, image->bytes, image->size);
	trial->bytes = bytes;
	trial->size = image->size;
	for (i = 0; i < trial->damages; i++) {
		trial->size = damage_apply(&trial->damage[i], bytes, trial->size);
		checksum |= !!strstr(trial->damage[i].what, "super:checksum");
	}
	/* it would only hide what the rest leads to */
	if (!checksum)
		damage_fix_checksum(bytes, trial->size);
}

/*
 * Upstream's sharing, on Linux 7.3 at least, gives its inodes blocks of a page: where an
 * image has smaller ones, iomap_read_folio_iter() is done with a folio after the first of
 * them, and iomap_readahead() warns as there is none for the rest.  No damage is needed.
 */
static bool known_to_warn(const struct trial *trial)
{
	const unsigned int block_bits = 1024 + 12;

	return stock && trial->way->believed && trial->bytes[block_bits] < 12;
}

/* in a process of its own, which may end badly; 0 if all is well */
static int try(struct trial *trial)
{
	static unsigned char bytes[LARGEST];
	long tainted = taints();
	int status;
	pid_t pid;

	make_damaged(trial, bytes);
	printf("# ");
	print_trial(trial, stdout);
	if (known_to_warn(trial)) {
		printf("#   not tried: it makes iomap_readahead() warn\n");
		return 0;
	}
	fflush(stdout);
	pid = fork();
	if (!pid) {
		run_trial(trial);
		sum->refused += !trial->files;
		sum->files += trial->files;
		sum->pages += trial->pages;
		sum->errors += trial->files ? trial->errors : 0;
		fflush(stdout);
		_exit(!!trial->failed);
	}
	if (pid < 0)
		err(1, "fork");
	status = wait_for(pid);
	if (taints() != tainted) {
		printf("#   the kernel warns\n");
		status = 1;
	}
	if (status) {
		keep_trial(trial);
		umount2(TOP, MNT_DETACH);
	}
	return !!status;
}

static void choose_trial(struct trial *trial, const struct way *way, uint64_t seed)
{
	unsigned int i, nr;

	*trial = (struct trial) { .seed = seed, .way = way, .random = { seed } };
	trial->base = &bases[damage_below(&trial->random, nr_bases)];
	nr = 1 + damage_below(&trial->random, damage_below(&trial->random, 4) ? 1 : MOST_DAMAGES);
	for (i = 0; i < nr; i++)
		damage_choose(&trial->base->image, &trial->random, &trial->damage[i]);
	trial->damages = nr;
}

static int parse_trial(char *text, struct trial *trial)
{
	char *save, *seed = strtok_r(text, " ", &save), *way = strtok_r(NULL, " ", &save);
	char *base = strtok_r(NULL, " ", &save), *change;
	struct trial t = { 0 };
	unsigned int i;

	if (!base)
		return -1;
	t.seed = strtoull(seed, NULL, 0);
	t.random.state = t.seed;
	for (i = 0; i < WAYS; i++)
		if (!strcmp(ways[i].name, way))
			t.way = &ways[i];
	for (i = 0; i < nr_bases; i++)
		if (!strcmp(bases[i].name, base))
			t.base = &bases[i];
	if (!t.way)
		return -1;
	if (!t.base || !offered(t.way->options, t.way->ours))
		return -ENODEV;
	while ((change = strtok_r(NULL, " ", &save)))
		if (t.damages == MOST_DAMAGES ||
		    damage_parse(&t.base->image, change, &t.damage[t.damages++]))
			return -1;
	*trial = t;
	return 0;
}

/* --- cases */

static const struct way *case_way[2 * WAYS];
static const struct way **current;
static unsigned int number;	/* of the case of damaged images, from 0 */
static unsigned int cases_damaged;

/*
 * Images that are not damaged are what they were made of, without an error: each in several
 * ways, several in each way.
 */
static int pristine(void)
{
	const struct way *way = *current++;
	unsigned int i, failed = 0;

	for (i = (way - ways) % 4; i < nr_bases; i += 4) {
		struct trial trial = {
			.base = &bases[i], .way = way, .seed = i, .random = { i },
		};
		unsigned int errors = sum->errors, refused = sum->refused;

		failed += try(&trial);
		expect(sum->errors == errors && sum->refused == refused,
		       "%s, not damaged, has errors", bases[i].name);
	}
	expect(!failed, "%u of %u failed", failed, nr_bases);
	return 0;
}

static int damaged(void)
{
	const struct way *way = *current++;
	unsigned int first = (uint64_t)count * number / cases_damaged;
	unsigned int last = (uint64_t)count * (number + 1) / cases_damaged, i, failed = 0;

	++number;
	memset(sum, 0, sizeof(*sum));
	for (i = first; i < last && failed < 10; i++) {
		struct trial trial;

		choose_trial(&trial, way, first_seed + i);
		failed += try(&trial);
	}
	printf("# %u images: %u refused; %u files, %u pages, %u of them errors\n", i - first,
	       sum->refused, sum->files, sum->pages, sum->errors);
	expect(!failed, "%u of %u failed", failed, i - first);
	return 0;
}

/* each that found something once, if its image and its way are those of this kernel */
static int found(void)
{
	char path[512], line[4096];
	unsigned int failed = 0, nr = 0;
	struct trial trial;
	FILE *f;

	snprintf(path, sizeof(path), "%s/found", folder);
	f = fopen(path, "r");
	expect(f, "%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (!*line || *line == '#')
			continue;
		switch (parse_trial(line, &trial)) {
		case 0:
			failed += try(&trial);
			nr++;
			break;
		case -ENODEV:
			break;
		default:
			printf("# %s: no such way or field\n", line);
			failed++;
		}
	}
	fclose(f);
	expect(nr, "none of %s is for this kernel", path);
	expect(!failed, "%u failed", failed);
	return 0;
}

static char **replayed;

static int replay(void)
{
	struct trial trial;
	char *text = strdup(*replayed++);

	expect(!parse_trial(text, &trial), "'%s': no such image, way or field", replayed[-1]);
	expect(!try(&trial), "it failed");
	return 0;
}

/*
 * With nothing mounted any more, the module can go, and so has all that it had: a few MiB
 * more or less are in use elsewhere by now, but what 150 images have in their page cache
 * would be several times that.
 */
#define ELSEWHERE	(32 << 10)	/* kB */

static long free_at_first;

static long free_memory(void)
{
	drop_caches();
	return number_in("/proc/meminfo", "MemFree");
}

static int all_is_given_back(void)
{
	long now;

	unmount_others();
	expect(!system("rmmod erofs"), "the module stays");
	now = free_memory();
	printf("# %ld kB are free, and were %ld\n", now, free_at_first);
	/* KASAN has as much as a part of 32 */
	expect(now > free_at_first - ELSEWHERE -
	       (debug ? number_in("/proc/meminfo", "MemTotal") / 32 : 0), "not all memory came back");
	return 0;
}

static void record_golden(void)
{
	static const struct way loop = { .name = "golden", .options = "" };
	unsigned int i;

	for (i = 0; i < nr_bases; i++) {
		struct trial trial = { .base = &bases[i], .way = &loop,
			.bytes = bases[i].image.bytes, .size = bases[i].image.size };
		int ret = mount_trial(&trial);

		if (ret)
			errx(1, "%s, not damaged: mount: %s", bases[i].name, strerror(-ret));
		walk(&trial, TOP, &bases[i]);
		unmount_trial(&trial);
		if (trial.failed || bases[i].nr < 10)
			errx(1, "%s is not what it was made of", bases[i].name);
	}
}

static int run_cases(int argc, char **argv)
{
	struct ktap_case table[2 * WAYS + argc + 2];
	char names[2 * WAYS][64];
	unsigned int nr = 0, i;

	current = case_way;
	replayed = argv;
	for (i = 0; i < (unsigned int)argc; i++)
		table[nr++] = (struct ktap_case) { strdup(argv[i]), replay };
	for (i = 0; !argc && i < 2 * WAYS; i++) {
		const struct way *way = &ways[i % WAYS];

		if (!offered(way->options, way->ours))
			continue;
		snprintf(names[nr], sizeof(*names), "%s-%s", i < WAYS ? "pristine" : "damaged",
			 way->name);
		case_way[nr] = way;
		table[nr].name = names[nr];
		table[nr++].run = i < WAYS ? pristine : damaged;
		cases_damaged += i >= WAYS;
	}
	if (!argc)
		table[nr++] = (struct ktap_case) { "found", found };
	table[nr++] = (struct ktap_case) { "all-is-given-back", all_is_given_back };
	return ktap_run(table, nr);
}

int main(int argc, char **argv)
{
	sigset_t child;

	for (; argc > 2 && !strncmp(argv[1], "--", 2); argc--, argv++) {
		if (!strcmp(argv[1], "--stock")) {
			stock = true;
			continue;
		}
		if (!strcmp(argv[1], "--debug")) {
			debug = true;
			continue;
		}
		if (!strcmp(argv[1], "--seed"))
			first_seed = strtoull(argv[2], NULL, 0);
		else if (!strcmp(argv[1], "--count"))
			count = strtoul(argv[2], NULL, 0);
		else
			break;
		argc--;
		argv++;
	}
	if (argc < 2 || !strncmp(argv[1], "--", 2)) {
		fprintf(stderr, "usage: images [--stock] [--debug] [--seed N] [--count N] FOLDER [IMAGE]...\n");
		return 2;
	}
	folder = argv[1];
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	sum = mmap(NULL, sizeof(*sum), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sum == MAP_FAILED)
		err(1, "mmap");
	make_devices();
	load_bases();
	mount_others();
	record_golden();
	free_at_first = free_memory();
	return run_cases(argc - 2, argv + 2);
}
