// SPDX-License-Identifier: GPL-2.0-only
/*
 * vfio [--stock] [--chunks] [--case NAME]... FILE REFERENCE - a device is given to a
 * virtual machine whose memory is the mapping, on every kind of backing (area.h): its
 * pages are pinned for as long as that lasts, and the device reads and writes them past
 * the processor.  It is QEMU's "edu", which copies between memory and 4 kB of its own.
 *
 * What is pinned to be written, or of a mapping that the process may write to, becomes
 * the process's own first.  Of mappings that nobody may write to the pages of the file
 * are pinned, and the zero page.
 *
 * Would be found: a device that goes on with a page that the process has no more; one
 * that writes to the zero page or to the file's.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../ktap.h"
#include "area.h"
#include "guest.h"

#define DEVICES		"/sys/bus/pci/devices/"
#define EDU		0x11e81234U
#define EDU_BUFFER	0x40000U	/* where the device has its own memory */
#define AREA		0x1000000U	/* where it has the area, and a page for copies */
#define COPY		0x8000000U

/* registers of the device, by the byte */
enum { DMA_SOURCE = 0x80, DMA_TARGET = 0x88, DMA_COUNT = 0x90, DMA_COMMAND = 0x98 };
enum { DMA_RUN = 1, DMA_TO_MEMORY = 2 };

static char slot[NAME_MAX];	/* of the device, as 0000:00:04.0 */
static int group = -1;

struct machine {
	struct area *a;
	int container, device;
	volatile char *registers;
	char *copy;		/* where the device writes what it has */
};

/* find the device and have vfio-pci take it */
static int take_device(void)
{
	char path[PATH_MAX], link[PATH_MAX];
	glob_t found;
	size_t i;
	ssize_t n;

	if (glob(DEVICES "*", 0, NULL, &found))
		return 1;
	for (i = 0; i < found.gl_pathc && !*slot; i++) {
		uint32_t id = 0;
		int fd;

		snprintf(path, sizeof(path), "%s/config", found.gl_pathv[i]);
		fd = open(path, O_RDONLY);
		if (read(fd, &id, sizeof(id)) == sizeof(id) && id == EDU)
			snprintf(slot, sizeof(slot), "%s", basename(found.gl_pathv[i]));
		close(fd);
	}
	snprintf(path, sizeof(path), DEVICES "%s/driver_override", slot);
	if (!*slot || write_string(path, "vfio-pci"))
		return 1;
	write_string("/sys/bus/pci/drivers_probe", slot);
	snprintf(path, sizeof(path), DEVICES "%s/iommu_group", slot);
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0)
		return 1;
	link[n] = 0;
	group = atoi(basename(link));
	return 0;
}

static int dma_map(struct machine *m, void *p, uint64_t at, size_t bytes, uint32_t flags)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map), .flags = flags, .vaddr = (uintptr_t)p,
		.iova = at, .size = bytes,
	};

	return ioctl(m->container, VFIO_IOMMU_MAP_DMA, &map) ? errno : 0;
}

static int dma_unmap(struct machine *m)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .iova = AREA, .size = m->a->nr * file.page,
	};

	return ioctl(m->container, VFIO_IOMMU_UNMAP_DMA, &unmap) ? errno : 0;
}

static int may_be_master(struct machine *m)
{
	struct vfio_region_info config = {
		.argsz = sizeof(config), .index = VFIO_PCI_CONFIG_REGION_INDEX,
	};
	uint16_t command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;

	expect(!ioctl(m->device, VFIO_DEVICE_GET_REGION_INFO, &config) &&
	       pwrite(m->device, &command, sizeof(command), config.offset + PCI_COMMAND) ==
	       sizeof(command), "configuration: %s", strerror(errno));
	return 0;
}

