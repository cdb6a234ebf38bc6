/* SPDX-License-Identifier: BSD-2-Clause */
/* What the handlers of VMX instructions share: the operand of the one that exited, and addresses of regions. */
#ifndef NESTED_INSTRUCTIONS_H
#define NESTED_INSTRUCTIONS_H

#include "machine/cpu_insn.h"
#include "nested/operand.h"
#include "nested/state.h"

struct operand instruction_operand(void);

/* From 64-bit mode? Compatibility mode has no VMX instructions: #UD comes before their exit (SDM 31.3). */
static inline bool instruction_is_64bit(void) { return sizeof(uptr) == 8 && vmcs_read(GUEST_EFER) & EFER_LMA; }

/* In 64-bit mode operands that are neither pointers nor descriptors have 64 bits, else 32. */
static inline u32 instruction_bytes(void) { return instruction_is_64bit() ? 8 : 4; }

/* In full. */
static inline uptr instruction_register(const struct vcpu *v, u32 number)
{
	return number == OPERAND_RSP ? vmcs_read_natural(GUEST_RSP) : v->regs.r[number & (NR_GPRS - 1)];
}

/* The operand that it holds now. */
static inline u64 instruction_operand_in(const struct vcpu *v, u32 number)
{
	u64 value = instruction_register(v, number);

	return instruction_is_64bit() ? value : (u32)value;
}

static inline void instruction_set_register(struct vcpu *v, u32 number, u64 value)
{
	if (number == OPERAND_RSP)
		vmcs_write(GUEST_RSP, value);
	else
		v->regs.r[number & (NR_GPRS - 1)] = (uptr)value;
}

/* The operand in memory. RESUME: done; else the verdict of the access's fault. */
MUST_CHECK enum verdict instruction_read(struct vcpu *v, const struct operand *o, void *to, u32 bytes);
MUST_CHECK enum verdict instruction_read_l1(struct vcpu *v, u32 info, void *to, u32 bytes);	/* of L1's, not decoded yet */
MUST_CHECK enum verdict instruction_write(struct vcpu *v, const struct operand *o, const void *from, u32 bytes);

/* May a VMXON region or a VMCS lie there? Aligned, and within the width of VMX addresses (SDM 25.11.5, A.1). */
bool instruction_region_valid(u64 at);

#endif
