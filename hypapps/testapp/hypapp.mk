# SPDX-License-Identifier: BSD-2-Clause
APP_SOURCES := testapp.c memory.c events.c nested.c
