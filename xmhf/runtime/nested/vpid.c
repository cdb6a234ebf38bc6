/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * L1's VPIDs (VPID12) on the CPU's. VPID 1 is L1's own, the next one serves VMCS12s that have VPID off, and each of the others
 * one VPID12 of those that share its place in a small table; who comes in finds nothing of who was there before.
 */
#include "nested/state.h"
#include "vmx/setup.h"

#define VPID_OFF	2u		/* for VPID12 0 */
#define VPID_FIRST	3u

static u32 place(u16 vpid12) { return vpid12 % NESTED_VPIDS; }

/* A CPU may lack a kind: a wider one does as well. */
static void invalidate(enum invvpid_kind kind, u16 vpid, u64 linear)
{
	if (!vmx_invvpid(kind, vpid, linear) && !vmx_invvpid(INVVPID_SINGLE, vpid, 0))
		(void)vmx_invvpid(INVVPID_ALL, 0, 0);
}

u16 nested_vpid(struct vcpu *v, u16 vpid12)
{
	u16 *holder = &v->nested->vpid12[place(vpid12)];
	u16 vpid = (u16)(VPID_FIRST + place(vpid12));

	if (vpid12 == 0)
		return VPID_OFF;
	if (*holder != vpid12) {
		*holder = vpid12;
		v->nested->vpid_moves++;
		invalidate(INVVPID_SINGLE, vpid, 0);
	}
	return vpid;
}

void nested_vpid_invalidate(struct vcpu *v, enum invvpid_kind kind, u16 vpid12, u64 linear)
{
	if (!(vmx_caps.secondary & SECONDARY_VPID))
		return;
	if (kind == INVVPID_ALL) {
		for (u32 i = 0; i < NESTED_VPIDS; i++)
			if (v->nested->vpid12[i])
				invalidate(INVVPID_SINGLE, (u16)(VPID_FIRST + i), 0);
	} else if (vpid12 && v->nested->vpid12[place(vpid12)] == vpid12) {
		invalidate(kind, (u16)(VPID_FIRST + place(vpid12)), linear);
	}
}

void nested_vpid_transition(bool to_l2)
{
	if (vmx_caps.secondary & SECONDARY_VPID)
		invalidate(INVVPID_SINGLE, to_l2 ? VPID_OFF : VPID_L1, 0);
}
