/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Capabilities of any hardware, then VMREADs and VMWRITEs of any encoding: what is written is read back, nothing beside
 * it changes, nothing is offered that the hardware lacks.
 * Links: xmhf/runtime/nested/vmcs12.c xmhf/runtime/nested/caps.c xmhf/runtime/nested/caps_table.c
 */
#include "fuzz.h"

#include "nested/vmcs12.h"

static void take_hardware(struct input *in, u64 hardware[CAPS])
{
	for (u32 cap = 0; cap < CAPS; cap++)
		hardware[cap] = input_take(in, 8);
}

static void check_offer(const u64 hardware[CAPS], const struct vmx_caps_offered *offered)
{
	bool true_ctrls = hardware[CAP_BASIC] & BASIC_TRUE_CTRLS;

	for (u32 i = 0; i < 4; i++) {
		u64 real = hardware[true_ctrls ? CAP_TRUE_PIN + i : CAP_PIN + i], got = offered->msr[CAP_TRUE_PIN + i];

		MUST((u32)got == (u32)real);
		MUST(((u32)got & ~(got >> 32)) == 0);
	}
	MUST((offered->msr[CAP_SECONDARY] & ~hardware[CAP_SECONDARY]) == 0);
	MUST((offered->msr[CAP_EPT_VPID] & ~hardware[CAP_EPT_VPID]) == 0);
	MUST((offered->msr[CAP_BASIC] & BASIC_REVISION) == VMCS12_REVISION);
}

/* All bytes but those of one field. */
static u32 sum_without(const struct vmcs12 *m, const struct vmcs12_slot *slot)
{
	u32 sum = 0;

	for (u32 i = 0; i < sizeof(*m); i++)
		if (i < slot->offset || i >= slot->offset + vmcs12_slot_bytes(slot))
			sum = sum * 31 + ((const u8 *)m)[i];
	return sum;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct vmcs12_map map;
	static struct vmcs12 m;
	struct input in = { data, size };
	struct vmx_caps_offered offered;
	u64 hardware[CAPS];

	take_hardware(&in, hardware);
	caps_offer(hardware, input_take(&in, 1) & 1, &offered);
	check_offer(hardware, &offered);
	vmcs12_map_fields(&map, &offered);
	memset(&m, 0, sizeof(m));
	while (in.left) {
		u64 encoding = input_take(&in, 2), value = input_take(&in, 8), mask;
		bool wide = input_take(&in, 1) & 1;
		const struct vmcs12_slot *slot = vmcs12_field(&map, encoding);
		enum vmcs_width width = vmcs_width_of((u32)encoding);
		u32 before;

		if (!slot)
			continue;
		MUST(slot->offset >= 12 && slot->offset < sizeof(m));
		MUST(VMCS_INDEX(encoding) << 1 <= offered.msr[CAP_VMCS_ENUM]);
		before = sum_without(&m, slot);
		vmcs12_write(&m, slot, value, wide);
		mask = width == W16 ? 0xffff : width == W32 || !wide || encoding & 1 ? 0xffffffff : ~0ull;
		MUST(vmcs12_read(&m, slot, true) == (value & mask));
		MUST(sum_without(&m, slot) == before);
	}
	return 0;
}
