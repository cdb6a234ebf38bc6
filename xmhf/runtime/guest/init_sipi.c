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

enum verdict guest_init(struct vcpu *v)
{
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

enum verdict guest_sipi(struct vcpu *v)
{
	state_start_ap(v, (u8)vmcs_read(EXIT_QUALIFICATION));
	return RESUME;
}
