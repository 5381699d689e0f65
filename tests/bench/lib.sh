# SPDX-License-Identifier: GPL-2.0-only
#
# tests/bench/lib.sh - what measurements share.  Source it after scripts/lib.sh, do not
# run it.
# shellcheck shell=bash disable=SC2154	# $top, $build and the like are scripts/lib.sh's

templates=() linux=''

# bench_options "NAME..." [ARGUMENT]... - set variables by options of their names, which
# take numbers; --help prints the head of the script; $rest is what is no option
bench_options() {
	local known=$1 name

	shift
	rest=()
	while [ $# -gt 0 ]; do
		name=${1#--}
		name=${name//-/_}
		case $1 in
		-h|--help)
			sed -n "/^# tests\/bench\/$me/,/^\$/s/^# \{0,1\}//p" "$0"
			exit 0
			;;
		-*)
			[[ " $known " = *" $name "* ]] || usage_error "unknown option: $1"
			[[ ${2-} =~ ^[1-9][0-9]*$ ]] || usage_error "$1 wants a number from 1 up"
			printf -v "$name" %s "$2"
			shift 2
			;;
		*) rest+=("$1"); shift ;;
		esac
	done
}

# bench_folders - $out, for figures, and $work, which is removed at the end
bench_folders() {
	out=$build/bench
	mkdir -p "$out"
	work=$(mktemp -d "$out/${me%.bench}.XXXXXX")
	trap 'rm -rf "$work"' EXIT
}

# bench_template DIR [SCRIPT] [OPTION]... - make sure that there is one, by make-template or
# by SCRIPT, with these OPTIONs; bench_table says what has come of it
bench_template() {
	local dir=$1 script=make-template

	shift
	case ${1-} in
	nested-template) script=$1; shift ;;
	esac
	# shellcheck disable=SC2034	# for those who source this
	template=$dir/ram.img
	[ -e "$dir/template.json" ] || "$top/scripts/$script" --out "$dir" "$@" >&2
	[[ " ${templates[*]} " = *" $dir "* ]] || templates+=(--template "$dir")
}

# bench_programs NAME... - build tests/bench/NAME.c or tests/kernel/NAME.c for the VM into
# $work/in, which is made for --in
bench_programs() {
	local name source

	mkdir -p "$work/in"
	for name in "$@"; do
		source=$top/tests/bench/$name.c
		[ -e "$source" ] || source=$top/tests/kernel/$name.c
		gcc -O2 -Wall -Wextra -Werror -static -o "$work/in/$name" "$source" \
			"$top/tests/kernel/guest.c"
	done
}

# bench_vm NAME OPTION... -- ARGUMENT... - run tests/bench/NAME in a VM that has both
# modules, with these options of scripts/vm; what it leaves is in $work
bench_vm() {
	local guest=$1
	local -a options=()

	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	mkdir -p "$work/in"
	both_modules "$work/in"
	linux="Linux $(cat "$build/kernel/$kernel_line/release"), "
	cp "$top/tests/bench/$guest" "$work/in"
	"$top/scripts/vm" --in "$work/in" --out "$work" "${options[@]}" -- "/in/$guest" "$@"
}

# bench_table TITLE [OPTION]... - print $work/measures as standard input says, and have
# all figures in $out; the OPTIONs are tests/bench/table.py's
bench_table() {
	local name=${me%.bench}$line_suffix title=$1

	shift
	python3 "$top/tests/bench/table.py" --bench "$name" --csv "$out/$name.csv" \
		--title "$linux$title" "${templates[@]}" "$@" "$work/measures"
}

# icount IMAGE PASSES - what tests/bench/icount-guest counts, to $work/measures
icount() {
	bench_programs measure patchwork
	bench_vm icount-guest --icount --memory 3G --timeout 3600 --disk "$1" -- "$2"
}

# bench_order RUNS SEED NAME... - set $order to all of them RUNS times over, each time in
# another order, the same for the same SEED
bench_order() {
	mapfile -t order < <(python3 -c 'import random, sys
runs, seed, *names = sys.argv[1:]
chance = random.Random(int(seed))
for _ in range(int(runs)):
    print(*chance.sample(names, len(names)), sep="\n")' "$@")
	say "seed $2: ${order[*]}"
}
