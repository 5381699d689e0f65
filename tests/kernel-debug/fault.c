// SPDX-License-Identifier: GPL-2.0-only
/*
 * fault IMAGE DISK MODULE [OPTIONS] - let memory allocations fail below everything
 * that our paths do, for root in a VM with fault injection.  IMAGE is a file and DISK a
 * block device with the same image, OPTIONS are those of the mounts.  Of loading the module
 * it is what the module's own init does, a third of it: for each of the other 800 that the
 * kernel makes before it calls that, and more where it checks itself, the module would be
 * read and relocated once more, for hours, and nothing of ours be run.
 *
 * Every operation of a table is done in three ways:
 *
 *	each	its first allocation fails, then its second, ... until none is left
 *	all	every allocation made by the module, or for it, fails
 *	random	of all allocations one in twenty fails
 *
 * It may answer with an error that is its to give, or succeed without the memory.
 * Afterwards, with allocations as they should be, all of the file must read right
 * through read() and through a mapping.  Leaks and reports of the kernel are the
 * VM's to find.
 *
 * fault --make FILE writes the file that has to be in the image, as /file.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "../ktap.h"
#include "guest.h"

#define PAGE		4096
#define PAGES		256
#define SIZE		(PAGES * PAGE - 1000)
#define MOST		20000	/* allocations of one operation: more is a loop */
#define ROUNDS		20	/* of the random way */
#define WRONG		1	/* result of an operation that broke its promise */

/* A fault that finds no memory is tried again: let it have some in the end. */
#define FAULT_FAILURES	"30"

#define DEBUG		"/sys/kernel/debug/"
#define MNT		"/mnt"

static const char * const knobs[] = { DEBUG "failslab/", DEBUG "fail_page_alloc/" };
static const char *image, *disk, *module, *options;
static int fail_nth, make_it_fail;	/* files, open all the time */
static unsigned int armed_nth;
static bool nth_failed;
static int fd = -1;
static char *area;
static char why[256];

static int __attribute__((format(printf, 1, 2))) wrong(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	return WRONG;
}

/* What the file has: lone pages of data, a long run of them, holes */
static unsigned long word_of(size_t i)
{
	return i % 32 < 2 || (i >= 128 && i < 192) ? i + 1 : 0;
}

static int check_bytes(const char *p, size_t pos, size_t len)
{
	for (; len; p++, pos++, len--) {
		unsigned long word = word_of(pos / PAGE);

		if (*p != ((char *)&word)[pos % sizeof(word)])
			return wrong("byte %zu is wrong", pos);
	}
	return 0;
}

/* The first byte of page @i may have been written since. */
static int check_page(const char *p, size_t i, size_t skip)
{
	size_t len = i == PAGES - 1 ? SIZE - i * PAGE : PAGE;

	return check_bytes(p + i * PAGE + skip, i * PAGE + skip, len - skip);
}

static void set_knob(const char *name, const char *value)
{
	char path[128];
	size_t i;
	int ret;

	for (i = 0; i < sizeof(knobs) / sizeof(*knobs); i++) {
		snprintf(path, sizeof(path), "%s%s", knobs[i], name);
		ret = write_string(path, value);
		if (ret && ret != -ENOENT)
			errx(1, "%s: %s", path, strerror(-ret));
	}
}

static void set_range(const char *what, unsigned long start, unsigned long end)
{
	char name[32], text[32];

	snprintf(name, sizeof(name), "%s-start", what);
	snprintf(text, sizeof(text), "0x%lx", start);
	set_knob(name, text);
	snprintf(name, sizeof(name), "%s-end", what);
	snprintf(text, sizeof(text), "0x%lx", end);
	set_knob(name, text);
}

static void every_stack(void)
{
	set_range("require", 0, -1UL);
}

