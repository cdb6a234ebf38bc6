/* SPDX-License-Identifier: BSD-2-Clause */
/* What a hypapp's answer means for the exit. */
#include "hypapp/hypapp.h"

enum verdict hypapp_verdict(const struct vcpu *v, enum xmhf_result result)
{
	if (result == XMHF_INJECT)
		return INJECT;
	return vmcs_read(GUEST_RIP) == v->rip ? ADVANCE : RESUME;
}
