# SPDX-License-Identifier: GPL-2.0-only
#
# guest-lib.sh - inside the VM: containerd, a registry, images.  Source it, do not run it.
# /disk0 becomes /var/lib.
# shellcheck shell=bash
# shellcheck disable=SC2034	# used by those who source it

set -eu
export PATH=/in/bin:$PATH PYTHONDONTWRITEBYTECODE=1
snapshots=/var/lib/containerd/io.containerd.snapshotter.v1.erofs/snapshots
cd /tmp
# shellcheck source=tests/ktap.sh
. /in/ktap.sh
mount /disk0 /var/lib

# check_says NAME PATTERN COMMAND... - COMMAND fails, and what it prints has PATTERN
check_says() {
	local name=$1 pattern=$2

	shift 2
	if ! "$@" >check.log 2>&1 && grep -q -e "$pattern" check.log; then
		result ok "$name"
	else
		sed 's/^/# /' check.log
		result 'not ok' "$name"
	fi
}

# until_true SECONDS COMMAND... - true as soon as COMMAND is
until_true() {
	local end=$((SECONDS + $1))

	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.3
	done
}

# start_registry ADDRESS - sets $registry_pid
start_registry() {
	cat >registry.yml <<-EOT
	version: 0.1
	log: {level: warn}
	storage: {filesystem: {rootdirectory: /var/lib/registry}}
	http: {addr: "$1:5000"}
	EOT
	docker-registry serve registry.yml >registry.log 2>&1 &
	registry_pid=$!
	until_true 60 oras repo ls --plain-http "$1:5000"
}

# start_containerd CONFIG - sets $containerd_pid; its log is in containerd.log
start_containerd() {
	containerd --config "$1" >containerd.log 2>&1 &
	containerd_pid=$!
	until_true 60 ctr version
}

stop_containerd() {
	kill "$containerd_pid"
	wait "$containerd_pid" || true
}

# pull NAME
pull() {
	ctr image pull --plain-http --snapshotter erofs "$1"
}

# layer_digest FILE
layer_digest() {
	sha256sum <"$1" | sed 's/ .*//; s/^/sha256:/'
}

# push NAME 'JSON-ARRAY OF THE COMMAND' LAYER.tar... - make an image of them
push() {
	local name=$1 command=$2 tar ids='' layers=()

	shift 2
	for tar in "$@"; do
		ids+=${ids:+,}\"$(layer_digest "$tar")\"
		layers+=("$tar:application/vnd.oci.image.layer.v1.tar")
	done
	printf '{"architecture": "amd64", "os": "linux", "config": {"Cmd": %s}, "rootfs": {"type": "layers", "diff_ids": [%s]}}' \
		"$command" "$ids" >config.json
	oras push --plain-http "localhost:5000/$name" \
		--config config.json:application/vnd.oci.image.config.v1+json "${layers[@]}"
}

# python_tree DIR - a root file system with Python and what it needs
python_tree() {
	local lib=$1/usr/lib/x86_64-linux-gnu

	mkdir -p "$1"/{proc,sys,dev,tmp} "$1/usr/bin" "$1/usr/lib64" "$lib"
	ln -s usr/bin usr/lib usr/lib64 "$1"
	cp -a /usr/bin/python3* "$1/usr/bin"
	cp -a /usr/lib/python3.* "$1/usr/lib"
	rm -rf "$1"/usr/lib/python3.*/{test,idlelib,ensurepip,lib2to3}
	ldd "$1/usr/bin/python3" "$1"/usr/lib/python3.*/lib-dynload/*.so |
		grep -o '/lib/x86_64[^ ]*' | sort -u | xargs cp -Lt "$lib"
	cp /usr/lib64/ld-linux-x86-64.so.2 "$1/usr/lib64"
}

# kB of the page cache that are files', not tmpfs'
cached_kb() {
	awk '/^(Cached|Shmem):/ { v[$1] = $2 } END { print v["Cached:"] - v["Shmem:"] }' \
		/proc/meminfo
}

# forget_backing - drop what the page cache has of the images themselves, which is read
# to fill that of the files in them; what files need of it now is not touched
forget_backing() {
	python3 - "$snapshots"/*/layer.erofs <<-'EOT'
	import os, sys
	for name in sys.argv[1:]:
	    fd = os.open(name, os.O_RDONLY)
	    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
	EOT
}
