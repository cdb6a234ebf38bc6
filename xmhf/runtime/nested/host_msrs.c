/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MSRs that exits to L1 load from its host state, and that an L1 writes hardly ever: while it is in VMX operation its writes
 * exit, so that most exits to it find them as they left them.
 */
#include "guest/policy.h"
#include "lib/string.h"
#include "machine/cpu_insn.h"
#include "machine/log.h"
#include "memory/pool.h"
#include "nested/state.h"

static const u32 watched[] = { MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP, MSR_DEBUGCTL, MSR_PAT, MSR_EFER };

static u8 *bitmap;

void host_msrs_init(void)
{
	bitmap = pool_page();
	BUG_ON(!bitmap);
	memcpy(bitmap, policy_msr_bitmap, PAGE_SIZE);
	for (u32 i = 0; i < ARRAY_SIZE(watched); i++)
		policy_intercept_msr(bitmap, watched[i], false, true);
}

void host_msrs_watch(struct vcpu *v, bool on)
{
	v->nested->host_msrs_of = NULL;
	vmcs_write(MSR_BITMAP, (uptr)(on ? bitmap : policy_msr_bitmap));
}
