#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Runs a stack of disks in QEMU; --help tells the options (stack.py).
exec /usr/bin/python3 "$(dirname "$0")/stack.py" qemu "$@"
