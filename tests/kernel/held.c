// SPDX-License-Identifier: GPL-2.0-only
/*
 * held FILE PAGE WAY DEVICE - a fault that waits for its device keeps nobody else from
 * changing the mappings of the process.  FILE is on a mount of DEVICE, of the device
 * mapper; PAGE is one of its pages.  WAY is how the page is used first:
 *	read	by a load, which holds the lock of the VMA
 *	write	by a store
 *	kernel	by write(2) to a pipe, which holds the lock of the mm
 *	guest	by a virtual machine whose memory it is: KVM holds the lock of the mm, and
 *		at first asks for the page without waiting
 *
 * DEVICE is suspended and nothing of FILE is in memory, its chunk index included.  While
 * the fault waits, another thread has to get through with munmap() of a page of the same
 * mapping and with mmap(); not before the device is resumed does the fault get through.
 *
 * Exit status 0, or 1 with a line that says why not.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "guest.h"

#define SECONDS	5	/* to wait for what comes at once */

static char *page;		/* that the fault is on ... */
static char *other;		/* ... and one of the same mapping */
static size_t bytes;		/* of a page */
static const char *way;
static sem_t go, changed;
static volatile pid_t faulter;
static volatile bool used, failed;
static int pipes[2];
static int cpu;			/* of the virtual machine */

static void slot(int vm, int nr, uint64_t at, void *p)
{
	struct kvm_userspace_memory_region region = {
		.slot = nr, .guest_phys_addr = at, .memory_size = bytes,
		.userspace_addr = (uintptr_t)p,
	};

	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region))
		err(2, "slot %d", nr);
}

/* a machine in real mode whose only CPU reads a byte of the page */
static void prepare_guest(void)
{
	static const unsigned char code[] = { 0xa0, 0, 0, 0xf4 };	/* mov 0, %al; hlt */
	struct kvm_regs regs = { .rflags = 2 };
	struct kvm_sregs sregs;
	int kvm = open("/dev/kvm", O_RDWR), vm;
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);

	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (p == MAP_FAILED || vm < 0)
		err(2, "/dev/kvm");
	memcpy(p, code, sizeof(code));
	slot(vm, 0, 0x10000, p);
	slot(vm, 1, 0x20000, page);
	cpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (cpu < 0 || ioctl(cpu, KVM_GET_SREGS, &sregs))
		err(2, "CPU");
	sregs.cs.base = 0x10000;
	sregs.cs.selector = 0x1000;
	sregs.ds.base = 0x20000;
	sregs.ds.selector = 0x2000;
	if (ioctl(cpu, KVM_SET_SREGS, &sregs) || ioctl(cpu, KVM_SET_REGS, &regs))
		err(2, "registers");
}

static void *fault(void *unused)
{
	faulter = syscall(SYS_gettid);
	if (!strcmp(way, "write"))
		*(volatile char *)page = 1;
	else if (!strcmp(way, "kernel"))
		failed = write(pipes[1], page, 1) != 1;
	else if (!strcmp(way, "guest"))
		failed = ioctl(cpu, KVM_RUN, 0);
	else
		(void)*(volatile char *)page;
	used = true;
	return unused;
}

static void *change(void *unused)
{
	while (sem_wait(&go))
		;
	if (munmap(other, bytes) ||
	    mmap(NULL, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
		err(1, "mappings");
	sem_post(&changed);
	return unused;
}

/* wait, without memory of its own, until the thread that faults sleeps */
static bool waits(void)
{
	char path[64], text[512], *state;
	int tries, fd;
	ssize_t n;

	for (tries = 0; tries < SECONDS * 100 && !used; tries++) {
		usleep(10000);
		if (!faulter)
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%d/stat", faulter);
		fd = open(path, O_RDONLY);
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
		text[n > 0 ? n : 0] = 0;
		state = strrchr(text, ')');
		if (state && state[2] == 'D')
			return true;
	}
	return false;
}

static bool gets_through(void)
{
	int tries;

	/* nothing that takes a page which is not there yet, as the clock's are */
	for (tries = 0; tries < SECONDS * 100; tries++) {
		if (!sem_trywait(&changed))
			return true;
		usleep(10000);
	}
	return false;
}

/*
 * a process that resumes the device when it is told to, or when we are held up ourselves:
 * fork() would need the lock
 */
static pid_t resumer(const char *device, int *tell)
{
	struct pollfd told = { .events = POLLIN };
	char command[256];
	int ends[2];
	pid_t pid;

	if (pipe(ends))
		err(1, "pipe");
	pid = fork();
	if (pid) {
		*tell = ends[1];
		close(ends[0]);
		return pid;
	}
	close(ends[1]);
	told.fd = ends[0];
	poll(&told, 1, 3 * SECONDS * 1000);
	snprintf(command, sizeof(command), "dmsetup resume --noudevsync %s", device);
	_exit(system(command) != 0);
}

/* drop_caches leaves out what somebody looks at just then, as read-ahead on its way does */
static void forget(int fd, const char *device)
{
	char path[256];
	int tries, dev;

	snprintf(path, sizeof(path), "/dev/mapper/%s", device);
	dev = open(path, O_RDONLY);
	if (dev < 0)
		err(2, "%s", path);
	for (tries = 0; tries < 100; tries++) {
		drop_caches();
		if (!cached_pages(fd) && !cached_pages(dev))
			break;
		usleep(50000);
	}
	if (tries == 100)
		errx(2, "%ld pages of the file and %ld of %s stay cached", cached_pages(fd),
		     cached_pages(dev), path);
	close(dev);
}

int main(int argc, char **argv)
{
	pthread_t threads[2];
	char command[256];
	bool slept, through, early;
	struct stat st;
	int fd, tell;
	pid_t pid;
	char *p;

	if (argc != 5)
		errx(2, "usage: held FILE PAGE WAY DEVICE");
	fd = open(argv[1], O_RDONLY);
	if (fd < 0 || fstat(fd, &st) || pipe(pipes) || mlockall(MCL_CURRENT))
		err(2, "%s", argv[1]);
	bytes = getpagesize();
	p = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	page = p + atol(argv[2]) * bytes;
	other = page == p ? p + bytes : p;
	way = argv[3];
	if (!strcmp(way, "guest") && p != MAP_FAILED)
		prepare_guest();
	sem_init(&go, 0, 0);
	sem_init(&changed, 0, 0);
	forget(fd, argv[4]);
	pid = resumer(argv[4], &tell);
	snprintf(command, sizeof(command), "dmsetup suspend --noudevsync %s", argv[4]);
	if (p == MAP_FAILED || system(command) ||
	    pthread_create(&threads[0], NULL, change, NULL) ||
	    pthread_create(&threads[1], NULL, fault, NULL))
		err(2, "preparations");

	slept = waits();
	sem_post(&go);
	through = gets_through();
	early = used;
	close(tell);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	waitpid(pid, NULL, 0);
	if (slept && through && !early && !failed)
		return 0;
	printf("# the fault %s, the others %s%s\n",
	       !slept ? "did not sleep" : early ? "did not wait" : "waited",
	       through ? "did not" : "did, too", failed ? "; it failed" : "");
	return 1;
}
