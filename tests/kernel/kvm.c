// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm [--off|--stock] [--case NAME]... FILE REFERENCE - the mapping is memory of a
 * virtual machine, as that of an instance which was started from a template, on
 * every kind of backing (area.h).  The guest is a few bytes of code that compare
 * its memory with a copy of the model, or write to it.
 *
 * Would be found: a guest that goes on with the zero page when its host has written,
 * or the other way round; a write of the guest's that lands in the zero page; pages
 * that are logged as dirty and were only read, or the reverse.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "../ktap.h"
#include "area.h"

#ifndef KVM_PRE_FAULT_MEMORY	/* Linux 6.11 */
struct kvm_pre_fault_memory {
	__u64 gpa, size, flags, padding[5];
};

#define KVM_PRE_FAULT_MEMORY	_IOWR(KVMIO, 0xd5, struct kvm_pre_fault_memory)
#endif

#define CPUS		2
#define CODE		0x1000U		/* guest physical addresses */
#define MODEL		0x1000000U
/* huge pages of the host may be huge for the guest, too: as far from 2 MiB as there */
#define AREA(a)		(0x400000U + (uintptr_t)(a)->p % file.table)
#define ELSEWHERE	0x2000000U	/* so much behind that */
#define RING		65536U		/* bytes of a CPU's ring of dirty pages */
#define ZERO_FLAG	(1U << 6)

enum { COMPARE = 0, WRITE = 4 };	/* where in the code */

static const unsigned char code[] = {
	/* compare: */	0xfc, 0xf3, 0xa7, 0xf4,	/* cld; repe cmpsd; hlt */
	/* write: */	0x88, 0x1f, 0xf4,	/* mov %bl, (%edi); hlt */
};

struct machine {
	int fd, cpu[CPUS];
	struct kvm_run *run[CPUS];
	struct kvm_dirty_gfn *ring[CPUS];
	struct area *a;
	uint32_t at;		/* where the guest has the area */
	char *model;
};

static int set_slot(struct machine *m, unsigned int slot, uint32_t at, void *p,
		    size_t bytes, unsigned int flags)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot, .flags = flags, .guest_phys_addr = at,
		.memory_size = bytes, .userspace_addr = (uintptr_t)p,
	};

	expect(!ioctl(m->fd, KVM_SET_USER_MEMORY_REGION, &region), "slot %u: %s", slot,
	       strerror(errno));
	return 0;
}

static int set_flags(struct machine *m, unsigned int flags)
{
	return set_slot(m, 1, m->at, m->a->p, m->a->nr * file.page, flags);
}

static char *anonymous(size_t bytes)
{
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		err(1, "mmap");
	return p;
}

/* protected mode, no paging, segments that are all of the memory */
static int start_cpu(struct machine *m, int n, int size)
{
	struct kvm_sregs sregs;
	struct kvm_segment flat = {
		.limit = 0xffffffff, .type = 3, .present = 1, .db = 1, .s = 1, .g = 1,
		.selector = 16,
	};

	m->cpu[n] = ioctl(m->fd, KVM_CREATE_VCPU, n);
	expect(m->cpu[n] >= 0, "CPU: %s", strerror(errno));
	m->run[n] = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, m->cpu[n], 0);
	expect(m->run[n] != MAP_FAILED, "mmap of the CPU");
	expect(!ioctl(m->cpu[n], KVM_GET_SREGS, &sregs), "registers");
	sregs.ds = flat;
	sregs.es = flat;
	sregs.ss = flat;
	sregs.cs = flat;
	sregs.cs.type = 11;
	sregs.cs.selector = 8;
	sregs.cr0 |= 1;
	expect(!ioctl(m->cpu[n], KVM_SET_SREGS, &sregs), "registers");
	return 0;
}

