#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Names the Debian packages that building, the demo and the tests need and that
# this machine lacks, and installs them (as root or by sudo).
# usage: tools/setup.sh [GROUP...]     groups: build demo check (default: all)
# SETUP=no in the environment: only name what is missing, and fail if anything is.
set -eu

table='
build  gcc make binutils gzip autoconf python3
demo   python3 grub-common grub-pc-bin e2fsprogs kmod debootstrap fakeroot fakechroot
demo   debian-archive-keyring libgtk-3-0 libpango-1.0-0 libsamplerate0 libasound2 libpulse0
check  clang gdb lld llvm libclang-rt-14-dev libcmocka-dev python3-pytest python3-pytest-xdist qemu-system-x86
'

groups=${*:-build demo check}
missing=
for group in $groups; do
	wanted=$(printf '%s' "$table" | sed -n "s/^$group  *//p")
	[ -n "$wanted" ] || { echo "setup: no group is called '$group'" >&2; exit 2; }
	for package in $wanted; do
		case " $missing " in *" $package "*) continue ;; esac
		state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
		[ "$state" = installed ] || missing="$missing $package"
	done
done
[ -n "$missing" ] || exit 0

echo "setup: missing packages:$missing" >&2
if [ "${SETUP:-yes}" = no ]; then
	echo "setup: SETUP=no, so nothing is installed; run: apt-get install$missing" >&2
	exit 1
fi

as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
apt() {
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 "$@"
}

install() {
	# shellcheck disable=SC2086
	apt install -y --no-install-recommends $missing
}

# The package lists may be missing or too old: then fetch them once and try again.
install || { apt update && install; } || {
	echo "setup: could not install:$missing" >&2
	exit 1
}
