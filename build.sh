#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Builds the hypervisor by the words known from XMHF64; runs make, products go to build/SUBARCH.
# usage: ./build.sh i386|amd64 [WORD...] [OPTION...]     ./build.sh --help lists them; the later one wins
set -eu
src=$(dirname "$0")

# word | make's variables, @ being the word's argument | help
words='
i386          |SUBARCH=i386                     |the 32-bit hypervisor
amd64         |SUBARCH=amd64                    |the 64-bit hypervisor
release       |OPT=-O2 DEBUG_SYMBOLS=0          |no line numbers in the .elf files; the code is the default one
debug         |OPT=-Og DEBUG_SYMBOLS=1          |code that is easy to follow in a debugger
O0            |OPT=-O0                          |no optimization
O3            |OPT=-O3                          |more optimization than the default -O2
circleci      |V=1                              |show every command
--sl-base @   |SL_BASE=@                        |where it lies if the command line does not say: ADDR or auto
--app @       |APPROOT=@                        |the hypapp: hypapps/NAME
--vga         |DEBUG_VGA=1                      |messages on the screen, which is the default
'

# word | why nothing needs it now
needless='
fast          |the default build is the fast one
nv            |nested virtualization is not a choice of the build
no_nv         |nested virtualization is not a choice of the build
--mem @       |the memory map is read at boot, so no maximum is built in
--no-init-smp |INIT and SIPI reach the guest as on a bare machine
--no-x2apic   |x2APIC needs no code that could be left out
--iss @       |stacks and tables are sized at boot, by the number of CPUs
--ept-num @   |page tables come from one pool, so their number has no limit
--ept-pool @  |the pool is sized at boot; ept_pool=SIZE on the command line sets it
'

die() {
	echo "build.sh: $1" >&2
	exit 2
}

# The part of a row of the table $1 for the word $2, with the argument's @ or without; nothing if there is none.
row() {
	printf '%s' "$1" | sed -n "s/^$2\( @\)\{0,1\} *|/\1|/p"
}

help() {
	sed -n 's/^# usage: /usage: /p' "$0"
	printf '%s' "$words" | sed -n 's/^\([^|]*\)|[^|]*|/  \1/p' | sed 's/ @ / A /'
	echo '  -n            only print the make command'
	echo 'accepted, and not needed any more:'
	printf '%s' "$needless" | sed -n 's/^\([^|]*\)|/  \1/p' | sed 's/ @ / A /'
}

check_base() {
	case $1 in
	auto) return 0 ;;
	0x | 0x*[!0-9a-fA-F]* | 0[!x]* | [!0]*[!0-9]* | [!0-9]* | '')
		die "--sl-base $1: say auto, or a number like 0x10000000"
		;;
	esac
	if [ $(($1 % 0x200000)) != 0 ] || [ $(($1)) -lt $((0x200000)) ] || [ $(($1)) -gt $((0xffe00000)) ]; then
		die "--sl-base $1: say a multiple of 2 MiB (0x200000) below 4 GiB"
	fi
}

# Adds VARIABLE=VALUE to $variables, in place of what it was.
set_variable() {
	kept=
	for pair in $variables; do
		[ "${pair%%=*}" = "${1%%=*}" ] || kept="$kept $pair"
	done
	variables="$kept $1"
}

variables=
dry_run=
while [ $# -gt 0 ]; do
	word=$1
	shift
	case $word in
	-n) dry_run=yes; continue ;;
	-h | --help) help; exit 0 ;;
	*[!a-zA-Z0-9_-]* | '') die "unknown word '$word'; ./build.sh --help lists them" ;;
	esac
	used=$(row "$words" "$word")
	unused=$(row "$needless" "$word")
	[ -n "$used$unused" ] || die "unknown word '$word'; ./build.sh --help lists them"
	argument=
	case $used$unused in
	' @|'*)
		[ $# -gt 0 ] || die "$word needs a value"
		argument=${1%/}
		shift
		;;
	esac
	[ -z "$unused" ] || echo "build.sh: $word: not needed: ${unused#*|}" >&2
	[ "$word" != --sl-base ] || check_base "$argument"
	case $argument in *[!a-zA-Z0-9_./+-]*) die "$word: '$argument' has a character that a name can't have" ;; esac
	[ "$word" != --app ] || [ -f "$src/$argument/hypapp.mk" ] || die "--app $argument: there is no $argument/hypapp.mk"
	used=${used#*|}
	for pair in ${used%%|*}; do
		case $pair in *=@) pair=${pair%@}$argument ;; esac
		set_variable "$pair"
	done
done

case $variables in
*SUBARCH=*) ;;
*) die 'say for which machine: ./build.sh amd64 or ./build.sh i386' ;;
esac

# shellcheck disable=SC2086
set -- make -C "$src" --no-print-directory "-j$(nproc)" $variables
if [ -n "$dry_run" ]; then
	echo "$*"
else
	exec "$@"
fi