/* @ring: pages that the guest writes to are told in rings of this size, if it is not 0 */
static int start_with(struct machine *m, struct area *a, unsigned int flags, size_t ring)
{
	int kvm = open("/dev/kvm", O_RDWR), n, size;
	char *page = anonymous(file.page);

	expect(kvm >= 0, "/dev/kvm: %s", strerror(errno));
	m->a = a;
	m->at = AREA(a);
	m->model = anonymous(a->nr * file.page);
	m->fd = ioctl(kvm, KVM_CREATE_VM, 0);
	expect(m->fd >= 0, "KVM_CREATE_VM: %s", strerror(errno));
	if (ring)
		expect(!ioctl(m->fd, KVM_ENABLE_CAP, &(struct kvm_enable_cap) {
			.cap = KVM_CAP_DIRTY_LOG_RING_ACQ_REL, .args = { ring } }),
		       "rings: %s", strerror(errno));
	memcpy(page, code, sizeof(code));
	expect_ok(set_slot(m, 0, CODE, page, file.page, 0));
	expect_ok(set_slot(m, 2, MODEL, m->model, a->nr * file.page, 0));
	expect_ok(set_flags(m, flags));
	size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	for (n = 0; n < CPUS; n++)
		expect_ok(start_cpu(m, n, size));
	for (n = 0; ring && n < CPUS; n++) {
		m->ring[n] = mmap(NULL, ring, PROT_READ | PROT_WRITE, MAP_SHARED, m->cpu[n],
				  KVM_DIRTY_LOG_PAGE_OFFSET * file.page);
		expect(m->ring[n] != MAP_FAILED, "ring: %s", strerror(errno));
	}
	close(kvm);
	return 0;
}

static int start(struct machine *m, struct area *a, unsigned int flags)
{
	return start_with(m, a, flags, 0);
}

/* run CPU @n from there until it halts; 0, the reason why not, or -errno */
static int run(struct machine *m, int n, struct kvm_regs *regs)
{
	struct kvm_run *r = m->run[n];
	int reason;

	regs->rflags = 2;
	if (ioctl(m->cpu[n], KVM_SET_REGS, regs))
		return -errno;
	if (ioctl(m->cpu[n], KVM_RUN, 0))
		return -errno;
	reason = r->exit_reason;
	/* the access is brought to its end, and nothing is run behind it */
	r->immediate_exit = reason == KVM_EXIT_MMIO;
	while (r->immediate_exit && !ioctl(m->cpu[n], KVM_RUN, 0))
		;
	r->immediate_exit = 0;
	if (ioctl(m->cpu[n], KVM_GET_REGS, regs))
		return -errno;
	return reason == KVM_EXIT_HLT ? 0 : reason;
}

/* 0 if CPU @n sees what the model says */
static int guest_checks(struct machine *m, int n)
{
	struct kvm_regs regs = {
		.rip = CODE + COMPARE, .rsi = m->at, .rdi = MODEL,
		.rcx = m->a->nr * file.page / 4,
	};
	int ret;

	memcpy(m->model, m->a->want, m->a->nr * file.page);
	ret = run(m, n, &regs);
	expect(!ret, "%s: the guest: %d", m->a->backing, ret);
	expect(regs.rflags & ZERO_FLAG && !regs.rcx, "%s: CPU %d: different at %llx",
	       m->a->backing, n, regs.rsi - m->at - 4);
	return 0;
}

static int guest_writes(struct machine *m, int n, size_t i, char value)
{
	size_t at = area_will_write(m->a, i, value);
	struct kvm_regs regs = {
		.rip = CODE + WRITE, .rdi = m->at + at,
		.rbx = (unsigned char)m->a->want[at],
	};
	int ret = run(m, n, &regs);

	expect(!ret, "%s: the guest writes page %zu: %d", m->a->backing, i, ret);
	return 0;
}

static int all_agree(struct machine *m)
{
	expect_ok(area_check(m->a));
	expect_ok(guest_checks(m, 0));
	expect_ok(guest_checks(m, 1));
	return area_kinds(m->a);
}

static int guest_reads(struct area *a)
{
	struct machine m;

	expect_ok(start(&m, a, 0));
	expect_ok(guest_checks(&m, 0));
	expect_ok(area_kinds(a));
	return all_agree(&m);
}

static int guest_writes_first(struct area *a)
{
	struct machine m;
	size_t i;

	expect_ok(start(&m, a, 0));
	for (i = 0; i < a->nr; i++)
		expect_ok(guest_writes(&m, 0, i, 1));
	return all_agree(&m);
}

