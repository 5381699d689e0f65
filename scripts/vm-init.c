// SPDX-License-Identifier: GPL-2.0-only
/*
 * PID 1 of the guests that scripts/vm boots.  It runs from the initramfs, puts
 * the root file system together (vm-init-mounts.c), runs one command in it and says
 * how that went.  Every phase is one function; main() is the table of contents.
 *
 * The host talks to it through files in the initramfs:
 *
 *	/modules/	kernel modules, loaded in the order of their names
 *	/argv		the command, NUL-separated; without it the guest says
 *			ALIVE on its console and stops: all that a probe wants
 *	/patterns	regular expression for lines of the kernel log that
 *			make the run a failure
 *
 * virtio disks are known by their serial number: "root" and "modules" (the
 * squashfs layers of the root file system), "in" (ext4, seen at /in) and
 * "disk0", "disk1", ... (symbolic links of the same name in /).
 *
 * virtio ports are known by their name: "stdout" and "stderr" take what the
 * command prints, "out" takes a tar archive of /out if the host has such a port,
 * "gcov" one of what a kernel with gcov has counted, "beat" the heartbeat if there is such
 * a port (vm-init-beat.c), and "verdict" takes these lines, in one piece and last of all:
 *
 *	exit N		status of the command, 128 + signal if it was killed
 *	out BYTES	size of the archive
 *	bad TEXT	the first thing that went wrong, if anything did
 *	done
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <regex.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "vm-init.h"

#define ALIVE	"vm-init: alive"
/*
 * On the console, before anything that is tested has a part in it.  A machine that
 * does not get here may be started anew; one that does may not.
 */
#define READY	"vm-init: ready"

/* Taints that a run must not end with: bad page, oops, warning, soft lockup */
#define BAD_TAINTS	(1UL << 5 | 1UL << 7 | 1UL << 9 | 1UL << 14)

struct relay {
	int from;			/* -1 when it has ended */
	int to;
	unsigned long long bytes;
};

static struct relay out_relay = { -1, -1, 0 }, err_relay = { -1, -1, 0 };
static int kmsg_fd, signal_fd, verdict_fd, archive_fd, gcov_fd, beat_fd;
static regex_t patterns;
static char bad[1024];
static char **command;

