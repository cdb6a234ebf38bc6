/* SPDX-License-Identifier: BSD-2-Clause */
/* The operand of the VMX instruction that exited, read and written as L1 would. */
#include "guest/memory.h"
#include "guest/state.h"
#include "machine/machine.h"
#include "nested/instructions.h"

struct operand instruction_operand(void) { return operand_decode(vmcs_read32(EXIT_INSTR_INFO)); }

static u64 of_segment(enum vmcs_field of_es, u8 segment)
{
	return vmcs_read((enum vmcs_field)(of_es + SEGMENT_STEP * segment));
}

/* What the mode looks at. */
static void read_segment(struct operand_cpu *cpu, u8 segment)
{
	cpu->mode = instruction_is_64bit() ? OPERAND_64BIT : OPERAND_PROTECTED;
	if (cpu->mode == OPERAND_64BIT && segment < OPERAND_FS)
		return;
	cpu->base = of_segment(GUEST_ES_BASE, segment);
	cpu->limit = (u32)of_segment(GUEST_ES_LIMIT, segment);
	cpu->rights = (u32)of_segment(GUEST_ES_AR, segment);
}

static enum verdict access(struct vcpu *v, const struct operand *o, enum walk_kind kind, void *data, u32 bytes)
{
	struct operand_cpu cpu = { .cr4 = vmcs_read(GUEST_CR4), .gpr = v->regs.r };	/* LA57 is never ours */
	struct walk_regs paging;
	struct operand_access operand = { vmcs_read(EXIT_QUALIFICATION), bytes, kind == WALK_WRITE };
	struct guest_fault fault;
	enum operand_fault refused;
	enum guest_access how;
	u64 linear;

	read_segment(&cpu, o->segment);
	if (o->needs_rsp)
		v->regs.r[OPERAND_RSP] = (uptr)vmcs_read(GUEST_RSP);	/* the stub doesn't load it from there */
	refused = operand_address(o, &cpu, operand, &linear);
	if (refused != OPERAND_OK)
		return inject(v, refused == OPERAND_STACK_FAULT ? SS_FAULT : GP_FAULT, 0);
	if (kind == WALK_READ && !v->in_l2 && peek(&v->nested->peek, (uptr)linear, data, bytes))
		return RESUME;
	paging = guest_paging();
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
