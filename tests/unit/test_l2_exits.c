/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Faults that we raise for L2: delivered, or exits to L1 with what a CPU's own would say (SDM 26.2, 28.2.1, 28.2.4), and how one
 * met on the way to another event's handler ends.
 * Links: xmhf/runtime/nested/l2_exits.c xmhf/runtime/nested/exit_info.c xmhf/runtime/guest/ept_violation.c
 * Links: xmhf/runtime/guest/double_fault.c
 */
#include "fake_cpu.h"

#include "guest/exits.h"
#include "guest/interrupts.h"
#include "hypapp/hypapp.h"
#include "machine/l1tf.h"
#include "machine/log.h"
#include "machine/machine.h"
#include "memory/ept01.h"
#include "memory/track.h"
#include "nested/events.h"
#include "nested/l1_wants.h"
#include "nested/l2_exits.h"
#include "nested/state.h"
#include "vmx/exit.h"
#include "vmx/nmi.h"

#define EVENT(type, vector)	(INTR_VALID | (u32)(type) << 8 | (vector))
#define FAULT(vector)		EVENT(INTR_HARDWARE, vector)
#define LINEAR			0x123456789000ull
#define ERROR_OF_FIRST		0x77u
#define NO_EXIT			(~0u)

struct machine machine;
struct ept ept01;
struct lock ept01_lock;
bool l1tf_flush_on_entry;
const struct xmhf_hypapp xmhf_hypapp;

static struct nested nested;
static struct nested_vmcs current;
static struct vmcs12 m;
static u32 bitmap;		/* of exceptions */
static u32 left;		/* the exit's reason */

bool l1_wants_vector(const struct vmcs12 *vmcs, u8 vector, u32 error) { return bitmap >> vector & 1; }
void nested_leave(struct vcpu *v) { left = v->nested->exit.reason; v->in_l2 = false; }
void nested_leave_as_told(struct vcpu *v, u32 reason) { left = reason; v->in_l2 = false; }

/* Memory that EPT can't map. */
bool ept_lookup(const struct ept *ept, gpa1_t at, struct ept_leaf *out) { return false; }
bool ept_fill(struct ept *ept, gpa1_t at) { return false; }
bool track_violation(gpa1_t at) { return false; }
enum verdict nested_ept_violation(struct vcpu *v) { return guest_ept_violation(v); }

/* All else: not to be asked. */
#define UNASKED(name)	enum verdict name(struct vcpu *v) { fail(); return RESUME; }
UNASKED(guest_io) UNASKED(nmi_exit) UNASKED(interrupts_exit) UNASKED(nested_sipi_with_init) UNASKED(nested_sipi)
UNASKED(interrupts_window) UNASKED(nmi_window) UNASKED(interrupts_hlt) UNASKED(l2_vmcall) UNASKED(l2_vmread) UNASKED(l2_vmwrite)
UNASKED(l2_cr) UNASKED(l2_rdmsr) UNASKED(l2_wrmsr) UNASKED(nested_ept_misconfigured) UNASKED(nested_after_entry) UNASKED(l2_vmfunc)

#define UNWANTED(name)	bool name(struct vcpu *v, const struct vmcs12 *vmcs) { fail(); return false; }
UNWANTED(l1_wants_exception) UNWANTED(l1_wants_interrupt) UNWANTED(l1_wants_init) UNWANTED(l1_wants_window) UNWANTED(l1_wants_nmi_window)
UNWANTED(l1_wants_hlt) UNWANTED(l1_wants_vmcall) UNWANTED(l1_wants_vmread) UNWANTED(l1_wants_vmwrite) UNWANTED(l1_wants_cr)
UNWANTED(l1_wants_io) UNWANTED(l1_wants_rdmsr) UNWANTED(l1_wants_wrmsr) UNWANTED(l1_wants_timer) UNWANTED(l1_wants_vmfunc)

bool l1_never_wants(struct vcpu *v, const struct vmcs12 *vmcs) { return false; }
void nested_ready(struct vcpu *v) { }
void exit_advance(struct vcpu *v) { fail(); }
void exit_inject(const struct vcpu *v) { vmcs_write(ENTRY_INTR_INFO, v->event_info); }
void exit_succeed(struct vcpu *v) { fail(); }
void guest_redeliver(void) { fail(); }
void ept01_throw_away(gpa1_t page) { fail(); }
void log_line(enum log_level level, const char *format, ...) { fail(); }

static void start(u32 exceptions)
{
	cpu_reset();
	memset(&nested, 0, sizeof(nested));
	bitmap = exceptions;
	left = NO_EXIT;
	current.m = &m;
	nested.current = &current;
	cpu.vcpu.nested = &nested;
	cpu.vcpu.in_l2 = true;
	vmcs_write(GUEST_RFLAGS, 2);
	vmcs_write(GUEST_RIP, 0x1000);
	vmcs_write(ENTRY_INTR_INFO, 0);
	vmcs_write(IDT_VECTORING_INFO, 0);
	vmcs_write(EXIT_REASON, EXIT_IO);
}

static void page_fault(void)
{
	(void)!inject(&cpu.vcpu, PF_FAULT, 2);
	cpu.vcpu.event_linear = LINEAR;
	l2_act(&cpu.vcpu, INJECT);
}

PROMISE(a_page_fault_that_l1_does_not_want_is_l2s)
{
	start(BIT(GP_FAULT));
	page_fault();
	assert_int_equal(left, NO_EXIT);
	assert_int_equal((u8)vmcs_read(ENTRY_INTR_INFO), PF_FAULT);
}

