// SPDX-License-Identifier: GPL-2.0-only
/*
 * erofs-status reads what is below status_sys and status_proc: here folders made for
 * each case, with what a kernel shows, what vanishes halfway, and what is malformed.
 * That a real kernel shows it so is asked by tests/kernel/status.test.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "calls.h"
#include "ktap.h"
#include "status.h"

static struct status status;
static struct namespaces known;

/* calls of the program's that are counted, and how long one of opendir() takes */
static unsigned int stats, searches;
static uint64_t now, search_time;

int __wrap_stat(const char *path, struct stat *st)
{
	stats++;
	return __real_stat(path, st);
}

DIR *__wrap_opendir(const char *path)
{
	searches++;
	now += search_time;
	return __real_opendir(path);
}

/* the allocation that fails, counted from now on; 0: none does, or it has failed */
static unsigned int failing;

static bool runs_out(void)
{
	if (!failing || --failing)
		return false;
	errno = ENOMEM;
	return true;
}

char *__wrap_strdup(const char *text)
{
	return runs_out() ? NULL : __real_strdup(text);
}

void *__wrap_reallocarray(void *array, size_t nr, size_t size)
{
	return runs_out() ? NULL : __real_reallocarray(array, nr, size);
}

static uint64_t fake_clock(void)
{
	return now;
}

/* a file with its folders */
static void put(const char *path, const char *content)
{
	char folder[256], *slash;
	FILE *f;

	snprintf(folder, sizeof(folder), "%s", path);
	for (slash = folder; (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = '\0';
		mkdir(folder, 0755);
	}
	f = fopen(path, "w");
	if (!f || fputs(content, f) < 0 || fclose(f))
		abort();
}

static void fresh(void)
{
	status_free(&status);
	status_forget(&known);
	search_time = 0;
	if (system("rm -rf sys proc"))
		abort();
	status_sys = "sys";
	status_proc = "proc";
	put("sys/fs/erofs/features/zero_padding", "supported\n");
	put("proc/self/mountinfo", "");
}

static void put_zeropage(const char *name, const char *dev)
{
	static const char *const files[] = {
		"dev", "enabled", "huge", "read_window", "write_window",
		"hole_faults", "write_faults", "zero_pages", "read_bytes"
	};
	static const char *const values[] = {
		NULL, "1\n", "0\n", "512\n", "64\n", "2\n", "3\n", "1000\n", "1234567\n"
	};
	char path[256];
	size_t i;

	put("sys/module/erofs/parameters/zeropage", "Y\n");
	for (i = 0; i < sizeof(files) / sizeof(*files); i++) {
		snprintf(path, sizeof(path), "sys/fs/erofs/%s/zeropage/%s", name, files[i]);
		put(path, values[i] ? values[i] : dev);
	}
}

static void put_sharing(const char *name, const char *domain)
{
	char path[256];

	put("sys/module/erofs/parameters/ishare_domain", "\n");
	put("sys/fs/erofs/ishare/files", "7\n");
	snprintf(path, sizeof(path), "sys/fs/erofs/%s/ishare/domain", name);
	put(path, domain);
	snprintf(path, sizeof(path), "sys/fs/erofs/%s/ishare/files", name);
	put(path, "7\n");
	snprintf(path, sizeof(path), "sys/fs/erofs/%s/ishare/pages", name);
	put(path, "512\n");
	snprintf(path, sizeof(path), "sys/fs/erofs/%s/ishare/saved_bytes", name);
	put(path, "2097152\n");
}

static const char *shown(void (*show)(const struct status *, FILE *))
{
	static char text[8192];
	FILE *out = fmemopen(text, sizeof(text), "w");

	show(&status, out);
	fclose(out);
	return text;
}

/* does @text have the strings of @parts, up to a NULL, one right after the other? */
static bool has(const char *text, const char *const *parts)
{
	char whole[2048] = "";

	for (; *parts; parts++)
		strncat(whole, *parts, sizeof(whole) - strlen(whole) - 1);
	return strstr(text, whole);
}

static int sizes(void)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{ 0, "0 kB" }, { 1, "1 kB" }, { 1024, "1 kB" }, { 1000 * 4096, "4000 kB" },
		{ 10000 * 1024 - 1, "10000 kB" }, { 10000 * 1024, "9.8 MiB" },
		{ 1ULL << 30, "1024.0 MiB" }, { 10000ULL << 20, "9.8 GiB" },
		{ UINT64_MAX, "16.0 EiB" },
	};
	char text[16];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		expect(!strcmp(status_size(cases[i].bytes, text), cases[i].text),
		       "%llu: %s", (unsigned long long)cases[i].bytes, text);
	return 0;
}

