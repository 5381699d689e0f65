// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who shares with whom while something fails, for faulty.c: mounts, their readers, and
 * what each of them is to get.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "../ktap.h"
#include "faulty.h"
#include "guest.h"
#include "sharing.h"

/* ---- modes of sharing ---- */

const struct mode modes[] = {
	{ .name = "plain", .usual = true },
	{ .name = "chunks", .options = "chunk_share", .bystander = "chunk_share",
	  .denies = true },
	{ .name = "common-chunks", .options = "chunk_share", .bystander = "chunk_share",
	  .common = true, .denies = true, .usual = true },
	{ .name = "alone", .options = BELIEVE, .bystander = "inode_share,domain_id=other",
	  .denies = true },
	{ .name = "member", .options = BELIEVE, .bystander = BELIEVE, .helped = true,
	  .denies = true, .usual = true },
	{ .name = "later-member", .options = BELIEVE, .bystander = BELIEVE, .helped = true,
	  .first = true, .denies = true },
	{ .name = "verified-alone", .options = VERIFY,
	  .bystander = "inode_share_verify,domain_id=other", .denies = true },
	{ .name = "verified-member", .options = VERIFY, .bystander = VERIFY, .helped = true,
	  .denies = true },
};

const size_t nr_modes = sizeof(modes) / sizeof(*modes);

/* ---- a case ---- */

static int mount_reader(struct scene *s, const char *who, const char *where,
			const char *source, const char *options)
{
	struct reader *r = &s->readers[s->nr++];
	const int ret = attach(source, where, options);

	expect(!ret, "mount of %s as %s: %s", source, options, strerror(-ret));
	*r = (struct reader) { .where = where, .who = who };
	return 0;
}

/* have it open, and know where its holes are */
static int open_reader(struct reader *r)
{
	r->fd = open_at(r->where, FILE_NAME, 0);
	r->program = open_at(r->where, PROGRAM, 0);
	expect(r->fd >= 0 && r->program >= 0, "open: %s", strerror(errno));
	read_extents(r->fd);
	read_extents(r->program);
	return 0;
}

static int mount_bystander(struct scene *s)
{
	const char *source = s->fault->file_backed ? in_folder("two") : "/disk1";

	expect_ok(mount_reader(s, "the bystander", "b", source, s->mode->bystander));
	s->readers[s->nr - 1].direct = !s->fault->file_backed;
	return s->mode->first ? open_reader(&s->readers[s->nr - 1]) : 0;
}

/* two generations on one base, or one image */
static int mount_victims(struct scene *s)
{
	const char *source = s->fault->prepare(s->mode->common ? "base" : "one");
	char options[512], path[256];
	size_t i;

	expect(source, "the fault cannot be prepared");
	if (s->mode->common) {
		snprintf(options, sizeof(options), "%s,device=%s", s->mode->options, source);
		for (i = 0; i < 2; i++) {
			if (s->fault->file_backed)
				snprintf(path, sizeof(path), "%s", in_folder(i ? "last" : "next"));
			else
				snprintf(path, sizeof(path), "/disk%zu", i + 3);
			expect_ok(mount_reader(s, i ? "the second" : "the first", i ? "c" : "a",
					       path, options));
		}
	} else {
		expect_ok(mount_reader(s, "who fails", "a", source, s->mode->options));
	}
	for (i = 0; i < s->nr; i++) {
		if (!strcmp(s->readers[i].where, "b"))
			continue;
		s->readers[i].fails = true;
		s->readers[i].direct = !s->fault->file_backed;
		expect_ok(open_reader(&s->readers[i]));
	}
	return 0;
}

/* forget what was read, but for the first pages of the one who fails */
void forget(struct scene *s)
{
	size_t i;

	for (i = 0; i < s->nr; i++) {
		posix_fadvise(s->readers[i].fd, KEPT * page, 0, POSIX_FADV_DONTNEED);
		posix_fadvise(s->readers[i].program, 0, 0, POSIX_FADV_DONTNEED);
	}
	if (s->fault->drop)
		s->fault->drop();
}

