# SPDX-License-Identifier: GPL-2.0-only
#
# lib.sh - what every script of this project shares.  Source it, do not run it.
#
# Sets $top (the checkout) and $build (everything generated; $EROFS_BUILD if it is set), and
# defines the functions below.  Works in bash with "set -eu".
# shellcheck shell=bash

top=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034	# used by those who source this file
build=${EROFS_BUILD:-$top/build}
# what "plainly" calls the checkout
case $top in
*[!A-Za-z0-9/._+@-]*) plain_top=/mnt ;;
*) plain_top=$top ;;
esac
# the kernel line where none is named
# shellcheck disable=SC2034
kernel_line=${VM_KERNEL:-6.12}
# what figures on other lines are called by
# shellcheck disable=SC2034
case $kernel_line in
6.12) line_suffix= ;;
*) line_suffix=-$kernel_line ;;
esac

me=${0##*/}

# is_debug - true if the kernel line is a kernel of scripts/build-debug-kernel
is_debug() {
	[[ $kernel_line = *-* ]]
}

# kernel_lines - print the lines of kernels that there are hooks for, the oldest first
kernel_lines() {
	find "$top/fs/erofs/hooks" -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | sort -V | paste -sd ' '
}

# say TEXT... - one line of progress on standard error
say() {
	printf '%s: %s\n' "$me" "$*" >&2
}

# die TEXT... - an error that the caller cannot repair: exit status 1
die() {
	printf '%s: error: %s\n' "$me" "$*" >&2
	exit 1
}

# usage_error TEXT... - a wrong command line: exit status 2
usage_error() {
	printf '%s: %s\n' "$me" "$*" >&2
	printf "Try '%s --help'.\n" "$me" >&2
	exit 2
}

# as_root COMMAND... - run as root, through sudo if we are somebody else
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

# can_be_root - true if as_root has a chance
can_be_root() {
	[ "$(id -u)" = 0 ] || command -v sudo >/dev/null 2>&1
}

# missing_packages NAME... - print those that are not installed.  "a|b" asks for
# either and prints the first that the archive knows.
missing_packages() {
	local want have alt pick

	have=" $(dpkg-query -W -f '${db:Status-Abbrev}${Package} ' 2>/dev/null |
		 sed 's/ii \([^ ]*\) /\1 /g') "
	for want in "$@"; do
		pick=
		for alt in ${want//|/ }; do
			case $have in *" $alt "*) pick=; continue 2 ;; esac
		done
		for alt in ${want//|/ }; do
			if [ "$alt" = "$want" ] || apt-cache show "$alt" >/dev/null 2>&1; then
				pick=$alt
				break
			fi
		done
		printf '%s\n' "${pick:-${want%%|*}}"
	done
}

# apt_update - bring the system's package lists up to date
apt_update() {
	can_be_root || die "the package lists are missing or old, and there is neither root nor sudo here; run: apt-get update"
	say "updating the package lists"
	as_root apt-get -qq update >&2 || die "apt-get update failed (network?)"
}

# install_packages NAME... - install what is missing, or say the one command
# that would and stop.
install_packages() {
	local missing

	missing=$(missing_packages "$@" | tr '\n' ' ')
	[ -n "${missing% }" ] || return 0
	can_be_root || die "these packages are missing, and there is neither root nor sudo here; run: apt-get install --no-install-recommends $missing"
	[ -n "$(apt_mirror)" ] || apt_update
	say "installing: $missing"
	# shellcheck disable=SC2086	# a list of names
	apt_install $missing && return
	apt_update
	# shellcheck disable=SC2086
	apt_install $missing || die "apt-get could not install: $missing"
}

apt_install() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
		-o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=600 install --no-install-recommends "$@" >&2
}

# apart COMMAND... - with mounts and processes of its own, which end with it; as root,
# or for others as root of a user namespace.  mmdebstrap's own way to that would not
# map the caller's uid, and could then not look into a home directory that is closed
# to the world.
apart() {
	local -a options=(--mount --pid --fork --kill-child)

	[ "$(id -u)" = 0 ] || options+=(--user --map-root-user --map-auto)
	unshare "${options[@]}" -- "$@"
}

