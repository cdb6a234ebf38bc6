/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One instruction, put together at run time and run with registers, segments and a code size of the caller's choice.
 *
 *	struct probe p = probe_begin(32);
 *	u32 length = probe_encode(code, &vmx_insns[VMPTRST], &form, 0);
 *	p.r[PROBE_BX] = ...;
 *	result("...", probe_run(&p, code, length));
 */
#ifndef L1_PROBE_H
#define L1_PROBE_H

#include "vmx.h"

#define PROBE_GPRS	(L1_IS_64 ? 16u : 8u)
enum { PROBE_AX, PROBE_CX, PROBE_DX, PROBE_BX, PROBE_SP, PROBE_BP, PROBE_SI, PROBE_DI };
#define PROBE_CODE	0x3000u		/* below 64 KiB, for 16-bit code; a page with 16-bit data behind it */
#define PROBE_LOW	0x4000u
#define PROBE_INSN_MAX	15

/* The layout is probe_*.S' too. */
struct probe {
	uptr r[L1_IS_64 ? 16 : 8];	/* before and after; SP leads to memory that an exception may use */
	u16 es, ss, ds, fs;		/* of a 32-bit L1 */
	uptr flags;			/* before and after */
	u32 target, target_selector, back;
	u32 bits;			/* of the code: 16, 32, 64; in a 64-bit L1 the first two are compatibility mode */
	u32 code_selector;		/* 0: the usual one of that size */
	u32 fault_offset;		/* how far into the instruction its exception was: 0 */
};

struct probe probe_begin(u32 bits);	/* flat segments, all arithmetic flags set, SP of its own */
struct vmx_result probe_run(struct probe *p, const u8 *insn, u32 length);

/* ---- instructions with an operand in memory ---- */

enum vmx_insn { VMXON, VMCLEAR, VMPTRLD, VMPTRST, VMREAD, VMWRITE, INVEPT, INVVPID, VMX_INSNS };
struct vmx_insn_form {
	const char *name;
	u8 prefix;			/* mandatory; 0: none */
	u8 opcode[3], opcode_length;
	u8 digit;			/* in the place of a register; NO_DIGIT: a register is there */
	u8 bytes;			/* of the operand; 0: as wide as a register */
	bool writes;
};
#define NO_DIGIT	8
extern const struct vmx_insn_form vmx_insns[VMX_INSNS];
u32 vmx_insn_bytes(enum vmx_insn insn, u32 bits);

/* A ModRM operand. */
#define NO_REGISTER	0xff
struct form {
	u8 segment;			/* an override prefix, or 0 */
	bool other_size;		/* with the address-size prefix */
	u8 mod;				/* 3: the register @base */
	u8 base;			/* NO_REGISTER: none (mod 0); with 16-bit addresses the r/m field */
	u8 index, scale;		/* NO_REGISTER: none */
	bool with_sib;			/* though nothing asks for one */
	bool rip_relative;		/* of 64-bit mode; base and index none */
	int32_t displacement;
};

u32 probe_address_bits(u32 bits, const struct form *f);
/* @reg: the register operand of those that have one. Gives the length. */
u32 probe_encode(u8 *to, enum vmx_insn insn, u32 bits, const struct form *f, u8 reg);

#endif