static int escapes(void)
{
	static const char *const cases[][2] = {
		{ "/a\\040b\\011c\\012d\\134e", "/a b\tc\nd\\e" }, { "/a\\", "/a\\" },
		{ "/a\\04", "/a\\04" }, { "/\\999\\400", "/\\999\\400" }, { "", "" },
		{ "\\134040", "\\040" },
	};
	char text[64];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(text, sizeof(text), "%s", cases[i][0]);
		status_unescape(text);
		expect(!strcmp(text, cases[i][1]), "%s: %s", cases[i][0], text);
	}
	return 0;
}

static int nothing_is_mounted(void)
{
	fresh();
	expect(!status_collect(&status, &known) && status.loaded && !status.nr_fs, "collect");
	expect(!strcmp(shown(status_table), "No EROFS file system is mounted.\n"), "table");
	if (system("rm -r sys"))
		abort();
	expect(!status_collect(&status, &known) && !status.loaded, "collect");
	expect(strstr(shown(status_table), "the erofs module is not loaded"), "table");
	return 0;
}

static int all_is_shown(void)
{
	static const char *const object[] = {
		"{\"name\": \"loop0\", \"device\": \"7:0\", \"source\": \"/dev/loop0\"",
		", \"backing_file\": \"/srv/web.erofs\"",
		", \"mount_points\": [{\"path\": \"/a b\", \"pid\": null}",
		", {\"path\": \"/bound\", \"pid\": null}], \"inode_share\": true",
		", \"zeropage\": {\"enabled\": true, \"huge\": false",
		", \"read_window\": 512, \"write_window\": 64, \"hole_faults\": 2",
		", \"write_faults\": 3, \"zero_pages\": 1000, \"mapped_bytes\": 4096000",
		", \"read_bytes\": 1234567}, \"sharing\": {\"domain\": \"erofs_ishare-12\"",
		", \"domain_mounts\": 2, \"files\": 7, \"pages\": 512",
		", \"cached_bytes\": 2097152, \"saved_bytes\": 2097152}",
		", \"chunk_share\": {\"cached_bytes\": 12345678, \"regions_unmapped\": 3}}", NULL
	};
	static const char *const row[] = {
		"\nloop0      on            5     4000 kB     1206 kB",
		"  12 (of 2)           7     2048 kB     2048 kB  /a b, /bound\n", NULL
	};
	static const char *const sums[] = {
		"\nall                     15    11.7 MiB     3617 kB",
		"                     14     4096 kB     4096 kB\n", NULL
	};
	static const char *const file[] = {
		"{\"name\": \"erofs-3\", \"device\": \"0:45\"",
		", \"source\": \"/srv/my image\"", NULL
	};
	const char *text;

	fresh();
	put_zeropage("loop0", "7:0\n");
	put_sharing("loop0", "erofs_ishare-12\n");
	put("sys/class/block/loop0/loop/backing_file", "/srv/web.erofs\n");
	put("sys/fs/erofs/loop0/chunk_share/cached_bytes", "12345678\n");
	put("sys/fs/erofs/loop0/chunk_share/regions_unmapped", "3\n");
	put("sys/fs/erofs/loop1/chunk_share/cached_bytes", "1\n");
	put_zeropage("loop1", "7:1\n");
	put_sharing("loop1", "erofs_ishare-12\n");
	put_zeropage("erofs-3", "0:45\n");
	put("proc/self/mountinfo",
	    "20 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
	    "31 20 7:0 / /a\\040b ro,relatime shared:9 master:1 - erofs /dev/loop0 ro,acl,inode_share\n"
	    "32 20 7:0 /sub /bound ro - erofs /dev/loop0 ro,inode_share\n"
	    "33 20 7:1 / /c ro - erofs /dev/loop1 ro,inode_share_verify\n"
	    "34 20 0:45 / /d ro - erofs /srv/my\\040image ro\n"
	    "35 20 0:46 / /merged rw - overlay none rw,lowerdir=/a\\040b\n");
	expect(!status_collect(&status, &known) && status.nr_fs == 3, "%zu", status.nr_fs);
	text = shown(status_json);
	expect(has(text, object), "%s", text);
	expect(has(text, file), "%s", text);
	expect(strstr(text, "\"sharing\": null, \"chunk_share\": null}"), "%s", text);
	text = shown(status_table);
	expect(has(text, row) && has(text, sums), "\n%s", text);
	expect(strstr(text, "\nChunks of loop0: 11.8 MiB cached"), "\n%s", text);
	expect(!strstr(text, "Chunks of loop1"), "\n%s", text);
	return 0;
}

