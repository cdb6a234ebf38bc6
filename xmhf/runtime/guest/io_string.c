/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * INS and OUTS: the memory operand (SDM vol. 2, INS and OUTS; segment checks vol. 3, 6.3 and 6.5). These exits come before
 * the operand is looked at, so its faults are ours to find; INS finds them before it reads the port.
 */
#include "guest/exits.h"
#include "guest/io_string.h"
#include "guest/memory.h"
#include "guest/state.h"
#include "machine/cpu_insn.h"
#include "vmx/exit.h"
#include "vmx/exit_qualification.h"
#include "vmx/setup.h"

#define BASIC_STRING_INFO	BIT64(54)	/* IA32_VMX_BASIC: instruction information is there */
#define INFO_ADDRESS_SIZE(i)	((i) >> 7 & 7)	/* 0: 16 bits, 1: 32, 2: 64 (SDM table 28-13) */
#define INFO_SEGMENT(i)		((i) >> 15 & 7)
#define RFLAGS_DF		BIT(10)

#define AR_CODE			BIT(3)
#define AR_EXPAND_DOWN		BIT(2)		/* of data */
#define AR_WRITABLE		BIT(1)		/* of data; of code: readable */
#define AR_BIG			BIT(14)
#define AR_UNUSABLE		BIT(16)

struct operand {
	u32 segment;
	u32 address_bits;		/* 16, 32 or 64 */
	uptr *index;			/* RSI or RDI */
	u64 offset, linear;
};

static uptr mask_of(u32 bits)
{
	return bits >= 8 * sizeof(uptr) ? ~(uptr)0 : ((uptr)1 << (bits & 63)) - 1;
}

/* A register counted by the instruction: 16 bits leave the rest, 32 clear it. */
static void step(uptr *reg, u32 bits, int by)
{
	uptr next = (*reg + (uptr)(s64)by) & mask_of(bits);

	*reg = bits == 16 ? (*reg & ~mask_of(16)) | next : next;
}

static struct operand find_operand(struct vcpu *v, bool write)
{
	struct operand o = { write ? DS : ES, guest_code_bits(), write ? &v->regs.rsi : &v->regs.rdi, 0, 0 };

	if (vmx_caps.basic & BASIC_STRING_INFO) {
		u32 info = vmcs_read32(EXIT_INSTR_INFO);

		o.address_bits = 16u << MIN(INFO_ADDRESS_SIZE(info), 2u);
		if (write)
			o.segment = MIN(INFO_SEGMENT(info), (u32)GS);
	}
	o.offset = *o.index & mask_of(o.address_bits);
	o.linear = o.offset;
	if (guest_code_bits() != 64)
		o.linear = (u32)(o.offset + vmcs_read((enum vmcs_field)(GUEST_ES_BASE + o.segment * SEGMENT_STEP)));
	else if (o.segment >= FS)
		o.linear += vmcs_read((enum vmcs_field)(GUEST_ES_BASE + o.segment * SEGMENT_STEP));
	return o;
}

static bool within_limit(const struct operand *o, u32 rights, u32 bytes)
{
	u32 limit = vmcs_read32((enum vmcs_field)(GUEST_ES_LIMIT + o->segment * SEGMENT_STEP));
	u64 last = o->offset + bytes - 1;

	if ((rights & (AR_CODE | AR_EXPAND_DOWN)) == AR_EXPAND_DOWN)
		return o->offset > limit && last <= (rights & AR_BIG ? 0xffffffffu : 0xffffu);
	return last <= limit;
}

/* Outside 64-bit code: may the segment be read, or be written by INS? */
static bool segment_allows(const struct operand *o, bool write_memory, u32 bytes)
{
	u32 rights = vmcs_read32((enum vmcs_field)(GUEST_ES_AR + o->segment * SEGMENT_STEP));
	bool protected = state_cr0() & CR0_PE && !(vmcs_read(GUEST_RFLAGS) & RFLAGS_VM);

	if (guest_code_bits() == 64)
		return true;
	if (rights & AR_UNUSABLE || !within_limit(o, rights, bytes))
		return false;
	if (!protected)
		return true;
	if (write_memory)
		return !(rights & AR_CODE) && rights & AR_WRITABLE;
	return !(rights & AR_CODE) || rights & AR_WRITABLE;
}

/* The memory operand: read by OUTS, tried and later written by INS. */
static enum guest_access touch(const struct operand *o, enum walk_kind kind, u32 *value, u32 bytes, struct guest_fault *fault)
{
	struct walk_regs paging = guest_paging();

	return guest_access_linear(&paging, guest_access_now(kind), o->linear, value, bytes, fault);
}

static enum verdict operand_fault(struct vcpu *v, const struct operand *o, enum guest_access how, const struct guest_fault *fault)
{
	if (how == GUEST_NOT_CANONICAL && o->segment == SS)
		return inject(v, SS_FAULT, 0);
	return guest_operand_fault(v, how, fault);
}

/* The element is through. With REP and more to come RIP stays, but traps and blocking are as after any instruction. */
static enum verdict next_element(struct vcpu *v, const struct operand *o, u32 bytes, bool rep)
{
	int by = vmcs_read(GUEST_RFLAGS) & RFLAGS_DF ? -(int)bytes : (int)bytes;

	step(o->index, o->address_bits, by);
	if (!rep)
		return ADVANCE;
	step(&v->regs.rcx, o->address_bits, -1);
	if (!(v->regs.rcx & mask_of(o->address_bits)))
		return ADVANCE;
	exit_advance(v);
	vmcs_write(GUEST_RIP, v->rip);
	vmcs_write(GUEST_RFLAGS, vmcs_read(GUEST_RFLAGS) | RFLAGS_RF);		/* between elements: SDM 18.3.1.1 */
	return RESUME;
}

enum verdict io_string(struct vcpu *v, struct xmhf_port_access *access, u32 qualification)
{
	struct operand o = find_operand(v, access->write);
	enum walk_kind kind = access->write ? WALK_READ : WALK_WRITE;
	bool rep = qualification & IO_QUAL_REP;
	struct guest_fault fault;
	enum guest_access how;
	enum verdict verdict;

	if (rep && !(v->regs.rcx & mask_of(o.address_bits)))
		return ADVANCE;
	if (!segment_allows(&o, !access->write, access->bytes))
		return inject(v, o.segment == SS ? SS_FAULT : GP_FAULT, 0);
	how = touch(&o, kind, access->write ? &access->value : NULL, access->bytes, &fault);
	if (how != GUEST_DONE)
		return operand_fault(v, &o, how, &fault);
	verdict = io_access(v, access);
	if (verdict != ADVANCE)
		return verdict;
	if (!access->write) {
		how = touch(&o, kind, &access->value, access->bytes, &fault);
		if (how != GUEST_DONE)
			return operand_fault(v, &o, how, &fault);
	}
	return next_element(v, &o, access->bytes, rep);
}
