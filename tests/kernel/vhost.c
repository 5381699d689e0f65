// SPDX-License-Identifier: GPL-2.0-only
/*
 * vhost [--stock] [--chunks] [--case NAME]... FILE REFERENCE - the kernel serves the
 * network of a virtual machine whose memory is the mapping, on every kind of backing
 * (area.h): vhost-net reads frames from it and writes frames into it, in a thread of its
 * own, with the process's memory.  What is sent is what the process has, and what is
 * received it sees, and nobody else.
 *
 * A frame has its headers elsewhere, and a page of the area as its payload.
 *
 * Would be found: a zero page that is written to; a page that the kernel's thread reads
 * and the process has not.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include "../ktap.h"
#include "area.h"
#include "guest.h"

#define ENTRIES		16
#define TYPE		0x88b5		/* of frames for experiments */
#define VIRTIO_HEADER	12
#define HEADERS		(VIRTIO_HEADER + sizeof(struct ether_header))
#define OWN		0x100000U	/* guest physical addresses */
#define AREA		0x10000000U
#define MS		20000		/* for a frame, which takes a few */

enum { RX, TX, QUEUES };

/* what the guest has beside the area */
struct own {
	struct vring_desc desc[QUEUES][ENTRIES];
	struct { struct vring_avail ring; uint16_t entries[ENTRIES + 1]; } avail[QUEUES];
	struct {
		struct vring_used ring;
		struct vring_used_elem entries[ENTRIES];
	} used[QUEUES] __attribute__((aligned(8)));
	unsigned char headers[QUEUES][HEADERS];
};

struct machine {
	struct area *a;
	struct own *own;
	int vhost, tap, packets;
	int kick[QUEUES], call[QUEUES];
};

