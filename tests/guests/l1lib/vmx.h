/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The VMX instructions for an L1 that is a test: each says how it ended, and no end is fatal.
 *
 *	struct vmx_result r = vmx_ptrld(at);
 *	result("VMPTRLD of a page never cleared", r);		R VMPTRLD of a page never cleared: valid 11
 *
 * Every line that the bare machine and the hypervisor must agree on begins with "R ": a name without a colon, then the
 * values. The same sources make a 32-bit L1 (PAE paging, 2 MiB pages one to one) and a 64-bit one.
 */
#ifndef L1_VMX_H
#define L1_VMX_H

#include "guest.h"
#include "vmcs_bits.h"

#define MSR_FEATURE_CONTROL	0x3a
#define MSR_DEBUGCTL		0x1d9
#define MSR_SYSENTER_CS		0x174
#define MSR_SYSENTER_ESP	0x175
#define MSR_SYSENTER_EIP	0x176
#define MSR_FS_BASE		0xc0000100
#define MSR_GS_BASE		0xc0000101
#define FLAG_ZF			BIT(6)
#define FLAGS_VMX		0x8d5u			/* CF PF AF ZF SF OF: what VMX instructions change */
#ifdef __x86_64__
#define L1_IS_64	true
#define R_AX		"rax"
#define PUSHF		"pushfq"
#else
#define L1_IS_64	false
#define R_AX		"eax"
#define PUSHF		"pushfl"
#endif

/* How a VMX instruction ended (SDM 31.2). */
struct vmx_result {
	enum { VMX_OK, VMX_INVALID, VMX_VALID, VMX_FAULT } kind;
	u32 number;		/* VMX_VALID: the VM-instruction error; VMX_FAULT: the vector */
	u32 code;		/* VMX_FAULT: its error code, 0 if it has none */
	u32 flags;		/* what FLAGS_VMX became; all of them were set before. Not after a fault */
};

void result(const char *name, struct vmx_result r);	/* "R name: ok" | "invalid" | "valid N" | "fault VECTOR CODE" */
void say_result(struct vmx_result r);			/* its words alone, no line */
#define result_f(r, format, ...) (say("R " format ": ", ##__VA_ARGS__), say_result(r), say("\n"))	/* a made name */

/*
 * Any instruction that ends as VMX instructions do; %0 is taken, operands count from 1:
 *	VMX_INSN("vmxon %1", : "m"(at))
 *	VMX_INSN("vmread %2, %1", , "+r"(value) : "r"(field))
 */
#define VMX_INSN(insn, ...) ({									\
	uptr flags_ = 0;									\
	u32 vector_ = TRY("push $0x8d7\n\tpopf\n\t" insn "\n\t" PUSHF "\n\tpop %0",		\
			  : "+r"(flags_) __VA_ARGS__ : "memory", "cc");				\
	vmx_result_of((u32)flags_, vector_); })
struct vmx_result vmx_result_of(u32 flags, u32 vector);		/* reads the error number after VMfailValid */

static inline struct vmx_result vmx_on(u64 at) { return VMX_INSN("vmxon %1", : "m"(at)); }
static inline struct vmx_result vmx_off(void) { return VMX_INSN("vmxoff", :); }
static inline struct vmx_result vmx_clear(u64 at) { return VMX_INSN("vmclear %1", : "m"(at)); }
static inline struct vmx_result vmx_ptrld(u64 at) { return VMX_INSN("vmptrld %1", : "m"(at)); }
static inline struct vmx_result vmx_ptrst(u64 *at) { return VMX_INSN("vmptrst %1", , "+m"(*at) :); }
static inline struct vmx_result vmx_launch(void) { return VMX_INSN("vmlaunch", :); }	/* one that must fail: see l2.h */
static inline struct vmx_result vmx_resume(void) { return VMX_INSN("vmresume", :); }
static inline struct vmx_result vmx_call(void) { return VMX_INSN("vmcall", :); }

