/* SPDX-License-Identifier: BSD-2-Clause */
/* The exit dispatch of L1. The hot path is vm_exit; everything else happens rarely. */
#include "guest/exits.h"
#include "guest/interrupts.h"
#include "hypapp/hypapp.h"
#include "machine/l1tf.h"
#include "machine/log.h"
#include "machine/machine.h"
#include "memory/ept01.h"
#include "nested/nested.h"
#include "vmx/exit.h"
#include "vmx/flush.h"
#include "vmx/machine_check.h"
#include "vmx/nmi.h"

#define VMFAIL_NOT_LAUNCHED	5	/* SDM 31.4: VMRESUME with a VMCS that is clear */

/* Reason, name, handler. */
#define L1_EXITS(X) \
	X(EXIT_EXCEPTION_NMI,	"NMI",		nmi_exit) \
	X(EXIT_EXTINT,		"EXTINT",	interrupts_exit) \
	X(EXIT_TRIPLE_FAULT,	"TRIPLE_FAULT",	guest_triple_fault) \
	X(EXIT_INIT,		"INIT",		guest_init) \
	X(EXIT_SIPI,		"SIPI",		guest_sipi) \
	X(EXIT_INTR_WINDOW,	"INTR_WINDOW",	interrupts_window) \
	X(EXIT_NMI_WINDOW,	"NMI_WINDOW",	nmi_window) \
	X(EXIT_TASK_SWITCH,	"TASK_SWITCH",	guest_task_switch) \
	X(EXIT_CPUID,		"CPUID",	guest_cpuid) \
	X(EXIT_GETSEC,		"GETSEC",	guest_undefined) \
	X(EXIT_HLT,		"HLT",		interrupts_hlt) \
	X(EXIT_INVD,		"INVD",		guest_invd) \
	X(EXIT_VMCALL,		"VMCALL",	guest_vmcall) \
	X(EXIT_VMCLEAR,		"VMCLEAR",	nested_vmclear) \
	X(EXIT_VMLAUNCH,	"VMLAUNCH",	nested_vmlaunch) \
	X(EXIT_VMPTRLD,		"VMPTRLD",	nested_vmptrld) \
	X(EXIT_VMPTRST,		"VMPTRST",	nested_vmptrst) \
	X(EXIT_VMREAD,		"VMREAD",	nested_vmread) \
	X(EXIT_VMRESUME,	"VMRESUME",	nested_vmresume) \
	X(EXIT_VMWRITE,		"VMWRITE",	nested_vmwrite) \
	X(EXIT_VMXOFF,		"VMXOFF",	nested_vmxoff) \
	X(EXIT_VMXON,		"VMXON",	nested_vmxon) \
	X(EXIT_CR,		"CR",		guest_cr) \
	X(EXIT_IO,		"IO",		guest_io) \
	X(EXIT_RDMSR,		"RDMSR",	guest_rdmsr) \
	X(EXIT_WRMSR,		"WRMSR",	guest_wrmsr) \
	X(EXIT_MACHINE_CHECK,	"MACHINE_CHECK",	machine_check_exit) \
	X(EXIT_EPT_VIOLATION,	"EPT_VIOLATION",	guest_ept_violation) \
	X(EXIT_INVEPT,		"INVEPT",	nested_invept) \
	X(EXIT_PREEMPTION_TIMER,	"TIMER",	guest_timer) \
	X(EXIT_INVVPID,		"INVVPID",	nested_invvpid) \
	X(EXIT_XSETBV,		"XSETBV",	guest_xsetbv) \
	X(EXIT_VMFUNC,		"VMFUNC",	guest_undefined)

#define HANDLER(reason, name, handler)	[reason] = handler,
#define NAME(reason, name, handler)	[reason] = name,
static enum verdict (*const handlers[EXIT_REASONS])(struct vcpu *v) = { L1_EXITS(HANDLER) };
static const char *const names[EXIT_REASONS] = { L1_EXITS(NAME) };

const char *exit_name(u32 reason)
{
	const char *name = (u16)reason < EXIT_REASONS ? names[(u16)reason] : NULL;

	return name ? name : "?";
}

enum verdict inject(struct vcpu *v, enum vector vector, int error)
{
	bool protected = vmcs_read(GUEST_CR0) & CR0_PE;

	/* Real mode has no error codes, and VM entry fails with one (SDM 27.2.1.3). */
	v->event_info = INTR_VALID | INTR_HARDWARE << 8 | vector | (error < 0 || !protected ? 0 : INTR_ERROR_CODE);
	v->event_error = (u32)error;
	if (protected && FAULTS >> vector & 1)		/* what a fault pushes has RF set (SDM 18.3.1.1): injection leaves that to us */
		vmcs_write(GUEST_RFLAGS, vmcs_read(GUEST_RFLAGS) | RFLAGS_RF);
	return INJECT;
}

