# SPDX-License-Identifier: BSD-2-Clause
#
# $(BUILD)/guest-kvm/kvm-smoke-64 and -32: tries /dev/kvm of a Linux guest, static and without a C library.

SRC       ?= .
BUILD     ?= build
KVM_OUT   := $(BUILD)/guest-kvm
KVM_DIR   := $(SRC)/tools/guest-kvm
# The headers of the kernel's interface serve both widths; Debian keeps them in the machine's own folder.
KVM_FLAGS := -std=gnu11 -O2 -ffreestanding -fno-builtin -fno-pic -fno-stack-protector -fcf-protection=none \
	     -fno-asynchronous-unwind-tables -mgeneral-regs-only -Wall -Wextra -Werror -Wshadow -Wno-gnu-variable-sized-type-not-at-end \
	     -nostdlib -static -Wl,--build-id=none -Wl,-z,noexecstack -s -idirafter /usr/include/x86_64-linux-gnu

guest-kvm: $(KVM_OUT)/kvm-smoke-64 $(KVM_OUT)/kvm-smoke-32

$(KVM_OUT)/kvm-smoke-%: $(wildcard $(KVM_DIR)/*.c $(KVM_DIR)/*.h)
	@mkdir -p $(@D)
	@$(CC) $(KVM_FLAGS) -m$* -o $@ $(filter %.c,$^)

.PHONY: guest-kvm
