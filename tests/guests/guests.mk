# SPDX-License-Identifier: BSD-2-Clause
#
# Tiny bare-metal guests: tests/guests/NAME.c (and NAME.S, when there is one) with the library of lib/ make
# the bootable image $(BUILD)/guests/NAME.img. tests/guests/l1/NAME.c are L1 hypervisors, with l1lib/ beside lib/, and
# make two images, NAME.img in 32-bit mode and NAME64.img in 64-bit mode; hyp_NAME.c run on the testapp. The top Makefile includes this; it also works alone:
#	make -f tests/guests/guests.mk
# tests/system/test_guests.py says where each guest runs, on how many CPUs.

SRC          ?= .
BUILD        ?= build
# One spelling of it, relative where it can be: dependency files name their targets so.
override BUILD := $(patsubst $(CURDIR)/%,%,$(abspath $(BUILD)))
GUEST_SRC    := $(SRC)/tests/guests
GUEST_OUT    := $(BUILD)/guests
GUEST_CC     ?= gcc
GUEST_SIZE   := 1M
GUEST_COMMON := -std=gnu11 -O2 -g -ffreestanding -fno-builtin -fno-pic -fno-pie -mgeneral-regs-only \
		-fno-strict-aliasing -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables \
		-fno-common -ffunction-sections -fdata-sections -fno-delete-null-pointer-checks \
		-Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wno-array-bounds -I$(GUEST_SRC)/lib
GUEST_FLAGS  := $(GUEST_COMMON) -m32 -march=i686 -I$(GUEST_SRC)/l1lib
GUEST_FLAGS64 := $(GUEST_COMMON) -m64 -mno-red-zone -fno-asynchronous-unwind-tables -I$(GUEST_SRC)/l1lib
GUEST_C64    := -Dguest_start=guest_start64 -Dap_start=ap_start64	# start_amd64.S has the 32-bit ones
GUEST_NAMES  := $(patsubst $(GUEST_SRC)/%.c,%,$(wildcard $(GUEST_SRC)/*.c))
GUEST_LIB    := $(patsubst $(GUEST_SRC)/%,$(GUEST_OUT)/%.o,$(wildcard $(GUEST_SRC)/lib/*.[cS]))
guest_objects = $(patsubst $(GUEST_SRC)/%,$(GUEST_OUT)/%.o,$(wildcard $(GUEST_SRC)/$(1).[cS]))

L1_NAMES     := $(patsubst $(GUEST_SRC)/l1/%.c,%,$(wildcard $(GUEST_SRC)/l1/*.c))
L1_LIB       := $(filter-out %_i386.S %_amd64.S %_amd64.c,$(patsubst $(GUEST_SRC)/%,%,$(wildcard $(GUEST_SRC)/l1lib/*.[cS])))
L1_LIB_OF     = $(patsubst $(GUEST_SRC)/%,%,$(wildcard $(GUEST_SRC)/l1lib/*_$(1).[cS]))
L1_LIB32     := $(patsubst %,$(GUEST_OUT)/%.o,$(L1_LIB) $(call L1_LIB_OF,i386))
L1_LIB64     := $(patsubst %,$(GUEST_OUT)/%.o64,$(L1_LIB) $(call L1_LIB_OF,amd64) lib/boot.S lib/ap.S lib/say.c lib/start.c \
		lib/smp.c lib/paging.c)

guests: $(GUEST_NAMES:%=$(GUEST_OUT)/%.img) $(L1_NAMES:%=$(GUEST_OUT)/%.img) $(L1_NAMES:%=$(GUEST_OUT)/%64.img)

# $(1) the name, $(2) the linker's emulation, $(3) the objects
define guest_image
$(GUEST_OUT)/$(1).elf: $(GUEST_SRC)/lib/guest.lds $(3)
	@$(LD) -m $(2) --build-id=none --gc-sections -z noexecstack --no-warn-rwx-segments -T $$< -o $$@ $(3)
endef
$(foreach n,$(GUEST_NAMES),$(eval $(call guest_image,$(n),elf_i386,$(GUEST_LIB) $(call guest_objects,$(n)))))
$(foreach n,$(L1_NAMES),$(eval $(call guest_image,$(n),elf_i386,$(GUEST_LIB) $(L1_LIB32) $(GUEST_OUT)/l1/$(n).c.o)))
$(foreach n,$(L1_NAMES),$(eval $(call guest_image,$(n)64,elf_x86_64,$(L1_LIB64) $(GUEST_OUT)/l1/$(n).c.o64)))

$(GUEST_OUT)/%.img: $(GUEST_OUT)/%.elf
	@objcopy -O binary $< $@
	@truncate -s $(GUEST_SIZE) $@

$(GUEST_OUT)/%.c.o: $(GUEST_SRC)/%.c
	@mkdir -p $(@D)
	@$(GUEST_CC) $(GUEST_FLAGS) -MMD -MP -c -o $@ $<
$(GUEST_OUT)/%.S.o: $(GUEST_SRC)/%.S
	@mkdir -p $(@D)
	@$(GUEST_CC) $(GUEST_FLAGS) -MMD -MP -c -o $@ $<
$(GUEST_OUT)/%.c.o64: $(GUEST_SRC)/%.c
	@mkdir -p $(@D)
	@$(GUEST_CC) $(GUEST_FLAGS64) $(GUEST_C64) -MMD -MP -MF $@.d -c -o $@ $<
$(GUEST_OUT)/%.S.o64: $(GUEST_SRC)/%.S
	@mkdir -p $(@D)
	@$(GUEST_CC) $(GUEST_FLAGS64) -MMD -MP -MF $@.d -c -o $@ $<

-include $(wildcard $(GUEST_OUT)/*.d $(GUEST_OUT)/*/*.d)

include $(GUEST_SRC)/lhv/lhv.mk

.PHONY: guests
