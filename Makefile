# SPDX-License-Identifier: BSD-2-Clause
#
# Builds the hypervisor: `make` gives amd64 with the helloworld hypapp, `make SUBARCH=i386` the other one,
# `make both` both. `make demo` boots Debian on it, `make check` runs every test. configure and build.sh set
# the variables below; nothing else does.

SRC      := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
BUILD    ?= build
# One spelling of it, relative where it can be: dependency files name their targets so.
override BUILD := $(patsubst $(CURDIR)/%,%,$(abspath $(BUILD)))
SUBARCH  ?= amd64
APPROOT  ?= hypapps/helloworld
SL_BASE  ?= auto
OPT      ?= -O2
ifeq ($(origin CC),default)
CC       := gcc
endif
OBJCOPY  ?= objcopy
NM       ?= nm
COUNT_OPS ?= 0
DEBUG_SERIAL ?= 0x3f8
DEBUG_VGA    ?= 1
DEBUG_SYMBOLS ?= 1
PYTHON   ?= /usr/bin/python3
export SETUP

# make V=1 shows the commands.
Q        := $(if $(V),,@)
say      = $(if $(V),,@printf '%-4s %s\n' $(1) $(patsubst $(BUILD)/%,%,$@))

OUT      := $(BUILD)/$(SUBARCH)
APPNAME  := $(notdir $(APPROOT))
VERSION  := $(shell cat $(SRC)/VERSION)

BITS_amd64 := 64
BITS_i386  := 32
BITS     := $(BITS_$(SUBARCH))
ifeq ($(BITS),)
$(error SUBARCH is $(SUBARCH): say SUBARCH=amd64 or SUBARCH=i386)
endif

all: $(OUT)/init-x86-$(SUBARCH).bin $(OUT)/hypervisor-x86-$(SUBARCH).bin.gz

both:
	$(MAKE) SUBARCH=amd64
	$(MAKE) SUBARCH=i386

# ---- flags -------------------------------------------------------------------------------------------------

WARN     := -Wall -Wextra -Werror -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes -Wmissing-prototypes
CFLAGS_ALL := -std=gnu11 -ffreestanding -fno-builtin -mgeneral-regs-only -fno-strict-aliasing -fno-stack-protector \
	    -fcf-protection=none -fno-asynchronous-unwind-tables -fvisibility=hidden -fno-common -ffunction-sections \
	    -fdata-sections -ffile-prefix-map=$(SRC)/= $(if $(filter-out 0,$(DEBUG_SYMBOLS)),-g) $(OPT) $(WARN) \
	    -I$(SRC)/xmhf -I$(SRC)/xmhf/include -DXMHF_VERSION='"$(VERSION)"' -DDEFAULT_VGA=$(DEBUG_VGA) \
	    $(if $(filter-out 0,$(COUNT_OPS)),-DCOUNT_OPS)
FLAGS_32 := -m32 -march=i686 -mregparm=3
FLAGS_64 := -m64 -mno-red-zone
LOADER_CFLAGS := $(CFLAGS_ALL) $(FLAGS_32) -fno-pie -DSUBARCH_BITS=$(BITS) -DCONFIGURED_SL_BASE=$(if $(filter auto,$(SL_BASE)),SL_BASE_AUTO,$(SL_BASE)ull) \
	    -DDEFAULT_SERIAL=$(DEBUG_SERIAL)
PIE_CFLAGS := $(CFLAGS_ALL) $(FLAGS_$(BITS)) -fpie
SL_CFLAGS := $(PIE_CFLAGS)
RT_CFLAGS := $(PIE_CFLAGS) -I$(SRC)/xmhf/runtime
APP_CFLAGS := $(filter-out -I$(SRC)/xmhf,$(PIE_CFLAGS))	# a hypapp sees <xmhf/...> alone
EMUL_32  := -m elf_i386
EMUL_64  := -m elf_x86_64
LDFLAGS_ALL := --build-id=none --gc-sections -z noexecstack -z norelro --no-warn-rwx-segments
PIE_LDFLAGS := $(EMUL_$(BITS)) $(LDFLAGS_ALL) -pie --no-dynamic-linker -z text -Bsymbolic
LDS_CPP  := $(CC) -E -P -x assembler-with-cpp -I$(SRC)/xmhf -DSUBARCH_BITS=$(BITS)

# ---- sources: every .c of a folder; assembly either for both subarchs or *_i386.S, *_amd64.S ----------------