static inline struct vmx_result vmx_read(uptr field, uptr *value)
{
	return VMX_INSN("vmread %2, %1", , "+r"(*value) : "r"(field));
}

static inline struct vmx_result vmx_write(uptr field, uptr value)
{
	return VMX_INSN("vmwrite %1, %2", : "r"(value), "r"(field));
}

struct invalidation { u64 what, linear; };	/* INVEPT: EPTP, 0; INVVPID: VPID, linear address */

static inline struct vmx_result vmx_invept(uptr kind, u64 eptp)
{
	struct invalidation d = { eptp, 0 };

	return VMX_INSN("invept %1, %2", : "m"(d), "r"(kind));
}

static inline struct vmx_result vmx_invvpid(uptr kind, u64 vpid, u64 linear)
{
	struct invalidation d = { vpid, linear };

	return VMX_INSN("invvpid %1, %2", : "m"(d), "r"(kind));
}

static inline struct vmx_result vmx_func(u32 function, u32 argument)
{
	return VMX_INSN("vmfunc", : "a"(function), "c"(argument));
}

/* A whole field, also by a 32-bit L1. A field that this CPU lacks reads 0 and false is returned. */
bool vmcs_try_get(enum vmcs_field field, u64 *value);
u64 vmcs_get(enum vmcs_field field);
bool vmcs_set(enum vmcs_field field, u64 value);

/* ---- the machine (l1.c) ----------------------------------------------------------------------------------- */

/* The capability MSRs by number, 0 where the CPU lacks one; where there are no TRUE MSRs, those hold the others. */
extern u64 caps[MSR_VMX_VMFUNC - MSR_VMX_BASIC + 1];
#define CAP(name)		caps[MSR_VMX_##name - MSR_VMX_BASIC]
#define ALLOWED1(name)		((u32)(CAP(name) >> 32))
#define ALLOWED0(name)		((u32)CAP(name))
#define CAN_PIN(bits)		((ALLOWED1(TRUE_PIN) & (bits)) == (bits))
#define CAN_PRIMARY(bits)	((ALLOWED1(TRUE_PRIMARY) & (bits)) == (bits))
#define CAN_SECONDARY(bits)	((ALLOWED1(SECONDARY) & (bits)) == (bits))
#define CAN_EXIT(bits)		((ALLOWED1(TRUE_EXIT) & (bits)) == (bits))
#define CAN_ENTRY(bits)		((ALLOWED1(TRUE_ENTRY) & (bits)) == (bits))

/*
 * First call of guest_main(): paging on (32-bit), capabilities read, CR0 and CR4 as VMX wants them. VMXON is left to
 * vmx_enable(); a CPU that has no VMX gets a FAIL, and false.
 */
extern bool has_debugctl;		/* not every emulated CPU has IA32_DEBUGCTL */
bool l1_begin(void);
void l1_begin_ap(void);			/* the same for another CPU, after l1_begin() */
bool l1_first_run(u32 cpu, void (*entry)(void));	/* ap_run() with patience, once for a CPU: copies of a hypervisor take longer */
void vmx_enable(void);			/* VMXON with a region of its own */
void vmx_disable(void);
u64 vmxon_region(void);			/* of this CPU */
u32 vmx_address_bits(void);		/* of addresses in a VMCS: 32 if IA32_VMX_BASIC says so */
u32 physical_bits(void);		/* MAXPHYADDR */

/* Zeroed 4 KiB pages; there is no way back. Identity mapped, below 4 GiB. */
void *page_take(void);
void *pages_take(u32 count);
static inline u64 physical(const void *p) { return (uptr)p; }
void *vmcs_region(void);		/* a page with the revision id */

/* L1's own mapping of a page from page_take(): 4 KiB with these bits of a PTE (PTE_…); 0: absent. Flushed. */
#define PTE_P	BIT(0)
#define PTE_W	BIT(1)
#define PTE_U	BIT(2)
void page_protect(const void *page, u32 bits);

#endif