static void __noreturn power_off(void)
{
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

void __noreturn __printf(1, 2) fatal(const char *format, ...)
{
	int err = errno;
	va_list args;

	fputs("vm-init: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, ": %s\n", strerror(err));
	power_off();
}

void __printf(1, 2) set_bad(const char *format, ...)
{
	va_list args;

	if (bad[0])
		return;
	va_start(args, format);
	vsnprintf(bad, sizeof(bad), format, args);
	va_end(args);
}

long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

char *read_file(const char *path, size_t *size)
{
	size_t len = 0, room = 4096;
	char *text = NULL;
	ssize_t n;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	do {
		room *= 2;
		text = realloc(text, room);
		if (!text)
			fatal("read %s", path);
		n = read(fd, text + len, room - len - 1);
		if (n < 0)
			fatal("read %s", path);
		len += n;
	} while (n);
	close(fd);
	text[len] = '\0';
	if (size)
		*size = len;
	return text;
}

static void write_all(int fd, const char *data, size_t len)
{
	ssize_t n;

	while (len) {
		n = write(fd, data, len);
		if (n < 0 && errno != EINTR)
			fatal("write to the host");
		if (n > 0) {
			data += n;
			len -= n;
		}
	}
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fatal("write %s", path);
	close(fd);
}

static void read_patterns(void)
{
	char *text = read_file("/patterns", NULL);

	if (!text)
		fatal("/patterns");
	text[strcspn(text, "\n")] = '\0';
	if (regcomp(&patterns, text, REG_EXTENDED | REG_NOSUB))
		fatal("/patterns is no regular expression");
	free(text);
}

static void read_command(void)
{
	size_t size, at, n = 0;
	char *text;

	text = read_file("/argv", &size);
	if (!text || !size) {
		fprintf(stderr, "%s\n", ALIVE);
		power_off();
	}
	command = calloc(size + 1, sizeof(*command));
	if (!command)
		fatal("command");
	for (at = 0; at < size; at += strlen(text + at) + 1)
		command[n++] = text + at;
}

static int is_module(const struct dirent *entry)
{
	return !!strstr(entry->d_name, ".ko");
}

static void load_modules(void)
{
	struct dirent **names;
	int n, i, fd;

	n = scandir("/modules", &names, is_module, alphasort);
	if (n < 0)
		fatal("/modules");
	if (chdir("/modules"))
		fatal("/modules");
	for (i = 0; i < n; i++) {
		fd = open(names[i]->d_name, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || syscall(SYS_finit_module, fd, "", 0))
			fatal("module %s", names[i]->d_name);
		close(fd);
		/* the initramfs stays in memory for ever: leave nothing big in it */
		unlink(names[i]->d_name);
		free(names[i]);
	}
	free(names);
	if (chdir("/"))
		fatal("/");
}

/*
 * Name of the entry of @class whose attribute @attr is @value, to be freed, or
 * NULL if there is none
 */
static char *find_device(const char *class, const char *attr, const char *value)
{
	char path[512], *text, *found = NULL;
	struct dirent *entry;
	DIR *dir;

	dir = opendir(class);
	if (!dir)
		return NULL;
	while (!found && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/%s/%s", class, entry->d_name, attr);
		text = read_file(path, NULL);
		if (!text)
			continue;
		text[strcspn(text, "\n")] = '\0';
		if (!strcmp(text, value))
			found = strdup(entry->d_name);
		free(text);
	}
	closedir(dir);
	return found;
}

const char *disk_path(const char *serial)
{
	static char path[280];
	char *name = find_device("/sys/block", "serial", serial);

	if (!name)
		return NULL;
	snprintf(path, sizeof(path), "/dev/%s", name);
	free(name);
	return path;
}

/*
 * Descriptor of the port with this name, or -1.  The host announces the ports
 * one by one after the driver is there, in the order of its command line; the
 * verdict's is the last, so that whoever has waited for that one sees all.
 */
static int open_port(const char *name, bool wait)
{
	long long deadline = now_ms() + 20000;
	char path[280], *port;
	int fd;

	while (!(port = find_device("/sys/class/virtio-ports", "name", name))) {
		if (!wait || now_ms() > deadline)
			return -1;
		usleep(2000);
	}
	snprintf(path, sizeof(path), "/dev/%s", port);
	free(port);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		fatal("port %s", name);
	return fd;
}

static void open_ports(void)
{
	errno = ENODEV;
	verdict_fd = open_port("verdict", true);
	out_relay.to = open_port("stdout", false);
	err_relay.to = open_port("stderr", false);
	archive_fd = open_port("out", false);
	gcov_fd = open_port("gcov", false);
	beat_fd = open_port("beat", false);
	if (verdict_fd < 0 || out_relay.to < 0 || err_relay.to < 0)
		fatal("virtio ports");
}

static void link_disks(void)
{
	char link[16];
	const char *disk;
	int i;

	for (i = 0; ; i++) {
		snprintf(link, sizeof(link), "/disk%d", i);
		disk = disk_path(link + 1);
		if (!disk)
			return;
		if (symlink(disk, link))
			fatal("%s", link);
	}
}

static void set_up_network(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request))
		fatal("set up lo");
	close(fd);
	if (sethostname("vm", 2))
		fatal("host name");
}

static void set_environment(void)
{
	clearenv();
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", 1);
	setenv("HOME", "/root", 1);
	setenv("USER", "root", 1);
	setenv("LANG", "C.UTF-8", 1);
	setenv("TERM", "dumb", 1);
	/* there is no udev: libdevmapper has to make its nodes itself */
	setenv("DM_DISABLE_UDEV", "1", 1);
}

/* Descriptors may be -1: /dev/null then */
static pid_t spawn(char *const argv[], int out, int err)
{
	sigset_t none;
	pid_t pid;
	int null;

	pid = fork();
	if (pid < 0)
		fatal("fork");
	if (pid)
		return pid;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	dup2(null, 0);
	dup2(out < 0 ? null : out, 1);
	dup2(err < 0 ? null : err, 2);
	execvp(argv[0], argv);
	err = errno;
	dprintf(2, "vm: %s: %s\n", argv[0], strerror(err));
	_exit(err == ENOENT ? 127 : 126);
}

static int exit_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void load_erofs(void)
{
	char *argv[] = { "modprobe", "-q", "erofs", NULL };
	struct stat st;

	if (waitpid(spawn(argv, -1, 2), NULL, 0) < 0)
		fatal("modprobe");
	if (stat("/sys/module/erofs", &st))
		fatal("the erofs module cannot be loaded");
}

/*
 * The network of scripts/vm --net, if there is one: in 10.0.0.0/8, with the last byte
 * of the hardware's address.
 */
static void join_network(void)
{
	char *device = find_device("/sys/bus/virtio/devices", "device", "0x0001");
	char *argv[] = { "modprobe", "virtio_net", NULL };
	struct ifreq request = { .ifr_name = "eth0" };
	struct sockaddr_in addr = { .sin_family = AF_INET };
	int fd;

	if (!device)
		return;
	free(device);
	if (waitpid(spawn(argv, -1, 2), NULL, 0) < 0)
		fatal("modprobe");
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &request))
		fatal("eth0");
	addr.sin_addr.s_addr = htonl(10U << 24 | (request.ifr_hwaddr.sa_data[5] & 0xff));
	memcpy(&request.ifr_addr, &addr, sizeof(addr));
	if (ioctl(fd, SIOCSIFADDR, &request))
		fatal("address of eth0");
	request.ifr_flags = IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &request))
		fatal("set up eth0");
	close(fd);
}

/*
 * Nodes whose first open loads the module behind them: KVM takes a second under
 * TCG, and few commands want it.  The alias says which KVM belongs to this CPU.
 */
static void make_nodes(void)
{
	char *cpu = read_file("/proc/cpuinfo", NULL);
	FILE *config;

	config = fopen("/etc/modprobe.d/vm.conf", "we");
	if (!config)
		fatal("/etc/modprobe.d/vm.conf");
	if (cpu && (strstr(cpu, " svm ") || strstr(cpu, " vmx "))) {
		fprintf(config, "alias char-major-10-232 %s\n",
			strstr(cpu, " svm ") ? "kvm_amd" : "kvm_intel");
		mknod("/dev/kvm", S_IFCHR | 0600, makedev(10, 232));
	}
	fclose(config);
	free(cpu);
	mknod("/dev/loop-control", S_IFCHR | 0600, makedev(10, 237));
}

static void open_log(void)
{
	sigset_t children;

	kmsg_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg_fd < 0)
		fatal("/dev/kmsg");
	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	sigprocmask(SIG_BLOCK, &children, NULL);
	signal_fd = signalfd(-1, &children, SFD_NONBLOCK | SFD_CLOEXEC);
	if (signal_fd < 0)
		fatal("signalfd");
}

/* Judge what the kernel has logged since the last call, from the boot on. */
static void follow_log(void)
{
	static char record[16384];
	char *text;
	ssize_t n;

	for (;;) {
		n = read(kmsg_fd, record, sizeof(record) - 1);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0 && errno == EPIPE) {
			set_bad("the kernel log was overwritten before it could be read");
			continue;
		}
		if (n < 0)
			fatal("/dev/kmsg");
		record[n] = '\0';
		text = strchr(record, ';');
		text = text ? text + 1 : record;
		text[strcspn(text, "\n")] = '\0';
		if (!regexec(&patterns, text, 0, NULL, 0))
			set_bad("%s", text);
	}
}

static void start_relay(struct relay *relay, int *writer)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		fatal("pipe");
	fcntl(fds[0], F_SETPIPE_SZ, 1 << 18);
	relay->from = fds[0];
	*writer = fds[1];
}

static void relay_some(struct relay *relay)
{
	static char data[1 << 16];
	ssize_t n;

	n = read(relay->from, data, sizeof(data));
	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0) {
		close(relay->from);
		relay->from = -1;
		return;
	}
	write_all(relay->to, data, n);
	relay->bytes += n;
}

/* Wait up to @timeout ms for something to happen, and handle it. */
static void handle_events(struct relay *a, struct relay *b, int timeout)
{
	struct signalfd_siginfo info;
	struct pollfd fds[] = {
		{ a->from, POLLIN, 0 },
		{ b->from, POLLIN, 0 },
		{ kmsg_fd, POLLIN, 0 },
		{ signal_fd, POLLIN, 0 },
	};

	if (poll(fds, 4, timeout) < 0 && errno != EINTR)
		fatal("poll");
	if (fds[0].revents)
		relay_some(a);
	if (fds[1].revents)
		relay_some(b);
	if (fds[2].revents)
		follow_log();
	while (read(signal_fd, &info, sizeof(info)) > 0)
		;
}

/*
 * Reap whoever has ended.  True when @pid is among them, with *@status set; for
 * @pid -1, true when nobody is left.
 */
static bool reap(pid_t pid, int *status)
{
	bool found = false;
	int st;
	pid_t p;

	while ((p = waitpid(-1, &st, WNOHANG)) > 0) {
		if (p == pid) {
			*status = exit_code(st);
			found = true;
		}
	}
	return pid == -1 ? p < 0 : found;
}