static int switched_off(void)
{
	fresh();
	put_zeropage("loop0", "7:0\n");
	put("sys/fs/erofs/loop0/zeropage/enabled", "0\n");
	expect(!status_collect(&status, &known), "collect");
	expect(strstr(shown(status_table), "loop0      off "), "%s", shown(status_table));
	put("sys/fs/erofs/loop0/zeropage/enabled", "1\n");
	put("sys/module/erofs/parameters/zeropage", "N\n");
	status_free(&status);
	expect(!status_collect(&status, &known), "collect");
	expect(strstr(shown(status_table), "loop0      off "), "%s", shown(status_table));
	expect(strstr(shown(status_table), "off for all"), "%s", shown(status_table));
	return 0;
}

/* file-backed ones of stock modules have folders that say nothing about them */
static int module_is_not_ours(void)
{
	static const char *const object[] = {
		"{\"name\": null, \"device\": \"0:45\", \"source\": \"/srv/b\", \"backing_file\": null",
		", \"mount_points\": [{\"path\": \"/b\", \"pid\": null}",
		", {\"path\": \"/c\", \"pid\": null}], \"inode_share\": false",
		", \"zeropage\": null, \"sharing\": null, \"chunk_share\": null}", NULL
	};
	const char *text;

	fresh();
	put("sys/fs/erofs/vda/sync_decompress", "0\n");
	put("sys/class/block/vda/dev", "254:0\n");
	put("sys/fs/erofs/erofs-3/sync_decompress", "0\n");
	put("sys/fs/erofs/erofs-4/sync_decompress", "0\n");
	put("proc/self/mountinfo",
	    "31 20 254:0 / /a ro - erofs /dev/vda ro,inode_share\n"
	    "32 20 0:45 / /b ro - erofs /srv/b ro\n"
	    "33 20 0:45 / /c ro - erofs /srv/b ro\n");
	expect(!status_collect(&status, &known) && status.nr_fs == 3, "%zu", status.nr_fs);
	text = shown(status_json);
	expect(has(text, object), "%s", text);
	text = shown(status_table);
	expect(strstr(text, "kernel's"), "\n%s", text);
	expect(strstr(text, "(not mounted anywhere"), "\n%s", text);
	expect(strstr(text, "has none"), "\n%s", text);
	return 0;
}

