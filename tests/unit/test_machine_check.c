/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine check that finds the CPU in root mode: what the guest gets, and what waits for it.
 * Links: xmhf/runtime/vmx/machine_check.c
 */
#include "fake_cpu.h"

#include <setjmp.h>

#include "guest/interrupts.h"
#include "hypapp/hypapp.h"
#include "machine/log.h"
#include "machine/machine.h"
#include "vmx/exit.h"
#include "vmx/machine_check.h"
#include "vmx/nmi.h"

#define MACHINE_CHECK	(INTR_VALID | INTR_HARDWARE << 8 | MC_ABORT)

/* What the stub has. */
__asm__(".section .rodata; .globl vm_enter_begin, vm_enter_end, vm_enter_again; vm_enter_begin: .zero 16;"
	"vm_enter_end: .zero 16; vm_enter_again: .zero 1; .text");

static u32 queued, shutdowns;
static bool l1_wants;
static jmp_buf reset;

static void hypapp_hears(void) { shutdowns++; }

const struct xmhf_hypapp xmhf_hypapp = { .shutdown = hypapp_hears };

static u32 nmis;		/* that are put off */

void nmi_queue(struct vcpu *v)
{
	assert_ptr_equal(v, &cpu.vcpu);
	nmis++;
}

void interrupts_queue(struct vcpu *v, u8 vector)
{
	assert_ptr_equal(v, &cpu.vcpu);
	queued = vector;
}

bool nested_takes_machine_check(struct vcpu *v)
{
	assert_true(v->in_l2);
	return l1_wants;
}

void machine_reset(void) { longjmp(reset, 1); }

void log_line(enum log_level level, const char *format, ...) { }

static void start(uptr cr4, u32 activity, u32 event)
{
	cpu_reset();
	queued = shutdowns = 0;
	vmcs_write(GUEST_CR4, cr4);
	vmcs_write(GUEST_ACTIVITY_STATE, activity);
	vmcs_write(ENTRY_INTR_INFO, event);
	cpu.vcpu.work = WORK_MACHINE_CHECK;
}

static void gets_it(void)
{
	machine_check_offer(&cpu.vcpu);
	assert_int_equal(vmcs_read(ENTRY_INTR_INFO), MACHINE_CHECK);
	assert_int_equal(vmcs_read(GUEST_ACTIVITY_STATE), ACTIVITY_ACTIVE);
	assert_int_equal(shutdowns, 0);
	assert_false(cpu.vcpu.work & WORK_MACHINE_CHECK);
}

PROMISE(one_for_an_l2_is_l1s_if_l1_wants_it)
{
	start(CR4_MCE, ACTIVITY_ACTIVE, 0);
	cpu.vcpu.in_l2 = l1_wants = true;
	machine_check_offer(&cpu.vcpu);
	assert_int_equal(vmcs_read(ENTRY_INTR_INFO), 0);
	assert_false(cpu.vcpu.work & WORK_MACHINE_CHECK);
	l1_wants = false;
	cpu.vcpu.work = WORK_MACHINE_CHECK;
	gets_it();
}

PROMISE(a_guest_that_wants_it_gets_it_also_while_it_halts)
{
	start(CR4_MCE, ACTIVITY_ACTIVE, 0);
	gets_it();
	start(CR4_MCE | CR4_PAE, ACTIVITY_HLT, 0);
	gets_it();
	assert_int_equal(cpu.vcpu.work, 0);
}

PROMISE(what_was_on_its_way_comes_after_it)
{
	start(CR4_MCE, ACTIVITY_ACTIVE, INTR_VALID | INTR_NMI << 8 | NMI_VECTOR);
	gets_it();
	assert_int_equal(nmis, 1);
	assert_int_equal(cpu.vcpu.work, 0);
	start(CR4_MCE, ACTIVITY_ACTIVE, INTR_VALID | INTR_EXTINT << 8 | 0x41);
	gets_it();
	assert_int_equal(queued, 0x41);
	start(CR4_MCE, ACTIVITY_ACTIVE, INTR_VALID | INTR_ERROR_CODE | INTR_HARDWARE << 8 | GP_FAULT);
	gets_it();
	assert_int_equal(cpu.vcpu.work, 0);
	assert_int_equal(queued, 0);
}

PROMISE(what_was_delivered_before_does_not_come_again)
{
	start(CR4_MCE, ACTIVITY_ACTIVE, INTR_NMI << 8 | NMI_VECTOR);
	gets_it();
	assert_int_equal(cpu.vcpu.work, 0);
}

PROMISE(a_guest_without_mce_shuts_down)
{
	start((uptr)~CR4_MCE, ACTIVITY_ACTIVE, 0);
	if (!setjmp(reset)) {
		machine_check_offer(&cpu.vcpu);
		fail_msg("it goes on");
	}
	assert_int_equal(shutdowns, 1);
}

PROMISE(a_cpu_that_waits_for_sipi_goes_on_waiting)
{
	start(CR4_MCE, ACTIVITY_WAIT_FOR_SIPI, 0);
	machine_check_offer(&cpu.vcpu);
	assert_int_equal(vmcs_read(ENTRY_INTR_INFO), 0);
	assert_int_equal(vmcs_read(GUEST_ACTIVITY_STATE), ACTIVITY_WAIT_FOR_SIPI);
	assert_int_equal(cpu.vcpu.work, 0);
}

static uptr goes_on_at(uptr rip)
{
	cpu.vcpu.work = 0;
	machine_check_in_root(&rip);
	assert_int_equal(cpu.vcpu.work, WORK_MACHINE_CHECK);
	return rip;
}

PROMISE(one_that_arrives_is_noted_and_an_entry_under_way_starts_again)
{
	uptr begin = (uptr)vm_enter_begin, end = (uptr)vm_enter_end, again = (uptr)vm_enter_again;

	start(CR4_MCE, ACTIVITY_ACTIVE, 0);
	assert_true(goes_on_at(begin - 1) == begin - 1);
	assert_true(goes_on_at(begin) == again);
	assert_true(goes_on_at(end - 1) == again);
	assert_true(goes_on_at(end) == end);
}

PROMISE(one_that_made_the_entry_fail_is_noted_too)
{
	start(CR4_MCE, ACTIVITY_ACTIVE, 0);
	cpu.vcpu.work = 0;
	assert_int_equal(machine_check_exit(&cpu.vcpu), RESUME);
	assert_int_equal(cpu.vcpu.work, WORK_MACHINE_CHECK);
}

RUN(T(a_guest_that_wants_it_gets_it_also_while_it_halts),
    T(one_for_an_l2_is_l1s_if_l1_wants_it), T(what_was_on_its_way_comes_after_it),
    T(what_was_delivered_before_does_not_come_again), T(a_guest_without_mce_shuts_down),
    T(a_cpu_that_waits_for_sipi_goes_on_waiting),
    T(one_that_arrives_is_noted_and_an_entry_under_way_starts_again), T(one_that_made_the_entry_fail_is_noted_too))