/* where the code of a function of the kernel begins and ends */
static void function_range(const char *name, unsigned long *start, unsigned long *end)
{
	unsigned long addr;
	char line[512], symbol[256];
	FILE *f = fopen("/proc/kallsyms", "re");

	*start = *end = 0;
	while (!*end && f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx %*c %255s", &addr, symbol) < 2)
			continue;
		if (!strcmp(symbol, name))
			*start = addr;
		else if (*start && addr > *start)
			*end = addr;
	}
	if (f)
		fclose(f);
	if (!*end)
		errx(1, "/proc/kallsyms has no %s", name);
}

/*
 * What kmem_cache_create() needs for sysfs does not fail: the kernel leaks the name of
 * the cache then (sysfs_slab_add() of Linux 6.12).
 */
static void spare_caches(void)
{
	unsigned long start, end;

	function_range("sysfs_slab_add", &start, &end);
	set_range("reject", start, end);
}

/* only allocations below a function of the kernel */
static void only_below(const char *name)
{
	unsigned long start, end;

	function_range(name, &start, &end);
	set_range("require", start, end);
}

/* only allocations with a caller in the module */
static void only_ours(void)
{
	unsigned long addr, start = -1UL, end = 0;
	char line[512], owner[64], type;
	FILE *f = fopen("/proc/kallsyms", "re");

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx %c %*s %63s", &addr, &type, owner) < 3 ||
		    strcmp(owner, "[erofs]") || (type != 't' && type != 'T'))
			continue;
		start = addr < start ? addr : start;
		end = addr > end ? addr : end;
	}
	if (f)
		fclose(f);
	if (start > end)
		errx(1, "/proc/kallsyms has no [erofs]");
	set_range("require", start, end);
}

static void set_up_knobs(void)
{
	set_knob("probability", "0");
	set_knob("interval", "1");
	set_knob("verbose", "0");
	set_knob("task-filter", "1");
	set_knob("ignore-gfp-wait", "0");
	set_knob("ignore-gfp-highmem", "0");
	set_knob("min-order", "0");
	set_knob("stacktrace-depth", "32");
	fail_nth = open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);
	make_it_fail = open("/proc/self/make-it-fail", O_WRONLY | O_CLOEXEC);
	if (fail_nth < 0 || make_it_fail < 0)
		err(1, "this kernel has no fault injection");
	/* what this program needs itself shall not be what is missing */
	if (mlockall(MCL_CURRENT))
		err(1, "mlockall");
}

static void write_number(int file, unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	if (pwrite(file, text, len, 0) != len)
		err(1, "fault injection");
}

/* Let the @nth allocation from now on fail or, for 0, those that the knobs say. */
static void arm(unsigned int nth)
{
	armed_nth = nth;
	if (nth)
		write_number(fail_nth, nth);
	else
		write_number(make_it_fail, 1);
}

/* No allocation fails from now on.  Does no harm when called again. */
static void disarm(void)
{
	char text[16] = "";

	write_number(make_it_fail, 0);
	if (!armed_nth)
		return;
	if (pread(fail_nth, text, sizeof(text) - 1, 0) <= 0)
		err(1, "/proc/self/fail-nth");
	nth_failed = !atoi(text);
	write_number(fail_nth, 0);
	armed_nth = 0;
}

static void mount_disk(void)
{
	if (mount(disk, MNT, "erofs", MS_RDONLY, options))
		err(1, "mount %s", disk);
}

