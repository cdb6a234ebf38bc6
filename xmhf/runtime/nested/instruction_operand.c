/* SPDX-License-Identifier: BSD-2-Clause */
/* The operand of the VMX instruction that exited, read and written as L1 would. */
#include "guest/memory.h"
#include "guest/state.h"
#include "machine/machine.h"
#include "nested/instructions.h"

#define LINEAR_HALF	(1ull << 47)	/* of the addresses that are canonical with four levels of tables */

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

/* Data that begins at 0 and ends at 4 GiB? */
static bool is_flat(u8 segment)
{
	return of_segment(GUEST_ES_BASE, segment) == 0 && (u32)of_segment(GUEST_ES_LIMIT, segment) == ~0u &&
	       !(of_segment(GUEST_ES_AR, segment) & (OPERAND_AR_UNUSABLE | OPERAND_AR_CODE | OPERAND_AR_EXPAND_DOWN));
}

/*
 * Where the operand is, if no more than paging is between: in 64-bit mode by 64 bits, without FS and GS, a canonical address;
 * by 32 bits in a flat segment.
 */
static inline bool linear_of(const struct vcpu *v, u32 info, uptr *linear)
{
	u32 size = OPERAND_INFO_ADDRESS_SIZE(info);
	u64 at = vmcs_read(EXIT_QUALIFICATION);

	if (!(info & OPERAND_INFO_NO_BASE))
		at += instruction_register(v, OPERAND_INFO_BASE(info));
	if (!(info & OPERAND_INFO_NO_INDEX))
		at += (u64)instruction_register(v, OPERAND_INFO_INDEX(info)) << OPERAND_INFO_SCALE(info);
	*linear = (uptr)at;
	if (size == OPERAND_INFO_64)
		return OPERAND_INFO_SEGMENT(info) < OPERAND_FS && at + LINEAR_HALF < 2 * LINEAR_HALF;
	*linear = (u32)at;
	return size == OPERAND_INFO_32 && is_flat(OPERAND_INFO_SEGMENT(info));
}

static NOINLINE enum verdict read_anyhow(struct vcpu *v, u32 info, void *to, u32 bytes)
{
	struct operand o = operand_decode(info);

	return instruction_read(v, &o, to, bytes);
}

enum verdict instruction_read_l1(struct vcpu *v, u32 info, void *to, u32 bytes)
{
	uptr linear;

	return linear_of(v, info, &linear) && peek(&v->nested->peek, linear, to, bytes) ? RESUME : read_anyhow(v, info, to, bytes);
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
