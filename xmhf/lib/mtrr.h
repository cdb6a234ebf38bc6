/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory types by the MTRRs (SDM vol. 3, 12.11): which type an address has, and what a write
 * to an MTRR does. Pure: the state is ours, the registers aren't touched.
 */
#ifndef XMHF_LIB_MTRR_H
#define XMHF_LIB_MTRR_H

#include "types.h"

enum memory_type {
	MEMTYPE_UC = 0,
	MEMTYPE_WC = 1,
	MEMTYPE_WT = 4,
	MEMTYPE_WP = 5,
	MEMTYPE_WB = 6,
};

enum mtrr_msr {
	MSR_MTRRCAP = 0xfe,
	MSR_MTRR_PHYSBASE0 = 0x200,	/* base and mask alternate */
	MSR_MTRR_FIX64K_00000 = 0x250,
	MSR_MTRR_FIX16K_80000 = 0x258,
	MSR_MTRR_FIX16K_A0000 = 0x259,
	MSR_MTRR_FIX4K_C0000 = 0x268,	/* to 0x26f */
	MSR_MTRR_FIX4K_F8000 = 0x26f,
	MSR_MTRR_DEF_TYPE = 0x2ff,
};

#define MTRR_FIXED_COUNT	11u
#define MTRR_VARIABLE_MAX	16u

#define MTRR_CAP_VCNT		0xffu
#define MTRR_CAP_FIX		BIT64(8)
#define MTRR_CAP_WC		BIT64(10)
#define MTRR_CAP_SMRR		BIT64(11)
#define MTRR_DEF_FE		BIT64(10)	/* fixed ranges enabled */
#define MTRR_DEF_E		BIT64(11)	/* MTRRs enabled */
#define MTRR_MASK_VALID		BIT64(11)

struct mtrr_state {
	u64 cap;			/* VCNT (cap & 0xff) at most MTRR_VARIABLE_MAX */
	u64 def_type;
	u64 fixed[MTRR_FIXED_COUNT];	/* in the order of their MSR numbers */
	struct { u64 base, mask; } variable[MTRR_VARIABLE_MAX];
};

/*
 * The type of the byte at physical @at, below 2^@maxphyaddr (32 to 52). @same_until (may be NULL)
 * receives an address up to which the type stays the same, at most 2^maxphyaddr: the next change,
 * or a little short of it when masks are scattered. Always a multiple of 4 KiB above @at.
 */
enum memory_type mtrr_type_of(const struct mtrr_state *state, u32 maxphyaddr, u64 at,
			      u64 *same_until);

/* Is @msr one of those that @cap says the CPU has? (Then mtrr_read and mtrr_write serve it.) */
bool mtrr_is_msr(u32 msr, u64 cap);

/* Would WRMSR of @value be taken? False is #GP(0): reserved bits, invalid types, read-only. */
bool mtrr_msr_valid(u32 msr, u64 value, u32 maxphyaddr, u64 cap);

/* RDMSR and WRMSR on the state; false is #GP(0). */
MUST_CHECK bool mtrr_read(const struct mtrr_state *state, u32 msr, u64 *value);
MUST_CHECK bool mtrr_write(struct mtrr_state *state, u32 msr, u64 value, u32 maxphyaddr);

const char *memory_type_name(enum memory_type type);

#endif
