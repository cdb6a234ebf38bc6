/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an exit's verdict does to the guest: how RIP, RFLAGS, blocking and a single step go past an instruction, and what an
 * event is made of.
 * Links: xmhf/runtime/vmx/exit.c
 */
#define inject the_one_of_fake_cpu	/* here it is the real one that is tested */
#include "fake_cpu.h"
#undef inject

#include "guest/exits.h"
#include "guest/interrupts.h"
#include "hypapp/hypapp.h"
#include "machine/l1tf.h"
#include "machine/log.h"
#include "machine/machine.h"
#include "nested/nested.h"
#include "vmx/exit.h"
#include "vmx/flush.h"
#include "vmx/machine_check.h"
#include "vmx/nmi.h"

#define OTHERS		0x40202u	/* RFLAGS: AC, IF and the bit that is always 1 */
#define BLOCKINGS	(BLOCKING_STI | BLOCKING_MOV_SS)

#define LINEAR		0xabc123u	/* of a #PF */
#define CR2_BEFORE	0x77000u

enum verdict inject(struct vcpu *v, enum vector vector, int error);

static enum verdict says;		/* the handler's verdict, */
static u64 makes_flags;			/* and what it makes of RFLAGS before; 0: it doesn't touch them */

enum verdict nested_vmread(struct vcpu *v)
{
	if (makes_flags)
		vmcs_write(GUEST_RFLAGS, makes_flags);
	return says;
}

/* All other handlers: none is to be asked. */
#define UNASKED(name)	enum verdict name(struct vcpu *v) { fail(); return RESUME; }
UNASKED(nmi_exit) UNASKED(interrupts_exit) UNASKED(guest_triple_fault) UNASKED(guest_init) UNASKED(guest_sipi)
UNASKED(interrupts_window) UNASKED(nmi_window) UNASKED(guest_task_switch) UNASKED(guest_cpuid)
UNASKED(guest_undefined) UNASKED(interrupts_hlt) UNASKED(guest_invd) UNASKED(guest_vmcall) UNASKED(nested_vmclear)
UNASKED(nested_vmlaunch) UNASKED(nested_vmptrld) UNASKED(nested_vmptrst) UNASKED(nested_vmresume)
UNASKED(nested_vmwrite) UNASKED(nested_vmxoff) UNASKED(nested_vmxon) UNASKED(guest_cr) UNASKED(guest_io)
UNASKED(guest_rdmsr) UNASKED(guest_wrmsr) UNASKED(machine_check_exit) UNASKED(guest_ept_violation)
UNASKED(nested_invept) UNASKED(guest_timer) UNASKED(nested_invvpid) UNASKED(guest_xsetbv)

#define UNCALLED(name)	void name(struct vcpu *v) { fail(); }
UNCALLED(flush_quiesced) UNCALLED(flush_local) UNCALLED(flush_local_contexts) UNCALLED(nested_enter_again)
UNCALLED(nested_follow_policy) UNCALLED(machine_check_offer) UNCALLED(nmi_offer) UNCALLED(interrupts_offer)

const struct xmhf_hypapp xmhf_hypapp;
bool l1tf_flush_on_entry;
static uptr cr2;

void write_cr2(uptr value) { cr2 = value; }

bool nested_entry_refused(struct vcpu *v, u32 error) { return false; }
void machine_reset(void) { abort(); }
void panic(const char *format, ...) { abort(); }

/* A VMREAD of 3 bytes in 64-bit code. */
static void start(u64 flags)
{
	cpu_reset();
	makes_flags = 0;
	vmcs_write(EXIT_REASON, EXIT_VMREAD);
	vmcs_write(GUEST_RIP, 0x1000);
	vmcs_write(EXIT_INSTR_LEN, 3);
	vmcs_write(GUEST_RFLAGS, flags);
	vmcs_write(GUEST_INTERRUPTIBILITY, 0);
	vmcs_write(GUEST_CR0, CR0_PE | CR0_PG);
	vmcs_write(GUEST_CS_AR, AR_LONG);
	vmcs_write(GUEST_DEBUGCTL, 0);
	vmcs_write(GUEST_PENDING_DBG, 0);
	vmcs_write(ENTRY_INTR_INFO, 0);
}

static void exits(enum verdict verdict)
{
	says = verdict;
	vm_exit(&cpu.vcpu);
}

static u64 flags_after(enum verdict verdict, u64 before, u64 made)
{
	start(before);
	makes_flags = made;
	exits(verdict);
	assert_int_equal(vmcs_read(GUEST_RIP), 0x1003);
	return vmcs_read(GUEST_RFLAGS);
}

PROMISE(success_of_a_vmx_instruction_clears_the_six_flags_and_no_other)
{
	assert_int_equal(RFLAGS_ARITH, BIT(0) | BIT(2) | BIT(4) | BIT(6) | BIT(7) | BIT(11));
	assert_int_equal(flags_after(SUCCEED, OTHERS | RFLAGS_ARITH, 0), OTHERS);
	assert_int_equal(flags_after(SUCCEED, OTHERS, 0), OTHERS);
	for (u32 bit = 0; bit < 22; bit++) {
		bool single_step = BIT(bit) == RFLAGS_TF;

		assert_int_equal(flags_after(SUCCEED, BIT(bit), 0), BIT(bit) & ~RFLAGS_ARITH);
		assert_int_equal(vmcs_read(GUEST_PENDING_DBG), single_step ? PENDING_DBG_BS : 0);
	}
}

