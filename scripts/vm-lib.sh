# SPDX-License-Identifier: GPL-2.0-only
#
# vm-lib.sh - what scripts/vm, vm-image and make-template share.  Source it after
# lib.sh, do not run it.
# shellcheck shell=bash

# shellcheck disable=SC2154	# $build is lib.sh's
vm=$build/vm

# QEMU before 8.1 does not lock a page while it translates code from it, so under
# TCG with several CPUs a guest now and then runs a breakpoint that its kernel
# has long patched away again, and dies of "Oops: int3".  Newer ones still have it, once
# in thousands of boots.  8.2 brought readonly=on,rom=off, by which a template is restored
# from a read-only file.
qemu_oldest=8.2
emulator_lines='^Oops: int3:'

# Lines of the kernel log that make a run a failure whatever the command said: what is
# broken, and what does not go on
broken_lines='Kernel panic|Oops|BUG:|kernel BUG at|^BUG |WARNING:|Bad page|Bad rss-counter'
broken_lines+='|possible (circular|recursive|irq lock inversion)|inconsistent lock state'
broken_lines+='|suspicious RCU usage|held lock freed|trying to register non-static key'
broken_lines+='|UBSAN:|kmemleak: [0-9]+ new suspected|Busy inodes after unmount'
broken_lines+='|page allocation failure'
bad_lines=$broken_lines
bad_lines+='|INFO: task .* blocked|self-detected stall|detected (expedited )?stalls'

# bad_line CONSOLE [PATTERN] - print the first such line of what the guest wrote to its
# console
bad_line() {
	tr -d '\r' <"$1" | sed 's/^\[[ 0-9.]*\] //' | grep -aEm 1 -e "${2-$bad_lines}" || true
}

# qemu_version PROGRAM
qemu_version() {
	"$1" --version 2>/dev/null | sed -n '1s/.* version \([0-9.]*\).*/\1/p'
}

# qemu_program - print the QEMU to use: the system's if it is new enough, or else
# the one of the guest's userland, which vm-image unpacks for this purpose
qemu_program() {
	local version

	version=$(qemu_version qemu-system-x86_64) || true
	if [ -n "$version" ] &&
	   [ "$(printf '%s\n' "$qemu_oldest" "$version" | sort -V | head -n 1)" = "$qemu_oldest" ]; then
		printf 'qemu-system-x86_64\n'
	else
		printf '%s\n' "$vm/qemu/run"
	fi
}

# workload_userland NAME - print which userland a workload of make-template runs on
workload_userland() {
	case $1 in
	postgres|nginx|node) printf 'programs\n' ;;
	*) printf 'userland\n' ;;
	esac
}

# update_image LINE USERLAND - what a guest of this kernel is booted with
update_image() {
	local options=(--kernel "$1")

	[ "$2" = userland ] || options+=(--programs)
	# shellcheck disable=SC2154	# $top is lib.sh's
	"$top/scripts/vm-image" "${options[@]}"
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
# an ordinary guest (real mode may well work there), and they fail in any way from
# an error to a hang.  The console is kept quiet for the sake of nested guests, in
# which every character costs.
kvm_boots() {
	local line=$1 log

	shift
	log=$(mktemp "$vm/probe.XXXXXX")
	timeout -k 1 60 "$@" -nodefaults -no-user-config -display none -no-reboot \
		-machine q35 -accel kvm -cpu host -smp 1 -m 256M \
		-kernel "$vm/$line/vmlinux" -initrd "$vm/init.cpio" \
		-append 'console=ttyS0 quiet panic=-1 mitigations=off' -serial stdio \
		</dev/null >"$log" 2>/dev/null || true
	if grep -aq '^vm-init: alive' "$log"; then
		rm -f "$log"
	else
		rm -f "$log"
		return 1
	fi
}

# accelerator LINE - print "kvm" or "tcg": what $VM_ACCEL says, or what was found out
# once in the life of the host's kernel
accelerator() {
	local verdict

	case ${VM_ACCEL-} in
	kvm|tcg) echo "$VM_ACCEL"; return ;;
	?*) usage_error "VM_ACCEL is kvm or tcg, not $VM_ACCEL" ;;
	esac
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

