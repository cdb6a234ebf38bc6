/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the core does for a hypapp. All of it may be called on any CPU, also while other CPUs are in callbacks; calls that
 * take @v must be made on that CPU, from a callback that was given it.
 *
 * Addresses have a type each: gpa1_t is what the guest calls physical, gpa2_t what the guest of a guest hypervisor does, gla_t is linear.
 */
#ifndef XMHF_CORE_H
#define XMHF_CORE_H

#include <xmhf/hypapp.h>
#include <xmhf/hypercall.h>
#include <xmhf/string.h>
#include <xmhf/types.h>

/* ---- the guest's memory as the CPU enforces it (EPT01) ------------------------------------------------- */

enum xmhf_rights { XMHF_NONE = 0, XMHF_R = 1, XMHF_W = 2, XMHF_X = 4, XMHF_RW = 3, XMHF_RX = 5, XMHF_RWX = 7 };

/*
 * What a change of rights owes: until it is discharged, CPUs may go on by the old rights. A CPU that can't express the
 * rights asked for (W without R, X alone without execute-only) takes away more, never less.
 */
struct xmhf_flush {
	void *owed;
	bool failed;		/* nothing was changed: beyond what the CPU addresses, or out of pages */
};

/* @length bytes from @from, both multiples of 4 KiB. The hypervisor's own range keeps its protection. */
MUST_CHECK struct xmhf_flush xmhf_protect(gpa1_t from, u64 length, enum xmhf_rights rights);
MUST_CHECK struct xmhf_flush xmhf_unprotect(gpa1_t from, u64 length);

/* Several debts become one, which is paid by one flush. */
MUST_CHECK struct xmhf_flush xmhf_flush_join(struct xmhf_flush a, struct xmhf_flush b);

/* Pays: no CPU runs the guest by older rights after it returns. False: the change had failed. */
bool xmhf_flush_discharge(struct xmhf_flush *owed);

/* What the guest may do at @at now. */
enum xmhf_rights xmhf_rights(gpa1_t at);

/* ---- ports ------------------------------------------------------------------------------------------------ */

/* From now on @count ports from @first go to the callback, or don't any more. Other CPUs are stopped meanwhile. */
void xmhf_intercept_ports(u16 first, u32 count, bool wanted);

/* ---- other CPUs --------------------------------------------------------------------------------------------- */

/* Keeps all other CPUs out of the guest until as many calls of xmhf_resume. */
void xmhf_quiesce(void);
void xmhf_resume(void);

u32 xmhf_cpu_count(void);			/* that the guest has */
u32 xmhf_cpu_index(const struct vcpu *v);	/* 0 is the boot processor */

/* ---- the guest of a guest hypervisor ------------------------------------------------------------------------- */

/*
 * Is it L2 that this callback is about? Then registers, linear addresses, CPL, events and interrupt windows of the calls
 * below are L2's; gpa1_t is what L1 calls physical in any case. L2's accesses that L1 lets through come to the callbacks
 * as L1's do: what both intercept, L1 sees.
 */
bool xmhf_in_l2(const struct vcpu *v);

/* ---- the guest's registers ------------------------------------------------------------------------------------ */

/* The first sixteen are numbered as in instructions; a 32-bit hypervisor has eight of them. CRs are as the guest sees them. */
enum xmhf_register {
	XMHF_RAX, XMHF_RCX, XMHF_RDX, XMHF_RBX, XMHF_RSP, XMHF_RBP, XMHF_RSI, XMHF_RDI,
	XMHF_R8, XMHF_R9, XMHF_R10, XMHF_R11, XMHF_R12, XMHF_R13, XMHF_R14, XMHF_R15,
	XMHF_RIP, XMHF_RFLAGS, XMHF_CR0, XMHF_CR3, XMHF_CR4, XMHF_EFER,
	XMHF_ES_BASE, XMHF_CS_BASE, XMHF_SS_BASE, XMHF_DS_BASE, XMHF_FS_BASE, XMHF_GS_BASE,
};

u64 xmhf_get(struct vcpu *v, enum xmhf_register which);

/* Those up to RFLAGS can be set; false: @which can't. SKIP leaves a RIP that was changed alone. */
bool xmhf_set(struct vcpu *v, enum xmhf_register which, u64 value);

u32 xmhf_cpl(struct vcpu *v);			/* 0 to 3; 3 in virtual-8086 mode */
u32 xmhf_code_bits(struct vcpu *v);		/* 16, 32 or 64: the default operand size where the guest is */

/* ---- the guest's memory as bytes --------------------------------------------------------------------------------- */

/* As the hypervisor: rights don't matter. False, and nothing done, where the guest has no memory of its own. */
MUST_CHECK bool xmhf_read_physical(gpa1_t at, void *to, size_t length);
MUST_CHECK bool xmhf_write_physical(gpa1_t at, const void *from, size_t length);

/*
 * What L2 calls physical, by EPT12 of this moment and as an access of L2's: EPT12 must allow it, and its A and D flags and
 * L1's page-modification log tell of it; the rights of xmhf_protect don't matter. False, and nothing done, where EPT12
 * doesn't allow it, where L1 has no memory, and while L1 runs.
 */
MUST_CHECK bool xmhf_read_physical_l2(struct vcpu *v, gpa2_t at, void *to, size_t length);
MUST_CHECK bool xmhf_write_physical_l2(struct vcpu *v, gpa2_t at, const void *from, size_t length);

/* Where EPT12 leads, whatever its rights; its flags don't change. The same place where L1 uses no EPT. */
MUST_CHECK bool xmhf_translate_l2(struct vcpu *v, gpa2_t at, gpa1_t *to);

enum xmhf_access {
	XMHF_DONE,
	XMHF_PAGE_FAULT,			/* struct xmhf_page_fault says which */
	XMHF_NOT_CANONICAL,
	XMHF_FORBIDDEN,				/* by the rights of xmhf_protect, no memory, or EPT12 */
};

struct xmhf_page_fault {
	gla_t linear;
	u32 error_code;
};

/*
 * As the guest's code of this moment would: through its paging, with its privilege, by its rights; A and D flags are
 * set. All or nothing. Outside 64-bit code pass 32 bits: a segment's base plus an offset.
 */
MUST_CHECK enum xmhf_access xmhf_read_linear(struct vcpu *v, gla_t at, void *to, size_t length,
					     struct xmhf_page_fault *fault);
MUST_CHECK enum xmhf_access xmhf_write_linear(struct vcpu *v, gla_t at, const void *from, size_t length,
					      struct xmhf_page_fault *fault);

/*
 * Where a linear address leads by the guest's paging, and EPT12 for L2: for an access of its supervisor, whose flags A and
 * D don't change. The rights are those of all tables, EPT12 with them.
 */
struct xmhf_translation {
	gpa1_t at;
	u64 page_size;
	bool writable, user, executable;
};
MUST_CHECK enum xmhf_access xmhf_translate(struct vcpu *v, gla_t at, struct xmhf_translation *to,
					   struct xmhf_page_fault *fault);

/* ---- events: a callback returns what these return, and the guest gets the event ------------------------------------ */

/*
 * An exception. @error, of which 16 bits count, goes with the vectors that have an error code (SDM 27.2.1.3): 8, 10 to 14 and
 * 17; for others it is ignored, and < 0 stands for 0.
 */
MUST_CHECK enum xmhf_result xmhf_inject(struct vcpu *v, u8 vector, int error);
MUST_CHECK enum xmhf_result xmhf_inject_page_fault(struct vcpu *v, const struct xmhf_page_fault *fault);

/* What the guest's own access would have got. Not for XMHF_DONE. */
MUST_CHECK enum xmhf_result xmhf_inject_fault(struct vcpu *v, enum xmhf_access access, const struct xmhf_page_fault *fault);

/* Queues an external interrupt for this CPU: it is delivered once the guest can take one. Vectors 16 to 255; no APIC sees it. */
void xmhf_inject_interrupt(struct vcpu *v, u8 vector);

/* Whether external interrupts of this CPU go to the callback. Off at first. */
void xmhf_take_interrupts(struct vcpu *v, bool wanted);

/* One call of interrupt_window, when this CPU's guest next could take an interrupt. Asked in that callback, it never runs again. */
void xmhf_ask_interrupt_window(struct vcpu *v);

/* ---- memory of the hypapp ------------------------------------------------------------------------------------------- */

/* 4 KiB, zeroed, aligned; NULL: there is none left. Out of the guest's reach, and identity mapped. */
void *xmhf_page(void);
void xmhf_page_free(void *page);

/* Up to 4 KiB, zeroed, aligned to 16 bytes. */
void *xmhf_alloc(size_t size);
void xmhf_free(void *what);			/* NULL is no mistake */

/* ---- the rest ----------------------------------------------------------------------------------------------------------- */

enum xmhf_log_level { XMHF_ERROR, XMHF_WARN, XMHF_INFO, XMHF_DEBUG };

/* One line of at most 200 characters; formats as in printf: %d %u %x %llx %s %c %p. */
void xmhf_log(enum xmhf_log_level level, const char *format, ...) PRINTF(2, 3);

/* The value of app.NAME=VALUE on the command line. False: it isn't there, or @size is too small. */
bool xmhf_option(const char *name, char *value, size_t size);

/* The hypapp's Multiboot modules. */
struct xmhf_module {
	const void *start;
	size_t size;
};
u32 xmhf_module_count(void);
struct xmhf_module xmhf_module(u32 index);

/* Resets the machine, whatever the guest does. */
NORETURN void xmhf_reboot(void);

#endif
