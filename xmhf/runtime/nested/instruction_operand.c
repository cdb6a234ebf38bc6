/* SPDX-License-Identifier: BSD-2-Clause */
/* The operand of the VMX instruction that exited, read and written as L1 would. */
#include "guest/memory.h"
#include "guest/state.h"
#include "machine/machine.h"
#include "nested/instructions.h"

struct operand instruction_operand(void) { return operand_decode(vmcs_read32(EXIT_INSTR_INFO)); }

u64 instruction_register(struct vcpu *v, u8 number, u32 bytes)
{
	u64 value = number == OPERAND_RSP ? vmcs_read(GUEST_RSP) : v->regs.r[number & (NR_GPRS - 1)];

	return bytes == 8 ? value : (u32)value;
}

void instruction_set_register(struct vcpu *v, u8 number, u64 value)
{
	if (number == OPERAND_RSP)
		vmcs_write(GUEST_RSP, value);
	else
		v->regs.r[number & (NR_GPRS - 1)] = (uptr)value;
}

static u64 of_segment(enum vmcs_field of_es, u8 segment)
{
	return vmcs_read((enum vmcs_field)(of_es + SEGMENT_STEP * segment));
}

static enum verdict access(struct vcpu *v, const struct operand *o, enum walk_kind kind, void *data, u32 bytes)
{
	struct walk_regs paging = guest_paging();
	struct operand_cpu cpu = {
		.mode = guest_code_bits() == 64 ? OPERAND_64BIT : OPERAND_PROTECTED,
		.cr4 = paging.cr4, .base = of_segment(GUEST_ES_BASE, o->segment),
		.limit = (u32)of_segment(GUEST_ES_LIMIT, o->segment), .rights = (u32)of_segment(GUEST_ES_AR, o->segment),
		.gpr = v->regs.r,
	};
	struct operand_access operand = { vmcs_read(EXIT_QUALIFICATION), bytes, kind == WALK_WRITE };
	struct guest_fault fault;
	enum operand_fault refused;
	enum guest_access how;
	u64 linear;

	v->regs.r[OPERAND_RSP] = (uptr)vmcs_read(GUEST_RSP);	/* the stub doesn't load it from there */
	refused = operand_address(o, &cpu, operand, &linear);
	if (refused != OPERAND_OK)
		return inject(v, refused == OPERAND_STACK_FAULT ? SS_FAULT : GP_FAULT, 0);
	how = guest_access_linear(&paging, guest_access_now(kind), linear, data, bytes, &fault);
	return how == GUEST_DONE ? RESUME : guest_operand_fault(v, how, &fault);
}

enum verdict instruction_read(struct vcpu *v, const struct operand *o, void *to, u32 bytes)
{
	return access(v, o, WALK_READ, to, bytes);
}

enum verdict instruction_write(struct vcpu *v, const struct operand *o, const void *from, u32 bytes)
{
	return access(v, o, WALK_WRITE, (void *)(uptr)from, bytes);
}

bool instruction_region_valid(u64 at)
{
	u32 bits = nested_caps.msr[CAP_BASIC] & BASIC_32BIT_ADDRESSES ? 32 : machine.maxphyaddr;

	return !(at & PAGE_MASK) && within(at, bits);
}
