// SPDX-License-Identifier: GPL-2.0-only
/*
 * Run the smallest of KVM guests: real-mode code that adds two numbers, writes the
 * sum to a port and halts.  Prints what came out of the port.
 */
#include <err.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define LOAD_ADDRESS	0x1000
#define PORT		0x10

static const unsigned char code[] = {
	0xb0, 0x02,		/* mov $2, %al */
	0x04, 0x03,		/* add $3, %al */
	0xe6, PORT,		/* out %al, $PORT */
	0xf4,			/* hlt */
};

static int checked_ioctl(int fd, unsigned long request, void *arg, const char *name)
{
	int ret = ioctl(fd, request, arg);

	if (ret < 0)
		err(1, "%s", name);
	return ret;
}

#define CHECKED_IOCTL(fd, request, arg) \
	checked_ioctl(fd, request, (void *)(unsigned long)(arg), #request)

static void load_code(int vm)
{
	struct kvm_userspace_memory_region region = {
		.guest_phys_addr = LOAD_ADDRESS,
		.memory_size = 4096,
	};
	void *memory;

	memory = mmap(NULL, region.memory_size, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		err(1, "mmap");
	memcpy(memory, code, sizeof(code));
	region.userspace_addr = (unsigned long)memory;
	CHECKED_IOCTL(vm, KVM_SET_USER_MEMORY_REGION, &region);
}

static void set_registers(int vcpu)
{
	struct kvm_regs regs = { .rip = LOAD_ADDRESS, .rflags = 2 };
	struct kvm_sregs sregs;

	CHECKED_IOCTL(vcpu, KVM_GET_SREGS, &sregs);
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	CHECKED_IOCTL(vcpu, KVM_SET_SREGS, &sregs);
	CHECKED_IOCTL(vcpu, KVM_SET_REGS, &regs);
}

int main(void)
{
	int kvm, vm, vcpu, size;
	struct kvm_run *run;

	kvm = open("/dev/kvm", O_RDWR);
	if (kvm < 0)
		err(1, "/dev/kvm");
	vm = CHECKED_IOCTL(kvm, KVM_CREATE_VM, 0);
	load_code(vm);
	vcpu = CHECKED_IOCTL(vm, KVM_CREATE_VCPU, 0);
	size = CHECKED_IOCTL(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED)
		err(1, "mmap of the CPU");
	set_registers(vcpu);
	for (;;) {
		CHECKED_IOCTL(vcpu, KVM_RUN, 0);
		switch (run->exit_reason) {
		case KVM_EXIT_IO:
			printf("port %#x: %d\n", run->io.port,
			       *((unsigned char *)run + run->io.data_offset));
			break;
		case KVM_EXIT_HLT:
			printf("halted\n");
			return 0;
		default:
			errx(1, "exit reason %u", run->exit_reason);
		}
	}
}
