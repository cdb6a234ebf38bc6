/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The operand of a VMX instruction that exited: the VM-exit instruction-information field taken apart (SDM vol. 3,
 * tables 28-12 to 28-14), and the linear address it means, with the segmentation faults of a CPU. Pure: two steps,
 * so that the caller reads only the one segment that the first step names.
 */
#ifndef NESTED_OPERAND_H
#define NESTED_OPERAND_H

#include "lib/types.h"

enum operand_segment_index { OPERAND_ES, OPERAND_CS, OPERAND_SS, OPERAND_DS, OPERAND_FS, OPERAND_GS };

#define OPERAND_NO_REGISTER	0xffu
#define OPERAND_RSP		4u

/* What an instruction doesn't have is undefined here as it is in the field: reg1 with memory, reg2 of VMCLEAR, … */
struct operand {
	bool in_register;		/* VMREAD and VMWRITE: the operand is reg1, not memory */
	u8 reg1;
	u8 reg2;			/* VMREAD, VMWRITE: holds the field's encoding; INVEPT, INVVPID, INVPCID: the type */
	u8 segment;			/* enum operand_segment_index */
	u8 address_bits;		/* 16, 32 or 64 */
	u8 base, index;			/* a register's number or OPERAND_NO_REGISTER */
	u8 scale;			/* the index is shifted left by it */
	bool needs_rsp;			/* RSP is one of the registers named */
};

/* Tables 28-12 to 28-14; an address size of 0: 16 bits. VMREAD and VMWRITE alone may have a register for memory. */
#define OPERAND_INFO_SCALE(i)		((u8)((i) & 3))
#define OPERAND_INFO_ADDRESS_SIZE(i)	((i) >> 7 & 7)
#define  OPERAND_INFO_32		1u
#define  OPERAND_INFO_64		2u
#define OPERAND_INFO_IN_REGISTER	BIT(10)
#define OPERAND_INFO_SEGMENT(i)		((u8)((i) >> 15 & 7))
#define OPERAND_INFO_INDEX(i)		((u8)((i) >> 18 & 15))
#define OPERAND_INFO_NO_INDEX		BIT(22)
#define OPERAND_INFO_BASE(i)		((u8)((i) >> 23 & 15))
#define OPERAND_INFO_NO_BASE		BIT(27)
static inline u32 operand_info_reg1(u32 info) { return info >> 3 & 15; }
static inline u32 operand_info_reg2(u32 info) { return info >> 28; }

/* @info is the VM-exit instruction-information field, of any VMX instruction with operands or of INVPCID. */
struct operand operand_decode(u32 info);

/* Access rights, table 25-2; the type of a segment, 3.4.5.1. */
#define OPERAND_AR_EXPAND_DOWN		BIT(2)		/* of data */
#define OPERAND_AR_CODE			BIT(3)
#define OPERAND_AR_UNUSABLE		BIT(16)

enum operand_mode {
	OPERAND_UNPROTECTED,		/* real-address and virtual-8086 mode: limits alone */
	OPERAND_PROTECTED,		/* and compatibility mode */
	OPERAND_64BIT,
};

struct operand_cpu {
	enum operand_mode mode;
	u64 cr4;			/* as the guest has it; looked at for LA57, in 64-bit mode */
	u64 base;			/* of the operand's segment; in 64-bit mode looked at for FS and GS alone */
	u32 limit;			/* in bytes; this and rights aren't looked at in 64-bit mode */
	u32 rights;			/* format of the VMCS, SDM table 25-2 */
	const uptr *gpr;		/* by number; RSP must be among them if the operand needs it */
};

struct operand_access {
	u64 displacement;		/* the exit qualification; RIP-relative ones are absolute by then (SDM 28.2.1) */
	u32 bytes;			/* 1 to 16 */
	bool write;
};

/* What keeps the CPU from using the address; the value is the vector, the error code is 0. */
enum operand_fault { OPERAND_OK = 0, OPERAND_STACK_FAULT = 12, OPERAND_PROTECTION_FAULT = 13 };

/*
 * The linear address of a memory operand. #AC can't happen: these instructions are for CPL 0, and that was
 * the caller's to check before.
 */
MUST_CHECK enum operand_fault operand_address(const struct operand *operand, const struct operand_cpu *cpu,
					      struct operand_access access, u64 *linear);

#endif
