/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MTRRs' rules. Section numbers are the SDM's, volume 3.
 */
#include "mtrr.h"

#define FIXED_END	(1ull << 20)
#define STEPS_MAX	256u	/* changes looked at for same_until: bounds the time */
#define TYPE_NONE	7u	/* a reserved encoding: no variable range matched */

/* A group of fixed-range MTRRs: 8 ranges a register (12.11.2.2). */
struct fixed_group {
	u32 start;		/* physical */
	u32 shift;		/* log2 of the bytes of a range */
	u32 first;		/* index of its first register */
};

static struct fixed_group fixed_group(u64 at)
{
	if (at < 0x80000)
		return (struct fixed_group){ 0, 16, 0 };
	if (at < 0xc0000)
		return (struct fixed_group){ 0x80000, 14, 1 };
	return (struct fixed_group){ 0xc0000, 12, 3 };
}

static u32 fixed_type(const struct mtrr_state *state, u64 at, u64 *until)
{
	struct fixed_group group = fixed_group(at);
	u32 range = ((u32)at - group.start) >> group.shift;

	*until = group.start + ((u64)(range + 1) << group.shift);
	return (u32)(state->fixed[group.first + range / 8] >> (range % 8 * 8)) & 0xff;
}

static u32 variable_count(u64 cap)
{
	return MIN((u32)(cap & MTRR_CAP_VCNT), MTRR_VARIABLE_MAX);
}

/* 12.11.4.1: how two ranges that overlap combine. */
static u32 combine(u32 a, u32 b)
{
	if (a == TYPE_NONE || a == b)
		return b;
	if ((a == MEMTYPE_WT && b == MEMTYPE_WB) || (a == MEMTYPE_WB && b == MEMTYPE_WT))
		return MEMTYPE_WT;
	return MEMTYPE_UC;	/* one is UC, or the SDM leaves it undefined */
}

/* The next address at which a range with this @mask may begin or cease to match. */
static u64 next_edge(u64 base, u64 mask, u64 at)
{
	u64 size = mask & (0 - mask);	/* the lowest bit: matching is constant over as many bytes */
	u64 start = base & mask;

	if ((mask | (size - 1)) != ~0ull)
		return (at | (size - 1)) + 1;	/* scattered bits, 12.11.3.1 */
	if (at < start)
		return start;
	return at - start < size ? start + size : ~0ull;
}

/* TYPE_NONE when no range matches. @field has the address bits of base and mask registers. */
static u32 variable_type(const struct mtrr_state *state, u64 field, u64 at, u64 *until)
{
	u32 type = TYPE_NONE;

	*until = ~0ull;
	for (u32 i = 0; i < variable_count(state->cap); i++) {
		u64 base = state->variable[i].base & field;
		u64 mask = state->variable[i].mask;
		u64 edge;

		if (!(mask & MTRR_MASK_VALID))
			continue;
		mask = (mask & field) | ~(field | PAGE_MASK);	/* above the width: zeros must match */
		edge = next_edge(base, mask, at);
		*until = MIN(*until, edge);
		if ((at & mask) == (base & mask))
			type = combine(type, (u32)state->variable[i].base & 0xff);
	}
	return type;
}

static bool type_valid(u32 type, u64 cap)
{
	return type == MEMTYPE_UC || type == MEMTYPE_WT || type == MEMTYPE_WP || type == MEMTYPE_WB ||
	       (type == MEMTYPE_WC && (cap & MTRR_CAP_WC) != 0);
}

/* The type at @at, and an address up to which nothing that decides it changes. */
static u32 type_at(const struct mtrr_state *state, u64 field, u64 at, u64 *until)
{
	u32 type;

	if (!(state->def_type & MTRR_DEF_E)) {
		*until = ~0ull;
		return MEMTYPE_UC;
	}
	if (at < FIXED_END && (state->def_type & MTRR_DEF_FE))
		return fixed_type(state, at, until);
	type = variable_type(state, field, at, until);
	return type != TYPE_NONE ? type : (u32)state->def_type & 0xff;
}

/* Bits 12 to maxphyaddr - 1. */
static u64 address_field(u32 maxphyaddr)
{
	return (BIT64(maxphyaddr) - 1) & ~(u64)PAGE_MASK;
}