static inline void advance(struct vcpu *v, u32 clears)
{
	uptr length = vmcs_read_natural(EXIT_INSTR_LEN), rip = v->rip + length, flags = vmcs_read_natural(GUEST_RFLAGS);
	u32 blocking = vmcs_read32(GUEST_INTERRUPTIBILITY);

	if (__builtin_expect((u32)rip < (u32)length, 0) &&
	    !(vmcs_read32(GUEST_CS_AR) & AR_LONG && vmcs_read(GUEST_EFER) & EFER_LMA))
		rip = (u32)rip;		/* it came to 4 GiB */
	vmcs_write(GUEST_RIP, rip);
	if (flags & clears)
		vmcs_write(GUEST_RFLAGS, flags & ~(uptr)clears);
	if (__builtin_expect(blocking & (BLOCKING_STI | BLOCKING_MOV_SS), 0))
		vmcs_write(GUEST_INTERRUPTIBILITY, blocking & ~(BLOCKING_STI | BLOCKING_MOV_SS));
	if (__builtin_expect(flags & RFLAGS_TF, 0) && !(vmcs_read(GUEST_DEBUGCTL) & DEBUGCTL_BTF))
		vmcs_write(GUEST_PENDING_DBG, vmcs_read(GUEST_PENDING_DBG) | PENDING_DBG_BS);
}

void exit_advance(struct vcpu *v) { advance(v, 0); }
void exit_succeed(struct vcpu *v) { advance(v, RFLAGS_ARITH); }

void exit_inject(const struct vcpu *v)
{
	if (INTR_VECTOR(v->event_info) == PF_FAULT)
		write_cr2((uptr)v->event_linear);
	vmcs_write(ENTRY_INTR_INFO, v->event_info);
	vmcs_write(GUEST_ACTIVITY_STATE, ACTIVITY_ACTIVE);	/* HLT state takes few events (SDM 27.3.1.5) */
	if (v->event_info & INTR_ERROR_CODE)
		vmcs_write(ENTRY_ERROR_CODE, v->event_error);
}

/* What a verdict asks for, other than the common ones. */
static NOINLINE void act(struct vcpu *v, enum verdict verdict)
{
	if (verdict == SHUT_DOWN) {
		hypapp_shutdown();
		machine_reset();
	}
	exit_inject(v);
}

static NORETURN void unknown_exit(u32 reason)
{
	if (reason & EXIT_REASON_ENTRY_FAILED)
		panic("VM entry failed, reason %u, qualification 0x%llx", (u16)reason, vmcs_read(EXIT_QUALIFICATION));
	panic("exit for reason %u, which nothing asked for", reason);
}

void vm_exit(struct vcpu *v)
{
	v->exit_tsc = rdtsc_low();
	u32 told = vmcs_read32(EXIT_REASON), reason = (u16)told;	/* above: modifiers, as for an exit from an enclave */
	enum verdict verdict;

	exit_record(v, reason, vmcs_read_natural(GUEST_RIP));
	if (reason >= EXIT_REASONS || !handlers[reason])
		unknown_exit(told);
	v->exits[reason]++;
	verdict = handlers[reason](v);
	if (verdict > RESUME) {		/* which is the first */
		if (verdict == SUCCEED)
			advance(v, RFLAGS_ARITH);
		else if (verdict == ADVANCE)
			advance(v, 0);
		else
			act(v, verdict);
	}
	v->root_ticks += rdtsc_low() - v->exit_tsc;
	l1tf_before_entry();
}

void vm_work(struct vcpu *v)
{
	if (v->work & WORK_QUIESCE)
		flush_quiesced(v);
	if (v->work & WORK_FLUSH_EPT)
		flush_local(v);
	if (v->work & WORK_FLUSH_EPT02) {
		flush_local_contexts(v);
		nested_enter_again(v);
	}
	if (v->work & WORK_L2_POLICY)
		nested_follow_policy(v);
	if (v->work & WORK_MACHINE_CHECK)
		machine_check_offer(v);
	if (v->work & WORK_GUEST_NMI)
		nmi_offer(v);
	if (v->work & WORK_INTERRUPT)
		interrupts_offer(v);
}

static void refused(struct vcpu *v, u32 error)
{
	if (!nested_entry_refused(v, error))
		panic("CPU %u: VM entry failed, VM-instruction error %u", v->index, error);
}

bool vm_resume_refused(struct vcpu *v)
{
	u32 error = vmcs_read32(VM_INSTR_ERROR);

	if (error == VMFAIL_NOT_LAUNCHED)
		return true;
	refused(v, error);
	return false;
}

void vm_entry_refused(struct vcpu *v)
{
	refused(v, vmcs_read32(VM_INSTR_ERROR));
}
