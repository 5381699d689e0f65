# SPDX-License-Identifier: GPL-2.0-only
#
# tests/fuzz/lib.sh - what the fuzzers share.  Source it, do not run it.
# shellcheck shell=bash

. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

install_packages clang libclang-rt-dev
"$top/scripts/build-erofs-utils"
work_dir
cd "$work"
corpus=$work/corpus

# fuzz NAME - until the time is over, or something is found
fuzz() {
	"$top/tests/fuzz/run-fuzzer" "$1" "$corpus" 2>&1
}
