/* SPDX-License-Identifier: BSD-2-Clause */
/* The VMCS's host half, and the guest half: L2 is L1's image in L1's mode, with other page tables, TSS and stack. */
#include "lhv.h"

#define AR_CODE32	0xc09b
#define AR_CODE64	0xa09b
#define AR_DATA		0xc093
#define AR_TSS_BUSY	0x008b
#define AR_UNUSABLE	BIT(16)
#define FLAT		0xffffffff
#define DR7_RESET	0x400
#define NO_LINK		(~0ull)

void vmx_left(void);

enum { ES, CS, SS, DS, FS, GS, LDTR, TR, SEGMENTS };

static void segment(u32 which, u32 selector, u32 limit, u32 access, u64 base)
{
	u32 step = which * SEGMENT_STEP;

	vmcs_write(GUEST_ES_SELECTOR + step, selector);
	vmcs_write(GUEST_ES_LIMIT + step, limit);
	vmcs_write(GUEST_ES_AR + step, access);
	vmcs_write(GUEST_ES_BASE + step, base);
}

void vmcs_host_state(struct cpu *c)
{
	u64 gdt_base, idt_base;

	tables_bases(&gdt_base, &idt_base);
	vmcs_write(HOST_CR0, read_cr0());
	vmcs_write(HOST_CR3, read_cr3());
	vmcs_write(HOST_CR4, read_cr4());
	vmcs_write(HOST_CS_SELECTOR, SEL_CODE);
	vmcs_write(HOST_SS_SELECTOR, SEL_DATA);
	vmcs_write(HOST_DS_SELECTOR, SEL_DATA);
	vmcs_write(HOST_ES_SELECTOR, SEL_DATA);
	vmcs_write(HOST_FS_SELECTOR, 0);
	vmcs_write(HOST_GS_SELECTOR, 0);
	vmcs_write(HOST_TR_SELECTOR, tss_selector(c, L1));
	vmcs_write(HOST_FS_BASE, 0);
	vmcs_write(HOST_GS_BASE, 0);
	vmcs_write(HOST_TR_BASE, (uptr)&c->tss[L1]);
	vmcs_write(HOST_GDTR_BASE, gdt_base);
	vmcs_write(HOST_IDTR_BASE, idt_base);
	vmcs_write(HOST_SYSENTER_CS, 0);
	vmcs_write(HOST_SYSENTER_ESP, 0);
	vmcs_write(HOST_SYSENTER_EIP, 0);
	vmcs_write(HOST_RIP, (uptr)vmx_left);
#ifdef __x86_64__
	c->ctrls.exit |= EXIT_HOST_64;
#endif
}

static void guest_segments(struct cpu *c)
{
	u64 gdt_base, idt_base;

	tables_bases(&gdt_base, &idt_base);
	for (u32 which = ES; which <= DS; which++)
		segment(which, SEL_DATA, FLAT, AR_DATA, 0);
	segment(CS, SEL_CODE, FLAT, sizeof(uptr) == 8 ? AR_CODE64 : AR_CODE32, 0);
	segment(FS, 0, 0, AR_UNUSABLE, 0);
	segment(GS, 0, 0, AR_UNUSABLE, 0);
	segment(LDTR, 0, 0, AR_UNUSABLE, 0);
	segment(TR, tss_selector(c, L2), sizeof(struct tss) - 1, AR_TSS_BUSY, (uptr)&c->tss[L2]);
	vmcs_write(GUEST_GDTR_BASE, gdt_base);
	vmcs_write(GUEST_GDTR_LIMIT, GDT_SIZE - 1);
	vmcs_write(GUEST_IDTR_BASE, idt_base);
	vmcs_write(GUEST_IDTR_LIMIT, 0xffff);
}

void vmcs_guest_state(struct cpu *c)
{
	guest_segments(c);
	vmcs_write(GUEST_CR0, read_cr0());
	vmcs_write(GUEST_CR4, read_cr4());
	vmcs_write(GUEST_CR3, l2_tables(c));
	vmcs_write(CR0_MASK, 0);
	vmcs_write(CR4_MASK, 0);
	vmcs_write(GUEST_DR7, DR7_RESET);
	vmcs_write(GUEST_RIP, (uptr)l2_main);
	vmcs_write(GUEST_RSP, (uptr)c->stack[L2] + STACK_BYTES - sizeof(uptr));	/* as after a CALL */
	vmcs_write(GUEST_RFLAGS, RFLAGS_FIXED | (asked & (OPT_NO_IF | OPT_NO_INTERRUPTS) ? 0 : RFLAGS_IF));
	vmcs_write(GUEST_INTERRUPTIBILITY, 0);
	vmcs_write(GUEST_ACTIVITY_STATE, ACTIVITY_ACTIVE);
	vmcs_write(GUEST_PENDING_DBG, 0);
	vmcs_write(GUEST_DEBUGCTL, 0);
	vmcs_write(GUEST_SYSENTER_CS, 0);
	vmcs_write(GUEST_SYSENTER_ESP, 0);
	vmcs_write(GUEST_SYSENTER_EIP, 0);
	vmcs_write(VMCS_LINK_POINTER, NO_LINK);
	vmcs_write(EXCEPTION_BITMAP, 0);
	vmcs_write(CR3_TARGET_COUNT, 0);
	vmcs_write(EXIT_MSR_STORE_COUNT, 0);
	vmcs_write(EXIT_MSR_LOAD_COUNT, 0);
	vmcs_write(ENTRY_MSR_LOAD_COUNT, 0);
	vmcs_write(ENTRY_INTR_INFO, 0);
#ifdef __x86_64__
	c->ctrls.entry |= ENTRY_IA32E;
#endif
}