enum memory_type mtrr_type_of(const struct mtrr_state *state, u32 maxphyaddr, u64 at,
			      u64 *same_until)
{
	u64 field = address_field(maxphyaddr);
	u64 end = BIT64(maxphyaddr);
	u64 until;
	u32 type = type_at(state, field, at, &until);

	for (u32 n = 0; same_until != NULL && n < STEPS_MAX && until < end; n++) {
		u64 next;

		if (type_at(state, field, until, &next) != type)
			break;
		until = next;
	}
	if (same_until != NULL)
		*same_until = MIN(until, end);
	return type_valid(type, MTRR_CAP_WC) ? (enum memory_type)type : MEMTYPE_UC;
}

static bool is_variable(u32 msr, u64 cap)
{
	return msr >= MSR_MTRR_PHYSBASE0 && (msr - MSR_MTRR_PHYSBASE0) / 2 < variable_count(cap);
}

/* The place of fixed register @msr in struct mtrr_state, MTRR_FIXED_COUNT if it is none. */
static u32 fixed_index(u32 msr)
{
	if (msr == MSR_MTRR_FIX64K_00000)
		return 0;
	if (msr == MSR_MTRR_FIX16K_80000 || msr == MSR_MTRR_FIX16K_A0000)
		return 1 + msr - MSR_MTRR_FIX16K_80000;
	if (msr >= MSR_MTRR_FIX4K_C0000 && msr <= MSR_MTRR_FIX4K_F8000)
		return 3 + msr - MSR_MTRR_FIX4K_C0000;
	return MTRR_FIXED_COUNT;
}

static bool is_fixed(u32 msr, u64 cap)
{
	return (cap & MTRR_CAP_FIX) != 0 && fixed_index(msr) < MTRR_FIXED_COUNT;
}

bool mtrr_is_msr(u32 msr, u64 cap)
{
	return msr == MSR_MTRRCAP || msr == MSR_MTRR_DEF_TYPE || is_variable(msr, cap) ||
	       is_fixed(msr, cap);
}

static bool fixed_valid(u64 value, u64 cap)
{
	for (u32 shift = 0; shift < 64; shift += 8)
		if (!type_valid((u32)(value >> shift) & 0xff, cap))
			return false;
	return true;
}

bool mtrr_msr_valid(u32 msr, u64 value, u32 maxphyaddr, u64 cap)
{
	u64 field = address_field(maxphyaddr);

	if (msr == MSR_MTRR_DEF_TYPE)
		return (value & ~(MTRR_DEF_E | MTRR_DEF_FE | 0xff)) == 0 &&
		       type_valid((u32)value & 0xff, cap);
	if (is_fixed(msr, cap))
		return fixed_valid(value, cap);
	if (!is_variable(msr, cap))
		return false;
	if (msr & 1)			/* a mask */
		return (value & ~(field | MTRR_MASK_VALID)) == 0;
	return (value & ~(field | 0xff)) == 0 && type_valid((u32)value & 0xff, cap);
}

/* Where @msr, one of mtrr_is_msr, has its value. */
static const u64 *place(const struct mtrr_state *state, u32 msr)
{
	u32 n = (msr - MSR_MTRR_PHYSBASE0) / 2;

	if (msr == MSR_MTRRCAP)
		return &state->cap;
	if (msr == MSR_MTRR_DEF_TYPE)
		return &state->def_type;
	if (fixed_index(msr) < MTRR_FIXED_COUNT)
		return &state->fixed[fixed_index(msr)];
	return msr & 1 ? &state->variable[n].mask : &state->variable[n].base;
}

bool mtrr_read(const struct mtrr_state *state, u32 msr, u64 *value)
{
	if (!mtrr_is_msr(msr, state->cap))
		return false;
	*value = *place(state, msr);
	return true;
}

bool mtrr_write(struct mtrr_state *state, u32 msr, u64 value, u32 maxphyaddr)
{
	if (!mtrr_msr_valid(msr, value, maxphyaddr, state->cap))
		return false;
	*(u64 *)(uptr)place(state, msr) = value;
	return true;
}

const char *memory_type_name(enum memory_type type)
{
	switch (type) {
	case MEMTYPE_UC: return "UC";
	case MEMTYPE_WC: return "WC";
	case MEMTYPE_WT: return "WT";
	case MEMTYPE_WP: return "WP";
	case MEMTYPE_WB: return "WB";
	}
	return "reserved";
}