# plain PATH - print what a file is called for those whom "plainly" runs
plain() {
	case $1 in
	"$top"|"$top"/*) printf '%s\n' "$plain_top${1#"$top"}" ;;
	*) printf '%s\n' "$1" ;;
	esac
}

# plainly COMMAND... - run it where the checkout has a plain path, too.  Kbuild refuses
# to build where a path has a space, and configure where it has a quote.  If this one has
# any such character, the checkout is mounted at /mnt besides, for COMMAND alone.
plainly() {
	local -a options=(--mount)

	if [ "$plain_top" = "$top" ]; then
		"$@"
		return
	fi
	[ "$(id -u)" = 0 ] || options+=(--user --map-root-user)
	# shellcheck disable=SC2016	# these are arguments of the shell inside
	unshare "${options[@]}" -- sh -ec '
		mount --rbind "$1" "$2"
		cd "$3"
		shift 3
		exec "$@"' sh "$top" "$plain_top" "$(plain "$PWD")" "$@"
}

# offered PACKAGE... - true if this system has them all, or could
offered() {
	local package

	for package in $(missing_packages "$@"); do
		apt-cache show "$package" >/dev/null 2>&1 || return
	done
}

# with_compiler LINE PACKAGE... -- COMMAND... - run COMMAND where the compiler of Debian's
# kernel of that line and these packages are: here if they are to be had, or else in a
# chroot, where a make knows nothing of the jobs of the one that calls
with_compiler() {
	local line=$1
	local -a packages

	shift
	mapfile -t packages < <(printf 'make\nbinutils\n'; cat "$build/kernel/$line/compiler")
	while [ "$1" != -- ]; do
		packages+=("$1")
		shift
	done
	shift
	if offered "${packages[@]}"; then
		install_packages "${packages[@]}"
		plainly "$@"
	else
		"$top/scripts/chroot" "$(cat "$build/kernel/$line/suite")" "${packages[@]}" -- \
			env MAKEFLAGS=-j"$(nproc)" "$@"
	fi
}

# debootstrap OPTION... - mmdebstrap in its root mode
debootstrap() {
	if [ "$(id -u)" = 0 ]; then
		apart mmdebstrap --mode=root "$@"
	else
		# /sys could be mounted only with a network of its own
		apart mmdebstrap --mode=root --skip=chroot/mount/sys "$@" ||
			die "mmdebstrap failed; as a user other than root this needs user namespaces and entries in /etc/subuid and /etc/subgid"
	fi
}

# both_modules DIR - put Debian's erofs.ko and ours into DIR, as stock.ko and ours.ko,
# and use-module, which loads one of them there
both_modules() {
	local stock

	cp "$top/tests/bench/use-module" "$1/"
	cp "$build/kernel/$kernel_line/erofs.ko" "$1/ours.ko"
	stock=$(find -L "$build/kernel/$kernel_line/image/lib/modules" -name 'erofs.ko*')
	case $stock in
	*.xz) xz -dc "$stock" >"$1/stock.ko" ;;
	*.zst) zstd -dqc "$stock" >"$1/stock.ko" ;;
	*) cp "$stock" "$1/stock.ko" ;;
	esac
}

# package_version UPSTREAM - the version of a package of what was made from that release
# of upstream's: with the time, in UTC, and the name of the last commit that changed what
# is ours in it, or with now if that was changed since
package_version() {
	local -a git=(git -c safe.directory="$top" -C "$top")
	local -a parts=(fs erofs-utils status debian scripts/build-deb scripts/dkms-source)
	local format=%Y%m%d.%H%M ours

	ours=$(TZ=UTC "${git[@]}" log -1 --date="format-local:$format" --format=%cd.%h \
		-- "${parts[@]}" 2>/dev/null) || true
	if [ -z "$ours" ] || ! "${git[@]}" diff --quiet HEAD -- "${parts[@]}" 2>/dev/null; then
		ours=$(date -u "+$format").changed
	fi
	printf '%s+%s\n' "${1%%-*}" "$ours"
}

# kernels_of LINE - the kernels that the source of this line is for: 7.3 of line 7
kernels_of() {
	grep -o '^[0-9]*\.[0-9]*' "$build/kernel/$1/source-version"
}

# apt_mirror - print the address of the Debian archive that this system uses
apt_mirror() {
	apt-get indextargets --format '$(REPO_URI)' \
		'Created-By: Packages' 'Origin: Debian' 'Label: Debian' 2>/dev/null |
		sort -u | head -n 1
}

# private_apt SUITE... - set up an apt root under build/ that lists these suites
# of the system's own mirror with its own keyring; prints the APT_CONFIG to use.
# Nothing of the system's apt is touched.
private_apt() {
	local root mirror dir

	root=$build/apt/$(IFS=-; echo "$*")
	mirror=$(apt_mirror)
	[ -n "$mirror" ] || die "apt's sources list no Debian archive"
	for dir in state/lists/partial cache/archives/partial parts; do
		mkdir -p "$root/$dir"
	done
	cat >"$root/parts/debian.sources" <<-EOT
	Types: deb deb-src
	URIs: $mirror
	Suites: $*
	Components: main
	Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
	EOT
	cat >"$root/apt.conf" <<-EOT
	Dir::State "$root/state";
	Dir::State::status "/var/lib/dpkg/status";
	Dir::Cache "$root/cache";
	Dir::Etc::sourcelist "/dev/null";
	Dir::Etc::sourceparts "$root/parts";
	Dir::Etc::preferences "/dev/null";
	Dir::Etc::preferencesparts "/dev/null";
	APT::Sandbox::User "$(id -un)";
	EOT
	APT_CONFIG=$root/apt.conf apt-get -qq update >&2 ||
		die "could not read the archive's lists of $* (network?)"
	printf '%s\n' "$root/apt.conf"
}
