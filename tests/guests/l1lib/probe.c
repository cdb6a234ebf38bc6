/* SPDX-License-Identifier: BSD-2-Clause */
/* Puts VMX instructions together and runs them: see probe.h. */
#include "probe.h"

#define REX		0x40
#define REX_R		4
#define REX_X		2
#define REX_B		1
#define PREFIX_ADDRESS	0x67
#define PREFIX_OPERAND	0x66
#define FAR_JUMP	0xea
#define FLAGS_SET	0x8d7		/* all arithmetic flags */
#define STACK_PAGES	2

const struct vmx_insn_form vmx_insns[VMX_INSNS] = {
	[VMXON]	  = { "VMXON",	 0xf3, { 0x0f, 0xc7 },	     2, 6,	  8,  false },
	[VMCLEAR] = { "VMCLEAR", 0x66, { 0x0f, 0xc7 },	     2, 6,	  8,  false },
	[VMPTRLD] = { "VMPTRLD", 0,    { 0x0f, 0xc7 },	     2, 6,	  8,  false },
	[VMPTRST] = { "VMPTRST", 0,    { 0x0f, 0xc7 },	     2, 7,	  8,  true },
	[VMREAD]  = { "VMREAD",	 0,    { 0x0f, 0x78 },	     2, NO_DIGIT, 0,  true },
	[VMWRITE] = { "VMWRITE", 0,    { 0x0f, 0x79 },	     2, NO_DIGIT, 0,  false },
	[INVEPT]  = { "INVEPT",	 0x66, { 0x0f, 0x38, 0x80 }, 3, NO_DIGIT, 16, false },
	[INVVPID] = { "INVVPID", 0x66, { 0x0f, 0x38, 0x81 }, 3, NO_DIGIT, 16, false },
};

struct probe probe_now;			/* the one that runs: probe_*.S */
uptr probe_sp;
void probe_go(void);
extern const u8 probe_done[];
static u8 *stack;

u32 vmx_insn_bytes(enum vmx_insn insn, u32 bits)
{
	return vmx_insns[insn].bytes ? vmx_insns[insn].bytes : bits == 64 ? 8 : 4;
}

u32 probe_address_bits(u32 bits, const struct form *f)
{
	if (!f->other_size)
		return bits;
	return bits == 32 ? 16 : 32;
}

/* ---- encoding ---- */

static u8 *little_endian(u8 *to, u64 value, u32 bytes)
{
	memcpy(to, &value, bytes);
	return to + bytes;
}

static u8 *displacement(u8 *to, const struct form *f, u32 bytes)
{
	return little_endian(to, (u32)f->displacement, bytes);
}

static u8 *operand_16(u8 *to, const struct form *f, u8 reg)
{
	bool alone = f->base == NO_REGISTER;		/* a displacement alone has BP's place */

	*to++ = (u8)(f->mod << 6 | (reg & 7) << 3 | (alone ? 6 : f->base));
	return displacement(to, f, f->mod == 1 ? 1 : f->mod == 2 || alone ? 2 : 0);
}

/* Forms that want a SIB byte: an index, SP or R12 as the base, in 64-bit mode no base. */
static bool needs_sib(const struct form *f, bool code_64)
{
	if (f->with_sib || f->index != NO_REGISTER)
		return true;
	return f->base == NO_REGISTER ? code_64 && !f->rip_relative : (f->base & 7) == 4;
}

static u8 *operand_32(u8 *to, const struct form *f, u8 reg, bool code_64)
{
	bool sib = f->mod != 3 && needs_sib(f, code_64), no_base = f->base == NO_REGISTER;
	u8 base = no_base ? 5 : f->base & 7;

	*to++ = (u8)(f->mod << 6 | (reg & 7) << 3 | (sib ? 4 : base));
	if (sib)
		*to++ = (u8)(f->scale << 6 | (f->index == NO_REGISTER ? 4 : f->index & 7) << 3 | base);
	if (f->mod == 3)
		return to;
	return displacement(to, f, f->mod == 1 ? 1 : f->mod == 2 || no_base ? 4 : 0);
}

static u8 rex(const struct form *f, u8 reg)
{
	u8 bits = (u8)(reg >= 8 ? REX_R : 0);

	if (f->base != NO_REGISTER && f->base >= 8)
		bits |= REX_B;
	if (f->index != NO_REGISTER && f->index >= 8)
		bits |= REX_X;
	return bits ? REX | bits : 0;
}

u32 probe_encode(u8 *to, enum vmx_insn insn, u32 bits, const struct form *f, u8 reg)
{
	const struct vmx_insn_form *i = &vmx_insns[insn];
	const u8 *start = to;

	if (i->digit != NO_DIGIT)
		reg = i->digit;
	if (f->segment)
		*to++ = f->segment;
	if (f->other_size)
		*to++ = PREFIX_ADDRESS;
	if (i->prefix)
		*to++ = i->prefix;
	if (bits == 64 && rex(f, reg))
		*to++ = rex(f, reg);
	memcpy(to, i->opcode, i->opcode_length);
	to += i->opcode_length;
	to = probe_address_bits(bits, f) == 16 ? operand_16(to, f, reg) : operand_32(to, f, reg, bits == 64);
	return (u32)(to - start);
}

/* ---- running ---- */

struct probe probe_begin(u32 bits)
{
	struct probe p = { .es = SEL_DATA32, .ss = SEL_DATA32, .ds = SEL_DATA32, .fs = SEL_DATA32, .flags = FLAGS_SET,
			   .bits = bits };

	if (!stack)
		stack = pages_take(STACK_PAGES);
	p.r[PROBE_SP] = (uptr)stack + STACK_PAGES * 4096 - 64;
	return p;
}

/* Behind the instruction: back to probe_done. */
static void end(u8 *at, u32 bits)
{
	if (bits == 64) {
		static const u8 jump[] = { 0xff, 0x25, 0, 0, 0, 0 };

		memcpy(at, jump, sizeof(jump));
		little_endian(at + sizeof(jump), (uptr)probe_done, 8);
		return;
	}
	if (bits == 16)
		*at++ = PREFIX_OPERAND;
	*at++ = FAR_JUMP;
	at = little_endian(at, (uptr)probe_done, 4);
	little_endian(at, L1_IS_64 ? SEL_CODE64 : SEL_CODE32, 2);
}

struct vmx_result probe_run(struct probe *p, const u8 *insn, u32 length)
{
	u8 *code = (u8 *)(uptr)PROBE_CODE;
	struct vmx_result r;

	__asm__("" : "+r"(code));
	memcpy(code, insn, length);
	end(code + length, p->bits);
	p->target = PROBE_CODE;
	p->target_selector = p->code_selector ? p->code_selector : p->bits == 64 ? SEL_CODE64 : p->bits == 32 ? SEL_CODE32 :
			     SEL_CODE16;
	p->back = PROBE_CODE + length;
	probe_now = *p;
	probe_go();
	*p = probe_now;
	p->fault_offset = this_cpu()->vector != NO_TRAP ? this_cpu()->eip - PROBE_CODE : 0;
	r = vmx_result_of((u32)p->flags, this_cpu()->vector);
	return r;
}