static void open_file(void)
{
	mount_disk();
	fd = open(MNT "/file", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		err(1, MNT "/file");
}

static void close_file(void)
{
	close(fd);
	fd = -1;
	if (umount(MNT))
		err(1, "umount");
}

static void map_file(void)
{
	open_file();
	area = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (area == MAP_FAILED)
		err(1, "mmap");
}

static void unmap_file(void)
{
	munmap(area, SIZE);
	close_file();
}

static int mount_it(const char *source)
{
	if (mount(source, MNT, "erofs", MS_RDONLY, options))
		return -errno;
	/* a failure at umount has nobody to be told to */
	disarm();
	return umount(MNT) ? wrong("umount: %s", strerror(errno)) : 0;
}

static int mount_block(void)
{
	return mount_it(disk);
}

static int mount_file(void)
{
	return mount_it(image);
}

static int umount_it(void)
{
	int ret = umount(MNT) ? -errno : 0;

	/* the undoing wants to unmount as well */
	disarm();
	if (!ret)
		mount_disk();
	return ret;
}

static void umount_disk(void)
{
	if (umount(MNT))
		err(1, "umount");
}

static int open_and_stat(void)
{
	int file = open(MNT "/file", O_RDONLY | O_CLOEXEC);

	if (file < 0)
		return -errno;
	close(file);
	return 0;
}

static int read_file(void)
{
	static char buf[1 << 16];
	size_t pos = 0;
	ssize_t n;

	while (pos < SIZE) {
		n = pread(fd, buf, sizeof(buf), pos);
		if (n < 0)
			return -errno;
		if (!n)
			return wrong("the file ends at %zu", pos);
		if (check_bytes(buf, pos, n))
			return WRONG;
		pos += n;
	}
	return 0;
}

static int pipes[2];

static void open_pipe(void)
{
	open_file();
	if (pipe2(pipes, O_CLOEXEC))
		err(1, "pipe");
}

static void close_pipe(void)
{
	close(pipes[0]);
	close(pipes[1]);
	close_file();
}

static int splice_file(void)
{
	static char buf[1 << 16];
	loff_t pos = 0;
	ssize_t n;

	while (pos < SIZE) {
		size_t at = pos;

		n = splice(fd, &pos, pipes[1], NULL, sizeof(buf), 0);
		if (n < 0)
			return -errno;
		if (!n)
			return wrong("the file ends at %zu", at);
		if (read(pipes[0], buf, n) != n)
			return wrong("short pipe at %zu", at);
		if (check_bytes(buf, at, n))
			return WRONG;
	}
	return 0;
}

/* nobody is told whether it worked: what was read ahead must be right */
static int read_ahead(void)
{
	return readahead(fd, 0, SIZE) ? -errno : 0;
}

static sigjmp_buf bus;

static void on_sigbus(int sig)
{
	siglongjmp(bus, sig);
}

static int read_mapped(void)
{
	volatile size_t i;

	if (sigsetjmp(bus, 1))
		return -EIO;
	for (i = 0; i < PAGES; i++)
		if (check_page(area, i, 0))
			return WRONG;
	return 0;
}

static int write_mapped(void)
{
	volatile size_t i;

	if (sigsetjmp(bus, 1))
		return -EIO;
	for (i = 0; i < PAGES; i++) {
		area[i * PAGE] = 77;
		if (area[i * PAGE] != 77)
			return wrong("page %zu has lost a write", i);
		if (check_page(area, i, 1))
			return WRONG;
	}
	return 0;
}

static int read_then_write_mapped(void)
{
	int ret = read_mapped();

	return ret ? ret : write_mapped();
}

static int read_mapped_huge(void)
{
	if (madvise(area, SIZE, MADV_HUGEPAGE))
		return -errno;
	return read_mapped();
}

static int populate_read(void)
{
	return madvise(area, SIZE, MADV_POPULATE_READ) ? -errno : read_mapped();
}

static int populate_write(void)
{
	return madvise(area, SIZE, MADV_POPULATE_WRITE) ? -errno : write_mapped();
}

static int lock_mapped(void)
{
	if (mlock(area, SIZE))
		return -errno;
	munlock(area, SIZE);
	return 0;
}

static int map_and_unmap(void)
{
	char *p = mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	int ret;

	if (p == MAP_FAILED)
		return -errno;
	ret = munmap(p, SIZE) ? -errno : 0;
	disarm();
	if (ret)
		munmap(p, SIZE);
	return ret;
}

static int use_attribute(int dir, const char *name)
{
	bool is_switch = !strcmp(name, "enabled");
	char text[32];
	int file, ret = 0;

	file = openat(dir, name, (is_switch ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	if (file < 0)
		return -errno;
	if (read(file, text, sizeof(text)) <= 0 ||
	    (is_switch && write(file, "1", 1) != 1))
		ret = -errno;
	close(file);
	return ret;
}

/* read all files of the mount, and turn on the switch, which is on */
static int use_sysfs(void)
{
	struct dirent *entry;
	char path[128];
	int ret = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/fs/erofs/%s/zeropage",
		 strrchr(disk, '/') + 1);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while (!ret && (errno = 0, entry = readdir(dir)))
		if (entry->d_type == DT_REG)
			ret = use_attribute(dirfd(dir), entry->d_name);
	if (!ret)
		ret = -errno;
	closedir(dir);
	return ret;
}

static bool module_is_there(void)
{
	return !access("/sys/module/erofs/initstate", F_OK);
}

static void unload_module(void)
{
	if (module_is_there() && syscall(SYS_delete_module, "erofs", O_NONBLOCK))
		err(1, "unload the module");
}

static int insert_module(void)
{
	int file = open(module, O_RDONLY | O_CLOEXEC);
	int ret = file < 0 || syscall(SYS_finit_module, file, "", 0) ? -errno : 0;

	close(file);
	return ret;
}

static int load_module(void)
{
	int ret = insert_module();

	disarm();
	if (module_is_there() == !!ret)
		return wrong("%s, but the module is%s there", ret ? strerror(-ret) : "loaded",
			     ret ? "" : " not");
	return ret;
}

static void reload_module(void)
{
	int ret = module_is_there() ? 0 : insert_module();

	if (ret)
		errx(1, "load %s: %s", module, strerror(-ret));
}

static void nothing(void)
{
}

static const struct operation {
	const char *name;
	void (*prepare)(void);
	int (*run)(void);
	void (*undo)(void);
	bool must_fail;		/* without any memory there is no other answer */
	bool faults;		/* failures are retried for ever */
	const char *below;	/* function of the kernel that ours are called by */
} operations[] = {
	{ "mount-block", nothing, mount_block, nothing, .must_fail = true },
	{ "mount-file", nothing, mount_file, nothing, .must_fail = true },
	{ "umount", mount_disk, umount_it, umount_disk, .must_fail = false },
	{ "open", mount_disk, open_and_stat, umount_disk, .must_fail = true },
	{ "read", open_file, read_file, close_file, .must_fail = true },
	{ "splice", open_pipe, splice_file, close_pipe, .must_fail = true },
	{ "readahead", open_file, read_ahead, close_file, .must_fail = false },
	{ "map-read", map_file, read_mapped, unmap_file, .faults = true },
	{ "map-write", map_file, write_mapped, unmap_file, .faults = true },
	{ "map-read-write", map_file, read_then_write_mapped, unmap_file,
	  .faults = true },
	{ "map-read-huge", map_file, read_mapped_huge, unmap_file, .faults = true },
	{ "populate-read", map_file, populate_read, unmap_file, .faults = true },
	{ "populate-write", map_file, populate_write, unmap_file, .faults = true },
	{ "mlock", map_file, lock_mapped, unmap_file, .faults = true },
	{ "mmap", open_file, map_and_unmap, close_file, .faults = true },
	{ "sysfs", mount_disk, use_sysfs, umount_disk, .must_fail = false },
	/* one that was not loaded is not in the way of the next try */
	{ "load", unload_module, load_module, nothing, .must_fail = true,
	  .below = "do_one_initcall" },
};

/* what is injected has been chosen; @nth as arm() wants it */
static int do_it(const struct operation *op, unsigned int nth)
{
	int ret;

	op->prepare();
	drop_caches();
	arm(nth);
	ret = op->run();
	disarm();
	op->undo();
	return ret;
}

static int check_file(void)
{
	int ret;

	map_file();
	ret = read_mapped();
	if (!ret)
		ret = read_file();
	unmap_file();
	return ret < 0 ? wrong("afterwards: %s", strerror(-ret)) : ret;
}

/* what the operation answered, and what is left behind */
static int check_all(const struct operation *op, int ret)
{
	if (ret == WRONG)
		return ret;
	if (ret && ret != -ENOMEM && ret != -EIO && ret != -EFAULT && ret != -EAGAIN)
		return wrong("strange error: %s", strerror(-ret));
	/* at the end for all that happened to the module */
	return op->below ? 0 : check_file();
}

static int fail_none(const struct operation *op)
{
	int ret;

	set_knob("probability", "0");
	ret = do_it(op, 0);
	return ret < 0 ? wrong("no failure, but %s", strerror(-ret)) : ret;
}

static int fail_each(const struct operation *op)
{
	unsigned int n, errors = 0;
	int ret = 0;

	set_knob("probability", "0");
	for (n = 1; !ret && n < MOST; n++) {
		ret = do_it(op, n);
		errors += ret < 0;
		if (!nth_failed) {
			if (ret < 0)
				ret = wrong("no failure, but %s", strerror(-ret));
			break;
		}
		ret = check_all(op, ret);
	}
	printf("# %s: %u allocations, %u errors\n", op->name, n - 1, errors);
	if (!ret && n == MOST)
		return wrong("more than %d allocations", MOST);
	/* one failure may be made good, as that of a read-ahead by a read */
	if (!ret && n == 1 && op->must_fail)
		return wrong("it allocates nothing");
	return ret;
}

static int fail_all(const struct operation *op)
{
	int ret;

	if (!op->below)
		only_ours();
	set_knob("times", op->faults ? FAULT_FAILURES : "-1");
	set_knob("probability", "100");
	ret = do_it(op, 0);
	if (!ret && op->must_fail)
		return wrong("worked without memory");
	return check_all(op, ret);
}

static int fail_random(const struct operation *op)
{
	int round, ret = 0;

	set_knob("times", "-1");
	set_knob("probability", "5");
	for (round = 0; !ret && round < ROUNDS; round++)
		ret = check_all(op, do_it(op, 0));
	return ret;
}

static const struct {
	const char *name;
	int (*run)(const struct operation *op);
} ways[] = {
	{ "none", fail_none },
	{ "each", fail_each },
	{ "all", fail_all },
	{ "random", fail_random },
};

#define NR_WAYS		(sizeof(ways) / sizeof(*ways))
#define NR_OPERATIONS	(sizeof(operations) / sizeof(*operations))

static int run_all(void)
{
	size_t i;

	ktap_begin(NR_OPERATIONS * NR_WAYS);
	for (i = 0; i < NR_OPERATIONS * NR_WAYS; i++) {
		const struct operation *op = &operations[i / NR_WAYS];
		int ret;

		if (op->below)
			only_below(op->below);
		else
			every_stack();
		ret = ways[i % NR_WAYS].run(op);
		if (op->below) {
			set_knob("probability", "0");
			reload_module();
			ret = ret ? ret : check_file();
		}
		if (ret)
			printf("# %s\n", why);
		ktap_result(!!ret, "%s-%s", op->name, ways[i % NR_WAYS].name);
	}
	return ktap_end();
}

static int make_file(const char *path)
{
	int file = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
	unsigned long words[PAGE / sizeof(long)];
	size_t i, j;

	if (file < 0 || ftruncate(file, SIZE))
		err(1, "%s", path);
	for (i = 0; i < PAGES - 1; i++) {
		for (j = 0; j < PAGE / sizeof(long); j++)
			words[j] = word_of(i);
		if (words[0] && pwrite(file, words, PAGE, i * PAGE) != PAGE)
			err(1, "%s", path);
	}
	close(file);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--make"))
		return make_file(argv[2]);
	if (argc != 4 && argc != 5) {
		fprintf(stderr, "usage: fault IMAGE DISK MODULE [OPTIONS]\n");
		return 2;
	}
	image = argv[1];
	disk = argv[2];
	module = argv[3];
	options = argv[4];
	signal(SIGBUS, on_sigbus);
	set_up_knobs();
	spare_caches();
	return run_all();
}
