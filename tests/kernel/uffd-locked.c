// SPDX-License-Identifier: GPL-2.0-only
/*
 * uffd-locked FILE PAGE - does a fault end that finds a marker of userfaultfd in locked
 * memory?  It needs nothing but a kernel from 6.7 on and a file on any file system.
 *
 * One page of a private mapping of FILE is locked as it is touched and write-protected
 * before it is, which leaves a marker in the page table; VMMs that take live snapshots
 * of locked memory do that.  Then it is read.
 *
 * filemap_fault() looks at the page table once more if the memory is locked and the page
 * is not cached.  It takes the marker for a page that somebody else has mapped meanwhile:
 * the fault has nothing to do and comes back for ever.  The series mm-LINE of "make patches"
 * mends it.
 *
 * Exit status: 0 if the read ended, 1 if it did not.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef UFFD_FEATURE_WP_ASYNC	/* Linux 6.7 */
#define UFFD_FEATURE_WP_UNPOPULATED	(1 << 13)
#define UFFD_FEATURE_WP_ASYNC		(1 << 15)
#endif

#define SECONDS	3

static void on_alarm(int sig)
{
	static const char text[] = "# the read does not end\n";

	(void)!write(STDOUT_FILENO, text, sizeof(text) - 1);
	_exit(sig != SIGALRM ? 2 : 1);
}

int main(int argc, char **argv)
{
	struct uffdio_api api = { .api = UFFD_API, .features =
		UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED };
	const size_t page = getpagesize();
	struct uffdio_writeprotect wp = { .mode = UFFDIO_WRITEPROTECT_MODE_WP };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_WP };
	int fd, uffd;
	char *p;

	if (argc != 3)
		errx(2, "usage: uffd-locked FILE PAGE");
	fd = open(argv[1], O_RDONLY);
	if (fd < 0)
		err(2, "%s", argv[1]);
	p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd,
		 strtoull(argv[2], NULL, 0) * page);
	if (p == MAP_FAILED || mlock2(p, page, MLOCK_ONFAULT))
		err(2, "mapping");
	uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	reg.range.start = (uintptr_t)p;
	reg.range.len = page;
	wp.range = reg.range;
	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api) ||
	    ioctl(uffd, UFFDIO_REGISTER, &reg) || ioctl(uffd, UFFDIO_WRITEPROTECT, &wp))
		err(2, "userfaultfd");
	signal(SIGALRM, on_alarm);
	alarm(SECONDS);
	(void)*(volatile char *)p;
	return 0;
}