not_other = $(filter-out %_$(if $(filter amd64,$(SUBARCH)),i386,amd64).S,$(1))
sources  = $(patsubst $(SRC)/%,%,$(wildcard $(addprefix $(SRC)/,$(addsuffix /*.c,$(1)))) \
	   $(call not_other,$(wildcard $(addprefix $(SRC)/,$(addsuffix /*.S,$(1))))))
objects  = $(addprefix $(OUT)/$(1)/,$(addsuffix .o,$(2)))

RT_DIRS  := $(addprefix xmhf/runtime/,start machine memory vmx guest nested hypapp)
include $(SRC)/$(APPROOT)/hypapp.mk		# sets APP_SOURCES, names below $(APPROOT)
LIB      := $(call sources,xmhf/lib)
LOADER_OBJS := $(call objects,loader,$(call sources,xmhf/loader) $(LIB)) $(OUT)/loader/image_hash.o
SL_OBJS  := $(call objects,sl,$(call sources,xmhf/secureloader) $(LIB)) $(OUT)/sl/runtime_hash.o
RT_OBJS  := $(call objects,rt,$(call sources,$(RT_DIRS)) $(LIB)) $(call objects,app,$(addprefix $(APPROOT)/,$(APP_SOURCES)))

# A change of flags or of the hypapp rebuilds what it touches; a source that came or went, what it was linked into.
define remember	# in the file $@, and touches it only when $1 isn't what it says
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(1))' | cmp -s - $@ || printf '%s\n' '$(subst ','\'',$(1))' > $@
endef
STAMP    := $(OUT)/flags
LINKED   := $(OUT)/objects
$(STAMP): FORCE
	$(call remember,$(CC) $(LOADER_CFLAGS) $(RT_CFLAGS) $(APPROOT))
$(LINKED): FORCE
	$(call remember,$(LOADER_OBJS) $(SL_OBJS) $(RT_OBJS) $(PIE_LDFLAGS))
FORCE:

define compile
$$(OUT)/$(1)/%.c.o: $$(SRC)/%.c $$(STAMP)
	@mkdir -p $$(@D)
	$$(call say,CC)
	$$(Q)$$(CC) $$($(2)) -MMD -MP -c -o $$@ $$<
$$(OUT)/$(1)/%.S.o: $$(SRC)/%.S $$(STAMP)
	@mkdir -p $$(@D)
	$$(call say,AS)
	$$(Q)$$(CC) $$($(2)) -D__ASSEMBLY__ -MMD -MP -c -o $$@ $$<
endef
$(eval $(call compile,loader,LOADER_CFLAGS))
$(eval $(call compile,sl,SL_CFLAGS))
$(eval $(call compile,rt,RT_CFLAGS))
$(eval $(call compile,app,APP_CFLAGS))
-include $(patsubst %.o,%.d,$(LOADER_OBJS) $(SL_OBJS) $(RT_OBJS))

# ---- linking: runtime, then the secure loader that holds its hash, then the loader that holds both ----------

$(OUT)/%.lds: $(SRC)/xmhf/%.lds $(STAMP)
	@mkdir -p $(@D)
	$(Q)$(LDS_CPP) -o $@ $<

define hash_of	# a .S with the SHA-256 of $1 under the symbol $2
	hash=$$(sha256sum < $(1) | sed 's/ .*//; s/../0x&,/g; s/,$$//'); \
	printf '.section .rodata\n.hidden $(2)\n.global $(2)\n$(2):\n.byte %s\n.section .note.GNU-stack,"",@progbits\n' "$$hash" > $@
endef

$(OUT)/runtime.elf: $(OUT)/runtime/runtime.lds $(RT_OBJS) $(LINKED)
	$(call say,LD)
	$(Q)$(LD) $(PIE_LDFLAGS) -T $< -o $@ $(RT_OBJS)
$(OUT)/sl.elf: $(OUT)/secureloader/secureloader.lds $(SL_OBJS) $(LINKED)
	$(call say,LD)
	$(Q)$(LD) $(PIE_LDFLAGS) -T $< -o $@ $(SL_OBJS)
	@! readelf -rW $@ | grep R_ || { echo 'the secure loader must not need relocations'; rm $@; exit 1; }
$(OUT)/loader.elf: $(OUT)/loader/loader.lds $(LOADER_OBJS) $(LINKED)
	$(call say,LD)
	$(Q)$(LD) $(EMUL_32) $(LDFLAGS_ALL) -T $< -o $@ $(LOADER_OBJS)

$(OUT)/runtime.bin $(OUT)/sl.bin: %.bin: %.elf
	$(Q)$(OBJCOPY) -O binary $< $@
$(OUT)/sl/runtime_hash.S: $(OUT)/runtime.bin
	@$(call hash_of,$<,runtime_hash)
$(OUT)/loader/image_hash.S: $(OUT)/hypervisor-x86-$(SUBARCH).bin
	@$(call hash_of,$<,image_hash)
$(OUT)/sl/runtime_hash.o: $(OUT)/sl/runtime_hash.S
	$(Q)$(CC) $(SL_CFLAGS) -c -o $@ $<
$(OUT)/loader/image_hash.o: $(OUT)/loader/image_hash.S
	$(Q)$(CC) $(LOADER_CFLAGS) -c -o $@ $<

$(OUT)/hypervisor-x86-$(SUBARCH).bin: $(OUT)/sl.bin $(OUT)/runtime.bin
	$(Q)cat $^ > $@
	$(Q)$(NM) -n $(OUT)/runtime.elf > $@.sym
$(OUT)/hypervisor-x86-$(SUBARCH).bin.gz: $(OUT)/hypervisor-x86-$(SUBARCH).bin
	$(call say,GZ)
	$(Q)gzip -9nc $< > $@
$(OUT)/init-x86-$(SUBARCH).bin: $(OUT)/loader.elf
	$(Q)$(OBJCOPY) -S $< $@
	$(Q)$(NM) -n $< > $@.sym

# By name, because a configured folder may hold other things; the cache and the logs of long runs stay.
clean:
	rm -rf $(addprefix $(BUILD)/,amd64 i386 clang guest-stat unit fuzz guests lhv variants test-logs)

include $(SRC)/tools/guest-stat/guest-stat.mk
-include $(SRC)/tests/tests.mk

.PHONY: all both clean FORCE
.DELETE_ON_ERROR:
