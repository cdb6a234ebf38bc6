/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reaching L1's memory. By physical address as ourselves, or as L1: by the rights in EPT01. By linear address on
 * the guest's behalf: through its own paging and through EPT01, so an access of ours can do no more than one
 * of the guest's would have done. While L2 runs the guest is L2, and what it calls physical goes through EPT12.
 */
#ifndef GUEST_MEMORY_H
#define GUEST_MEMORY_H

#include "lib/walk.h"
#include "vmx/vcpu.h"

/*
 * @length bytes of L1-physical memory; they may cross pages. False, with nothing done, where the guest has no
 * memory of its own: our range and what we haven't mapped. Reads of our range never show it.
 */
bool guest_has_physical(gpa1_t at, size_t length);
MUST_CHECK bool guest_peek(gpa1_t at, void *to, size_t length);		/* as ourselves */
MUST_CHECK bool guest_poke(gpa1_t at, const void *from, size_t length);

/*
 * What a CPU does for L1, which EPT doesn't check: false too where a hypapp keeps L1 from it, and where there is no memory but
 * a device, which may take accesses of some sizes alone.
 */
MUST_CHECK bool guest_read_physical(gpa1_t at, void *to, size_t length);
MUST_CHECK bool guest_write_physical(gpa1_t at, const void *from, size_t length);

/* Has it @what, whole words of the CPU's, there? False too where guest_read_physical is. */
MUST_CHECK bool guest_equals_physical(gpa1_t at, const void *what, size_t length);

/* The four PDPTEs at @cr3. False if one is reserved or out of reach: #GP(0), SDM 5.4.1. */
MUST_CHECK bool guest_read_pdptes(u32 cr3, u64 pdpte[4]);

enum guest_access {
	GUEST_DONE,
	GUEST_PAGE_FAULT,		/* struct guest_fault says which */
	GUEST_NOT_CANONICAL,		/* #GP(0), or #SS(0) with the stack segment */
	GUEST_FORBIDDEN,		/* EPT01 doesn't let the guest: #GP(0); or EPT12, L2 */
};

struct guest_fault {
	u64 linear;			/* for CR2; with GUEST_FORBIDDEN too */
	u32 error_code;
};

/* The paging that L1 has now, as walk() wants it. */
struct walk_regs guest_paging(void);

/* How L1's current CPL accesses memory. */
struct walk_access guest_access_now(enum walk_kind kind);

/*
 * Accesses @length bytes at @linear by @paging and @access, as one access of L1's: A and D flags are set, and
 * nothing is read or written unless all pages can be. @data is read into, or written from by WALK_WRITE; NULL
 * only tries. Addresses outside IA-32e mode wrap at 4 GiB. @fault is filled with GUEST_PAGE_FAULT and GUEST_FORBIDDEN alone.
 */
MUST_CHECK enum guest_access guest_access_linear(const struct walk_regs *paging, struct walk_access access, u64 linear,
						 void *data, size_t length, struct guest_fault *fault);

/* Both with the paging and the privilege of now. */
MUST_CHECK enum guest_access guest_read_linear(u64 linear, void *to, size_t length, struct guest_fault *fault);
MUST_CHECK enum guest_access guest_write_linear(u64 linear, const void *from, size_t length, struct guest_fault *fault);

/* Where @linear leads by the paging of now, whatever the privilege; A and D stay as they are. */
MUST_CHECK enum guest_access guest_translate(u64 linear, struct walk_result *to, struct guest_fault *fault);

/* The exception for what an access came to, anything but GUEST_DONE. */
MUST_CHECK enum verdict guest_inject_fault(struct vcpu *v, enum guest_access access, const struct guest_fault *fault);

/* The same for the operand of an instruction that we do, where EPT12 may have been what refused L2: an exit to L1 then. */
MUST_CHECK enum verdict guest_operand_fault(struct vcpu *v, enum guest_access access, const struct guest_fault *fault);

/* 3 in V86 mode, 0 in real mode. */
static inline u32 guest_cpl(void) { return vmcs_read32(GUEST_SS_AR) >> 5 & 3; }

/* 16, 32 or 64: the default operand size of the code that runs. */
u32 guest_code_bits(void);

#endif