int set_up(struct scene *s)
{
	size_t i, nr;

	if (s->mode->first)
		expect_ok(mount_bystander(s));
	expect_ok(mount_victims(s));
	if (!s->mode->first) {
		expect_ok(mount_bystander(s));
		expect_ok(open_reader(&s->readers[s->nr - 1]));
	}
	/* one by one, and nothing ahead of them */
	for (i = 0; i < s->nr; i++) {
		posix_fadvise(s->readers[i].fd, 0, 0, POSIX_FADV_RANDOM);
		for (nr = 0; nr < KEPT; nr++)
			expect(ask(&ways[0], s->readers[i].fd, nr) == RIGHT,
			       "page %zu of %s, before there is a fault", nr,
			       s->readers[i].who);
		posix_fadvise(s->readers[i].fd, 0, 0, POSIX_FADV_NORMAL);
	}
	forget(s);
	return 0;
}

bool gets_error(const struct scene *s, const struct reader *r, bool direct)
{
	if (!s->failing || s->fault->outcome != FAILS)
		return false;
	return r->fails && (!s->mode->helped || direct);
}

static int wanted(const struct scene *s, const struct reader *r, const struct way *way)
{
	int want = gets_error(s, r, way->direct) ? way->error : RIGHT;

	if (way->direct && !r->direct)
		want = EINVAL;
	return want;
}

static int expect_answer(const struct scene *s, const struct reader *r, const char *way,
			 size_t nr, int found, int want)
{
	expect(found == want, "%s, by %s, page %zu%s: %s, not %s", r->who, way, nr,
	       s->failing ? "" : ", with nothing that fails", answer_name(found),
	       answer_name(want));
	return 0;
}

/*
 * Of the pages that were never read each way has one of its own.  What is known without
 * the device stays, that is, as long as its place is known: a page that is cached by its
 * chunk, and a hole, need the index.
 */
static int ask_by(const struct scene *s, const struct reader *r, const struct way *way)
{
	const bool lost = s->failing && r->fails && s->fault->index_goes;
	const bool by_chunk = s->mode->options && strstr(s->mode->options, "chunk_share");
	const size_t nr = KEPT + 2 + (way - ways) * 2;
	int found = ask(way, r->fd, nr);

	expect_ok(expect_answer(s, r, way->name, nr, found, wanted(s, r, way)));
	if (way->direct)
		return 0;
	found = ask(way, r->fd, 1);
	if (!lost || !by_chunk || found != way->error)
		expect_ok(expect_answer(s, r, way->name, 1, found, RIGHT));
	found = ask(way, r->fd, HOLE);
	if (!lost || found != way->error)
		expect_ok(expect_answer(s, r, way->name, HOLE, found, RIGHT));
	return 0;
}

int ask_all(struct scene *s, bool forgets)
{
	size_t i, k;

	for (i = 0; i < s->nr; i++) {
		struct reader *r = &s->readers[i];

		/* what was not read ahead */
		posix_fadvise(r->fd, 0, 0, forgets ? POSIX_FADV_NORMAL : POSIX_FADV_RANDOM);
		for (k = 0; k < nr_ways; k++) {
			if (forgets)
				forget(s);
			expect_ok(ask_by(s, r, &ways[k]));
		}
		expect_ok(expect_answer(s, r, "execve", 0, run_program(r->where),
					gets_error(s, r, false) ? EIO : RIGHT));
	}
	return 0;
}

int leave_all(struct scene *s)
{
	size_t i;

	for (i = 0; i < s->nr; i++) {
		close(s->readers[i].fd);
		close(s->readers[i].program);
		expect_ok(leave(s->readers[i].where));
	}
	forget_mounts();
	return 0;
}