static int guest_writes_after_read(struct area *a)
{
	struct machine m;
	size_t i;

	expect_ok(start(&m, a, 0));
	expect_ok(guest_checks(&m, 0));
	for (i = 0; i < a->nr; i += 2)
		expect_ok(guest_writes(&m, 0, i, 2));
	return all_agree(&m);
}

/* the guest has the page: it must not keep it when its host gets another */
static int host_writes_after_read(struct area *a)
{
	struct machine m;

	expect_ok(start(&m, a, 0));
	expect_ok(guest_checks(&m, 0));
	area_write_all(a, 3);
	expect_ok(all_agree(&m));
	expect(!madvise(a->p, a->nr * file.page, MADV_DONTNEED), "dontneed");
	area_forget_all(a);
	return all_agree(&m);
}

static int by_turns(struct area *a)
{
	struct machine m;
	size_t i;
	int n = 0;

	expect_ok(start(&m, a, 0));
	/* fewer of many: each comes with two reads of all */
	for (i = 0; i < a->nr; i += 1 + a->nr / 32, n++) {
		cpu_set_t where;

		/* and each on another CPU of the host than last time */
		CPU_ZERO(&where);
		CPU_SET(n % 2, &where);
		expect(!sched_setaffinity(0, sizeof(where), &where), "affinity");
		expect_ok(guest_writes(&m, n % CPUS, i, 4));
		expect_ok(guest_checks(&m, (n + 1) % CPUS));
		area_write(a, i, 8);
		expect_ok(guest_checks(&m, n % CPUS));
	}
	return all_agree(&m);
}

struct half {
	struct machine *m;
	int n;
};

/* every other page is this CPU's to write; it reads all of them */
static void *writes_half(void *arg)
{
	struct half *h = arg;
	struct area *a = h->m->a;
	struct kvm_regs regs;
	size_t i;
	int ret;

	/* fewer of many: each write comes with a read of all */
	for (i = h->n; i < a->nr; i += CPUS * (1 + a->nr / 64)) {
		size_t at = area_will_write(a, i, 16);

		regs = (struct kvm_regs) {
			.rip = CODE + COMPARE, .rsi = AREA(a), .rdi = AREA(a),
			.rcx = a->nr * file.page / 4,
		};
		ret = run(h->m, h->n, &regs);
		if (ret)
			return (void *)"the guest does not read";
		regs = (struct kvm_regs) {
			.rip = CODE + WRITE, .rdi = AREA(a) + at,
			.rbx = (unsigned char)a->want[at],
		};
		ret = run(h->m, h->n, &regs);
		if (ret)
			return (void *)"the guest does not write";
	}
	return NULL;
}

static int at_once(struct area *a)
{
	struct machine m;
	struct half halves[CPUS];
	pthread_t threads[CPUS];
	void *said;
	int n;

	expect_ok(start(&m, a, 0));
	for (n = 0; n < CPUS; n++) {
		halves[n] = (struct half) { &m, n };
		expect(!pthread_create(&threads[n], NULL, writes_half, &halves[n]),
		       "thread");
	}
	for (n = 0; n < CPUS; n++) {
		expect(!pthread_join(threads[n], &said), "thread");
		expect(!said, "%s: %s", a->backing, (char *)said);
	}
	return all_agree(&m);
}

/*
 * 0 if the pages logged since the last call are @from and every @step pages on; none
 * if @from is behind the last
 */
static int check_log(struct machine *m, size_t from, size_t step)
{
	uint64_t bitmap[64] = { 0 };
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = bitmap };
	size_t i;

	expect(m->a->nr <= 8 * sizeof(bitmap), "%zu pages", m->a->nr);
	expect(!ioctl(m->fd, KVM_GET_DIRTY_LOG, &log), "KVM_GET_DIRTY_LOG: %s",
	       strerror(errno));
	for (i = 0; i < m->a->nr; i++)
		expect((bitmap[i / 64] >> i % 64 & 1) ==
		       (i >= from && (i - from) % step == 0),
		       "%s: page %zu is wrong in the log", m->a->backing, i);
	return 0;
}

