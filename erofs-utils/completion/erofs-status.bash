# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
# shellcheck shell=bash
#
# bash: erofs-status(8).

_erofs_status() {
	local cur=${COMP_WORDS[COMP_CWORD]} words='--json --watch --watch= --help'

	[[ $cur == -* ]] || words=$(awk '$3 == "erofs" { print $2 }' /proc/mounts)
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -o bashdefault -o default -F _erofs_status erofs-status
