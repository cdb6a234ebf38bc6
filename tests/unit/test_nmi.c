/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose an NMI is, and how many of the guest's there are.
 * Links: xmhf/runtime/vmx/nmi.c
 */
#include "fake_cpu.h"

#include "machine/lapic.h"
#include "machine/panic.h"
#include "nested/events.h"
#include "start/cpus.h"
#include "vmx/exit.h"
#include "vmx/nmi.h"

#define AN_NMI	(INTR_VALID | INTR_NMI << 8 | NMI_VECTOR)

bool panicking;
const u8 vm_enter_begin[1], vm_enter_end[1], vm_enter_again[1];

void nmi_unblock(void) {}
void lapic_send(u32 apic_id, u32 command) { fail(); }
u32 cpus_served(void) { return 1; }
struct vcpu *cpus_get(u32 index) { return &cpu.vcpu; }
void nested_offer_nmi(struct vcpu *v) { fail(); }

static struct vcpu *start(u32 blocking)
{
	cpu_reset();
	vmcs_write(GUEST_INTERRUPTIBILITY, blocking);
	vmcs_write(GUEST_ACTIVITY_STATE, ACTIVITY_ACTIVE);
	vmcs_write(ENTRY_INTR_INFO, 0);
	return &cpu.vcpu;
}

/* What an entry makes of the event, and what the window's exit is if the guest doesn't block NMIs any more. */
static bool delivered(struct vcpu *v)
{
	bool any = vmcs_read(ENTRY_INTR_INFO) == AN_NMI;

	vmcs_write(ENTRY_INTR_INFO, 0);
	vmcs_write(GUEST_INTERRUPTIBILITY, any ? BLOCKING_NMI : 0);
	return any;
}

/* How many the guest gets, by IRET after IRET. */
static u32 gets(struct vcpu *v)
{
	u32 n = 0;

	while (v->work & WORK_GUEST_NMI) {
		nmi_offer(v);
		n += delivered(v);
		vmcs_write(GUEST_INTERRUPTIBILITY, 0);
		if (v->windows & PRIMARY_NMI_WINDOW)
			(void)nmi_window(v);
	}
	assert_int_equal(v->nmis, 0);
	return n;
}

PROMISE(the_guest_gets_both_of_two_nmis_that_came_while_we_were_at_work)
{
	struct vcpu *v = start(0);

	(void)nmi_exit(v);
	(void)nmi_exit(v);
	assert_int_equal(gets(v), 2);
}

PROMISE(of_more_than_two_it_gets_two)
{
	struct vcpu *v = start(0);

	for (u32 i = 0; i < 5; i++)
		(void)nmi_exit(v);
	assert_int_equal(gets(v), 2);
}

PROMISE(what_comes_after_one_is_about_to_be_delivered_is_one)
{
	struct vcpu *v = start(0);

	(void)nmi_exit(v);
	nmi_offer(v);
	(void)nmi_exit(v);
	(void)nmi_exit(v);
	nmi_offer(v);
	assert_int_equal(v->nmis, 1);
}

PROMISE(a_guest_that_blocks_nmis_keeps_one)
{
	struct vcpu *v = start(BLOCKING_NMI);

	(void)nmi_exit(v);
	(void)nmi_exit(v);
	nmi_offer(v);
	assert_int_equal(vmcs_read(ENTRY_INTR_INFO), 0);
	vmcs_write(GUEST_INTERRUPTIBILITY, 0);
	(void)nmi_window(v);
	assert_int_equal(gets(v), 1);
}

PROMISE(a_kick_is_none_of_the_guests)
{
	struct vcpu *v = start(0);

	v->kicked = true;
	(void)nmi_exit(v);
	assert_false(v->kicked);
	assert_int_equal(gets(v), 0);
	v->kicked = true;
	(void)nmi_exit(v);
	(void)nmi_exit(v);
	assert_int_equal(gets(v), 1);
}

PROMISE(init_drops_them)
{
	struct vcpu *v = start(0);

	(void)nmi_exit(v);
	(void)nmi_exit(v);
	nmi_forget(v);
	assert_int_equal(gets(v), 0);
}

RUN(T(the_guest_gets_both_of_two_nmis_that_came_while_we_were_at_work), T(of_more_than_two_it_gets_two),
    T(what_comes_after_one_is_about_to_be_delivered_is_one), T(a_guest_that_blocks_nmis_keeps_one),
    T(a_kick_is_none_of_the_guests), T(init_drops_them))
