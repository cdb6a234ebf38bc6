/* SPDX-License-Identifier: BSD-2-Clause */
/* L1's wishes, read from VMCS12 and the bitmaps in its memory. */
#include <xmhf/hypercall.h>
#include "guest/exits.h"
#include "guest/memory.h"
#include "hypapp/hypapp.h"
#include "machine/cpu_insn.h"
#include "nested/bitmaps.h"
#include "nested/instructions.h"
#include "nested/l1_wants.h"
#include "nested/msr_bitmap.h"
#include "vmx/exit_qualification.h"

bool l1_never_wants(struct vcpu *v, const struct vmcs12 *m)
{
	(void)v, (void)m;
	return false;
}

/* SDM 26.2: for #PF mask and match turn the bit's meaning round. */
bool l1_wants_vector(const struct vmcs12 *m, u8 vector, u32 error)
{
	bool wants = m->EXCEPTION_BITMAP >> (vector & 31) & 1;

	if (vector == PF_FAULT && (error & m->PF_ERROR_MASK) != m->PF_ERROR_MATCH)
		return !wants;
	return wants;
}

/* We ask for none ourselves; NMIs are sorted in events.c. */
bool l1_wants_exception(struct vcpu *v, const struct vmcs12 *m)
{
	(void)v, (void)m;
	return INTR_TYPE(vmcs_read32(EXIT_INTR_INFO)) != INTR_NMI;
}

/* The hypapp comes first, if it takes interrupts. */
bool l1_wants_interrupt(struct vcpu *v, const struct vmcs12 *m)
{
	return m->PIN_CTRLS & PIN_EXTINT && !(v->pin_ctrls & PIN_EXTINT);
}

bool l1_wants_window(struct vcpu *v, const struct vmcs12 *m)
{
	(void)v;
	return m->PRIMARY_CTRLS & PRIMARY_INTR_WINDOW;
}

/* An NMI that waits goes first (26.2). */
bool l1_wants_nmi_window(struct vcpu *v, const struct vmcs12 *m)
{
	return !v->nested->nmi_waits && m->PRIMARY_CTRLS & PRIMARY_NMI_WINDOW;
}

bool l1_wants_hlt(struct vcpu *v, const struct vmcs12 *m)
{
	(void)v;
	return m->PRIMARY_CTRLS & PRIMARY_HLT;
}

bool l1_wants_init(struct vcpu *v, const struct vmcs12 *m)
{
	(void)m;
	return !v->nested->sipi.asks;
}

/* The timer goes before NMIs. */
bool l1_wants_timer(struct vcpu *v, const struct vmcs12 *m)
{
	const struct nested *n = v->nested;

	return !n->event_after_entry || (!n->sipi.asks && m->PIN_CTRLS & PIN_PREEMPTION_TIMER && n->timer_left == 0);
}

/* The hypapp's numbers are ours. */
bool l1_wants_vmcall(struct vcpu *v, const struct vmcs12 *m)
{
	(void)m;
	return !xmhf_hypapp.hypercall || (u32)v->regs.rax - XMHF_CALL_HYPAPP_FIRST > XMHF_CALL_HYPAPP_LAST - XMHF_CALL_HYPAPP_FIRST;
}

/* SDM 26.1.3: an access that wraps around port 0xffff exits. */
bool l1_wants_io(struct vcpu *v, const struct vmcs12 *m)
{
	const struct nested_vmcs *c = v->nested->current;
	u32 qualification, port, done = 1;

	if (!c->l1_bitmaps[BITMAP_IO_A])
		return m->PRIMARY_CTRLS & PRIMARY_ALL_IO;
	qualification = vmcs_read32(EXIT_QUALIFICATION);
	port = IO_QUAL_PORT(qualification);
	do {
		const u32 *bitmap = (const u32 *)c->l1_bitmaps[BITMAP_IO_A + (port >> 15)];

		if (__builtin_expect(bitmap[(port & 0x7fff) / 32] >> port % 32 & 1, 1))
			return true;
		if (done++ == IO_QUAL_BYTES(qualification))
			return false;
	} while (++port <= 0xffff);
	return true;
}

static bool wants_msr(const struct vcpu *v, enum msr_access access)
{
	return msr_bitmap_wants(v->nested->current->l1_bitmaps[BITMAP_MSRS], (u32)v->regs.rcx, access);
}

bool l1_wants_rdmsr(struct vcpu *v, const struct vmcs12 *m)
{
	(void)m;
	return wants_msr(v, MSR_ACCESS_READ);
}

bool l1_wants_wrmsr(struct vcpu *v, const struct vmcs12 *m)
{
	(void)m;
	return wants_msr(v, MSR_ACCESS_WRITE);
}

/* Only writes of CR0 and CR4 can have been for us. A write exits to L1 if it differs from the shadow in a bit of L1's. */
bool l1_wants_cr(struct vcpu *v, const struct vmcs12 *m)
{
	u64 qualification = vmcs_read(EXIT_QUALIFICATION);
	u32 cr = CR_QUAL_CR(qualification);
	u64 value = guest_cr_operand(v, qualification);

	if (CR_QUAL_TYPE(qualification) != CR_TYPE_MOV_TO || (cr != 0 && cr != 4))
		return true;
	return cr == 0 ? (value ^ m->CR0_SHADOW) & m->CR0_MASK : (value ^ m->CR4_SHADOW) & m->CR4_MASK;
}

/* Functions that L1 doesn't enable exit; EAX beyond 63 too. */
bool l1_wants_vmfunc(struct vcpu *v, const struct vmcs12 *m)
{
	u32 function = (u32)v->regs.rax;

	return function > 63 || !(m->VMFUNC_CTRLS >> function & 1);
}

/* Bit @bit of L1's bitmap at @at; where L1 has no memory bits are ones. */
static bool bit_of(u64 at, u32 bit)
{
	u8 byte;

	return !guest_read_physical((gpa1_t){ at + bit / 8 }, &byte, 1) || byte >> bit % 8 & 1;
}

/* SDM 26.1.3: an encoding beyond the bitmap exits. */
static bool wants_field(struct vcpu *v, const struct vmcs12 *m, u64 bitmap)
{
	u64 encoding = instruction_operand_in(v, instruction_operand().reg2);

	return !(secondary_controls(m) & SECONDARY_VMCS_SHADOWING) || encoding > 0x7fff || bit_of(bitmap, (u32)encoding);
}

bool l1_wants_vmread(struct vcpu *v, const struct vmcs12 *m) { return wants_field(v, m, m->VMREAD_BITMAP); }
bool l1_wants_vmwrite(struct vcpu *v, const struct vmcs12 *m) { return wants_field(v, m, m->VMWRITE_BITMAP); }
