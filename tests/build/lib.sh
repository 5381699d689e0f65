# SPDX-License-Identifier: GPL-2.0-only
#
# tests/build/lib.sh - what the tests of building share.  Source it, do not run it.
# shellcheck shell=bash

. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

# checkout_copy DIR - a checkout in a new folder, with links to what was built here; its
# scripts write below DIR
checkout_copy() {
	local line part out=$1/build

	mkdir -p "$out/erofs-utils"
	git -c safe.directory="$top" -C "$top" ls-files -z | grep -zv '^tests/fuzz/corpus' |
		(cd "$top" && xargs -0 cp --parents -t "$1")
	for line in $(kernel_lines); do
		mkdir -p "$out/kernel/$line"
		for part in source headers image compiler tools suite release source-version; do
			ln -s "$build/kernel/$line/$part" "$out/kernel/$line/"
		done
	done
	cp -r "$build/erofs-utils/pristine" "$out/erofs-utils/"
	ln -s "$build"/erofs-utils/{version,stock,ours} "$out/erofs-utils/"
	ln -s "$build/bin" "$out/"
}