/* what is mounted in other namespaces is found there, each of which is asked once */
static int other_namespaces(void)
{
	const char *text;

	fresh();
	put_zeropage("loop0", "7:0\n");
	put_zeropage("loop1", "7:1\n");
	put("proc/self/mountinfo", "33 20 7:1 / /ours ro - erofs /dev/loop1 ro\n");
	put("proc/self/ns/mnt", "");
	put("proc/100/ns/mnt", "");
	put("proc/100/mountinfo", "31 20 7:0 / /theirs ro - erofs /dev/loop0 ro\n"
	    "33 20 7:1 / /theirs-too ro - erofs /dev/loop1 ro\n");
	put("proc/101/mountinfo", "31 20 7:0 / /not-allowed ro - erofs /dev/loop0 ro\n");
	put("proc/102/ns/mnt", "");
	expect(!status_collect(&status, &known), "collect");
	text = shown(status_table);
	expect(strstr(text, "  /theirs (of process 100)\n"), "\n%s", text);
	expect(strstr(text, "  /ours\n"), "\n%s", text);
	return 0;
}

/* a process, in a namespace of its own or in that of another one */
static void put_process(int pid, int other, const char *mountinfo)
{
	char path[64], to[64];

	snprintf(path, sizeof(path), "proc/%d/mountinfo", pid);
	put(path, mountinfo);
	snprintf(path, sizeof(path), "proc/%d/ns/mnt", pid);
	put(path, "");
	if (!other)
		return;
	snprintf(to, sizeof(to), "proc/%d/ns/mnt", other);
	if (unlink(path) || link(to, path))
		abort();
}

/* look again after so many seconds; status_table()'s text */
static const char *look(unsigned int seconds)
{
	now += seconds * 1000000000ULL;
	stats = 0;
	searches = 0;
	status_free(&status);
	return status_collect(&status, &known) ? "" : shown(status_table);
}

/* 60 processes in 4 namespaces, one of them ours, and a mount that nobody sees */
static void put_crowd(void)
{
	int i;

	fresh();
	put_zeropage("loop0", "7:0\n");
	put_process(100, 0, "");
	put_process(101, 0, "");
	put_process(102, 0, "");
	put("proc/self/ns/mnt", "");
	if (unlink("proc/self/ns/mnt") || link("proc/100/ns/mnt", "proc/self/ns/mnt"))
		abort();
	for (i = 103; i < 160; i++)
		put_process(i, 100 + i % 3, "");
}

/* who watches does not go through all processes each time for a mount that is lost */
static int lost_is_searched_for_once(void)
{
	int i;

	put_crowd();
	expect(strstr(look(1), "(not mounted anywhere"), "%s", shown(status_table));
	expect(searches == 1 && stats == 61, "%u searches, %u stats", searches, stats);
	for (i = 0; i < 14; i++) {
		look(2);
		expect(!searches && !stats, "%u searches, %u stats", searches, stats);
	}
	look(2);
	expect(searches == 1 && stats == 61, "%u searches, %u stats", searches, stats);
	return 0;
}

/* one that turns up elsewhere is found at once, and from then on without a search */
static int new_mount_is_found_at_once(void)
{
	int i;

	put_crowd();
	look(1);
	put_zeropage("loop1", "7:1\n");
	put("proc/101/mountinfo", "33 20 7:1 / /theirs ro - erofs /dev/loop1 ro\n");
	expect(strstr(look(1), "  /theirs (of process 101)\n"), "%s", shown(status_table));
	expect(searches == 1, "%u searches", searches);
	for (i = 0; i < 3; i++) {
		expect(strstr(look(2), "  /theirs (of process 101)\n"), "%s",
		       shown(status_table));
		expect(!searches && stats == 1, "%u searches, %u stats", searches, stats);
	}
	/* it may well have another mount by then */
	put_zeropage("loop2", "7:2\n");
	put("proc/101/mountinfo", "33 20 7:1 / /moved ro - erofs /dev/loop1 ro\n"
	    "34 20 7:2 / /more ro - erofs /dev/loop2 ro\n");
	expect(strstr(look(2), "  /moved (of process 101)\n"), "%s", shown(status_table));
	expect(strstr(shown(status_table), "  /more (of process 101)\n"), "%s",
	       shown(status_table));
	expect(!searches, "%u searches", searches);
	return 0;
}

