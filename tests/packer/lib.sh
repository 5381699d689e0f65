# SPDX-License-Identifier: GPL-2.0-only
#
# tests/packer/lib.sh - what the packer's tests share.  Source it, do not run it.
# shellcheck shell=bash

. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

"$top/scripts/build-erofs-utils"
# shellcheck disable=SC2034	# used by those who source this file
{
	mkfs=$build/bin/mkfs.erofs
	ours=$build/bin
	stock=$build/erofs-utils/stock/bin
}

work_dir
cd "$work"

# page FILE NUMBER TEXT - write a page that begins with TEXT, the rest zeros
page() {
	{ printf '%s' "$3"; head -c 4096 /dev/zero; } | head -c 4096 |
		dd of="$1" bs=4096 seek="$2" conv=notrunc status=none
}

# sparse FILE SIZE - a file that is one hole
sparse() {
	rm -f "$1"
	truncate -s "$2" "$1"
}

# libraries FILE SIZE - real content: the system's libraries, holes between them
libraries() {
	local file pos=0 size

	sparse "$1" "$2"
	find /usr/lib -name '*.so.*' -type f -size +16k -size -2M 2>/dev/null |
		LC_ALL=C sort |
	while read -r file; do
		size=$(stat -c %s "$file")
		[ $((pos + size)) -lt "$(numfmt --from=iec "$2")" ] || break
		dd if="$file" of="$1" bs=64K seek=$pos oflag=seek_bytes \
			conv=notrunc status=none
		pos=$(((pos + size * 3) / 4096 * 4096))
	done
}

# extract IMAGE DIR - upstream's own fsck, which checks the image on the way
extract() {
	rm -rf "$2"
	"$stock/fsck.erofs" --extract="$2" "$1"
}

# same_content FILE IMAGE NAME - NAME in IMAGE is FILE, byte by byte
same_content() {
	extract "$2" extracted
	cmp "$1" "extracted/$3"
}

# fingerprint IMAGE - the last digest in IMAGE, as fsverity prints it
fingerprint() {
	local pos

	pos=$(grep -abo 'fsverity-sha256:' "$1" | tail -n 1 | cut -d: -f1)
	[ -n "$pos" ] || { echo "no fingerprint in $1"; return 1; }
	printf 'sha256:'
	dd if="$1" bs=1 skip=$((pos + 16)) count=32 status=none | od -An -v -tx1 |
		tr -d ' \n'
	echo
}

# verity FILE - what fsverity says
verity() {
	fsverity digest --compact "$1" | sed 's/^/sha256:/'
}

# preload - build what makes calls of mkfs.erofs fail; see fault.c.  LD_PRELOAD=fault.so
# has it: there a path must not have spaces.
preload() {
	gcc -shared -fPIC -O1 -Wall -Wextra -Werror -o "$work/fault.so" \
		"$top/tests/packer/fault.c" -ldl
	export LD_LIBRARY_PATH=$work
}

# build_apart PROGRAM NAME OPTION... - mkfs.erofs with our sources compiled with these
# options; NAME is for what is kept where lines are counted.  Ours come first, so the
# linker takes none of them from the library.
build_apart() {
	local obj=$build/erofs-utils/ours/obj src=$build/erofs-utils/ours/src libs cflags

	read -r -a libs <<<"$(sed -n 's/^LIBEROFS_LIBS = //p' "$obj/mkfs/Makefile")"
	read -r -a cflags <<<"${EROFS_CFLAGS-}"
	mkdir -p "$build/tests/unit"
	gcc -std=gnu11 -O1 -g -Wall -Wextra -Werror ${cflags[@]+"${cflags[@]}"} "${@:3}" \
		-D_FILE_OFFSET_BITS=64 -DHAVE_CONFIG_H -DNDEBUG \
		-I"$obj" -isystem "$src/include" -isystem "$src/lib" \
		-I"$top/erofs-utils/sparse" -dumpdir "$build/tests/unit/$2-" -o "$1" \
		"$obj"/mkfs/*-main.o "$top"/erofs-utils/sparse/*.c \
		"$obj/lib/.libs/liberofs.a" "${libs[@]}"
}

# fault CALL NUMBER ERRNO|COMMAND - for what follows in this shell: that call of
# CALL fails, or COMMAND runs before it
fault() {
	export LD_PRELOAD=fault.so
	export FAULT_CALL=$1 FAULT_NUMBER=$2 FAULT_ACTION=$3
}

# refuses_with STATUS PATTERN COMMAND... - COMMAND ends with STATUS, says one line
# that matches PATTERN (and, if the command line is at fault, where to find help)
# and leaves nothing that was not here before, but what it has found out of a base
refuses_with() {
	local status=0 want=$1 pattern=$2 lines=1

	shift 2
	find . -mindepth 1 ! -path './.test-*' ! -name '*.digests' | LC_ALL=C sort >.test-before
	("$@") >.test-stdout 2>.test-stderr || status=$?
	find . -mindepth 1 ! -path './.test-*' ! -name '*.digests' | LC_ALL=C sort >.test-after
	cat .test-stdout .test-stderr
	[ $status = "$want" ] || { echo "status $status, not $want"; return 1; }
	sed -i "/^Try '.* --help'/d" .test-stderr
	[ "$(wc -l <.test-stderr)" = $lines ] || { echo "not one line"; return 1; }
	[ ! -s .test-stdout ] || { echo "something on stdout"; return 1; }
	grep -q "^mkfs.erofs: .*$pattern" .test-stderr || {
		echo "not the expected message: $pattern"
		return 1
	}
	diff .test-before .test-after || { echo "something was left"; return 1; }
}
