# SPDX-License-Identifier: GPL-2.0-only
#
# vm-lib.sh - what scripts/vm, vm-image and make-template share.  Source it after
# lib.sh, do not run it.
# shellcheck shell=bash

# shellcheck disable=SC2154	# $build is lib.sh's
vm=$build/vm

# QEMU before 8.1 does not lock a page while it translates code from it, so under
# TCG with several CPUs a guest now and then runs a breakpoint that its kernel
# has long patched away again, and dies of "Oops: int3".  8.2 brought
# readonly=on,rom=off, by which a template is restored from a read-only file.
qemu_oldest=8.2

# qemu_program - print the QEMU to use: the system's if it is new enough, or else
# the one of the guest's userland, which vm-image unpacks for this purpose
qemu_program() {
	local version

	version=$(qemu-system-x86_64 --version 2>/dev/null |
		sed -n '1s/.* version \([0-9.]*\).*/\1/p') || true
	if [ -n "$version" ] &&
	   [ "$(printf '%s\n' "$qemu_oldest" "$version" | sort -V | head -n 1)" = "$qemu_oldest" ]; then
		printf 'qemu-system-x86_64\n'
	else
		printf '%s\n' "$vm/qemu/run"
	fi
}

# kernel_release LINE - print the release of the kernel that "make build" fetched
kernel_release() {
	cat "$build/kernel/$1/release" 2>/dev/null ||
		die "there is no kernel $1 in ${build#"$top/"}/kernel; run 'make build' first"
}

# modules_dir LINE RELEASE - print where its package keeps the modules
modules_dir() {
	local dir

	for dir in lib usr/lib; do
		dir=$build/kernel/$1/image/$dir/modules/$2
		if [ -d "$dir/kernel" ]; then
			printf '%s\n' "$dir"
			return
		fi
	done
	die "there are no modules of $2 in ${build#"$top/"}/kernel/$1/image; run 'make build' again"
}

# kvm_boots LINE QEMU... - true if this QEMU boots this line's kernel to its PID 1
# with KVM.  A /dev/kvm that opens proves nothing: there are some that cannot run
# an ordinary guest, and they fail in any way from an error to a hang.
kvm_boots() {
	local line=$1 log

	shift
	log=$(mktemp "$vm/probe.XXXXXX")
	timeout -k 1 20 "$@" -nodefaults -no-user-config -display none -no-reboot \
		-machine q35 -accel kvm -cpu host -smp 2 -m 256M \
		-kernel "$vm/$line/vmlinux" -initrd "$vm/init.cpio" \
		-append 'console=ttyS0 panic=-1' -serial stdio \
		</dev/null >"$log" 2>/dev/null || true
	if grep -aq '^vm-init: alive' "$log"; then
		rm -f "$log"
	else
		rm -f "$log"
		return 1
	fi
}

# accelerator LINE - print "kvm" or "tcg"; found out once in the life of the host's kernel
accelerator() {
	local verdict

	if [ ! -r /dev/kvm ] || [ ! -w /dev/kvm ]; then
		echo tcg
		return
	fi
	verdict=$vm/accel-$(cat /proc/sys/kernel/random/boot_id)
	if [ ! -s "$verdict" ]; then
		rm -f "$vm"/accel-*
		if kvm_boots "$1" "$(qemu_program)"; then
			echo kvm
		else
			say "/dev/kvm is there but cannot run an ordinary guest: using TCG"
			echo tcg
		fi >"$verdict.$$"
		mv "$verdict.$$" "$verdict"
	fi
	cat "$verdict"
}

# quote_option TEXT - a value in a QEMU option, where a comma is written twice
quote_option() {
	printf '%s\n' "${1//,/,,}"
}
