# SPDX-License-Identifier: GPL-2.0-only
#
# tests/ktap.sh - KTAP for programs written in shell: those of the host, by tests/lib.sh,
# and those in a guest, where guest_ktap of tests/lib.sh puts it.  Source it, do not run it.
#
#	. /in/ktap.sh
#	ktap_plan 4			# first of all
#	check same-bytes cmp a b	# a case: passes if the command does
#	expect pages 12 "$found"	# passes if both are the same
#	subtest matrix /in/matrix a b	# a KTAP program: its cases, and whether it ended well
#	skip kvm "no KVM here"
#	ktap_end			# last of all: sets the exit status
#
# The plan is a number that does not depend on what the program finds, and the end line
# tells how the cases went, as the kernel's self-tests do.  Whoever reads them, with
# ktap_read, takes anything else for a failure: a program that died before its plan, one
# that left cases out, one that ended early.
# shellcheck shell=bash

ktap_plan=
ktap_count=0
ktap_failed=0
ktap_skipped=0

# ktap_plan NUMBER - of the calls of result, check, expect, skip and subtest that follow
ktap_plan() {
	ktap_plan=$1
	printf 'KTAP version 1\n1..%d\n' "$ktap_plan"
}

# result ok|"not ok" NAME [DIRECTIVE]
result() {
	ktap_count=$((ktap_count + 1))
	[ "$1" = ok ] || ktap_failed=$((ktap_failed + 1))
	case ${3-} in SKIP*) ktap_skipped=$((ktap_skipped + 1)) ;; esac
	printf '%s %d %s%s\n' "$1" "$ktap_count" "$2" "${3:+ # $3}"
}

skip() {
	result ok "$1" "SKIP $2"
}

# check NAME COMMAND... - the case passes if COMMAND exits 0.  COMMAND may be a function; it
# runs in a subshell under "set -e", so it changes no variable.  What it prints is shown as
# diagnostics if the case fails.
check() {
	# names that COMMAND, which sees them, has no others for
	local ktap_name=$1 ktap_log ktap_status ktap_flags=$-

	shift
	ktap_log=$(mktemp)
	set +e
	(set -e; "$@") >"$ktap_log" 2>&1
	ktap_status=$?
	case $ktap_flags in *e*) set -e ;; esac
	if [ $ktap_status = 0 ]; then
		result ok "$ktap_name"
	else
		sed 's/^/# /' "$ktap_log"
		printf '# %s: exit status %d\n' "$*" $ktap_status
		result 'not ok' "$ktap_name"
	fi
	rm -f "$ktap_log"
}

# expect NAME WANTED FOUND
expect() {
	if [ "$2" = "$3" ]; then
		result ok "$1"
	else
		printf "# wanted '%s', found '%s'\n" "$2" "$3" | sed '2,$s/^/# /'
		result 'not ok' "$1"
	fi
}

# ktap_end - the end line.  Fails if a case has, or if there were not as many as planned.
ktap_end() {
	printf '# Totals: pass:%d fail:%d skip:%d\n' \
		$((ktap_count - ktap_failed - ktap_skipped)) $ktap_failed $ktap_skipped
	[ $ktap_failed = 0 ] && [ "$ktap_count" = "$ktap_plan" ]
}

# ktap_read CASE NOTE [late] - read what a KTAP program prints, with the cases of subtests, named
# SUBTEST-CASE, from standard input.  Call CASE ok|"not ok" NAME [DIRECTIVE] for each and
# NOTE LINE for diagnostics.  Sets $ktap_why to what is wrong with it as a whole, or to
# nothing: the plan comes before the first case, or anywhere if "late", cases are numbered,
# there are as many as planned, and the end line agrees.  $ktap_bad is the number of cases
# that failed.
ktap_read() {
	local line plan='' seen=0 failed=0 skipped=0 end='' sub=''

	ktap_why='' ktap_bad=0
	while IFS= read -r line || [ -n "$line" ]; do
		case $line in
		1..*[!0-9]*|'') ;;
		1..*)
			[ -z "$plan" ] || ktap_wrong "a second plan: $line"
			plan=${line#1..}
			;;
		'# Totals: '*)
			[ -z "$end" ] || ktap_wrong "a second end: $line"
			end=$line
			;;
		'ok '[0-9]*|'not ok '[0-9]*)
			[ -n "$plan" ] || [ "${3-}" = late ] || ktap_wrong "no plan before: $line"
			[ -z "$end" ] || ktap_wrong "a case after the end: $line"
			seen=$((seen + 1))
			case $line in "ok $seen "*|"not ok $seen "*) ;;
			*) ktap_wrong "case $seen is: $line" ;; esac
			case $line in *' # SKIP'*) skipped=$((skipped + 1)) ;;
			not*) failed=$((failed + 1)) ;; esac
			ktap_case "$1" '' "$line"
			;;
		'  # Subtest: '*) sub=${line#*: }- ;;
		'  ok '[0-9]*|'  not ok '[0-9]*) ktap_case "$1" "$sub" "${line#  }" ;;
		'#'*|'  #'*) "$2" "${line#  }" ;;
		esac
	done
	if [ -z "$plan" ]; then
		ktap_wrong 'no plan'
	elif [ "$plan" != $seen ] || [ "$plan" = 0 ]; then
		ktap_wrong "a plan of $plan cases, but $seen came"
	elif [ -z "$end" ]; then
		ktap_wrong 'no end line'
	elif [ "$end" != "# Totals: pass:$((seen - failed - skipped)) fail:$failed skip:$skipped" ]; then
		ktap_wrong "$seen cases, $failed failed, $skipped skipped, and the end says $end"
	fi
}

# ktap_wrong TEXT... - the first thing counts
ktap_wrong() {
	ktap_why=${ktap_why:-$*}
}

# ktap_case FUNCTION PREFIX LINE
ktap_case() {
	local rest=${3#*ok } verdict=ok directive=

	rest=${rest#* }
	case $rest in *' # SKIP'*) directive=${rest#* # } rest=${rest%% # *} ;; esac
	case $3 in not*) verdict='not ok' ktap_bad=$((ktap_bad + 1)) ;; esac
	"$1" "$verdict" "$2$rest" ${directive:+"$directive"}
}

# ktap_indented - what is read, as a subtest; fails if it did not end well
ktap_indented() {
	ktap_count=0
	ktap_read ktap_sub_case ktap_sub_note
	[ -z "$ktap_why" ] || printf '  # %s\n' "$ktap_why"
	[ -z "$ktap_why" ] && [ $ktap_bad = 0 ]
}

# shellcheck disable=SC2317	# called by ktap_indented
ktap_sub_case() {
	printf '  '
	result "$@"
}

# shellcheck disable=SC2317
ktap_sub_note() {
	printf '  %s\n' "$1"
}

# subtest NAME COMMAND... - run a KTAP program.  Its cases come first; then NAME is one: it
# passes if the program kept its plan, said that it ended, and exits 0, no case having failed.
subtest() {
	local name=$1

	shift
	printf '  # Subtest: %s\n' "$name"
	if (set -o pipefail; "$@" | ktap_indented); then
		result ok "$name"
	else
		result 'not ok' "$name"
	fi
}
