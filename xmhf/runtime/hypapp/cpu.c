/* SPDX-License-Identifier: BSD-2-Clause */
/* The core's services for CPUs: registers, events, ports, stopping the others. */
#include <xmhf/core.h>
#include "guest/interrupts.h"
#include "guest/io.h"
#include "guest/memory.h"
#include "hypapp/hypapp.h"
#include "machine/cpu_insn.h"
#include "start/cpus.h"
#include "vmx/flush.h"

/* ---- registers ---- */

static const enum vmcs_field fields[] = {	/* from XMHF_RIP on; CR0 and CR4 aren't here */
	[XMHF_RIP - XMHF_RIP] = GUEST_RIP,
	[XMHF_RFLAGS - XMHF_RIP] = GUEST_RFLAGS,
	[XMHF_CR3 - XMHF_RIP] = GUEST_CR3,
	[XMHF_EFER - XMHF_RIP] = GUEST_EFER,
	[XMHF_ES_BASE - XMHF_RIP] = GUEST_ES_BASE,
	[XMHF_CS_BASE - XMHF_RIP] = GUEST_CS_BASE,
	[XMHF_SS_BASE - XMHF_RIP] = GUEST_SS_BASE,
	[XMHF_DS_BASE - XMHF_RIP] = GUEST_DS_BASE,
	[XMHF_FS_BASE - XMHF_RIP] = GUEST_FS_BASE,
	[XMHF_GS_BASE - XMHF_RIP] = GUEST_GS_BASE,
};

/* What the guest reads: the shadow where somebody else owns the bit. */
static u64 seen(enum vmcs_field mask, enum vmcs_field shadow, enum vmcs_field is)
{
	u64 owned = vmcs_read(mask);

	return (vmcs_read(shadow) & owned) | (vmcs_read(is) & ~owned);
}

u64 xmhf_get(struct vcpu *v, enum xmhf_register which)
{
	if (which == XMHF_RSP)
		return vmcs_read(GUEST_RSP);
	if (which < XMHF_RIP)
		return which < NR_GPRS ? v->regs.r[which] : 0;
	if (which == XMHF_CR0)
		return seen(CR0_MASK, CR0_SHADOW, GUEST_CR0);
	if (which == XMHF_CR4)
		return seen(CR4_MASK, CR4_SHADOW, GUEST_CR4);
	return vmcs_read(fields[which - XMHF_RIP]);
}

/* The arithmetic flags, and those that change nothing but the guest's own course. */
#define RFLAGS_SETTABLE	(RFLAGS_ARITH | RFLAGS_IF | BIT(10) | BIT(18))

/* STI blocks nothing while IF is 0, and VM entry fails with both (SDM 27.3.1.5). */
static void set_rflags(u64 value)
{
	vmcs_write(GUEST_RFLAGS, value);
	if (!(value & RFLAGS_IF))
		vmcs_write(GUEST_INTERRUPTIBILITY, vmcs_read32(GUEST_INTERRUPTIBILITY) & ~(u32)BLOCKING_STI);
}

bool xmhf_set(struct vcpu *v, enum xmhf_register which, u64 value)
{
	if (which == XMHF_RSP)
		vmcs_write(GUEST_RSP, value);
	else if (which == XMHF_RIP)
		vmcs_write(GUEST_RIP, value);
	else if (which == XMHF_RFLAGS)
		set_rflags((vmcs_read(GUEST_RFLAGS) & ~(u64)RFLAGS_SETTABLE) | (value & RFLAGS_SETTABLE));
	else if (which < NR_GPRS)
		v->regs.r[which] = (uptr)value;
	else
		return false;
	return true;
}

bool xmhf_in_l2(const struct vcpu *v) { return v->in_l2; }

u32 xmhf_cpl(struct vcpu *v)
{
	(void)v;
	return guest_cpl();
}

u32 xmhf_code_bits(struct vcpu *v)
{
	(void)v;
	return guest_code_bits();
}

u32 xmhf_cpu_count(void) { return cpus_served(); }
u32 xmhf_cpu_index(const struct vcpu *v) { return v->index; }

/* ---- events ---- */

enum xmhf_result xmhf_inject(struct vcpu *v, u8 vector, int error)
{
	vector &= 31;
	if (PUSHES_ERROR_CODE >> vector & 1)		/* VM entry fails with one for another, without one, or above 16 bits */
		error = error < 0 ? 0 : (u16)error;
	else
		error = -1;
	v->event_linear = read_cr2();			/* a #PF without an address leaves it */
	(void)!inject(v, (enum vector)vector, error);
	return XMHF_INJECT;
}

enum xmhf_result xmhf_inject_page_fault(struct vcpu *v, const struct xmhf_page_fault *fault)
{
	return xmhf_inject_fault(v, XMHF_PAGE_FAULT, fault);
}

enum xmhf_result xmhf_inject_fault(struct vcpu *v, enum xmhf_access access, const struct xmhf_page_fault *fault)
{
	struct guest_fault seen = { 0, 0 };

	if (access == XMHF_PAGE_FAULT)
		seen = (struct guest_fault){ fault->linear.at, fault->error_code };
	(void)!guest_inject_fault(v, (enum guest_access)access, &seen);
	return XMHF_INJECT;
}

void xmhf_inject_interrupt(struct vcpu *v, u8 vector) { interrupts_queue(v, vector); }
void xmhf_take_interrupts(struct vcpu *v, bool wanted) { interrupts_take(v, wanted); }
void xmhf_ask_interrupt_window(struct vcpu *v) { interrupts_ask_window(v); }

/* ---- the other CPUs ---- */

static const struct vcpu *quiescer;	/* who stopped the others, and how often; its own alone to change */
static u32 depth;

void xmhf_quiesce(void)
{
	const struct vcpu *self = this_cpu();

	if (__atomic_load_n(&quiescer, __ATOMIC_SEQ_CST) != self) {
		flush_quiesce();
		__atomic_store_n(&quiescer, self, __ATOMIC_SEQ_CST);
	}
	depth++;
}

void xmhf_resume(void)
{
	if (__atomic_load_n(&quiescer, __ATOMIC_SEQ_CST) != this_cpu() || --depth)
		return;
	__atomic_store_n(&quiescer, NULL, __ATOMIC_SEQ_CST);
	flush_resume();
}

void xmhf_intercept_ports(u16 first, u32 count, bool wanted)
{
	xmhf_quiesce();
	io_give_to_hypapp(first, count, wanted);
	for (u32 i = 0; i < cpus_served(); i++)
		work_set(cpus_get(i), WORK_L2_POLICY);
	xmhf_resume();
}
