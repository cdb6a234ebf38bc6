# SPDX-License-Identifier: BSD-2-Clause
#
# $(BUILD)/guest-stat/xmhf-stat-64 and -32: the statistics viewer for Linux guests, static and without a C library. The top
# Makefile includes this; it also works alone.

SRC        ?= .
BUILD      ?= build
STAT_OUT   := $(BUILD)/guest-stat
STAT_FLAGS := -std=gnu11 -O2 -ffreestanding -fno-builtin -fno-pic -fno-stack-protector -fcf-protection=none \
	      -fno-asynchronous-unwind-tables -mgeneral-regs-only -Wall -Wextra -Werror -Wshadow \
	      -nostdlib -static -Wl,--build-id=none -Wl,-z,noexecstack -s -I$(SRC)/xmhf/include

guest-stat: $(STAT_OUT)/xmhf-stat-64 $(STAT_OUT)/xmhf-stat-32

$(STAT_OUT)/xmhf-stat-%: $(SRC)/tools/guest-stat/xmhf-stat.c $(SRC)/xmhf/include/xmhf/hypercall.h
	@mkdir -p $(@D)
	@$(CC) $(STAT_FLAGS) -m$* -o $@ $<

.PHONY: guest-stat
