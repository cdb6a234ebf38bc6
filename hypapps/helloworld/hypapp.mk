# SPDX-License-Identifier: BSD-2-Clause
APP_SOURCES := helloworld.c
