# SPDX-License-Identifier: GPL-2.0-only
#
# tests/vm/lib.sh - for the tests of scripts/vm.  Source it, do not run it.
#
#	start name -- true		# boots in the background, $slots at a time
#	wait_all
#	check case ended name 0
#
# What a VM printed is in $work/NAME.out and $work/NAME.err.
# shellcheck shell=bash

. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
work_dir
slots=2

# start NAME [PROGRAM] VM-ARGUMENT... - run scripts/vm
start() {
	local name=$1

	shift
	while [ "$(jobs -rp | wc -l)" -ge $slots ]; do
		wait -n || true
	done
	: >"$work/$name.out"
	(
		status=0
		"$top/scripts/vm" "$@" >"$work/$name.out" 2>"$work/$name.err" </dev/null ||
			status=$?
		echo "$status" >"$work/$name.status"
	) &
}

wait_all() {
	wait
}

# ended NAME STATUS - true if that VM's status was this; shows what it said if not
ended() {
	[ "$(cat "$work/$1.status")" = "$2" ] && return
	echo "$1 ended with $(cat "$work/$1.status") instead of $2 and said:"
	tail -n 20 "$work/$1.err"
	return 1
}

# printed NAME TEXT - true if that is all that the VM wrote to standard output
printed() {
	diff <(printf '%s' "$2") "$work/$1.out"
}

# complained NAME PATTERN - true if its standard error has a line like that
complained() {
	grep -aq -e "$2" "$work/$1.err" || { tail -n 5 "$work/$1.err"; return 1; }
}

# eventually COMMAND... - true as soon as the command is, for 180 s at most
eventually() {
	local deadline=$((SECONDS + 180))

	until "$@"; do
		[ $SECONDS -lt $deadline ] || return 1
		sleep 0.05
	done
}
