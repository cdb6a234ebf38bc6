/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * INIT and SIPI. After INIT the CPU is back in the guest's wait-for-SIPI state within a few instructions:
 * a SIPI that finds it in root mode is lost, and Linux sends its two only microseconds apart. The work of
 * a reset waits for the SIPI.
 */
#include "guest/exits.h"
#include "guest/state.h"
#include "machine/cpu_insn.h"
#include "nested/nested.h"
#include "vmx/setup.h"

static void exit_before_first_instruction(struct vcpu *v, bool wanted)
{
	v->just_started = wanted;
	v->pin_ctrls = wanted ? v->pin_ctrls | PIN_PREEMPTION_TIMER : v->pin_ctrls & ~PIN_PREEMPTION_TIMER;
	vmcs_write(PIN_CTRLS, v->pin_ctrls);
	vmcs_write(PREEMPTION_TIMER, 0);
}

enum verdict guest_init(struct vcpu *v)
{
	if (v->just_started) {			/* it came before the SIPI: see guest_sipi */
		exit_before_first_instruction(v, false);
		return RESUME;
	}
	if (nested_takes_init(v))
		return RESUME;
	if (v->index == 0)
		return SHUT_DOWN;		/* INIT of the boot processor is how a machine is reset */
	__atomic_store_n(&v->waits_for_sipi, true, __ATOMIC_SEQ_CST);
	vmcs_write(GUEST_INTERRUPTIBILITY, 0);	/* STI and MOV-SS blocking allow no state but active */
	vmcs_write(GUEST_ACTIVITY_STATE, ACTIVITY_WAIT_FOR_SIPI);
	v->init_ticks = MAX(v->init_ticks, rdtsc_low() - v->exit_tsc);
	return RESUME;
}

/*
 * Systems send INIT, SIPI, SIPI to a CPU whatever it does. One that waits for SIPI has nothing to do for the INIT, but as a
 * guest it may keep it pending (SDM 26.2: it is blocked), and be ended by it before the first instruction to which the
 * first SIPI brings it; the second SIPI comes while we are still at that and is lost. So an INIT that ends the guest at
 * once is dropped, and the first SIPI starts the CPU. The timer is behind the INIT and tells that there was none.
 */
enum verdict guest_sipi(struct vcpu *v)
{
	state_start_ap(v, (u8)vmcs_read(EXIT_QUALIFICATION));
	if (vmx_caps.timer)
		exit_before_first_instruction(v, true);
	return RESUME;
}

enum verdict guest_timer(struct vcpu *v)
{
	exit_before_first_instruction(v, false);
	return RESUME;
}
