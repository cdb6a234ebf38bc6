/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's page-table walk, in all of its paging modes, with the faults of a CPU (SDM vol. 3,
 * chapter 5). Pure: the guest's registers come in a struct, its memory by callbacks, so it
 * serves L1 and L2 alike.
 */
#ifndef XMHF_LIB_WALK_H
#define XMHF_LIB_WALK_H

#include "types.h"

/* The registers and CPU properties that a translation depends on. */
struct walk_regs {
	u64 cr0, cr3, cr4, efer;
	u64 pdpte[4];		/* the PDPTE registers, used with PAE paging only */
	u32 pkru;		/* used when CR4.PKE */
	u32 pkrs;		/* low half of IA32_PKRS, used when CR4.PKS */
	u32 maxphyaddr;		/* 32 to 52 */
	bool rflags_ac;		/* RFLAGS.AC: lifts SMAP for explicit accesses */
	bool has_1g_pages;	/* CPUID 80000001h EDX[26]; else PS in a PDPTE is reserved */
};

enum walk_kind { WALK_READ, WALK_WRITE, WALK_FETCH };

struct walk_access {
	enum walk_kind kind;
	bool user;		/* CPL 3, and not an implicit supervisor access */
	bool implicit;		/* a supervisor access to the GDT, TSS, …: SMAP ignores RFLAGS.AC */
};

struct walk_memory {
	/* Reads the paging-structure entry of @size bytes (4 or 8) at guest-physical @at. */
	bool (*read)(void *ctx, u64 at, void *entry, u32 size);
	/*
	 * Sets A or D: replaces @old by @new at @at if @old is still there. False: it isn't, or it
	 * can't be written; the walk starts again then, a few times. NULL: A and D stay as they are.
	 */
	bool (*cmpxchg)(void *ctx, u64 at, u64 old, u64 new, u32 size);
	void *ctx;
};

enum walk_status {
	WALK_OK,
	WALK_FAULT,		/* #PF with result.error_code; the linear address goes to CR2 */
	WALK_NOT_CANONICAL,	/* #GP or #SS, the caller knows which */
	WALK_NO_MEMORY,		/* a callback refused the entry at result.entry_at */
};

enum walk_error {		/* #PF error code, SDM vol. 3, 5.7 */
	PF_P = BIT(0),
	PF_W = BIT(1),
	PF_U = BIT(2),
	PF_RSVD = BIT(3),
	PF_I = BIT(4),
	PF_PK = BIT(5),
};

struct walk_result {
	u64 gpa;		/* WALK_OK: where the byte is */
	u64 page_size;		/* WALK_OK: 4 KiB, 2, 4 MiB, 1 GiB; without paging 4 KiB */
	bool writable;		/* WALK_OK: R/W at every level */
	bool user_page;		/* WALK_OK: U/S at every level */
	bool executable;	/* WALK_OK: no XD at any level */
	u32 error_code;		/* WALK_FAULT */
	u64 entry_at;		/* the last paging-structure entry that was looked at */
	u32 level;		/* its level: 1 a PTE, 2 a PDE, … */
};

/*
 * Translates @linear for one access. A range of bytes that crosses a page is the caller's to
 * split. Outside IA-32e mode the upper half of @linear is ignored, as the CPU does.
 */
enum walk_status walk(const struct walk_regs *regs, const struct walk_memory *memory,
		      u64 linear, struct walk_access access, struct walk_result *result);

/* May MOV to CR3 (or CR0, CR4) load this PDPTE? False is #GP(0). SDM vol. 3, 5.4.1. */
bool walk_pdpte_valid(u64 pdpte, u32 maxphyaddr);

/* Is @linear canonical for 48 bits, or 57 with CR4.LA57? */
bool walk_canonical(u64 linear, u64 cr4);

#endif
