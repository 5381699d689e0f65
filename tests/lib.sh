# SPDX-License-Identifier: GPL-2.0-only
#
# tests/lib.sh - KTAP for tests written in shell.  Source it, do not run it.
#
#	. "$(dirname "$0")/../lib.sh"
#	work_dir				# $work, removed at the end
#	check hole-stays-hole cmp a b		# one case: passes if the command does
#	check_not other-uuid cmp a c		# passes if the command fails
#	skip no-kvm "this machine has no KVM"
#	in_vm ours --in "$work/in" -- /in/run	# the cases of a KTAP program in a VM
#	finish					# prints plan and end, sets the exit status
#
# check, expect, skip and subtest are those of tests/ktap.sh.
# shellcheck shell=bash

. "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib.sh"

# Signals that whoever started this ignores would be ignored by all that a test starts,
# as SIGINT is in the background of a shell
[ -n "${KTAP_SIGNALS-}" ] ||
	exec env --default-signal KTAP_SIGNALS=default "$0" "$@"

. "$(dirname "${BASH_SOURCE[0]}")/ktap.sh"
printf 'KTAP version 1\n'

work_dir() {
	mkdir -p "$build/tests/tmp"
	work=$(mktemp -d "$build/tests/tmp/${me%.test}.XXXXXX")
	trap 'rm -rf "$work"' EXIT
}

# check_not NAME COMMAND... - the case passes if COMMAND exits with 1 to 123: it
# refused, rather than crashed.
check_not() {
	local name=$1

	shift
	check "$name" refuses "$@"
}

refuses() {
	local status=0

	("$@") || status=$?
	[ $status != 0 ] || { echo "succeeded, and should not have"; return 1; }
	[ $status -lt 124 ] || { echo "died with status $status"; return 1; }
}

# take_cases PREFIX COMMAND... - run a KTAP program and take over its cases, named
# PREFIX-CASE.  How it ended is a case, too, PREFIX-ended-well: its plan came first and was
# kept, its end line came, and its exit status is that of its cases.
take_cases() {
	local prefix=$1 status=0

	shift
	ktap_read taken_case echo < <("$@")
	wait $! || status=$?
	check "$prefix-ended-well" ended_well $status
}

# shellcheck disable=SC2317	# called by ktap_read
taken_case() {
	result "$1" "$prefix-$2" "${@:3}"
}

# ended_well STATUS - of what was read last
ended_well() {
	local wanted=0

	[ -z "$ktap_why" ] || { echo "$ktap_why"; return 1; }
	[ "$ktap_bad" = 0 ] || wanted=1
	[ "$1" = $wanted ] || { echo "$ktap_bad cases failed, and it exits with $1"; return 1; }
}

# in_vm PREFIX VM-ARGUMENT... - take over the cases of a KTAP program that scripts/vm runs.
# An oops of the machine is no good end.  Debian's module is the negative of ours; a kernel
# of scripts/build-debug-kernel is for looking into ours: there such a run is left out.
in_vm() {
	local prefix=$1

	shift
	if is_debug && [[ " $* " = *' --module stock '* ]]; then
		printf '# %s: not under %s\n' "$prefix" "$kernel_line"
		return
	fi
	take_cases "$prefix" "$top/scripts/vm" "$@"
}

# guest_ktap - put ktap.sh into $work/in, which is made for --in
guest_ktap() {
	mkdir -p "$work/in"
	cp "$top/tests/ktap.sh" "$work/in/"
}

# guest_programs NAME... - build tests/kernel/NAME.c, with NAME-*.c, for the VM into
# $work/in, which is made for --in
guest_programs() {
	local name parts

	mkdir -p "$work/in"
	for name in "$@"; do
		mapfile -t parts < <(find "$top/tests/kernel" -name "$name-*.c")
		gcc -O2 -Wall -Wextra -Werror -static -o "$work/in/$name" \
			"$top/tests/kernel/$name.c" "${parts[@]}" "$top/tests/kernel/guest.c" \
			"$top/tests/kernel/area.c" "$top/tests/kernel/sharing.c"
	done
}

# template - make sure that build/templates/1G-python has a real guest's memory and
# build/tests/template.erofs the same packed; $template_ram, $template_image
template() {
	local dir=$build/templates/1G-python

	template_ram=$dir/ram.img
	template_image=$build/tests/template.erofs
	mkdir -p "$build/tests"
	# tests of two kernel lines may come here at once
	{
		flock 9
		[ -e "$template_ram" ] || "$top/scripts/make-template" --out "$dir" >&2 9>&-
		if ! [ "$template_image" -nt "$template_ram" ] ||
		   ! [ "$template_image" -nt "$build/bin/mkfs.erofs" ]; then
			"$build/bin/mkfs.erofs" --sparse "$template_image" "$template_ram" >&2
		fi
	} 9>"$build/tests/template.lock"
}

# finish - the plan, here known last, and the end: a file that does not get here has neither
finish() {
	printf '1..%d\n' "$ktap_count"
	ktap_plan=$ktap_count
	ktap_end
}