/* a network interface that frames come out of, and a socket that sees them */
static int open_tap(struct machine *m)
{
	struct ifreq ifr = { .ifr_name = "tap%d",
		.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	struct sockaddr_ll where = { .sll_family = AF_PACKET, .sll_protocol = htons(TYPE) };
	int header = VIRTIO_HEADER;

	m->tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
	expect(m->tap >= 0 && !ioctl(m->tap, TUNSETIFF, &ifr) &&
	       !ioctl(m->tap, TUNSETVNETHDRSZ, &header), "tap: %s", strerror(errno));
	m->packets = socket(AF_PACKET, SOCK_RAW, htons(TYPE));
	expect(m->packets >= 0, "socket: %s", strerror(errno));
	ifr.ifr_mtu = 9000;
	expect(!ioctl(m->packets, SIOCSIFMTU, &ifr), "MTU: %s", strerror(errno));
	ifr.ifr_flags = IFF_UP;
	expect(!ioctl(m->packets, SIOCSIFFLAGS, &ifr), "up: %s", strerror(errno));
	where.sll_ifindex = if_nametoindex(ifr.ifr_name);
	expect(!bind(m->packets, (void *)&where, sizeof(where)), "bind: %s", strerror(errno));
	return 0;
}

static int set_memory(struct machine *m)
{
	struct { struct vhost_memory m; struct vhost_memory_region r[2]; } table = {
		.m.nregions = 2,
		.r[0] = {
			.guest_phys_addr = OWN, .memory_size = sizeof(*m->own),
			.userspace_addr = (uintptr_t)m->own,
		},
		.r[1] = {
			.guest_phys_addr = AREA, .memory_size = m->a->nr * file.page,
			.userspace_addr = (uintptr_t)m->a->p,
		},
	};

	expect(!ioctl(m->vhost, VHOST_SET_MEM_TABLE, &table), "memory: %s", strerror(errno));
	return 0;
}

static int set_queue(struct machine *m, unsigned int queue)
{
	struct vhost_vring_state state = { .index = queue, .num = ENTRIES };
	struct vhost_vring_addr where = {
		.index = queue,
		.desc_user_addr = (uintptr_t)m->own->desc[queue],
		.avail_user_addr = (uintptr_t)&m->own->avail[queue],
		.used_user_addr = (uintptr_t)&m->own->used[queue],
	};
	struct vhost_vring_file fd = { .index = queue };

	expect(!ioctl(m->vhost, VHOST_SET_VRING_NUM, &state), "size: %s", strerror(errno));
	state.num = 0;
	expect(!ioctl(m->vhost, VHOST_SET_VRING_BASE, &state), "base: %s", strerror(errno));
	expect(!ioctl(m->vhost, VHOST_SET_VRING_ADDR, &where), "ring: %s", strerror(errno));
	m->kick[queue] = eventfd(0, 0);
	fd.fd = m->kick[queue];
	expect(!ioctl(m->vhost, VHOST_SET_VRING_KICK, &fd), "kick: %s", strerror(errno));
	m->call[queue] = eventfd(0, 0);
	fd.fd = m->call[queue];
	expect(!ioctl(m->vhost, VHOST_SET_VRING_CALL, &fd), "call: %s", strerror(errno));
	fd.fd = m->tap;
	expect(!ioctl(m->vhost, VHOST_NET_SET_BACKEND, &fd), "tap: %s", strerror(errno));
	return 0;
}

static int start(struct machine *m, struct area *a)
{
	uint64_t features = 1ULL << VIRTIO_F_VERSION_1;

	m->a = a;
	m->own = mmap(NULL, sizeof(*m->own), PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	expect(m->own != MAP_FAILED, "mmap");
	expect_ok(open_tap(m));
	m->vhost = open("/dev/vhost-net", O_RDWR);
	expect(m->vhost >= 0 && !ioctl(m->vhost, VHOST_SET_OWNER), "vhost: %s",
	       strerror(errno));
	expect(!ioctl(m->vhost, VHOST_SET_FEATURES, &features), "features: %s",
	       strerror(errno));
	expect_ok(set_memory(m));
	expect_ok(set_queue(m, RX));
	return set_queue(m, TX);
}

static void give_headers(struct machine *m, unsigned int queue)
{
	struct ether_header *e = (void *)(m->own->headers[queue] + VIRTIO_HEADER);

	memset(m->own->headers[queue], 0, HEADERS);
	memset(e->ether_dhost, 0xff, sizeof(e->ether_dhost));
	e->ether_shost[0] = 2;
	e->ether_type = htons(TYPE);
}

/* offer the headers and page @i of the area to a queue */
static int offer(struct machine *m, unsigned int queue, size_t i)
{
	const uint16_t flags = queue == RX ? VRING_DESC_F_WRITE : 0;
	struct own *own = m->own;
	const uint16_t n = own->avail[queue].ring.idx;

	own->desc[queue][0] = (struct vring_desc) {
		.addr = OWN + offsetof(struct own, headers[queue]), .len = HEADERS,
		.flags = flags | VRING_DESC_F_NEXT, .next = 1,
	};
	own->desc[queue][1] = (struct vring_desc) {
		.addr = AREA + i * file.page, .len = file.page, .flags = flags,
	};
	own->avail[queue].ring.ring[n % ENTRIES] = 0;
	__atomic_store_n(&own->avail[queue].ring.idx, n + 1, __ATOMIC_RELEASE);
	expect(!eventfd_write(m->kick[queue], 1), "kick");
	return 0;
}

/* wait until what was offered was used */
static int wait_used(struct machine *m, unsigned int queue)
{
	const uint16_t want = m->own->avail[queue].ring.idx;
	struct pollfd called = { .fd = m->call[queue], .events = POLLIN };
	eventfd_t n;

	while (__atomic_load_n(&m->own->used[queue].ring.idx, __ATOMIC_ACQUIRE) != want) {
		expect(poll(&called, 1, MS) == 1 && !eventfd_read(called.fd, &n),
		       "%s: the buffer was not used", m->a->backing);
	}
	return 0;
}

/* 0 if a frame with page @i as payload comes out of the interface */
static int expect_frame(struct machine *m, size_t i)
{
	char frame[sizeof(struct ether_header) + 2 * file.page];
	struct pollfd pollfd = { .fd = m->packets, .events = POLLIN };
	ssize_t n;

	expect(poll(&pollfd, 1, MS) == 1, "%s: no frame of page %zu", m->a->backing, i);
	n = recv(m->packets, frame, sizeof(frame), 0);
	expect(n == (ssize_t)(sizeof(struct ether_header) + file.page), "%zd bytes", n);
	expect(!memcmp(frame + sizeof(struct ether_header), m->a->want + i * file.page,
		       file.page), "%s: page %zu was sent with other bytes", m->a->backing, i);
	return 0;
}

static int send_page(struct machine *m, size_t i)
{
	give_headers(m, TX);
	expect_ok(offer(m, TX, i));
	expect_ok(wait_used(m, TX));
	return expect_frame(m, i);
}

/* a page of @value comes in for page @i */
static int receive_page(struct machine *m, size_t i, char value)
{
	char frame[sizeof(struct ether_header) + file.page];

	expect_ok(offer(m, RX, i));
	give_headers(m, TX);
	memcpy(frame, m->own->headers[TX] + VIRTIO_HEADER, sizeof(struct ether_header));
	memset(frame + sizeof(struct ether_header), value, file.page);
	expect(send(m->packets, frame, sizeof(frame), 0) == (ssize_t)sizeof(frame), "send: %s",
	       strerror(errno));
	expect_ok(wait_used(m, RX));
	memset(m->a->want + i * file.page, value, file.page);
	return 0;
}

/* the pages are read by nobody else before, or by the process, or were written by it */
static int sends(struct area *a)
{
	struct machine m;
	size_t i;

	expect_ok(start(&m, a));
	for (i = 0; i < a->nr; i++)
		expect_ok(send_page(&m, i));
	expect_ok(area_kinds(a));
	expect_ok(area_check(a));
	for (i = 0; i < a->nr; i += 2)
		area_write(a, i, 1);
	for (i = 0; i < a->nr; i++)
		expect_ok(send_page(&m, i));
	expect(!madvise(a->p, a->nr * file.page, MADV_DONTNEED), "dontneed");
	area_forget_all(a);
	for (i = a->nr; i--; )
		expect_ok(send_page(&m, i));
	expect_ok(area_kinds(a));
	return area_check(a);
}

static int receives(struct area *a)
{
	struct machine m;
	size_t i;

	expect_ok(start(&m, a));
	/* half of it was mapped */
	for (i = 0; i < a->nr; i += 2)
		area_peek(a, i);
	for (i = 0; i < a->nr; i += 1 + i % 2)
		expect_ok(receive_page(&m, i, 0x40 + i));
	expect_ok(area_check(a));
	/* and goes out again */
	for (i = 0; i < a->nr; i++)
		expect_ok(send_page(&m, i));
	return area_check(a);
}

static const struct area_case cases[] = {
	{ .name = "vhost-sends", .run = sends },
	{ .name = "vhost-receives", .run = receives },
};

int main(int argc, char **argv)
{
	if (system("modprobe -a tun vhost_net"))
		errx(1, "no vhost-net");
	/* nobody else sends on the interfaces; a kernel without IPv6 has no such file */
	write_string("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
	return area_main(argc, argv, cases, sizeof(cases) / sizeof(*cases));
}
