/* SPDX-License-Identifier: BSD-2-Clause */
/* Operands of VMX instructions. Section and table numbers are those of the SDM, volume 3. */
#include "lib/walk.h"
#include "nested/operand.h"

/* Access rights, table 25-2; the type of a segment, 3.4.5.1. */
#define AR_RW			BIT(1)			/* data: writable; code: readable */
#define AR_BIG			BIT(14)

#define GPRS			(sizeof(uptr) == 8 ? 16u : 8u)

struct operand operand_decode(u32 info)
{
	struct operand o = {
		.in_register = (info & OPERAND_INFO_IN_REGISTER) != 0,
		.reg1 = (u8)operand_info_reg1(info), .reg2 = (u8)operand_info_reg2(info),
		.segment = (u8)MIN(OPERAND_INFO_SEGMENT(info), OPERAND_GS),
		.address_bits = (u8)(16u << MIN(OPERAND_INFO_ADDRESS_SIZE(info), 2u)),
		.base = info & OPERAND_INFO_NO_BASE ? OPERAND_NO_REGISTER : OPERAND_INFO_BASE(info),
		.index = info & OPERAND_INFO_NO_INDEX ? OPERAND_NO_REGISTER : OPERAND_INFO_INDEX(info),
		.scale = OPERAND_INFO_SCALE(info),
	};

	o.needs_rsp = o.reg2 == OPERAND_RSP ||
		      (o.in_register ? o.reg1 == OPERAND_RSP : o.base == OPERAND_RSP || o.index == OPERAND_RSP);
	return o;
}

static u64 gpr(const struct operand_cpu *cpu, u8 number)
{
	return number == OPERAND_NO_REGISTER ? 0 : cpu->gpr[number & (GPRS - 1)];
}

/* Bits of registers and displacement beyond the address size don't count (28.2.1: they may be anything). */
static u64 effective_address(const struct operand *o, const struct operand_cpu *cpu, u64 displacement)
{
	u64 offset = displacement + gpr(cpu, o->base) + (gpr(cpu, o->index) << o->scale);

	return offset & (~0ull >> (64 - o->address_bits));
}

/*
 * 6.3. A flat segment isn't checked: an operand that runs over its end at 4 GiB wraps (the SDM leaves it open,
 * CPUs and Bochs wrap).
 */
static bool within_limit(const struct operand_cpu *cpu, u64 offset, u32 bytes)
{
	u64 last = offset + bytes - 1;

	if ((cpu->rights & (OPERAND_AR_CODE | OPERAND_AR_EXPAND_DOWN)) == OPERAND_AR_EXPAND_DOWN)
		return offset > cpu->limit && last <= (cpu->rights & AR_BIG ? 0xffffffffu : 0xffffu);
	return last <= cpu->limit || (cpu->base == 0 && cpu->limit == 0xffffffff);
}

/* 6.5: what the segment's type allows in protected mode. */
static bool type_allows(u32 rights, bool write)
{
	bool code = (rights & OPERAND_AR_CODE) != 0;

	if (write)
		return !code && (rights & AR_RW) != 0;
	return !code || (rights & AR_RW) != 0;
}

static bool segment_allows(const struct operand_cpu *cpu, u64 offset, struct operand_access access)
{
	if (cpu->rights & OPERAND_AR_UNUSABLE)
		return false;
	if (cpu->mode == OPERAND_PROTECTED && !type_allows(cpu->rights, access.write))
		return false;
	return within_limit(cpu, offset, access.bytes);
}

enum operand_fault operand_address(const struct operand *o, const struct operand_cpu *cpu, struct operand_access access,
				   u64 *linear)
{
	u64 offset = effective_address(o, cpu, access.displacement);
	bool allowed;

	if (cpu->mode == OPERAND_64BIT) {
		*linear = o->segment >= OPERAND_FS ? offset + cpu->base : offset;
		allowed = walk_canonical(*linear, cpu->cr4) && walk_canonical(*linear + access.bytes - 1, cpu->cr4);
	} else {
		*linear = (u32)(offset + cpu->base);
		allowed = segment_allows(cpu, offset, access);
	}
	if (allowed)
		return OPERAND_OK;
	return o->segment == OPERAND_SS ? OPERAND_STACK_FAULT : OPERAND_PROTECTION_FAULT;
}
