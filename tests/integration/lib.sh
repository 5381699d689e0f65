# SPDX-License-Identifier: GPL-2.0-only
#
# tests/integration/lib.sh - what the tests with containers share.  Source it, do not
# run it.
# shellcheck shell=bash

. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
work_dir

# container_programs - fill $work/in for --in: Debian's containerd, registry and clients
# in bin, our tools, the configuration that the documentation gives, and lib.sh
container_programs() {
	local dir=$build/containers

	[ -e "$dir/versions" ] || "$top/scripts/fetch" containers
	"$top/scripts/build-erofs-utils"
	guest_programs cached
	guest_ktap
	mkdir -p "$work/in/bin"
	cp "$dir"/usr/bin/{containerd,containerd-shim-runc-v2,ctr,docker-registry,oras} \
		"$dir/usr/sbin/runc" "$build"/bin/*.erofs "$work/in/bin"
	cp "$top/Documentation/containerd/config.toml" "$work/in"
	cp "$top/tests/integration/guest-lib.sh" "$work/in/lib.sh"
	# where /var/lib is to be in the guest
	truncate -s 4G "$work/disk"
	mke2fs -q -F -t ext4 -E lazy_itable_init=1,lazy_journal_init=1,nodiscard "$work/disk"
}