static int dirty_log(struct area *a)
{
	struct machine m;
	size_t i;

	expect_ok(start(&m, a, KVM_MEM_LOG_DIRTY_PAGES));
	expect_ok(guest_checks(&m, 0));
	expect_ok(check_log(&m, a->nr, 1));
	for (i = 1; i < a->nr; i += 2)
		expect_ok(guest_writes(&m, 0, i, 1));
	expect_ok(check_log(&m, 1, 2));
	expect_ok(all_agree(&m));
	expect_ok(check_log(&m, a->nr, 1));
	expect_ok(guest_writes(&m, 1, 0, 2));
	expect_ok(check_log(&m, 0, a->nr));

	/* off, and on again */
	expect_ok(set_flags(&m, 0));
	for (i = 0; i < a->nr; i++)
		expect_ok(guest_writes(&m, 0, i, 4));
	expect_ok(set_flags(&m, KVM_MEM_LOG_DIRTY_PAGES));
	expect_ok(all_agree(&m));
	expect_ok(check_log(&m, a->nr, 1));
	expect_ok(guest_writes(&m, 0, a->nr - 1, 8));
	expect_ok(check_log(&m, a->nr - 1, 1));
	return all_agree(&m);
}

/* turned on when the guest has the pages, as for a live snapshot of an instance */
static int dirty_log_after_read(struct area *a)
{
	struct machine m;
	size_t i;

	expect_ok(start(&m, a, 0));
	expect_ok(guest_checks(&m, 0));
	expect_ok(set_flags(&m, KVM_MEM_LOG_DIRTY_PAGES));
	expect_ok(guest_checks(&m, 1));
	expect_ok(check_log(&m, a->nr, 1));
	for (i = 0; i < a->nr; i++)
		expect_ok(guest_writes(&m, i % CPUS, i, 1));
	expect_ok(check_log(&m, 0, 1));
	return all_agree(&m);
}

