/* SPDX-License-Identifier: BSD-2-Clause */
/* What L1 is offered, worked out once. */
#include "machine/cpu_insn.h"
#include "nested/facts.h"
#include "nested/hot.h"

struct vmx_caps_offered nested_caps;
struct vmcs12_map nested_map;

void nested_init(void)
{
	struct vmx_caps_offered hardware = { { 0 } };

	/* In this order one says whether the next exist; no exception can be caught yet. */
	for (u32 i = 0; i < CAPS; i++)
		if (caps_has_msr(&hardware, CAP_FIRST_MSR + i))
			hardware.msr[i] = rdmsr(CAP_FIRST_MSR + i);
	caps_offer(hardware.msr, sizeof(uptr) == 8, &nested_caps);
	vmcs12_map_fields(&nested_map, &nested_caps);
	shadow_init();
	facts_init();
}

bool nested_is_on(const struct vcpu *v)
{
	return v->nested && v->nested->on;
}