# accel_options kvm|tcg|icount - set $accel, QEMU's options, and $kernel_args, which
# go with them.  The mitigations protect nobody here and make TCG slower.  /proc/PID/mem
# may be written to where the process itself may not, as not all kernels let root by default.
#
# The host may be busy with other guests, so the kernel is patient before it complains: a
# CPU may be away for two minutes (soft lockups are found after twice the watchdog's
# threshold, and a grace period of RCU waits for all CPUs), and a task may be blocked for
# four, by others that each wait for a CPU.  What hangs for good hangs longer.
accel_options() {
	# shellcheck disable=SC2034	# for those who source this file
	kernel_args='console=ttyS0 loglevel=7 log_buf_len=4M panic=-1 oops=panic'
	kernel_args+=' watchdog_thresh=60 rcupdate.rcu_cpu_stall_timeout=120'
	kernel_args+=' sysctl.kernel.hung_task_timeout_secs=240'
	kernel_args+=' mitigations=off proc_mem.force_override=always'
	case $1 in
	kvm) accel=(-accel kvm -cpu host) ;;
	icount) accel=(-accel "tcg,thread=single" -icount "shift=0,sleep=off" -cpu EPYC) ;;
	tcg)
		# shellcheck disable=SC2034
		accel=(-accel "tcg,thread=multi" -cpu EPYC)
		# no panic when the timer that it tries out at first comes late; see vm-tsc.c
		kernel_args+=" no_timer_check tsc=reliable tsc_early_khz=$("$vm/tsc")"
		;;
	esac
}

# host_cpu - the kind of CPU, as far as a name can tell
host_cpu() {
	sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1 | tr -d '",\\'
}

# patience LINE - print how many times as long as on Debian's kernel everything may take
patience() {
	case $1 in
	*-debug|*-rmap) echo 6 ;;
	*-kcsan) echo 4 ;;
	*-*) echo 2 ;;
	*) echo 1 ;;
	esac
}

# make_initrd FILE LINE COMMAND... - the initramfs that has PID 1 run this command
make_initrd() {
	local file=$1 line=$2 dir

	shift 2
	dir=$(mktemp -d "$file.XXXXXX")
	printf '%s\0' "$@" >"$dir/argv"
	printf '%s\n' "$bad_lines" >"$dir/patterns"
	(cd "$dir" && printf '%s\n' argv patterns | cpio --quiet -o -H newc -R 0:0) |
		cat "$vm/init.cpio" "$vm/$line/early.cpio" - >"$file"
	rm -rf "$dir"
}

# exchange A B - two files of one file system change their names at one moment: mv has
# --exchange from coreutils 9.5 on only, so renameat2(2) is called, with RENAME_EXCHANGE
exchange() {
	perl -e 'syscall(316, -100, $ARGV[0], -100, $ARGV[1], 2) == 0 or die "$!\n"' "$1" "$2"
}

# publish_template NEW DIR - from one moment to the next DIR is what NEW was; who looks
# meanwhile finds the template that was there, if one was, or the new one
publish_template() {
	local new=$1 dir=$2 why

	if [ ! -e "$dir" ]; then
		mv -T "$new" "$dir"
		return
	fi
	[ -e "$dir/template.json" ] || die "$dir is there and is no template: not replacing it"
	if ! why=$(exchange "$new" "$dir" 2>&1); then
		say "$dir is not there for a moment: it cannot be exchanged ($why)"
		mv -T "$dir" "$new.old"
		mv -T "$new" "$dir"
		mv -T "$new.old" "$new"
	fi
	rm -rf "$new"
}

# quote_word TEXT - a word of a shell command
quote_word() {
	printf "'%s'\n" "${1//\'/\'\\\'\'}"
}

# quote_option TEXT - a value in a QEMU option, where a comma is written twice
quote_option() {
	printf '%s\n' "${1//,/,,}"
}
