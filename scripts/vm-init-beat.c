// SPDX-License-Identifier: GPL-2.0-only
/*
 * The heartbeat of PID 1, see vm-init.c: how the host knows that the guest's clock goes.
 *
 * A thread sleeps on each CPU in turn, waits for a grace period of RCU and then writes a
 * byte to a port.  The next byte does not come if the timer of any CPU is lost, even if the
 * other CPUs go on, or if the timers are that the kernel itself sleeps by, in which case
 * it cannot complain of tasks that are blocked.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "vm-init.h"

#define BEAT_SECONDS	5

static int beat_fd;

static void *beat(void *unused)
{
	const long nr_cpus = sysconf(_SC_NPROCESSORS_CONF);
	const struct timespec pause = { .tv_sec = BEAT_SECONDS };
	cpu_set_t set;
	long cpu;

	(void)unused;
	for (cpu = 0; ; cpu = (cpu + 1) % nr_cpus) {
		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		/* it fails for a CPU that is switched off: the one before has another turn */
		sched_setaffinity(0, sizeof(set), &set);
		nanosleep(&pause, NULL);
		syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
		if (write(beat_fd, ".", 1) < 0 && errno != EINTR && errno != EAGAIN)
			fatal("heartbeat");
	}
	return NULL;
}

void start_beat(int fd)
{
	pthread_t thread;

	beat_fd = fd;
	errno = pthread_create(&thread, NULL, beat, NULL);
	if (errno)
		fatal("heartbeat");
}