static int run_command(void)
{
	int out, err, status = 0;
	pid_t pid;

	start_relay(&out_relay, &out);
	start_relay(&err_relay, &err);
	pid = spawn(command, out, err);
	close(out);
	close(err);
	while (!reap(pid, &status))
		handle_events(&out_relay, &err_relay, -1);
	return status;
}

/* End what the command has left running, and pass on what it still had to say. */
static void kill_rest(void)
{
	long long deadline = now_ms() + 20000;
	bool gone;

	do {
		kill(-1, SIGKILL);
		gone = reap(-1, NULL);
		if (gone && out_relay.from < 0 && err_relay.from < 0)
			return;
		handle_events(&out_relay, &err_relay, 100);
	} while (now_ms() < deadline);
	if (!gone)
		set_bad("a process does not die of SIGKILL");
}

/* Run a command whose output, an archive of @what, goes to @port; its size */
static unsigned long long send_output(char *const argv[], int port, const char *what)
{
	struct relay relay = { -1, port, 0 }, none = { -1, -1, 0 };
	int writer, status = 0;
	bool ended = false;
	pid_t pid;

	if (port < 0)
		return 0;
	start_relay(&relay, &writer);
	pid = spawn(argv, writer, err_relay.to);
	close(writer);
	while (!ended || relay.from >= 0) {
		if (reap(pid, &status))
			ended = true;
		else
			handle_events(&relay, &none, ended ? 0 : -1);
	}
	if (status)
		set_bad("could not pack %s (status %d)", what, status);
	return relay.bytes;
}

static unsigned long long send_archive(void)
{
	char *argv[] = { "tar", "-C", "/out", "--sparse", "--format=gnu",
			 "--numeric-owner", "-b", "128", "-cf", "-", ".", NULL };

	return send_output(argv, archive_fd, "/out");
}

/*
 * What gcov has counted in modules, which it keeps when they are gone.  tar would take
 * the size that stat() tells of files there, 0.
 */
static void send_counts(void)
{
	char *argv[] = { "sh", "-ec",
			 "mkdir /tmp/gcov\n"
			 "find /sys/kernel/debug/gcov -name '*.gcda' |\n"
			 "while read -r path; do cat \"$path\" >\"/tmp/gcov/${path##*/}\"; done\n"
			 "tar -C /tmp/gcov -cf - .", NULL };

	send_output(argv, gcov_fd, "the counts of gcov");
}

/*
 * On a kernel with kmemleak, look for memory that nobody points to any more; what
 * is found goes to the kernel's log.  An object has to be 5 s old for that, and is
 * reported by the first scan that finds its contents unchanged since the last.
 */
static void find_leaks(void)
{
	int fd, scans;

	fd = open("/sys/kernel/debug/kmemleak", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	write_file("/sys/module/kmemleak/parameters/verbose", "Y");
	sleep(6);
	for (scans = 0; scans < 2; scans++)
		if (write(fd, "scan", 4) != 4)
			set_bad("kmemleak does not scan: %s", strerror(errno));
	close(fd);
}

static void check_taint(void)
{
	char *text = read_file("/proc/sys/kernel/tainted", NULL);
	unsigned long taint = text ? strtoul(text, NULL, 10) : BAD_TAINTS;

	if (taint & BAD_TAINTS)
		set_bad("the kernel is tainted: %lu", taint);
	free(text);
}

static void report(int status, unsigned long long archived)
{
	char text[sizeof(bad) + 128];
	int len;

	len = snprintf(text, sizeof(text), "exit %d\nout %llu\n%s%s%sdone\n", status,
		       archived, bad[0] ? "bad " : "", bad, bad[0] ? "\n" : "");
	write_all(verdict_fd, text, len);
}

int main(void)
{
	unsigned long long archived;
	int status;

	mount_early();
	read_command();
	read_patterns();
	load_modules();
	open_ports();
	mount_root();
	enter_root();
	mount_rest();
	link_disks();
	set_up_network();
	set_environment();
	make_nodes();
	join_network();
	open_log();
	if (beat_fd >= 0)
		start_beat(beat_fd);
	fprintf(stderr, "%s\n", READY);
	load_erofs();
	status = run_command();
	kill_rest();
	archived = send_archive();
	unmount_rest();
	unload_erofs();
	send_counts();
	find_leaks();
	check_taint();
	follow_log();
	report(status, archived);
	power_off();
}