/* 0 if what is in the ring of CPU @n is as check_log() has it; it is taken out */
static int check_ring(struct machine *m, int n, size_t from, size_t step)
{
	static unsigned int next[CPUS];
	struct kvm_dirty_gfn *gfn;
	size_t i, seen = 0, want = 0;
	bool told[1024] = { false };

	for (;; next[n]++) {
		gfn = &m->ring[n][next[n] % (RING / sizeof(*gfn))];
		if (!(__atomic_load_n(&gfn->flags, __ATOMIC_ACQUIRE) & KVM_DIRTY_GFN_F_DIRTY))
			break;
		expect(gfn->slot != 1 || gfn->offset < m->a->nr, "page %llu of the slot",
		       gfn->offset);
		if (gfn->slot == 1)
			told[gfn->offset] = true;
		__atomic_store_n(&gfn->flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
		seen++;
	}
	for (i = 0; i < m->a->nr; i++) {
		const bool dirty = i >= from && (i - from) % step == 0;

		expect(told[i] == dirty, "%s: page %zu is wrong in the ring", m->a->backing, i);
		want += dirty;
	}
	expect(seen == want, "%zu entries for %zu pages", seen, want);
	expect(ioctl(m->fd, KVM_RESET_DIRTY_RINGS, 0) == (int)seen, "reset");
	return 0;
}

/* the log for those who look often: what each CPU has written, in its ring */
static int dirty_ring(struct area *a)
{
	struct machine m;
	size_t i;

	expect_ok(start_with(&m, a, KVM_MEM_LOG_DIRTY_PAGES, RING));
	expect_ok(guest_checks(&m, 0));
	expect_ok(check_ring(&m, 0, a->nr, 1));
	for (i = 1; i < a->nr; i += 2)
		expect_ok(guest_writes(&m, 0, i, 1));
	expect_ok(check_ring(&m, 0, 1, 2));
	expect_ok(check_ring(&m, 1, a->nr, 1));
	expect_ok(all_agree(&m));
	expect_ok(check_ring(&m, 0, a->nr, 1));
	/* what was taken out is told again, by who does it */
	for (i = 0; i < a->nr; i++)
		expect_ok(guest_writes(&m, 1, i, 4));
	expect_ok(check_ring(&m, 1, 0, 1));
	return all_agree(&m);
}

/* true if a processor has page tables for guests, which faults ahead are for */
static bool nested_paging(void)
{
	static const char *const knobs[] = {
		"/sys/module/kvm_amd/parameters/npt", "/sys/module/kvm_intel/parameters/ept",
	};
	char value = 'N';
	size_t i;

	for (i = 0; i < 2; i++) {
		int fd = open(knobs[i], O_RDONLY);

		if (fd >= 0 && read(fd, &value, 1) != 1)
			value = 'N';
		if (fd >= 0)
			close(fd);
	}
	return value == 'Y';
}

static int pre_fault(struct area *a)
{
	struct kvm_pre_fault_memory range = { .gpa = AREA(a), .size = a->nr * file.page };
	struct machine m;
	size_t i;
	int err;

	expect_ok(start(&m, a, 0));
	err = ioctl(m.cpu[0], KVM_PRE_FAULT_MEMORY, &range) ? errno : 0;
	expect(err == (nested_paging() ? 0 : EOPNOTSUPP), "%s: KVM_PRE_FAULT_MEMORY: %s",
	       a->backing, strerror(err));
	expect(range.size == (err ? a->nr * file.page : 0), "%llu bytes are left", range.size);
	for (i = 0; i < a->nr && !err; i++)
		expect_ok(area_mapped(a, i, true));
	expect_ok(all_agree(&m));
	expect_ok(guest_writes(&m, 0, 0, 1));
	return all_agree(&m);
}

static int delete_slot(struct machine *m)
{
	return set_slot(m, 1, m->at, m->a->p, 0, 0);
}

/* the guest has pages of a slot that goes, and comes again when they are others */
static int slot_deleted(struct area *a)
{
	struct machine m;
	struct kvm_regs regs = { .rip = CODE + WRITE, .rdi = AREA(a), .rbx = 1 };

	expect_ok(start(&m, a, 0));
	expect_ok(guest_checks(&m, 0));
	expect_ok(guest_writes(&m, 1, 0, 1));
	expect_ok(delete_slot(&m));
	expect(run(&m, 0, &regs) == KVM_EXIT_MMIO, "%s: a write went somewhere", a->backing);
	expect_ok(area_check(a));
	area_write_all(a, 2);
	expect(!madvise(a->p, file.page, MADV_DONTNEED), "dontneed");
	area_forget(a, 0);
	expect_ok(set_flags(&m, 0));
	expect_ok(all_agree(&m));
	expect_ok(guest_writes(&m, 0, a->nr - 1, 4));
	return all_agree(&m);
}

static int slot_moved(struct area *a)
{
	struct machine m;
	struct kvm_regs regs = { .rip = CODE + WRITE, .rdi = AREA(a), .rbx = 1 };
	size_t i;

	expect_ok(start(&m, a, 0));
	expect_ok(guest_checks(&m, 0));
	for (i = 0; i < a->nr; i += 2)
		expect_ok(guest_writes(&m, 1, i, 1));
	m.at += ELSEWHERE;
	expect_ok(set_flags(&m, 0));
	expect_ok(all_agree(&m));
	expect(run(&m, 0, &regs) == KVM_EXIT_MMIO, "%s: a write went somewhere", a->backing);
	for (i = 1; i < a->nr; i += 2)
		expect_ok(guest_writes(&m, 0, i, 2));
	return all_agree(&m);
}

static bool stop;

/* it reads what is there, or finds nothing there; what it has read is right */
static void *reads_on(void *arg)
{
	struct machine *m = arg;
	long found = 0;

	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		struct kvm_regs regs = {
			.rip = CODE + COMPARE, .rsi = m->at, .rdi = MODEL,
			.rcx = m->a->nr * file.page / 4,
		};
		const int ret = run(m, 1, &regs);

		if (ret == KVM_EXIT_MMIO)
			continue;
		if (ret || regs.rcx || !(regs.rflags & ZERO_FLAG))
			return (void *)-1L;
		++found;
	}
	return (void *)found;
}