/* its process ends, or its number is another's: the namespace lives on with the next one */
static int process_ends(void)
{
	int i;

	put_crowd();
	put("proc/101/mountinfo", "33 20 7:0 / /theirs ro - erofs /dev/loop0 ro\n");
	put("proc/103/mountinfo", "33 20 7:0 / /theirs ro - erofs /dev/loop0 ro\n");
	expect(strstr(look(1), "  /theirs (of process 101)\n"), "%s", shown(status_table));
	if (unlink("proc/101/ns/mnt") || link("proc/100/ns/mnt", "proc/101/ns/mnt"))
		abort();
	expect(strstr(look(2), "  /theirs (of process 103)\n"), "%s", shown(status_table));
	expect(searches == 1, "%u searches", searches);
	/* gone, and nobody else is there */
	for (i = 103; i < 160; i += 3)
		put_process(i, 100, "");
	expect(strstr(look(2), "(not mounted anywhere"), "%s", shown(status_table));
	return 0;
}

/* mounts that come without end do not have it search without end */
static int searching_has_a_limit(void)
{
	char name[32];
	int i;

	put_crowd();
	search_time = 1000000000;
	look(1);
	expect(searches == 1, "%u searches", searches);
	for (i = 1; i < 20; i++) {
		snprintf(name, sizeof(name), "erofs-%d", i);
		put_zeropage(name, "0:45\n");
		look(1);
		expect(!searches, "%u searches after %d s", searches, i);
	}
	look(1);
	expect(searches == 1, "%u searches", searches);
	return 0;
}

static int names_are_data(void)
{
	const char *text;

	fresh();
	put_zeropage("loop0", "7:0\n");
	put("proc/self/mountinfo",
	    "31 20 7:0 / /\"\\134\033[2J\\012\xc3\xa4\xff\xc3 ro - erofs /dev/loop0 ro\n"
	    "32 20 7:0 / /\177\302\2332J\2332J\302\240\342\200\224 ro - erofs /dev/loop0 ro\n");
	expect(!status_collect(&status, &known), "collect");
	text = shown(status_json);
	expect(strstr(text, "\"/\\\"\\\\\\u001b[2J\\u000a\xc3\xa4\\udcff\\udcc3\""), "%s", text);
	expect(strstr(text, "\"/\\u007f\\u009b2J\\udc9b2J\302\240\342\200\224\""), "%s", text);
	text = shown(status_table);
	expect(strstr(text, "/\"\\\\033[2J\\012\xc3\xa4\\377\\303, "), "\n%s", text);
	expect(strstr(text, "/\\177\\302\\2332J\\2332J\302\240\342\200\224\n"), "\n%s", text);
	return 0;
}

/* lines and files that no kernel writes must not be believed, nor hurt */
static int malformed(void)
{
	static const char *const lines[] = {
		"\n", "31\n", "31 20 7:0 / /a ro - erofs\n", "31 20 7:0 / /a ro - erofs /dev/loop0\n",
		"31 20 seven / /a ro - erofs /dev/loop0 ro\n", "31 20 7:0 / /a ro erofs x ro\n",
		"- - - - - - - - -\n", "31 20 7:0 / /a ro - - - -",
	};
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		fresh();
		put_zeropage("loop0", "7:0\n");
		put("proc/self/mountinfo", lines[i]);
		expect(!status_collect(&status, &known), "%s", lines[i]);
		expect(status.nr_fs == 1 && !status.fs[0].nr_points, "%s", lines[i]);
	}
	put("sys/fs/erofs/loop0/zeropage/zero_pages", "many\n");
	put("sys/fs/erofs/loop0/zeropage/dev", "many\n");
	status_free(&status);
	expect(!status_collect(&status, &known) && status.nr_fs == 1, "collect");
	expect(!status.fs[0].has_zeropage && !status.fs[0].major, "believed");
	/* a folder that is on its way */
	unlink("sys/fs/erofs/loop0/zeropage/huge");
	put("sys/fs/erofs/loop0/zeropage/zero_pages", "");
	status_free(&status);
	expect(!status_collect(&status, &known) && !status.fs[0].has_zeropage, "half");
	return 0;
}

