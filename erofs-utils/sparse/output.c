// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "extent.h"
#include "message.h"
#include "output.h"

#define SIGNATURE_MAX	32
#define NAME_TRIES	100

const struct sparse_signature sparse_image_signature = {
	.what = "no EROFS image", .name = "image",
	.pos = 1024, .bytes = "\xe2\xe1\xf5\xe0", .len = 4,
};

static const int fatal_signals[] = { SIGINT, SIGTERM, SIGHUP };

/*
 * A signal handler has no argument: this is what it removes, if anything.  What is
 * in it changes before the handler is in place, or with signals blocked.
 */
static struct {
	const struct sparse_output *out[2];
	char message[512];
	size_t length;
} interrupted;

static void on_signal(int sig)
{
	const struct sparse_output *out;
	ssize_t ret;
	size_t i;

	(void)sig;
	for (i = 0; i < ARRAY_SIZE(interrupted.out); i++) {
		out = interrupted.out[i];
		if (out && out->named)
			unlinkat(out->dirfd, out->temporary, 0);
	}
	ret = write(STDERR_FILENO, interrupted.message, interrupted.length);
	(void)ret;
	_exit(1);
}

static void catch_signals(const struct sparse_output *out)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct sigaction old;
	size_t i;

	if (interrupted.out[0]) {
		interrupted.out[1] = out;
		return;
	}
	interrupted.out[0] = out;
	snprintf(interrupted.message, sizeof(interrupted.message),
		 "%s: interrupted: '%.400s' was not written\n",
		 sparse_program, out->path);
	interrupted.length = strlen(interrupted.message);
	sigfillset(&action.sa_mask);
	for (i = 0; i < ARRAY_SIZE(fatal_signals); i++) {
		/* nohup and "&" in a shell script mean it */
		if (!sigaction(fatal_signals[i], NULL, &old) &&
		    old.sa_handler != SIG_IGN)
			sigaction(fatal_signals[i], &action, NULL);
	}
	/* beyond RLIMIT_FSIZE a write is to fail, not to kill */
	signal(SIGXFSZ, SIG_IGN);
}

/* an interrupt no longer concerns us */
static void release_signals(void)
{
	struct sigaction old;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fatal_signals); i++)
		if (!sigaction(fatal_signals[i], NULL, &old) &&
		    old.sa_handler == on_signal)
			signal(fatal_signals[i], SIG_DFL);
	interrupted.out[0] = NULL;
	interrupted.out[1] = NULL;
}

static void block_signals(sigset_t *old)
{
	sigset_t set;
	size_t i;

	sigemptyset(&set);
	for (i = 0; i < ARRAY_SIZE(fatal_signals); i++)
		sigaddset(&set, fatal_signals[i]);
	pthread_sigmask(SIG_BLOCK, &set, old);
}

static int check_existing(const struct sparse_output *out,
			  const struct sparse_signature *signature,
			  struct sparse_failure *failure)
{
	char bytes[SIGNATURE_MAX];
	ssize_t ret;
	int fd, err;

