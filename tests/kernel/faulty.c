// SPDX-License-Identifier: GPL-2.0-only
/*
 * faulty FOLDER [CASE]... - what a mount is on fails, while others use equal
 * files, or the same chunks, from elsewhere.  A case is a fault and a mode of sharing, and
 * in it the file is asked for by each way there is (faulty-ways.c):
 *
 * - Who asks for what fails gets an error, the one of the way, and never other bytes.
 *   With inode_share that is only if nobody else has the file: another member answers.
 * - What was read before stays right, and so do holes that are known.
 * - A bystander, whose image is on a device that is well, reads the right bytes by all
 *   ways, whatever he shares with who fails.
 * - What has failed is read again when the device is back, without a new mount.
 * - It can be unmounted in each state.
 *
 * What is in FOLDER says faulty.test.  /disk0 to /disk4 are the images "one", "two",
 * "base", "next" and "last", of which the last two have their data in "base"; /disk5 and
 * /disk6 are the hashes of "one" and "base", /disk7 an ext4 with copies of those two, and
 * /disk8 is empty.  /disk9 is the image "small", with the chunk index of its file at the byte
 * that small.index tells.  With FAULTY_SERVER in the environment, this kernel serves files,
 * too.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "../ktap.h"
#include "faulty.h"
#include "guest.h"
#include "sharing.h"

#define SECONDS	300	/* for a case, of which the longest take ten on a slow machine */

/* ---- a case of the table ---- */

/* a read that gets to what cannot be read ends there, with what it has */
static int read_ends_where_it_fails(struct scene *s, struct reader *r)
{
	const ssize_t all = (KEPT + 16) * page, kept = KEPT * page;
	char buf[all];
	ssize_t n;

	forget(s);
	posix_fadvise(r->fd, 0, 0, POSIX_FADV_NORMAL);
	n = pread(r->fd, buf, all, 0);
	if (n < 0 && errno == EIO && s->failing && r->fails && s->fault->index_goes)
		return 0;
	/* what is kept may be a part of a folio, which is kept, too */
	expect(gets_error(s, r, false) ? n >= kept && n < all && n % page == 0 : n == all,
	       "%s reads %zd bytes across the first that fails", r->who, n);
	return 0;
}

static int play(struct scene *s)
{
	const int denied = s->mode->denies ? -ETXTBSY : 0;
	int ret;
	size_t i;

	expect_ok(set_up(s));
	ret = s->fault->arm();
	if (ret < 0) {
		expect(ret == denied, "what is to fail: %s", strerror(-ret));
		expect_ok(ask_all(s, true));
		return leave_all(s);
	}
	expect(!ret, "it does not come to the fault");
	s->failing = true;
	expect_ok(ask_all(s, true));
	for (i = 0; i < s->nr; i++)
		expect_ok(read_ends_where_it_fails(s, &s->readers[i]));
	if (s->fault->heal) {
		/* each way has failed at a page of its own when it heals */
		forget(s);
		expect_ok(ask_all(s, false));
		expect_ok(s->fault->heal());
		s->failing = false;
		expect_ok(ask_all(s, false));
		expect_ok(s->fault->arm());
	}
	return leave_all(s);
}

/* ---- all of them ---- */

#define MOST	256

static struct sharing_case cases[MOST];
static struct combination {
	const struct mode *mode;
	const struct fault *fault;		/* of the table */
	int (*run)(const struct mode *mode);	/* or what is done otherwise */
} combinations[MOST];
static size_t nr_cases;

/* also if something could not be prepared */
static void undo(void)
{
	const struct combination *c = &combinations[running - cases];

	clean_up();
	if (c->fault)
		c->fault->finish();
	else
		remove_sick();
}

static int run_combination(void)
{
	const struct combination *c = &combinations[running - cases];
	struct scene s = { .fault = c->fault, .mode = c->mode };
	int ret;

	alarm(SECONDS * patience());
	atexit(undo);
	ret = c->fault ? play(&s) : c->run(c->mode);
	undo();
	return ret;
}

static void add(const char *name, const struct combination *c)
{
	char *with_mode;

	if (asprintf(&with_mode, "%s-%s", name, c->mode->name) < 0 || nr_cases == MOST)
		errx(1, "too many cases");
	combinations[nr_cases] = *c;
	cases[nr_cases++] = (struct sharing_case) { with_mode, run_combination };
}

static bool is_in_table(const struct fault *fault, const struct mode *mode)
{
	return fault->common_only ? mode->common :
		mode->usual || fault->in_all_modes || getenv("FAULTY_ROUNDS");
}

static void add_faults(const struct fault *faults, size_t nr)
{
	size_t i, k;

	for (i = 0; i < nr; i++)
		for (k = 0; k < nr_modes; k++)
			if (is_in_table(&faults[i], &modes[k]))
				add(faults[i].name, &(struct combination) {
					.mode = &modes[k], .fault = &faults[i] });
}

static void add_modes(const char *name, int (*run)(const struct mode *mode))
{
	size_t k;

	for (k = 0; k < nr_modes; k++)
		if (modes[k].usual || getenv("FAULTY_ROUNDS"))
			add(name, &(struct combination) { .mode = &modes[k], .run = run });
}

static void add_case(const char *name, int (*run)(void))
{
	cases[nr_cases++] = (struct sharing_case) { name, run };
}

/* with nothing mounted, nothing of what failed is in use any more */
static int module_unloads(void)
{
	expect(!syscall(SYS_delete_module, "erofs", O_NONBLOCK), "it is in use: %s",
	       strerror(errno));
	expect(!system("modprobe erofs"), "modprobe");
	return 0;
}

/* once, and not in each case */
static void load_modules(void)
{
	if (system("modprobe -a dm-mod dm-flakey dm-delay dm-verity dm-zero loop sd_mod") ||
	    system("modprobe -a overlay btrfs"))
		errx(1, "modules");
}

int main(int argc, char **argv)
{
	const bool server = getenv("FAULTY_SERVER");
	int ret;

	load_modules();
	if (server)
		start_server();
	add_faults(device_faults, nr_device_faults);
	add_faults(loop_faults, nr_loop_faults);
	add_faults(file_faults, nr_file_faults);
	if (server) {
		add_faults(nfs_faults, nr_nfs_faults);
		add_case("server-gone", server_gone);
	}
	add_case("tmpfs-is-refused", tmpfs_is_refused);
	add_case("index-ends-sooner", index_ends_sooner);
	add_modes("killed-readers", killed_readers);
	add_case("killed-at-the-index", killed_at_the_index);
	add_modes("unmounted-readers", unmounted_readers);
	add_modes("unmounted-readahead", unmounted_readahead);
	add_modes("comes-and-goes", comes_and_goes);
	add_case("wrong-at-open", wrong_at_open);
	add_case("wrong-and-believed", wrong_and_believed);
	add_case("module-unloads", module_unloads);
	ret = sharing_main(argc, argv, cases, nr_cases);
	if (server)
		stop_server();
	return ret;
}
