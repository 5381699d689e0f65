# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
# shellcheck shell=bash
#
# bash: what goes with "mkfs.erofs --sparse", see mkfs.erofs-sparse(1).

_mkfs_erofs() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} word options

	# "--format=elf" is three words
	case $cur,$prev in
	=,*) cur='' ;;
	*,=) prev=${COMP_WORDS[COMP_CWORD - 2]} ;;
	*) prev='' ;;
	esac
	COMPREPLY=()
	case $prev,$cur in
	--chunksize,*) options='4096 8192 16384 32768 65536 131072 262144' ;;
	--delta,*) options=if-holes ;;
	--format,*) options='raw elf auto' ;;
	--mode,*) options='600 640 644' ;;
	,-*)
		options=--sparse
		for word in "${COMP_WORDS[@]}"; do
			[ "$word" != --sparse ] || options='--base= --chunksize= --delta --delta=if-holes
				--dry-run --format= --mode= --quiet --report= --stream-size= --workers= -x-1'
		done
		;;
	# names of files, as without this
	*) return ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
	[[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace
}

complete -o bashdefault -o default -F _mkfs_erofs mkfs.erofs
