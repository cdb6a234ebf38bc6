/* SPDX-License-Identifier: BSD-2-Clause */
/* What the handlers of VMX instructions share: the operand of the one that exited, and addresses of regions. */
#ifndef NESTED_INSTRUCTIONS_H
#define NESTED_INSTRUCTIONS_H

#include "nested/operand.h"
#include "nested/state.h"

struct operand instruction_operand(void);

/* In 64-bit mode operands that are neither pointers nor descriptors have 64 bits, else 32. */
static inline u32 instruction_bytes(u32 code_bits) { return code_bits == 64 ? 8 : 4; }

u64 instruction_register(struct vcpu *v, u8 number, u32 bytes);
void instruction_set_register(struct vcpu *v, u8 number, u64 value);

/* The operand in memory. RESUME: done; else the verdict of the access's fault. */
MUST_CHECK enum verdict instruction_read(struct vcpu *v, const struct operand *o, void *to, u32 bytes);
MUST_CHECK enum verdict instruction_write(struct vcpu *v, const struct operand *o, const void *from, u32 bytes);

/* May a VMXON region or a VMCS lie there? Aligned, and within the width of VMX addresses (SDM 25.11.5, A.1). */
bool instruction_region_valid(u64 at);

#endif
