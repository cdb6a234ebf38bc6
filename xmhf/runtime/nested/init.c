/* SPDX-License-Identifier: BSD-2-Clause */
/* What L1 is offered, worked out once. */
#include "machine/trap.h"
#include "nested/facts.h"
#include "nested/state.h"

struct vmx_caps_offered nested_caps;
struct vmcs12_map nested_map;

void nested_init(void)
{
	u64 hardware[CAPS];

	for (u32 i = 0; i < CAPS; i++)
		if (!rdmsr_safe(CAP_FIRST_MSR + i, &hardware[i]))
			hardware[i] = 0;
	caps_offer(hardware, sizeof(uptr) == 8, &nested_caps);
	vmcs12_map_fields(&nested_map, &nested_caps);
	facts_init();
}

bool nested_is_on(const struct vcpu *v)
{
	return v->nested && v->nested->on;
}
