# SPDX-License-Identifier: BSD-2-Clause
#
# The light hypervisor: `make lhv` builds $(BUILD)/lhv/SUBARCH/lhv.bin, a Multiboot kernel, and lhv.img, a disk that boots it
# with the words LHV, for i386 and amd64. guests.mk includes this.

LHV        ?= lhv=0xDFD
LHV_SRC    := $(GUEST_SRC)/lhv
LHV_LIB    := $(addprefix $(SRC)/xmhf/lib/,acpi.c bios.c print.c string.c uart.c)
LHV_FLAGS  := -std=gnu11 -O2 -g -ffreestanding -fno-builtin -fno-pic -fno-pie -mgeneral-regs-only -fno-strict-aliasing \
	      -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables -fno-common -ffunction-sections -fdata-sections \
	      -fno-delete-null-pointer-checks -Wall -Wextra -Werror -Wshadow -Wconversion -Wno-sign-conversion -Wno-array-bounds \
	      -I$(LHV_SRC) -I$(SRC)/xmhf -I$(SRC)/xmhf/include -I$(SRC)/xmhf/runtime
LHV_FLAGS_i386  := -m32 -march=i686 -mregparm=3
LHV_FLAGS_amd64 := -m64 -mno-red-zone
LHV_EMUL_i386   := elf_i386
LHV_EMUL_amd64  := elf_x86_64

define lhv_subarch	# $1: i386 or amd64, $2: the other one
LHV_OUT_$(1)  := $$(BUILD)/lhv/$(1)
LHV_OBJS_$(1) := $$(patsubst $$(SRC)/%,$$(LHV_OUT_$(1))/%.o,$$(filter-out %_$(2).S,$$(wildcard $$(LHV_SRC)/*.[cS])) $$(LHV_LIB))
$$(LHV_OUT_$(1))/%.o: $$(SRC)/%
	@mkdir -p $$(@D)
	@$$(GUEST_CC) $$(LHV_FLAGS) $$(LHV_FLAGS_$(1)) -MMD -MP -c -o $$@ $$<
$$(LHV_OUT_$(1))/lhv.elf: $$(LHV_SRC)/lhv.lds $$(LHV_OBJS_$(1))
	@$$(GUEST_CC) -E -P -x assembler-with-cpp -I$$(LHV_SRC) -o $$@.lds $$<
	@$$(LD) -m $$(LHV_EMUL_$(1)) --build-id=none --gc-sections -z noexecstack --no-warn-rwx-segments -T $$@.lds -o $$@ $$(LHV_OBJS_$(1))
$$(LHV_OUT_$(1))/lhv.bin: $$(LHV_OUT_$(1))/lhv.elf
	@objcopy -S -O elf32-i386 $$< $$@
$$(LHV_OUT_$(1))/lhv.img: $$(LHV_OUT_$(1))/lhv.bin FORCE
	@$$(SRC)/tools/multiboot_disk.py $$< --out $$@ --cmdline '$$(LHV)'
lhv: $$(LHV_OUT_$(1))/lhv.img
-include $$(LHV_OBJS_$(1):.o=.d)
endef
$(eval $(call lhv_subarch,i386,amd64))
$(eval $(call lhv_subarch,amd64,i386))

FORCE:

.PHONY: lhv FORCE
