# SPDX-License-Identifier: GPL-2.0-only
#
# tests/fuzz/corpus/lib.sh - images from the recipes beside it.  Source it, do not run it.
# shellcheck shell=bash disable=SC2154	# top and build are scripts/lib.sh's

recipes=$top/tests/fuzz/corpus

# make_corpus DIR LINE - the tree in DIR/tree, and an image of it in DIR/image/NAME for each
# recipe that a kernel of that line mounts, its device in DIR/device/NAME if it has one
make_corpus() {
	local dir=$1 name kernel mkfs rest option options device stock

	stock=$build/erofs-utils/stock/bin/mkfs.erofs
	mkdir -p "$dir"/{tree,image,device}
	python3 "$recipes/tree.py" "$dir/tree"
	while read -r name kernel mkfs rest; do
		case $name in ''|'#'*) continue ;; esac
		[ "$kernel" -le "${2%%.*}" ] 2>/dev/null || [ "$kernel" = 6.12 ] || continue
		device=$dir/device/$name options=(-T0 -Uclear --quiet)
		for option in $rest; do
			option=${option/DEVICE/$device}
			options+=("${option/FINGERPRINT/--xattr-inode-digest=trusted.erofs.fingerprint}")
		done
		case $mkfs in ours) mkfs=$build/bin/mkfs.erofs ;; *) mkfs=$stock ;; esac
		# a base has a part of it
		case $rest in *--base=*)
			"$build/bin/mkfs.erofs" -T0 -Uclear --quiet --sparse "$device" \
				"$dir/tree/text" "$dir/tree/holes" || return
			;;
		esac
		"$mkfs" "${options[@]}" "$dir/image/$name" "$dir/tree" || return
	done <"$recipes/recipes"
}
