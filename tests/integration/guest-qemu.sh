# SPDX-License-Identifier: GPL-2.0-only
#
# guest-qemu.sh - inside the VM: QEMU with KVM and a guest of 256 MB whose heart beats.
# Source it, do not run it.  /in has vmlinux and initrd; $pids are QEMU's.
# shellcheck shell=bash

# beats FILE - the number of the last beat in it
beats() {
	tr -d '\r' <"$1" | sed -n 's/^beat \([0-9]*\)$/\1/p' | tail -n 1
}

# wait_for FILE BEAT
wait_for() {
	local last

	for _ in $(seq 1200); do
		last=$(beats "$1")
		[ "${last:-0}" -lt "$2" ] || return 0
		kill -0 "${pids[@]}" || break
		sleep 0.5
	done
	echo "# $1 ends with: $(tail -n 3 "$1" | tr '\r\n' '  ')"
	return 1
}

# start NAME MEMORY-OPTIONS [OPTION]... - QEMU, its serial line in NAME.log
start() {
	local name=$1 memory=$2

	shift 2
	mkfifo "$name.in" "$name.out"
	qemu-system-x86_64 -nodefaults -no-user-config -display none \
		-machine pc-q35-8.2,memory-backend=ram -accel kvm -cpu host -m 256M \
		-object "memory-backend-file,id=ram,size=256M,$memory" \
		-kernel /in/vmlinux -initrd /in/initrd \
		-append 'console=ttyS0 panic=-1 mitigations=off' \
		-serial "file:$name.log" -chardev "pipe,id=qmp,path=$name" \
		-mon chardev=qmp,mode=control "$@" &
	pids+=($!)
	exec {to}<>"$name.in" {from}<>"$name.out"
	qmp '{"execute": "qmp_capabilities"}' >/dev/null
	qmp '{"execute": "migrate-set-capabilities", "arguments": {"capabilities": [{"capability": "x-ignore-shared", "state": true}]}}' >/dev/null
}

# qmp JSON - the answer; events come in between
qmp() {
	local line

	printf '%s\n' "$1" >&"$to"
	while IFS= read -r -t 120 -u "$from" line; do
		case $line in
		*'"error":'*) echo "# $1: $line"; return 1 ;;
		*'"return":'*) printf '%s\n' "$line"; return ;;
		esac
	done
	return 1
}

# save FILE - the state of what was started last, without its memory; it stops
save() {
	qmp '{"execute": "migrate", "arguments": {"uri": "file:'"$1"'"}}' >/dev/null
	until qmp '{"execute": "query-migrate"}' | grep -q '"status": "completed"'; do
		sleep 0.5
	done
	qmp '{"execute": "quit"}' >/dev/null
	wait "${pids[-1]}"
	unset 'pids[-1]'
}

# resume NAME RAM STATE - one that goes on from there, RAM mapped privately
resume() {
	start "$1" "mem-path=$2,share=off,readonly=on,rom=off" -incoming defer
	qmp '{"execute": "migrate-incoming", "arguments": {"uri": "file:'"$3"'"}}' >/dev/null
}
