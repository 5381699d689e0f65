// SPDX-License-Identifier: GPL-2.0-only
/*
 * tsc - print the frequency of this CPU's time stamp counter, in kHz.
 *
 * Under TCG the guest has the host's counter.  It would measure it itself, by emulated
 * timers, and on a busy host be wrong by a factor of 20: then its clock runs so much
 * faster, and all that waits for a time, in its kernel or a test, has too little of it.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

struct moment {
	uint64_t ticks, ns;
};

/* Both clocks at one moment: the least of many intervals is one that nothing interrupted */
static struct moment now(void)
{
	uint64_t least = UINT64_MAX, before, after;
	struct moment moment = { 0, 0 };
	struct timespec ts;
	int i;

	for (i = 0; i < 1000; i++) {
		before = __rdtsc();
		clock_gettime(CLOCK_MONOTONIC, &ts);
		after = __rdtsc();
		if (after - before >= least)
			continue;
		least = after - before;
		moment.ticks = before + least / 2;
		moment.ns = ts.tv_sec * 1000000000ULL + ts.tv_nsec;
	}
	return moment;
}

int main(void)
{
	struct moment start = now(), end;

	usleep(50000);
	end = now();
	printf("%.0f\n", (end.ticks - start.ticks) * 1e6 / (end.ns - start.ns));
	return 0;
}