PROMISE(what_a_failure_made_of_the_flags_stays_and_so_do_those_of_other_instructions)
{
	assert_int_equal(flags_after(ADVANCE, OTHERS | RFLAGS_ARITH, OTHERS | RFLAGS_CF), OTHERS | RFLAGS_CF);
	assert_int_equal(flags_after(ADVANCE, OTHERS, OTHERS | RFLAGS_ZF), OTHERS | RFLAGS_ZF);
	assert_int_equal(flags_after(ADVANCE, OTHERS | RFLAGS_ARITH, 0), OTHERS | RFLAGS_ARITH);
}

PROMISE(an_instruction_that_is_done_ends_blocking_by_sti_and_mov_ss_but_not_by_nmi)
{
	start(OTHERS);
	vmcs_write(GUEST_INTERRUPTIBILITY, BLOCKINGS | BLOCKING_NMI);
	exits(SUCCEED);
	assert_int_equal(vmcs_read(GUEST_INTERRUPTIBILITY), BLOCKING_NMI);
}

PROMISE(rip_wraps_at_4_gib_outside_64_bit_mode_alone)
{
	static const struct { u64 rip; u32 rights, efer; u64 next; } cases[] = {
		{ 0xfffffffe, AR_LONG, EFER_LMA, 0x100000001 }, { 0xfffffffe, 0, 0, 1 }, { 0xfffffffc, 0, 0, 0xffffffff },
		{ 0x7fffffff, 0, 0, 0x80000002 }, { 0x1fffffffe, AR_LONG, EFER_LMA, 0x200000001 },
		{ 0xfffffffe, 0, EFER_LMA, 1 }, { 0xfffffffe, AR_LONG, 0, 1 },	/* outside IA-32e mode L means nothing */
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		start(OTHERS);
		vmcs_write(GUEST_RIP, cases[i].rip);
		vmcs_write(GUEST_CS_AR, cases[i].rights);
		vmcs_write(GUEST_EFER, cases[i].efer);
		exits(ADVANCE);
		assert_true(vmcs_read(GUEST_RIP) == cases[i].next);
	}
}

PROMISE(a_single_step_becomes_pending_unless_it_is_for_branches)
{
	start(OTHERS | RFLAGS_TF);
	vmcs_write(GUEST_PENDING_DBG, 1);
	exits(ADVANCE);
	assert_int_equal(vmcs_read(GUEST_PENDING_DBG), PENDING_DBG_BS | 1);
	start(OTHERS | RFLAGS_TF);
	vmcs_write(GUEST_DEBUGCTL, DEBUGCTL_BTF);
	exits(ADVANCE);
	assert_int_equal(vmcs_read(GUEST_PENDING_DBG), 0);
}

PROMISE(resume_changes_nothing)
{
	start(OTHERS | RFLAGS_ARITH | RFLAGS_TF);
	vmcs_write(GUEST_INTERRUPTIBILITY, BLOCKINGS);
	exits(RESUME);
	assert_int_equal(vmcs_read(GUEST_RIP), 0x1000);
	assert_int_equal(vmcs_read(GUEST_RFLAGS), OTHERS | RFLAGS_ARITH | RFLAGS_TF);
	assert_int_equal(vmcs_read(GUEST_INTERRUPTIBILITY), BLOCKINGS);
	assert_int_equal(vmcs_read(GUEST_PENDING_DBG), 0);
}

static u64 injected(enum vector vector, int error)
{
	assert_int_equal(inject(&cpu.vcpu, vector, error), INJECT);
	exits(INJECT);
	return vmcs_read(ENTRY_INTR_INFO);
}

PROMISE(an_event_has_its_error_code_and_finds_the_guest_active_at_the_instruction)
{
	start(OTHERS);
	assert_int_equal(injected(GP_FAULT, 0x1234), INTR_VALID | INTR_ERROR_CODE | INTR_HARDWARE << 8 | GP_FAULT);
	assert_int_equal(vmcs_read(ENTRY_ERROR_CODE), 0x1234);
	assert_int_equal(vmcs_read(GUEST_ACTIVITY_STATE), ACTIVITY_ACTIVE);
	assert_int_equal(vmcs_read(GUEST_RIP), 0x1000);
	assert_int_equal(vmcs_read(GUEST_RFLAGS), OTHERS | RFLAGS_RF);
	start(OTHERS);
	assert_int_equal(injected(UD_FAULT, -1), INTR_VALID | INTR_HARDWARE << 8 | UD_FAULT);
}

PROMISE(a_page_fault_has_its_address_in_cr2_and_other_events_leave_it)
{
	start(OTHERS);
	cr2 = CR2_BEFORE;
	cpu.vcpu.event_linear = LINEAR;
	(void)injected(GP_FAULT, 0);
	(void)injected(DF_ABORT, 0);
	assert_true(cr2 == CR2_BEFORE);
	(void)injected(PF_FAULT, 2);
	assert_true(cr2 == LINEAR);
}

PROMISE(real_mode_has_neither_error_codes_nor_rf)
{
	start(OTHERS);
	vmcs_write(GUEST_CR0, 0);
	assert_int_equal(injected(GP_FAULT, 0), INTR_VALID | INTR_HARDWARE << 8 | GP_FAULT);
	assert_int_equal(vmcs_read(GUEST_RFLAGS), OTHERS);
}

RUN(T(success_of_a_vmx_instruction_clears_the_six_flags_and_no_other),
    T(what_a_failure_made_of_the_flags_stays_and_so_do_those_of_other_instructions),
    T(an_instruction_that_is_done_ends_blocking_by_sti_and_mov_ss_but_not_by_nmi),
    T(rip_wraps_at_4_gib_outside_64_bit_mode_alone),
    T(a_single_step_becomes_pending_unless_it_is_for_branches),
    T(resume_changes_nothing),
    T(an_event_has_its_error_code_and_finds_the_guest_active_at_the_instruction),
    T(a_page_fault_has_its_address_in_cr2_and_other_events_leave_it), T(real_mode_has_neither_error_codes_nor_rf))
