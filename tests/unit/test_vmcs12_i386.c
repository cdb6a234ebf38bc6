/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMCS12 as the i386 hypervisor lays it out: natural width is 32 bits, and L1 reaches no more.
 * Links: xmhf/runtime/nested/caps.c xmhf/runtime/nested/caps_table.c
 */
#include "unit.h"
#include "i386.h"

#include "nested_model.h"
#include "nested/vmcs12.c"

static struct vmcs12_map map;

static void offer_all(void)
{
	struct vmx_caps_offered caps;

	caps_offer(model_hardware, false, &caps);
	vmcs12_map_fields(&map, &caps);
}

PROMISE(each_encoding_has_bits_of_its_own)
{
	static const u64 bits[] = { [W16] = 0xffff, [W32] = 0xffffffff, [W64] = ~0ull, [WNAT] = 0xffffffff };

	offer_all();
	for (u32 i = 0; i < VMCS_ENCODINGS; i++) {
		const struct vmcs12_slot *slot = vmcs12_field(&map, i);
		struct vmcs12 m = { 0 };

		if (!slot)
			continue;
		assert_true(slot->offset + sizeof(u64) <= sizeof(m));
		vmcs12_write(&m, slot, ~0ull, true);
		for (u32 j = 0; j < VMCS_ENCODINGS; j++) {
			const struct vmcs12_slot *other = vmcs12_field(&map, j);

			if (other && i / 2 != j / 2)
				assert_true(vmcs12_read(&m, other, true) == 0);
		}
		assert_true(vmcs12_read(&m, slot, true) == (i & 1 ? 0xffffffff : bits[vmcs_width_of(i)]));
		assert_int_equal(m.revision | m.abort | m.launched, 0);
	}
}

PROMISE(members_are_what_their_encodings_reach)
{
	struct vmcs12 m = { .GUEST_RIP = 0x12345678, .GUEST_RSP = 0x9abcdef0, .TSC_OFFSET = 0x1111111122222222 };

	offer_all();
	assert_int_equal(sizeof(m.GUEST_RIP), 4);
	assert_true(vmcs12_read(&m, vmcs12_field(&map, GUEST_RIP), false) == 0x12345678);
	assert_true(vmcs12_read(&m, vmcs12_field(&map, GUEST_RSP), false) == 0x9abcdef0);
	assert_true(vmcs12_read(&m, vmcs12_field(&map, TSC_OFFSET), false) == 0x22222222);
	assert_true(vmcs12_read(&m, vmcs12_field(&map, TSC_OFFSET + 1), false) == 0x11111111);
	vmcs12_write(&m, vmcs12_field(&map, TSC_OFFSET), 7, false);
	assert_true(m.TSC_OFFSET == 7);		/* VMWRITE of all of it clears the upper half */
}

RUN(T(each_encoding_has_bits_of_its_own), T(members_are_what_their_encodings_reach))