	fd = open(out->target, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = pread(fd, bytes, signature->len, signature->pos);
	err = ret < 0 ? -errno : 0;
	close(fd);
	if (err || ((size_t)ret == signature->len &&
		    !memcmp(bytes, signature->bytes, signature->len)))
		return err;
	return sparse_refuse(failure, out->path, " exists and is %s: remove it",
			     signature->what);
}

static int open_directory(struct sparse_output *out)
{
	char *slash = strrchr(out->target, '/');
	int fd;

	if (slash) {
		out->name = slash + 1;
		*slash = '\0';
		fd = open(slash == out->target ? "/" : out->target,
			  O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		*slash = '/';
	} else {
		out->name = out->target;
		fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0)
		return -errno;
	out->dirfd = fd;
	return *out->name ? 0 : -EISDIR;
}

static int find_existing(struct sparse_output *out,
			 const struct sparse_signature *signature,
			 struct sparse_failure *failure)
{
	struct stat st;

	if (stat(out->target, &st))
		return -errno;
	out->exists = true;
	out->dev = st.st_dev;
	out->ino = st.st_ino;
	out->uid = st.st_uid;
	out->gid = st.st_gid;
	out->mode = st.st_mode & 0777;
	out->acl = getxattr(out->target, "system.posix_acl_access", NULL, 0) > 0;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return sparse_refuse(failure, out->path,
				     " is not a regular file: name another %s",
				     signature->name);
	return st.st_size ? check_existing(out, signature, failure) : 0;
}

int sparse_output_find(struct sparse_output *out, const char *path,
		       const struct sparse_signature *signature,
		       struct sparse_failure *failure)
{
	struct stat st;
	int err;

	*out = SPARSE_OUTPUT_NONE;
	out->path = path;
	out->target = realpath(path, NULL);
	if (out->target) {
		err = find_existing(out, signature, failure);
	} else if (errno != ENOENT) {
		err = -errno;
	} else if (!lstat(path, &st)) {
		err = -ENOENT;		/* a link to nowhere */
	} else {
		out->target = strdup(path);
		err = out->target ? 0 : -ENOMEM;
	}
	if (!err)
		err = open_directory(out);
	return err ? sparse_fail(failure, SPARSE_CREATE, path, err) : 0;
}

bool sparse_output_is_same(const struct sparse_output *a,
			   const struct sparse_output *b)
{
	struct stat dir_of_a, dir_of_b;

	return !strcmp(a->name, b->name) && !fstat(a->dirfd, &dir_of_a) &&
		!fstat(b->dirfd, &dir_of_b) &&
		dir_of_a.st_dev == dir_of_b.st_dev &&
		dir_of_a.st_ino == dir_of_b.st_ino;
}

bool sparse_output_exists_as(const struct sparse_output *out,
			     const struct stat *st)
{
	return out->exists && out->dev == st->st_dev && out->ino == st->st_ino;
}

bool sparse_output_is_itself(const struct sparse_output *out,
			     const struct stat *st)
{
	struct stat own;

	return out->named && !fstat(out->fd, &own) &&
		own.st_dev == st->st_dev && own.st_ino == st->st_ino;
}

static int create_file(struct sparse_output *out)
{
	out->fd = openat(out->dirfd, out->temporary,
			 O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	return out->fd < 0 ? -errno : 0;
}

/* for a file that had no name */
static int link_file(struct sparse_output *out)
{
	char proc[64];

	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", out->fd);
	return linkat(AT_FDCWD, proc, out->dirfd, out->temporary,
		      AT_SYMLINK_FOLLOW) ? -errno : 0;
}

/*
 * @use a temporary name that nobody has: processes of other PID namespaces and
 * hosts write into the same directory.  No interrupt comes in between, or it would
 * not know of the name.
 */
static int name_temporary(struct sparse_output *out,
			  int (*use)(struct sparse_output *out))
{
	unsigned int number, tries;
	int err = -EEXIST;

	for (tries = 0; tries < NAME_TRIES && err == -EEXIST; tries++) {
		free(out->temporary);
		out->temporary = NULL;
		if (getrandom(&number, sizeof(number), 0) != sizeof(number))
			return -EIO;
		if (asprintf(&out->temporary, ".%.200s.%08x", out->name, number) < 0) {
			out->temporary = NULL;
			return -ENOMEM;
		}
		err = use(out);
	}
	out->named = !err;
	return err;
}

int sparse_output_open(struct sparse_output *out, struct sparse_failure *failure)
{
	sigset_t old;
	int err = 0;

	/* what has no name cannot be left behind; a name needs /proc later */
	if (!access("/proc/self/fd", X_OK))
		out->fd = openat(out->dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC,
				 0600);
	block_signals(&old);
	if (out->fd < 0)
		err = name_temporary(out, create_file);
	catch_signals(out);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err ? sparse_fail(failure, SPARSE_CREATE, out->path, err) : 0;
}

static int exchange_names(const struct sparse_output *out)
{
	return renameat2(out->dirfd, out->temporary, out->dirfd, out->name,
			 RENAME_EXCHANGE) ? -errno : 0;
}

/* what had the name comes to the temporary one: it may be wanted back */
static int exchange_with_existing(struct sparse_output *out)
{
	struct stat st;
	int err;

	err = exchange_names(out);
	if (err)
		return err;
	out->exchanged = true;
	if (!fstatat(out->dirfd, out->temporary, &st, AT_SYMLINK_NOFOLLOW) &&
	    S_ISDIR(st.st_mode))
		return -EISDIR;
	return 0;
}

static int give_name(struct sparse_output *out, bool keep)
{
	int err = -EINVAL;

	if (keep && out->exists)
		err = exchange_with_existing(out);
	/* the file system cannot do that, or there is nothing any more */
	if (err == -EINVAL || err == -ENOENT) {
		err = renameat(out->dirfd, out->temporary, out->dirfd,
			       out->name) ? -errno : 0;
		out->named = err;
	}
	out->given = !err;
	if (err)
		return err;
	return fsync(out->dirfd) ? -errno : 0;
}

static void take_back(struct sparse_output *out)
{
	if (out->exchanged)
		exchange_names(out);
	else if (out->given && !out->exists)
		unlinkat(out->dirfd, out->name, 0);
	out->exchanged = false;
	out->given = false;
	if (out->named)
		unlinkat(out->dirfd, out->temporary, 0);
	out->named = false;
}

static int set_mode(struct sparse_output *out, mode_t mode)
{
	bool ours = out->exists && out->uid == geteuid();
	mode_t kept = ours ? out->mode : 0600;
	mode_t all = kept & (kept >> 3) & 07;

	if (ours && (fchown(out->fd, -1, out->gid) || out->acl))
		kept = (kept & 0700) | (all << 3) | all;
	return fchmod(out->fd, mode == SPARSE_MODE_KEPT ? kept : mode) ?
		-errno : 0;
}

int sparse_output_sync(struct sparse_output *out, mode_t mode,
		       struct sparse_failure *failure)
{
	int err = set_mode(out, mode);

	if (!err && fsync(out->fd))
		err = -errno;
	if (err)
		return sparse_fail(failure, SPARSE_WRITE, out->path, err);
	/* whoever has other files cached keeps them */
	sparse_data_drop(out->fd, 0, 0);
	return 0;
}

int sparse_output_commit(struct sparse_output *out, struct sparse_output *with,
			 struct sparse_failure *failure)
{
	struct sparse_output *all[] = { out, with };
	size_t count = with ? 2 : 1, i;
	sigset_t old;
	int err = 0;

	block_signals(&old);
	for (i = 0; i < count && !err; i++) {
		if (!all[i]->named)
			err = name_temporary(all[i], link_file);
		if (err)
			sparse_fail(failure, SPARSE_WRITE, all[i]->path, err);
	}
	for (i = 0; i < count && !err; i++) {
		err = give_name(all[i], with);
		if (err)
			sparse_fail(failure, SPARSE_WRITE, all[i]->path, err);
	}
	for (i = 0; i < count; i++) {
		if (err)
			take_back(all[i]);
		else if (all[i]->named)
			unlinkat(all[i]->dirfd, all[i]->temporary, 0);
		all[i]->named = false;
	}
	if (!err)
		release_signals();
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err;
}

void sparse_output_close(struct sparse_output *out)
{
	release_signals();
	if (out->named)
		unlinkat(out->dirfd, out->temporary, 0);
	if (out->dirfd >= 0)
		close(out->dirfd);
	free(out->temporary);
	free(out->target);
}