static int slot_deleted_while_read(struct area *a)
{
	pthread_t thread;
	struct machine m;
	void *found;
	int i;

	expect_ok(start(&m, a, 0));
	memcpy(m.model, a->want, a->nr * file.page);
	expect(!pthread_create(&thread, NULL, reads_on, &m), "thread");
	for (i = 0; i < 10; i++) {
		usleep(2000);
		expect_ok(delete_slot(&m));
		expect(!madvise(a->p, a->nr * file.page, MADV_DONTNEED), "dontneed");
		expect_ok(set_flags(&m, i % 2 ? KVM_MEM_LOG_DIRTY_PAGES : 0));
	}
	usleep(20000);
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	expect(!pthread_join(thread, &found) && (long)found > 0, "%s: it has read %ld times",
	       a->backing, (long)found);
	return all_agree(&m);
}

/* the guest's writes are where the host may write, and nowhere else */
static int read_only_slot(struct area *a)
{
	struct machine m;
	struct kvm_regs regs = { .rip = CODE + WRITE, .rdi = AREA(a), .rbx = 1 };

	expect_ok(start(&m, a, KVM_MEM_READONLY));
	expect_ok(guest_checks(&m, 0));
	expect(run(&m, 0, &regs) == KVM_EXIT_MMIO, "%s: a write went through", a->backing);
	expect_ok(guest_checks(&m, 1));
	return area_kinds(a);
}

static int read_only_mapping(struct area *a)
{
	struct machine m;
	struct kvm_regs regs = { .rip = CODE + WRITE, .rdi = AREA(a), .rbx = 1 };

	expect_ok(start(&m, a, 0));
	expect_ok(guest_checks(&m, 0));
	expect(run(&m, 0, &regs) == -EFAULT, "%s: a write went through", a->backing);
	expect_ok(guest_checks(&m, 1));
	return area_kinds(a);
}

static int child_checks(struct area *a)
{
	expect_ok(area_check(a));
	area_write_all(a, 64);
	return area_check(a);
}

/* a child of the process that runs the machine shares what the guest has */
static int fork_after_read(struct area *a)
{
	struct machine m;
	size_t i;

	expect_ok(start(&m, a, 0));
	expect_ok(guest_checks(&m, 0));
	expect(!area_child(a, child_checks), "%s: the child", a->backing);
	for (i = 0; i < a->nr; i += 2)
		expect_ok(guest_writes(&m, 0, i, 1));
	expect(!area_child(a, child_checks), "%s: the child", a->backing);
	return all_agree(&m);
}

static const struct area_case cases[] = {
	{ .name = "kvm-guest-reads", .run = guest_reads },
	{ .name = "kvm-guest-reads-shared", .run = guest_reads, .prot = PROT_READ,
	  .flags = MAP_SHARED, .where = AREA_PAGES },
	{ .name = "kvm-guest-writes-first", .run = guest_writes_first, .where = AREA_PAGES },
	{ .name = "kvm-guest-writes-after-read", .run = guest_writes_after_read,
	  .where = AREA_PAGES },
	{ .name = "kvm-host-writes-after-read", .run = host_writes_after_read,
	  .where = AREA_PAGES },
	{ .name = "kvm-cpus-by-turns", .run = by_turns, .where = AREA_ONCE },
	{ .name = "kvm-cpus-at-once", .run = at_once, .where = AREA_ONCE },
	{ .name = "kvm-dirty-log", .run = dirty_log, .where = AREA_PAGES },
	{ .name = "kvm-dirty-log-after-read", .run = dirty_log_after_read,
	  .where = AREA_PAGES },
	{ .name = "kvm-dirty-ring", .run = dirty_ring, .where = AREA_PAGES },
	{ .name = "kvm-pre-fault", .run = pre_fault, .where = AREA_PAGES },
	{ .name = "kvm-slot-deleted", .run = slot_deleted, .where = AREA_PAGES },
	{ .name = "kvm-slot-moved", .run = slot_moved, .where = AREA_PAGES },
	{ .name = "kvm-slot-deleted-while-read", .run = slot_deleted_while_read,
	  .where = AREA_ONCE },
	{ .name = "kvm-read-only-slot", .run = read_only_slot, .where = AREA_ONCE },
	{ .name = "kvm-read-only-mapping", .run = read_only_mapping, .prot = PROT_READ,
	  .where = AREA_ONCE },
	{ .name = "kvm-fork-after-read", .run = fork_after_read, .where = AREA_ONCE },
};

int main(int argc, char **argv)
{
	return area_main(argc, argv, cases, sizeof(cases) / sizeof(*cases));
}