static int start(struct machine *m, struct area *a)
{
	struct vfio_region_info bar = {
		.argsz = sizeof(bar), .index = VFIO_PCI_BAR0_REGION_INDEX,
	};
	char path[64];
	int fd;

	m->a = a;
	m->container = open("/dev/vfio/vfio", O_RDWR);
	snprintf(path, sizeof(path), "/dev/vfio/%d", group);
	fd = open(path, O_RDWR);
	expect(fd >= 0 && !ioctl(fd, VFIO_GROUP_SET_CONTAINER, &m->container) &&
	       !ioctl(m->container, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU), "%s: %s", path,
	       strerror(errno));
	m->device = ioctl(fd, VFIO_GROUP_GET_DEVICE_FD, slot);
	expect(m->device >= 0 && !ioctl(m->device, VFIO_DEVICE_GET_REGION_INFO, &bar),
	       "%s: %s", slot, strerror(errno));
	m->registers = mmap(NULL, bar.size, PROT_READ | PROT_WRITE, MAP_SHARED, m->device,
			    bar.offset);
	m->copy = mmap(NULL, file.page, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	expect(m->registers != MAP_FAILED && m->copy != MAP_FAILED, "mmap");
	expect(!dma_map(m, m->copy, COPY, file.page,
			VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE), "DMA");
	return may_be_master(m);
}

/* the device copies a page from @from to @to, one of which is its own memory */
static int transfer(struct machine *m, uint64_t from, uint64_t to)
{
	volatile uint64_t *command = (void *)(m->registers + DMA_COMMAND);
	int i;

	*(volatile uint64_t *)(m->registers + DMA_SOURCE) = from;
	*(volatile uint64_t *)(m->registers + DMA_TARGET) = to;
	*(volatile uint64_t *)(m->registers + DMA_COUNT) = file.page;
	*command = DMA_RUN | (from == EDU_BUFFER ? DMA_TO_MEMORY : 0);
	/* it takes a tenth of a second */
	for (i = 0; i < 10000 && *command & DMA_RUN; i++)
		usleep(1000);
	expect(i < 10000, "the device does not end");
	return 0;
}

/* 0 if the device finds in page @i what the model has */
static int device_checks(struct machine *m, size_t i)
{
	memset(m->copy, 0x77, file.page);
	expect_ok(transfer(m, AREA + i * file.page, EDU_BUFFER));
	expect_ok(transfer(m, EDU_BUFFER, COPY));
	expect(!memcmp(m->copy, m->a->want + i * file.page, file.page),
	       "%s: the device has other bytes in page %zu", m->a->backing, i);
	return 0;
}

static int device_writes(struct machine *m, size_t i, char value)
{
	memset(m->copy, value, file.page);
	expect_ok(transfer(m, COPY, EDU_BUFFER));
	expect_ok(transfer(m, EDU_BUFFER, AREA + i * file.page));
	memset(m->a->want + i * file.page, value, file.page);
	return 0;
}

/* all pages are the process's own, or the file's and the zero page, as @own says */
static int expect_own(const struct area *a, bool own)
{
	size_t i;

	for (i = 0; i < a->nr; i++) {
		const char *p = a->p + i * file.page;
		const uint64_t entry = pagemap_entry(p);

		expect(entry & PM_PRESENT, "%s: page %zu is not mapped", a->backing, i);
		expect(own == !(entry & PM_FILE || maps_zero_page(p)), "%s: page %zu is %s",
		       a->backing, i, own ? "not its own" : "its own");
	}
	return 0;
}

static int child_overwrites(struct area *a)
{
	area_write_all(a, 1);
	return area_check(a);
}

/* as of a guest's memory: for the device to read and to write */
static int pinned(struct area *a)
{
	const size_t last = a->nr - 1;
	struct machine m;

	expect_ok(start(&m, a));
	area_peek(a, 0);
	expect(!dma_map(&m, a->p, AREA, a->nr * file.page,
			VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE), "map: %s",
	       strerror(errno));
	expect_ok(expect_own(a, true));
	expect_ok(area_check(a));
	area_write_all(a, 2);
	expect(!area_child(a, child_overwrites), "%s: the child", a->backing);
	expect_ok(device_checks(&m, last));
	expect_ok(device_writes(&m, 0, 0x55));
	expect_ok(area_check(a));
	expect(!dma_unmap(&m), "unmap: %s", strerror(errno));
	return area_check(a);
}

/* for the device to read alone: it goes on seeing what the process has */
static int pinned_to_be_read(struct area *a)
{
	const size_t last = a->nr - 1;
	struct machine m;

	expect_ok(start(&m, a));
	area_read(a);
	expect(!dma_map(&m, a->p, AREA, a->nr * file.page, VFIO_DMA_MAP_FLAG_READ),
	       "map: %s", strerror(errno));
	expect_ok(expect_own(a, true));
	area_write_all(a, 3);
	expect_ok(device_checks(&m, last));
	expect(!dma_unmap(&m), "unmap: %s", strerror(errno));
	return area_check(a);
}

/* what cannot be written is not pinned to be */
static int not_to_be_written(struct area *a)
{
	struct machine m;
	int err;

	expect_ok(start(&m, a));
	area_read(a);
	err = dma_map(&m, a->p, AREA, a->nr * file.page,
		      VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE);
	expect(err == EFAULT, "%s: map: %s", a->backing, strerror(err));
	expect_ok(area_kinds(a));
	return area_check(a);
}

/* nobody ever writes to these: the pages of the file will do, and stay while they are used */
static int shared_is_pinned(struct area *a)
{
	const size_t last = a->nr - 1;
	struct machine m;
	uint64_t before;

	expect_ok(start(&m, a));
	expect(!dma_map(&m, a->p, AREA, a->nr * file.page, VFIO_DMA_MAP_FLAG_READ),
	       "map: %s", strerror(errno));
	expect_ok(expect_own(a, false));
	expect_ok(area_kinds(a));
	before = pagemap_entry(a->p + last * file.page);
	expect(!madvise(a->p, a->nr * file.page, MADV_DONTNEED), "dontneed");
	drop_caches();
	expect_ok(device_checks(&m, last));
	area_read(a);
	expect(PM_PFN(pagemap_entry(a->p + last * file.page)) == PM_PFN(before),
	       "%s: the page that is pinned was replaced", a->backing);
	expect(!dma_unmap(&m), "unmap: %s", strerror(errno));
	expect_ok(area_kinds(a));
	return area_check(a);
}

static const struct area_case cases[] = {
	{ .name = "vfio-pinned", .run = pinned },
	{ .name = "vfio-pinned-to-be-read", .run = pinned_to_be_read },
	{ .name = "vfio-not-to-be-written", .run = not_to_be_written, .prot = PROT_READ },
	{ .name = "vfio-shared", .run = shared_is_pinned, .prot = PROT_READ,
	  .flags = MAP_SHARED },
	{ .name = "vfio-shared-not-to-be-written", .run = not_to_be_written,
	  .prot = PROT_READ, .flags = MAP_SHARED },
};

int main(int argc, char **argv)
{
	if (system("modprobe -a vfio-pci vfio_iommu_type1") || take_device())
		errx(1, "no device for vfio");
	return area_main(argc, argv, cases, sizeof(cases) / sizeof(*cases));
}
