/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * L2's exits: whose they are. L1's, unless we can do without it; what both want is L1's. Each reason that can be
 * ours has a question for L1's wish and a handler for our own business; all others are L1's always.
 */
#include "guest/exits.h"
#include "guest/interrupts.h"
#include "hypapp/hypapp.h"
#include "machine/l1tf.h"
#include "machine/log.h"
#include "nested/events.h"
#include "nested/exit_info.h"
#include "nested/l1_wants.h"
#include "nested/l2_exits.h"
#include "nested/state.h"
#include "vmx/exit.h"
#include "vmx/nmi.h"

/* What we did for L2 is a step where L1 steps through it by the monitor trap flag (26.5.2): REFLECT then, else RESUME. */
static enum verdict stepped(struct vcpu *v)
{
	if (!(v->nested->current->m->PRIMARY_CTRLS & PRIMARY_MTF))
		return RESUME;
	v->nested->exit = (struct l2_exit){ .reason = EXIT_MTF, .made_up = true };
	return REFLECT;
}

/* An element of REP INS or OUTS is a step too, though RIP stays. */
static enum verdict l2_io(struct vcpu *v)
{
	enum verdict verdict = guest_io(v);

	return verdict == RESUME ? stepped(v) : verdict;
}

static const struct l2_exit_rule {
	bool (*l1_wants)(struct vcpu *v, const struct vmcs12 *m);
	enum verdict (*ours)(struct vcpu *v);
} rules[EXIT_REASONS] = {
	[EXIT_EXCEPTION_NMI]	= { l1_wants_exception,	nmi_exit },
	[EXIT_EXTINT]		= { l1_wants_interrupt,	interrupts_exit },
	[EXIT_INIT]		= { l1_wants_init,	nested_sipi_with_init },
	[EXIT_SIPI]		= { l1_never_wants,	nested_sipi },
	[EXIT_INTR_WINDOW]	= { l1_wants_window,	interrupts_window },
	[EXIT_NMI_WINDOW]	= { l1_wants_nmi_window, nmi_window },
	[EXIT_HLT]		= { l1_wants_hlt,	interrupts_hlt },
	[EXIT_VMCALL]		= { l1_wants_vmcall,	l2_vmcall },
	[EXIT_VMREAD]		= { l1_wants_vmread,	l2_vmread },
	[EXIT_VMWRITE]		= { l1_wants_vmwrite,	l2_vmwrite },
	[EXIT_CR]		= { l1_wants_cr,	l2_cr },
	[EXIT_IO]		= { l1_wants_io,	l2_io },
	[EXIT_RDMSR]		= { l1_wants_rdmsr,	l2_rdmsr },
	[EXIT_WRMSR]		= { l1_wants_wrmsr,	l2_wrmsr },
	[EXIT_EPT_VIOLATION]	= { l1_never_wants,	nested_ept_violation },
	[EXIT_EPT_MISCONFIG]	= { l1_never_wants,	nested_ept_misconfigured },
	[EXIT_PREEMPTION_TIMER]	= { l1_wants_timer,	nested_after_entry },
	[EXIT_VMFUNC]		= { l1_wants_vmfunc,	l2_vmfunc },
};

static inline bool is_l1s(struct vcpu *v, u32 reason)
{
	return !rules[reason].ours || rules[reason].l1_wants(v, v->nested->current->m);
}

/* The event that was being delivered as the fault came, unless both made a #DF that exits (28.2.4). */
static void note_delivery(struct l2_exit *exit)
{
	u32 vectoring = vmcs_read32(IDT_VECTORING_INFO);

	if (!(vectoring & INTR_VALID)) {
		/* 28.2.2: the IRET that met it had unblocked NMIs. */
		if (vmcs_read32(EXIT_REASON) == EXIT_EPT_VIOLATION && vmcs_read(EXIT_QUALIFICATION) & QUAL_NMI_UNBLOCKING)
			exit->intr_info |= INTR_NMI_UNBLOCKING;
		return;
	}
	exit->vectoring = vectoring;
	exit->vectoring_error = vmcs_read32(IDT_VECTORING_ERROR_CODE);
	exit->instr_len = vmcs_read32(EXIT_INSTR_LEN);
}

/* A fault of ours as an exit like the CPU's own: CR2 stays, the qualification of a #PF is its address (28.2.1). */
static void exit_for_fault(struct vcpu *v, u32 vector)
{
	if (FAULTS >> vector & 1)		/* in real mode too, where it isn't pushed (28.3.3) */
		vmcs_write(GUEST_RFLAGS, vmcs_read(GUEST_RFLAGS) | RFLAGS_RF);
	v->nested->exit = (struct l2_exit){ .reason = EXIT_EXCEPTION_NMI, .made_up = true,
					    .qualification = vector == PF_FAULT ? v->event_linear : 0,
					    .intr_info = v->event_info, .intr_error = v->event_error };
	if (vector != DF_ABORT)
		note_delivery(&v->nested->exit);
	nested_leave(v);
}

bool nested_wants_fault(const struct vcpu *v, enum vector vector, u32 error)
{
	return v->in_l2 && l1_wants_vector(v->nested->current->m, (u8)vector, error);
}

/* A fault of ours for L2 is L1's if it wants that vector (26.2). */
static void deliver(struct vcpu *v)
{
	u32 vector = INTR_VECTOR(v->event_info);

	if (nested_wants_fault(v, (enum vector)vector, v->event_error)) {
		exit_for_fault(v, vector);
		return;
	}
	exit_inject(v);
}

/* L2's end is no end of L1's. */
static void shut_down(struct vcpu *v)
{
	v->nested->exit = (struct l2_exit){ .reason = EXIT_TRIPLE_FAULT, .made_up = true };
	nested_leave(v);
}

static void advance(struct vcpu *v, enum verdict verdict)
{
	if (verdict == SUCCEED)
		exit_succeed(v);
	else
		exit_advance(v);
	if (stepped(v) == REFLECT)
		nested_leave(v);
}

void l2_act(struct vcpu *v, enum verdict verdict)
{
	switch (verdict) {
	case RESUME:
		break;
	case ADVANCE:
	case SUCCEED:
		advance(v, verdict);
		break;
	case INJECT:
		deliver(v);
		break;
	case REFLECT:
		nested_leave(v);
		break;
	case SHUT_DOWN:
		shut_down(v);
		break;
	}
}

static void keep(struct vcpu *v, u32 reason)
{
	v->nested->exits_kept[reason]++;
	l2_act(v, rules[reason].ours(v));
}

/* An entry that failed, a reason with modifiers as from an enclave, or one that we don't know. */
static NOINLINE void unusual_exit(struct vcpu *v, u32 told)
{
	u32 reason = (u16)told;

	if (!(told & EXIT_REASON_ENTRY_FAILED) && reason < EXIT_REASONS && !is_l1s(v, reason)) {
		keep(v, reason);
	} else {
		(void)nested_reflect(v, told, exit_info_qualification(reason));
		nested_leave(v);
	}
}

void nested_vm_exit(struct vcpu *v)
{
	v->exit_tsc = rdtsc_low();
	u32 told = vmcs_read32(EXIT_REASON);

	exit_record(v, (u16)told | EXIT_OF_L2, vmcs_read_natural(GUEST_RIP));
	if (told >= EXIT_REASONS)
		unusual_exit(v, told);
	else if (is_l1s(v, told))
		nested_leave_as_told(v, told);
	else
		keep(v, told);
	if (v->in_l2)
		nested_ready(v);
	v->root_ticks += rdtsc_low() - v->exit_tsc;
	l1tf_before_entry();
}
