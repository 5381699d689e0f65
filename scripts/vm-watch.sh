# SPDX-License-Identifier: GPL-2.0-only
#
# vm-watch.sh - how scripts/vm sees that a machine hangs, and what it finds out about it
# then.  Source it after vm-lib.sh, do not run it.
#
# The guest's heartbeat (vm-init-beat.c) says that its clock goes, the console that it has
# booted, and QEMU's monitor what its CPUs do.
# shellcheck shell=bash
# shellcheck disable=SC2154	# scripts/vm sets $run, $kernel, $icount, $timeout, $qemu_pid

# add_monitor - to $qemu; it is only spoken to when something is wrong
add_monitor() {
	mkfifo "$run/monitor.in" "$run/monitor.out"
	qemu+=(
		-chardev "pipe,id=monitor,path=$(quote_option "$run/monitor")"
		-mon chardev=monitor,mode=control
	)
}

# open_monitor - without it "ask" has nobody to ask.  For reading and writing, so that
# nothing here waits for a QEMU that does not open them.
open_monitor() {
	exec {to_qemu}<>"$run/monitor.in" {from_qemu}<>"$run/monitor.out"
	printf '{"execute": "qmp_capabilities"}\n' >&"$to_qemu"
}

# ask COMMAND - give the monitor a command and print what it says; fails if it says nothing
ask() {
	local line

	printf '{"execute": "human-monitor-command", "arguments": {"command-line": "%s"}}\n' \
		"$1" >&"$to_qemu"
	while IFS= read -r -t 5 -u "$from_qemu" line; do
		case $line in
		'{"return": "'*)
			line=${line#*: \"}
			printf '%b\n' "${line%\"*}" | tr -d '\r'
			return
			;;
		esac
	done
	return 1
}

# beats - how often the guest's heart has beaten
beats() {
	stat -c %s "$run/beat"
}

# stands BEATS - true if no beat comes after so many for ten seconds more, and each look at
# the CPUs finds all of them waiting for an interrupt, or QEMU itself does not answer.  In a
# machine that is only slow a CPU has something to do.
stands() {
	local end=$((SECONDS + 10)) registers

	while [ $SECONDS -lt $end ]; do
		registers=$(ask 'info registers -a') || registers='QEMU hangs'
		if [ "$(beats)" != "$1" ] || grep -q 'HLT=0' <<<"$registers"; then
			return 1
		fi
		sleep 1
	done
}

# show_cpus - where they are, and what their timers do
show_cpus() {
	local registers cpu

	registers=$(ask 'info registers -a') || return
	grep -e '^CPU#' -e 'HLT=' <<<"$registers"
	for ((cpu = 0; cpu < cpus; cpu++)); do
		ask "info lapic $cpu" || return
	done
}

# show_qemu - for when it does not answer: its threads, and where in the host's kernel
# each of them is
show_qemu() {
	local pid task

	pid=$(pgrep -P "$qemu_pid") || return 0
	for task in /proc/"$pid"/task/*; do
		printf '%s: %s in %s\n' "$(cat "$task/comm")" \
			"$(sed 's/.*) \(.\) .*/\1/' "$task/stat")" "$(cat "$task/wchan")"
	done
}

# console_grows SIZE - true if the console gets longer than that; waits until all is said
console_grows() {
	local last=$1 now i

	for ((i = 0; i < 20; i++)); do
		sleep 1
		now=$(stat -c %s "$run/console")
		if [ "$now" = "$last" ] && { [ "$now" != "$1" ] || [ $i -ge 4 ]; }; then
			break
		fi
		last=$now
	done
	[ "$now" != "$1" ]
}

# let_kernel_speak - its timers, what its CPUs do, and its tasks, the blocked first, go to
# the console.  A guest that takes no interrupt does not hear SysRq, but it may take an NMI.
let_kernel_speak() {
	local size key

	size=$(stat -c %s "$run/console")
	for key in q l w t; do
		ask "sendkey alt-sysrq-$key" >/dev/null || return
		sleep 1
	done
	if console_grows "$size"; then
		echo 'The guest takes interrupts: see what SysRq says at the end of its log.'
	elif ask nmi >/dev/null && console_grows "$size"; then
		echo 'The guest takes no interrupts, but an NMI.'
	else
		echo 'The guest takes neither interrupts nor an NMI.'
	fi
}

# end_machine HOW - it hangs; what is known about it goes to $run/examined.  One that boots
# is only looked at: if it is merely slow it must not come to what is tested meanwhile.
end_machine() {
	if ! show_cpus || ! { [ "$1" = booting ] || let_kernel_speak; }; then
		echo 'The monitor does not answer; the threads of QEMU:'
		show_qemu
	fi >"$run/examined" 2>&1
	echo "$1" >"$run/hung"
	kill "$qemu_pid"
}

# watch_machine - end a machine that has not booted in time, whose clock stands or whose
# time is over, and leave in $run/hung which of it: "booting", "standing" or "late"
watch_machine() {
	local patience boot_limit beat_limit start=$SECONDS ready='' seen='' last line

	patience=$(patience "$kernel")
	boot_limit=$((${VM_BOOT_LIMIT-100} * patience))
	beat_limit=$((${VM_BEAT_LIMIT-60} * patience))
	[ -z "$icount" ] || boot_limit=$((boot_limit * 6))
	open_monitor
	while kill -0 "$qemu_pid" 2>/dev/null; do
		if [ $((SECONDS - start)) -ge "$timeout" ]; then
			end_machine late
		elif [ -z "$ready" ] && grep -aqs 'vm-init: ready' "$run/console"; then
			ready=yes
		elif [ -z "$ready" ] && [ $((SECONDS - start)) -ge $boot_limit ]; then
			end_machine booting
		elif [ -z "$ready" ] || [ -n "$icount" ]; then
			: # no heartbeat yet, or none at all
		elif [ "$(beats)" != "$seen" ]; then
			seen=$(beats)
			last=$SECONDS
		elif [ $((SECONDS - last)) -ge $beat_limit ] && stands "$seen"; then
			end_machine standing
		fi
		[ ! -e "$run/hung" ] || return 0
		# QEMU says little here: this is a sleep without a process of its own
		read -r -t 0.5 -u "$from_qemu" line || true
	done
}
