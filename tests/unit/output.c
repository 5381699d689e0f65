// SPDX-License-Identifier: GPL-2.0-only
/*
 * An image has its name when it is committed and not before; what is no image is
 * not overwritten; nothing is left of what was not committed.  Would catch a
 * temporary file that stays, and a snapshot lost to a slip on the command line.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "ktap.h"
#include "output.h"
#include "unit.h"

static const unsigned char magic[] = { 0xe2, 0xe1, 0xf5, 0xe0 };
static struct sparse_failure failure;

/* an empty directory to work in */
static void enter(void)
{
	char name[] = "unit-XXXXXX";

	need(mkdtemp(name) && !chdir(name));
}

/* remove it; how many entries there were */
static int leave(void)
{
	DIR *dir = opendir(".");
	struct dirent *entry;
	char path[PATH_MAX];
	int count = 0;

	need(dir && getcwd(path, sizeof(path)));
	while ((entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		need(!unlink(entry->d_name) || !rmdir(entry->d_name));
		count++;
	}
	closedir(dir);
	need(!chdir("..") && !rmdir(path));
	return count;
}

static void make_file(const char *name, size_t size, bool image)
{
	int fd = open(name, O_CREAT | O_WRONLY, 0644);

	need(fd >= 0 && !ftruncate(fd, size));
	if (image)
		need(pwrite(fd, magic, sizeof(magic), 1024) == sizeof(magic));
	close(fd);
}

static off_t size_of(const char *name)
{
	struct stat st;

	return stat(name, &st) ? -1 : st.st_size;
}

static void write_image(struct sparse_output *out, size_t size)
{
	need(!sparse_output_open(out, &failure) && !ftruncate(out->fd, size));
}

static void done(struct sparse_output *out)
{
	if (out->fd >= 0)
		close(out->fd);
	sparse_output_close(out);
	sparse_failure_exit(&failure);
}

static int committed(void)
{
	struct sparse_output out;
	struct stat st;
	int left;

	enter();
	umask(022);
	need(!sparse_output_find(&out, "image", &sparse_image_signature, &failure));
	write_image(&out, 5000);
	expect(size_of("image") == -1, "it has its name too early");
	need(!sparse_output_sync(&out, 0664, &failure));
	need(!sparse_output_commit(&out, NULL, &failure));
	done(&out);
	expect(size_of("image") == 5000, "%lld", (long long)size_of("image"));
	need(!stat("image", &st));
	expect((st.st_mode & 07777) == 0664, "mode %o", st.st_mode);
	left = leave();
	expect(left == 1, "%d files", left);
	return 0;
}

static int not_committed(void)
{
	struct sparse_output out;
	int left;

	enter();
	make_file("image", 3000, true);
	need(!sparse_output_find(&out, "image", &sparse_image_signature, &failure));
	write_image(&out, 5000);
	done(&out);
	expect(size_of("image") == 3000, "%lld", (long long)size_of("image"));
	left = leave();
	expect(left == 1, "%d files", left);
	return 0;
}

static int replaces_an_image(void)
{
	struct sparse_output out;
	int left;

	enter();
	make_file("image", 3000, true);
	need(!sparse_output_find(&out, "image", &sparse_image_signature, &failure));
	expect(out.exists, "not seen");
	write_image(&out, 5000);
	need(!sparse_output_commit(&out, NULL, &failure));
	done(&out);
	expect(size_of("image") == 5000, "%lld", (long long)size_of("image"));
	left = leave();
	expect(left == 1, "%d files", left);
	return 0;
}

static int replaces_what_a_link_leads_to(void)
{
	struct sparse_output out;
	struct stat st;

	enter();
	make_file("image", 3000, true);
	need(!symlink("image", "link"));
	need(!sparse_output_find(&out, "link", &sparse_image_signature, &failure));
	write_image(&out, 5000);
	need(!sparse_output_commit(&out, NULL, &failure));
	done(&out);
	expect(size_of("image") == 5000, "%lld", (long long)size_of("image"));
	need(!lstat("link", &st));
	expect(S_ISLNK(st.st_mode), "the link is gone");
	leave();
	return 0;
}

static int find_of(const char *name)
{
	struct sparse_output out;
	int ret = sparse_output_find(&out, name, &sparse_image_signature, &failure);

	sparse_output_close(&out);
	sparse_failure_exit(&failure);
	return ret;
}

/* what is noted of it has @hint in it */
static bool is_refused(const char *name, const char *hint)
{
	struct sparse_output out;
	bool noted;

	sparse_output_find(&out, name, &sparse_image_signature, &failure);
	sparse_output_close(&out);
	noted = failure.hint && strstr(failure.hint, hint);
	sparse_failure_exit(&failure);
	return noted;
}

static int refused(void)
{
	enter();
	make_file("data", 3000, false);
	make_file("short", 10, false);
	make_file("empty", 0, false);
	need(!symlink("nowhere", "link") && !mkdir("dir", 0755));
	expect(is_refused("data", "is no EROFS image"), "no image");
	expect(is_refused("short", "is no EROFS image"), "too short for one");
	expect(find_of("dir") == -EISDIR, "%d", find_of("dir"));
	expect(find_of("dir/.") == -EISDIR, "%d", find_of("dir/."));
	expect(is_refused("/dev/null", "is not a regular file"), "a device");
	expect(find_of("link") == -ENOENT, "%d", find_of("link"));
	expect(find_of("data/x") == -ENOTDIR, "%d", find_of("data/x"));
	/* nothing is lost with these */
	expect(!find_of("empty"), "%d", find_of("empty"));
	expect(!find_of("dir/new"), "%d", find_of("dir/new"));
	leave();
	return 0;
}

static int no_directory(void)
{
	enter();
	expect(find_of("dir/image") == -ENOENT, "%d", find_of("dir/image"));
	expect(find_of("dir/") == -ENOENT, "%d", find_of("dir/"));
	leave();
	return 0;
}

static int with_another(void)
{
	struct sparse_output out, other;
	int left;

	enter();
	need(!sparse_output_find(&out, "image", &sparse_image_signature, &failure));
	need(!sparse_output_find(&other, "./image", &sparse_image_signature, &failure));
	expect(sparse_output_is_same(&out, &other), "one name");
	sparse_output_close(&other);
	need(!sparse_output_find(&other, "other", &sparse_image_signature, &failure));
	expect(!sparse_output_is_same(&out, &other), "two names");
	write_image(&out, 5000);
	write_image(&other, 300);
	need(!sparse_output_commit(&out, &other, &failure));
	done(&out);
	done(&other);
	expect(size_of("image") == 5000 && size_of("other") == 300,
	       "%lld and %lld", (long long)size_of("image"),
	       (long long)size_of("other"));
	left = leave();
	expect(left == 2, "%d files", left);
	return 0;
}

/* the mode that an output gets by itself beside what is there, which is @mode */
static mode_t mode_after(int mode, uid_t uid, gid_t gid)
{
	struct sparse_output out;
	struct stat st;

	enter();
	umask(022);
	if (mode >= 0) {
		make_file("image", 0, false);
		need(!chown("image", uid, gid) && !chmod("image", mode));
	}
	need(!sparse_output_find(&out, "image", &sparse_image_signature, &failure));
	write_image(&out, 5000);
	need(!sparse_output_sync(&out, SPARSE_MODE_KEPT, &failure));
	need(!sparse_output_commit(&out, NULL, &failure));
	done(&out);
	need(!stat("image", &st));
	expect(st.st_uid == geteuid(), "owner %u", st.st_uid);
	if (mode >= 0 && uid == geteuid())
		expect(st.st_gid == gid, "group %u", st.st_gid);
	leave();
	return st.st_mode & 07777;
}

static int modes(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	mode_t mode;

	mode = mode_after(-1, uid, gid);
	expect(mode == 0600, "new: %o", mode);
	mode = mode_after(0640, uid, gid);
	expect(mode == 0640, "group's: %o", mode);
	mode = mode_after(0666, uid, gid);
	expect(mode == 0666, "everybody's: %o", mode);
	mode = mode_after(0400, uid, gid);
	expect(mode == 0400, "read-only: %o", mode);
	if (uid)
		return 0;
	mode = mode_after(0640, uid, 12345);
	expect(mode == 0640, "another group's: %o", mode);
	/* somebody may have put it there to read what it becomes */
	mode = mode_after(0666, 12345, 12345);
	expect(mode == 0600, "another owner's: %o", mode);
	return 0;
}

/* the first has its name, the second cannot get it: neither has */
static int second_fails(void)
{
	struct sparse_output out, other;
	int left, ret, exists;

	for (exists = 0; exists < 2; exists++) {
		enter();
		if (exists)
			make_file("image", 3000, true);
		need(!sparse_output_find(&out, "image", &sparse_image_signature, &failure));
		need(!sparse_output_find(&other, "other", &sparse_image_signature, &failure));
		write_image(&out, 5000);
		write_image(&other, 300);
		need(!mkdir("other", 0755));
		ret = sparse_output_commit(&out, &other, &failure);
		expect(ret == -EISDIR, "%d", ret);
		expect(failure.path && !strcmp(failure.path, "other"), "%s failed", failure.path);
		done(&out);
		done(&other);
		expect(size_of("image") == (exists ? 3000 : -1), "%lld",
		       (long long)size_of("image"));
		left = leave();
		expect(left == 1 + exists, "%d files", left);
	}
	return 0;
}

/* a directory that has come to be where a file was is not carried away */
static int becomes_a_directory(void)
{
	struct sparse_output out, other;
	int left, ret;

	enter();
	make_file("image", 3000, true);
	need(!sparse_output_find(&out, "image", &sparse_image_signature, &failure));
	need(!sparse_output_find(&other, "other", &sparse_image_signature, &failure));
	write_image(&out, 5000);
	write_image(&other, 300);
	need(!unlink("image") && !mkdir("image", 0755));
	ret = sparse_output_commit(&out, &other, &failure);
	expect(ret == -EISDIR, "%d", ret);
	done(&out);
	done(&other);
	left = leave();
	expect(left == 1, "%d files", left);
	return 0;
}

/* processes of two PID namespaces may have one number */
static int name_of_the_pid(void)
{
	struct sparse_output out;
	char name[64];

	enter();
	snprintf(name, sizeof(name), ".image.%ld", (long)getpid());
	make_file(name, 10, false);
	need(!sparse_output_find(&out, "image", &sparse_image_signature, &failure));
	write_image(&out, 5000);
	expect(!sparse_output_commit(&out, NULL, &failure), "not committed");
	done(&out);
	expect(size_of(name) == 10, "the other's is gone");
	expect(size_of("image") == 5000, "%lld", (long long)size_of("image"));
	leave();
	return 0;
}

/* the second needs a name that the first one's failure keeps from it */
static int first_fails(void)
{
	struct sparse_output out, other;
	int left, ret;

	enter();
	need(!sparse_output_find(&out, "image", &sparse_image_signature, &failure));
	need(!sparse_output_find(&other, "other", &sparse_image_signature, &failure));
	write_image(&out, 5000);
	write_image(&other, 300);
	need(!mkdir("image", 0755));
	ret = sparse_output_commit(&out, &other, &failure);
	expect(ret == -EISDIR, "%d", ret);
	done(&out);
	done(&other);
	expect(size_of("other") == -1, "the other has its name");
	left = leave();
	expect(left == 1, "%d files", left);
	return 0;
}

/* in a child: open the image, get the signal, go on if that did not end it */
static int status_after(int sig, bool before_commit)
{
	struct sparse_output out;
	int status;
	pid_t pid = fork();

	need(pid >= 0);
	if (!pid) {
		need(dup2(open("message", O_CREAT | O_WRONLY, 0644), 2) == 2);
		need(!sparse_output_find(&out, "image", &sparse_image_signature, &failure));
		write_image(&out, 5000);
		if (before_commit)
			raise(sig);
		need(!sparse_output_commit(&out, NULL, &failure));
		done(&out);
		if (!before_commit)
			raise(sig);
		_exit(0);
	}
	need(waitpid(pid, &status, 0) == pid);
	return status;
}

static int interrupted_in_time(void)
{
	int sig[] = { SIGINT, SIGTERM, SIGHUP };
	int status, left;
	size_t i;

	for (i = 0; i < 3; i++) {
		enter();
		status = status_after(sig[i], true);
		expect(WIFEXITED(status) && WEXITSTATUS(status) == 1,
		       "status %x after signal %d", status, sig[i]);
		expect(size_of("message") > 0, "nothing was said");
		left = leave();
		expect(left == 1, "%d files", left);
	}
	return 0;
}

static int interrupted_too_late(void)
{
	int status;

	enter();
	status = status_after(SIGTERM, false);
	expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM,
	       "status %x", status);
	expect(size_of("image") == 5000, "%lld", (long long)size_of("image"));
	expect(!size_of("message"), "it says that there is no image");
	leave();
	return 0;
}

static int nohup(void)
{
	int status;

	enter();
	signal(SIGHUP, SIG_IGN);
	status = status_after(SIGHUP, true);
	signal(SIGHUP, SIG_DFL);
	expect(!status, "status %x", status);
	expect(size_of("image") == 5000, "%lld", (long long)size_of("image"));
	leave();
	return 0;
}

int main(void)
{
	const struct ktap_case cases[] = {
		{ "committed", committed },
		{ "not-committed", not_committed },
		{ "replaces-an-image", replaces_an_image },
		{ "replaces-what-a-link-leads-to", replaces_what_a_link_leads_to },
		{ "refused", refused },
		{ "no-directory", no_directory },
		{ "with-another", with_another },
		{ "first-fails", first_fails },
		{ "second-fails", second_fails },
		{ "becomes-a-directory", becomes_a_directory },
		{ "name-of-the-pid", name_of_the_pid },
		{ "modes", modes },
		{ "interrupted-in-time", interrupted_in_time },
		{ "interrupted-too-late", interrupted_too_late },
		{ "nohup", nohup },
	};

	/* a shell has what it runs in the background ignore it */
	signal(SIGINT, SIG_DFL);
	return ktap_main(cases);
}
