#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Makes ./configure, which isn't kept in the repository.
set -eu
cd "$(dirname "$0")"
exec autoconf
