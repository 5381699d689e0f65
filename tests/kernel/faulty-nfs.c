// SPDX-License-Identifier: GPL-2.0-only
/*
 * Image files on a server, for faulty.c: cut off and replaced there, by somebody of whom this
 * host knows nothing, and a server that is gone.
 *
 * The server is this kernel's own.  What its daemons in user space would tell it, who may
 * have what, is written to its caches once.  It gives no files to new clients for the
 * first ten seconds, so it starts long before it is needed.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../ktap.h"
#include "faulty.h"
#include "guest.h"
#include "sharing.h"

#define NFSD	"/proc/fs/nfsd/"
#define RPC	"/proc/net/rpc/"
#define SERVED	"/dev/shm/served"
#define SEEN	"/seen"
#define CUT	4096	/* bytes that are left: the superblock */

/* a server that is gone is an error after some seconds; sizes are asked for each time */
#define CLIENT	"addr=127.0.0.1,clientaddr=127.0.0.1,vers=4.2,soft,timeo=10,retrans=0,actimeo=0"

static const char *image_name;
static char served[64], seen[64];
static int backing;		/* the file as it is seen, for what is cached of it */

/* ---- the server ---- */

static void tell(const char *path, const char *text)
{
	const int ret = write_string(path, text);

	if (ret)
		errx(1, "%s: %s", path, strerror(-ret));
}

void start_server(void)
{
	if (system("modprobe -a nfsd nfsv4"))
		errx(1, "modules");
	if (mkdir(SERVED, 0755) || mkdir(SEEN, 0755) || mount("nfsd", NFSD, "nfsd", 0, ""))
		err(1, "nfsd");
	tell(NFSD "versions", "-3 +4\n");
	tell(NFSD "nfsv4gracetime", "10\n");
	/* until 2100: this host is "us", to whom SERVED is the root, number 0 */
	tell(RPC "auth.unix.ip/channel", "nfsd 127.0.0.1 4102444800 us\n");
	tell(RPC "nfsd.export/channel", "us " SERVED " 4102444800 9218 0 0 0\n");
	tell(RPC "nfsd.fh/channel", "us 1 \\x00000000 4102444800 " SERVED "\n");
	tell(NFSD "portlist", "tcp 2049\n");
	tell(NFSD "threads", "2\n");
}

void stop_server(void)
{
	tell(NFSD "threads", "0\n");
	if (umount(NFSD))
		err(1, "nfsd");
}

/* ---- files of it ---- */

static const char *on_server(const char *image)
{
	image_name = image;
	snprintf(served, sizeof(served), SERVED "/%s", image);
	snprintf(seen, sizeof(seen), SEEN "/%s", image);
	if (copy(in_folder(image), served))
		exit(1);
	if (mount("127.0.0.1:/", SEEN, "nfs4", MS_RDONLY, CLIENT))
		err(1, "the server's files");
	backing = open(seen, O_RDONLY);
	if (backing < 0)
		err(1, "%s", seen);
	return seen;
}

static void drop_seen(void)
{
	posix_fadvise(backing, 0, 0, POSIX_FADV_DONTNEED);
}

/* without waiting for a server that is gone */
static void leave_server(void)
{
	umount2(SEEN, MNT_FORCE);
	close(backing);
	if (umount(SEEN))
		umount2(SEEN, MNT_DETACH);
	unlink(served);
}

/*
 * This host learns how large a file is when somebody asks for that, and until then takes
 * what is behind its end for zeros.  A chunk index is read without asking.
 */
static int ask_size(off_t size)
{
	struct stat st;

	expect(!stat(seen, &st) && st.st_size == size, "the file is seen with %lld bytes",
	       (long long)st.st_size);
	return 0;
}

static int cut(void)
{
	expect(!truncate(served, CUT), "truncate: %s", strerror(errno));
	return ask_size(CUT);
}

static int put_back_there(void)
{
	struct stat st;

	expect_ok(copy(in_folder(image_name), served));
	expect(!stat(served, &st), "%s: %s", served, strerror(errno));
	return ask_size(st.st_size);
}

/* who has the old one open keeps it */
static int replaced(void)
{
	expect_ok(copy(in_folder("next"), SERVED "/new"));
	return rename(SERVED "/new", served) ? -errno : 0;
}

/* ---- a server that is gone ---- */

static int goes(void)
{
	const int ret = write_string(NFSD "threads", "0\n");

	expect(!ret, "the server: %s", strerror(-ret));
	return 0;
}

static const struct fault gone = {
	.name = "gone", .file_backed = true, .outcome = FAILS, .index_goes = true,
	.prepare = on_server, .arm = goes, .drop = drop_seen,
};

/*
 * For good, so it is the last case that needs it: nobody waits for ever, not even umount.
 * Each question takes seconds, one after the other, so there is but one.
 */
int server_gone(void)
{
	struct scene s = { .fault = &gone, .mode = &modes[0] };
	size_t i, nr;
	int found;

	expect_ok(set_up(&s));
	expect_ok(goes());
	s.failing = true;
	for (i = 0; i < s.nr; i++) {
		struct reader *r = &s.readers[i];

		for (nr = 0; nr < KEPT; nr++)
			expect(ask(&ways[0], r->fd, nr) == RIGHT, "page %zu of %s", nr, r->who);
		posix_fadvise(r->fd, 0, 0, POSIX_FADV_RANDOM);
		found = ask(&ways[0], r->fd, HOLE - 16);
		expect(found == (r->fails ? EIO : RIGHT), "%s: %s", r->who, answer_name(found));
	}
	expect_ok(leave_all(&s));
	leave_server();
	return 0;
}

const struct fault nfs_faults[] = {
	{ .name = "nfs-truncated", .file_backed = true, .outcome = FAILS, .index_goes = true,
	  .prepare = on_server, .arm = cut, .heal = put_back_there, .drop = drop_seen,
	  .finish = leave_server },
	{ .name = "nfs-replaced", .file_backed = true, .outcome = ANSWERS,
	  .prepare = on_server, .arm = replaced, .drop = drop_seen, .finish = leave_server },
};

const size_t nr_nfs_faults = sizeof(nfs_faults) / sizeof(*nfs_faults);