/* whatever that is for, it is said, and nothing is lost */
static int memory_runs_out(void)
{
	unsigned int n;

	fresh();
	put_zeropage("loop0", "7:0\n");
	put_zeropage("loop1", "7:1\n");
	put("sys/class/block/loop0/loop/backing_file", "/srv/web.erofs\n");
	put("proc/self/mountinfo",
	    "31 20 7:0 / /a ro - erofs /dev/loop0 ro\n"
	    "32 20 0:45 / /b ro - erofs /srv/b ro\n");
	put("proc/self/ns/mnt", "");
	put("proc/100/ns/mnt", "");
	put("proc/100/mountinfo", "31 20 7:1 / /theirs ro - erofs /dev/loop1 ro\n");
	for (n = 1; !failing; n++) {
		int err;

		failing = n;
		err = status_collect(&status, &known);
		expect(err == (failing ? 0 : -ENOMEM), "%u: %s", n, strerror(-err));
		status_free(&status);
		status_forget(&known);
	}
	failing = 0;
	/* three file systems have names, sources and places, and there are the namespaces */
	expect(n > 12, "%u", n);
	return 0;
}

static int mountinfo_is_needed(void)
{
	fresh();
	unlink("proc/self/mountinfo");
	expect(status_collect(&status, &known) < 0, "collect");
	return 0;
}

static int some_are_selected(void)
{
	char one[] = "loop1", two[] = "/dev/loop0", none[] = "loop7", here[] = ".";
	char *names[] = { one, two, none, here };

	fresh();
	put_zeropage("loop0", "7:0\n");
	put_zeropage("loop1", "7:1\n");
	put_zeropage("loop2", "7:2\n");
	put("proc/self/mountinfo", "31 20 7:0 / /a ro - erofs /dev/loop0 ro\n");
	expect(!status_collect(&status, &known) && !status_select(&status, names, 2), "select");
	expect(status.nr_fs == 2 && !strcmp(status.fs[1].name, "loop1"), "%zu", status.nr_fs);
	expect(status_select(&status, names, 4) == none, "none");
	expect(status_select(&status, names + 3, 1) == here && !status.nr_fs, "here");
	return 0;
}

int main(void)
{
	const struct ktap_case cases[] = {
		{ "sizes", sizes },
		{ "escapes", escapes },
		{ "nothing-is-mounted", nothing_is_mounted },
		{ "all-is-shown", all_is_shown },
		{ "switched-off", switched_off },
		{ "module-is-not-ours", module_is_not_ours },
		{ "other-namespaces", other_namespaces },
		{ "lost-is-searched-for-once", lost_is_searched_for_once },
		{ "new-mount-is-found-at-once", new_mount_is_found_at_once },
		{ "process-ends", process_ends },
		{ "searching-has-a-limit", searching_has_a_limit },
		{ "names-are-data", names_are_data },
		{ "malformed", malformed },
		{ "memory-runs-out", memory_runs_out },
		{ "mountinfo-is-needed", mountinfo_is_needed },
		{ "some-are-selected", some_are_selected },
	};
	int ret;

	status_clock = fake_clock;
	ret = ktap_main(cases);
	status_free(&status);
	status_forget(&known);
	return ret;
}