PROMISE(one_that_exits_is_not_delivered_and_tells_the_address)
{
	start(BIT(PF_FAULT));
	page_fault();
	assert_int_equal(left, EXIT_EXCEPTION_NMI);
	assert_true(nested.exit.qualification == LINEAR);
	assert_int_equal(nested.exit.intr_error, 2);
	assert_int_equal(nested.exit.vectoring, 0);
	assert_int_equal(vmcs_read(ENTRY_INTR_INFO), 0);
}

PROMISE(other_faults_tell_none)
{
	start(BIT(GP_FAULT));
	cpu.vcpu.event_linear = LINEAR;
	(void)!inject(&cpu.vcpu, GP_FAULT, 0);
	l2_act(&cpu.vcpu, INJECT);
	assert_int_equal(left, EXIT_EXCEPTION_NMI);
	assert_true(nested.exit.qualification == 0);
}

/* The delivery of @event can't be done: what exit, for which vector, is it, and does that tell of the event? */
static void delivery_fails(u32 event, u32 exceptions, u32 reason, u32 vector, bool tells)
{
	start(exceptions);
	vmcs_write(EXIT_REASON, EXIT_EPT_VIOLATION);
	vmcs_write(EXIT_QUALIFICATION, QUAL_WRITE);
	vmcs_write(GUEST_PHYSICAL_ADDR, 1ull << 45);
	vmcs_write(IDT_VECTORING_INFO, event);
	vmcs_write(IDT_VECTORING_ERROR_CODE, ERROR_OF_FIRST);
	vmcs_write(EXIT_INSTR_LEN, 2);
	nested_vm_exit(&cpu.vcpu);
	assert_int_equal(left, reason);
	if (reason != EXIT_EXCEPTION_NMI) {
		assert_int_equal((u8)vmcs_read(ENTRY_INTR_INFO), vector);
		return;
	}
	assert_int_equal((u8)nested.exit.intr_info, vector);
	assert_int_equal(nested.exit.vectoring, tells ? event : 0);
	/* EXT */
	assert_int_equal(nested.exit.intr_error, event & INTR_VALID && INTR_TYPE(event) <= INTR_HARDWARE && vector == GP_FAULT);
	if (tells) {
		assert_int_equal(nested.exit.vectoring_error, ERROR_OF_FIRST);
		assert_int_equal(nested.exit.instr_len, 2);
	}
}

PROMISE(a_fault_of_iret_says_that_nmis_were_unblocked)
{
	for (u32 i = 0; i < 2; i++) {
		start(BIT(GP_FAULT));
		vmcs_write(EXIT_REASON, i ? EXIT_EPT_VIOLATION : EXIT_IO);
		vmcs_write(EXIT_QUALIFICATION, QUAL_WRITE | QUAL_NMI_UNBLOCKING);
		(void)!inject(&cpu.vcpu, GP_FAULT, 0);
		l2_act(&cpu.vcpu, INJECT);
		assert_int_equal(left, EXIT_EXCEPTION_NMI);
		assert_int_equal(nested.exit.intr_info & BIT(12), i ? BIT(12) : 0);
	}
}

PROMISE(a_fault_during_delivery_tells_of_the_event)
{
	delivery_fails(EVENT(INTR_EXTINT, 0x41), BIT(GP_FAULT), EXIT_EXCEPTION_NMI, GP_FAULT, true);
	delivery_fails(EVENT(INTR_NMI, 2), BIT(GP_FAULT), EXIT_EXCEPTION_NMI, GP_FAULT, true);
	delivery_fails(EVENT(INTR_SOFTWARE, 0x30), BIT(GP_FAULT), EXIT_EXCEPTION_NMI, GP_FAULT, true);
	delivery_fails(FAULT(UD_FAULT), BIT(GP_FAULT), EXIT_EXCEPTION_NMI, GP_FAULT, true);
	delivery_fails(FAULT(UD_FAULT), 0, NO_EXIT, GP_FAULT, false);
	delivery_fails(0, BIT(GP_FAULT), EXIT_EXCEPTION_NMI, GP_FAULT, false);
}

/* L1 is asked for the second fault before both merge. */
PROMISE(a_double_fault_that_exits_does_not)
{
	delivery_fails(FAULT(PF_FAULT), BIT(DF_ABORT), EXIT_EXCEPTION_NMI, DF_ABORT, false);
	delivery_fails(FAULT(PF_FAULT), BIT(DF_ABORT) | BIT(GP_FAULT), EXIT_EXCEPTION_NMI, GP_FAULT, true);
	delivery_fails(FAULT(PF_FAULT), 0, NO_EXIT, DF_ABORT, false);
	delivery_fails(FAULT(DF_ABORT), BIT(GP_FAULT), EXIT_EXCEPTION_NMI, GP_FAULT, true);
	delivery_fails(FAULT(DF_ABORT), BIT(DF_ABORT), EXIT_TRIPLE_FAULT, 0, false);
}

RUN(T(a_page_fault_that_l1_does_not_want_is_l2s), T(one_that_exits_is_not_delivered_and_tells_the_address), T(other_faults_tell_none),
    T(a_fault_of_iret_says_that_nmis_were_unblocked), T(a_fault_during_delivery_tells_of_the_event), T(a_double_fault_that_exits_does_not))
