# SPDX-License-Identifier: BSD-2-Clause
#
# Tiny bare-metal guests: tests/guests/NAME.c (and NAME.S, when there is one) with the library of lib/ make
# the bootable image $(BUILD)/guests/NAME.img. The top Makefile includes this; it also works alone:
#	make -f tests/guests/guests.mk
# tests/system/test_guests.py says where each guest runs, on how many CPUs.

SRC          ?= .
BUILD        ?= build
GUEST_SRC    := $(SRC)/tests/guests
GUEST_OUT    := $(BUILD)/guests
GUEST_CC     ?= gcc
GUEST_SIZE   := 1M
GUEST_FLAGS  := -std=gnu11 -m32 -march=i686 -O2 -g -ffreestanding -fno-builtin -fno-pic -fno-pie -mgeneral-regs-only \
		-fno-strict-aliasing -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables \
		-fno-common -ffunction-sections -fdata-sections -fno-delete-null-pointer-checks \
		-Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wno-array-bounds -I$(GUEST_SRC)/lib
GUEST_NAMES  := $(patsubst $(GUEST_SRC)/%.c,%,$(wildcard $(GUEST_SRC)/*.c))
GUEST_LIB    := $(patsubst $(GUEST_SRC)/%,$(GUEST_OUT)/%.o,$(wildcard $(GUEST_SRC)/lib/*.[cS]))
guest_objects = $(patsubst $(GUEST_SRC)/%,$(GUEST_OUT)/%.o,$(wildcard $(GUEST_SRC)/$(1).[cS]))

guests: $(GUEST_NAMES:%=$(GUEST_OUT)/%.img)

define guest_image
$(GUEST_OUT)/$(1).elf: $(GUEST_SRC)/lib/guest.lds $(GUEST_LIB) $(call guest_objects,$(1))
	@$(LD) -m elf_i386 --build-id=none --gc-sections -z noexecstack --no-warn-rwx-segments -T $$< -o $$@ \
		$(GUEST_LIB) $(call guest_objects,$(1))
endef
$(foreach n,$(GUEST_NAMES),$(eval $(call guest_image,$(n))))

$(GUEST_OUT)/%.img: $(GUEST_OUT)/%.elf
	@objcopy -O binary $< $@
	@truncate -s $(GUEST_SIZE) $@

$(GUEST_OUT)/%.c.o: $(GUEST_SRC)/%.c
	@mkdir -p $(@D)
	@$(GUEST_CC) $(GUEST_FLAGS) -MMD -MP -c -o $@ $<
$(GUEST_OUT)/%.S.o: $(GUEST_SRC)/%.S
	@mkdir -p $(@D)
	@$(GUEST_CC) $(GUEST_FLAGS) -MMD -MP -c -o $@ $<

-include $(wildcard $(GUEST_OUT)/*.d $(GUEST_OUT)/lib/*.d)

include $(GUEST_SRC)/lhv/lhv.mk

.PHONY: guests
