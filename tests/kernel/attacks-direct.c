// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cases of attacks.c about how a file is read: flags that come with a call, or that are set
 * when the file is open, on mounts that share and that do not.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include "../ktap.h"
#include "attacks.h"
#include "guest.h"
#include "sharing.h"

#define READ	(1 << 20)	/* bytes that are read at a time */

/* bytes, or one of the errors with which the kernel may decline the way of reading */
static int declines_or_reads(ssize_t ret, const char *buf, const char *how)
{
	struct map ref = reference(DENSE);
	int same = ret == READ && !memcmp(buf, ref.p, READ);

	drop_map(ref);
	expect(same || ret == -EOPNOTSUPP || ret == -EINVAL || ret == -EAGAIN,
	       "%s: %zd, or other bytes", how, ret);
	return 0;
}

/* read in each way that there is */
static int read_all_ways(int fd)
{
	char *buf = aligned_alloc(page, READ);
	struct iovec iov = { buf, READ };
	const int flags[] = { 0, RWF_NOWAIT, RWF_HIPRI, RWF_NOWAIT | RWF_HIPRI };
	size_t i;
	ssize_t n;

	for (i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		memset(buf, 0x55, READ);
		n = preadv2(fd, &iov, 1, 0, flags[i]);
		expect_ok(declines_or_reads(n < 0 ? -errno : n, buf, "preadv2"));
	}
	memset(buf, 0x55, READ);
	n = read_by_ring(fd, buf, READ, 0, 0, 0);
	expect_ok(declines_or_reads(n, buf, "io_uring"));
	memset(buf, 0x55, READ);
	n = read_by_ring(fd, buf, READ, 0, IORING_SETUP_IOPOLL, 0);
	expect_ok(declines_or_reads(n, buf, "polled"));
	/* the plain one does not fail */
	memset(buf, 0x55, READ);
	expect(read_by_ring(fd, buf, READ, 0, 0, 0) == READ, "io_uring");
	free(buf);
	return 0;
}

/* O_DIRECT is granted where the file's own blocks can be read so, and nowhere else */
static int set_direct(const char *path, bool granted)
{
	int fd = open(path, O_RDONLY), ret, direct;

	expect(fd >= 0, "%s: %s", path, strerror(errno));
	ret = fcntl(fd, F_SETFL, O_DIRECT);
	expect(granted ? !ret : ret && errno == EINVAL, "%s: O_DIRECT, later: %d", path, ret);
	expect_ok(read_all_ways(fd));
	/* and back again */
	expect(!fcntl(fd, F_SETFL, 0), "%s: %s", path, strerror(errno));
	expect_ok(read_all_ways(fd));
	close(fd);
	direct = open(path, O_RDONLY | O_DIRECT);
	expect(granted ? direct >= 0 : direct < 0 && errno == EINVAL, "%s: O_DIRECT: %d", path,
	       direct);
	if (direct >= 0)
		expect_ok(read_all_ways(direct));
	close(direct);
	return 0;
}

int direct_reads_after_open(void)
{
	static const char * const options[] = { NULL, "chunk_share", BELIEVE };
	static const struct { const char *source; bool granted; } images[] = {
		{ "/disk0", true }, { "one", false }, { "plain", false }, { "lz4", false },
		{ "inline", false }, { "/disk2", true },
	};
	size_t i, k;

	for (i = 0; i < sizeof(options) / sizeof(*options); i++) {
		for (k = 0; k < sizeof(images) / sizeof(*images); k++) {
			printf("# %s, %s\n", images[k].source, options[i] ? options[i] : "-");
			expect(!attach(images[k].source, "a", options[i]), "mount: %s",
			       strerror(errno));
			expect_ok(set_direct("/m/a/" DENSE, images[k].granted));
			expect_ok(leave("a"));
			forget_mounts();
		}
	}
	return 0;
}

/* members of one page cache, of which one can be read directly and the other cannot */
int direct_reads_beside_others(void)
{
	expect(!attach("/disk0", "a", BELIEVE) && !attach("one", "b", BELIEVE), "mount");
	expect_ok(set_direct("/m/a/" DENSE, true));
	expect_ok(set_direct("/m/b/" DENSE, false));
	return set_direct("/m/a/" DENSE, true);
}

/* the file that overlayfs opens gets the flags of that which was opened there */
int direct_reads_through_overlayfs(void)
{
	static const char * const sources[] = { "/disk0", "one", "lz4" };
	size_t i;
	int fd;

	(void)!system("modprobe overlay; mkdir -p /m/empty /m/over");
	for (i = 0; i < sizeof(sources) / sizeof(*sources); i++) {
		printf("# %s\n", sources[i]);
		expect(!attach(sources[i], "a", BELIEVE), "mount: %s", strerror(errno));
		expect(!mount("over", "/m/over", "overlay", MS_RDONLY,
			      "lowerdir=/m/a:/m/empty"), "overlay: %s", strerror(errno));
		fd = open("/m/over/" DENSE, O_RDONLY);
		expect(fd >= 0, "open: %s", strerror(errno));
		fcntl(fd, F_SETFL, O_DIRECT);
		/* it says yes for itself, and fails reads of files that do not */
		if (i)
			expect(pread(fd, aligned_alloc(page, READ), READ, 0) < 0 &&
			       errno == EINVAL, "pread: %s", strerror(errno));
		else
			expect_ok(read_all_ways(fd));
		fcntl(fd, F_SETFL, 0);
		expect_ok(read_all_ways(fd));
		close(fd);
		expect_ok(leave("over") || leave("a"));
		forget_mounts();
	}
	return 0;
}

/* who can look a file up may ask how it is read directly, also where it cannot be */
int statx_of_all_mounts(void)
{
	static const char * const images[] = { "/disk0", "one", "plain", "lz4", "inline" };
	struct statx st;
	size_t i;

	for (i = 0; i < sizeof(images) / sizeof(*images); i++) {
		printf("# %s\n", images[i]);
		expect(!attach(images[i], "a", NULL), "mount: %s", strerror(errno));
		expect(!statx(AT_FDCWD, "/m/a/" DENSE, 0, 0xfff | STATX_DIOALIGN, &st),
		       "statx: %s", strerror(errno));
		expect(!st.stx_dio_offset_align == (*images[i] != '/'), "alignment %u",
		       st.stx_dio_offset_align);
		expect_ok(leave("a"));
		forget_mounts();
	}
	return 0;
}
