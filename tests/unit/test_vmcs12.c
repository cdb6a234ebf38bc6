/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMCS12 by encodings: which fields L1 has, access to halves, 32-bit operands, the bitmaps of VMCS shadowing.
 * Links: xmhf/runtime/nested/vmcs12.c xmhf/runtime/nested/caps.c xmhf/runtime/nested/caps_table.c
 */
#include "unit.h"

#include "nested_model.h"

static const u32 encodings[] = {
#define FIELD(name, encoding, ...) encoding,
#include "vmx/vmcs_fields.def"
#undef FIELD
};

static struct vmcs12_map map;
static struct vmx_caps_offered caps;

static void offer_all(void)
{
	caps_offer(model_hardware, true, &caps);
	vmcs12_map_fields(&map, &caps);
}

static bool exists_without(enum vmx_cap cap, u64 controls, u32 encoding)
{
	offer_all();
	caps.msr[cap] &= cap == CAP_VMFUNC ? ~controls : ~(controls << 32);
	vmcs12_map_fields(&map, &caps);
	return vmcs12_field(&map, encoding) != NULL;
}

static u64 mask_of(const struct vmcs12_slot *slot)
{
	return ~0ull >> (64 - 8 * vmcs12_slot_bytes(slot));
}

PROMISE(each_field_has_bytes_of_its_own)
{
	struct vmcs12 m;

	offer_all();
	for (u32 i = 0; i < ARRAY_SIZE(encodings); i++) {
		const struct vmcs12_slot *slot = vmcs12_field(&map, encodings[i]);

		if (!slot)
			continue;
		memset(&m, 0, sizeof(m));
		vmcs12_write(&m, slot, ~0ull, true);
		for (u32 j = 0; j < ARRAY_SIZE(encodings); j++) {
			const struct vmcs12_slot *other = vmcs12_field(&map, encodings[j]);

			if (other)
				assert_true(vmcs12_read(&m, other, true) == (i == j ? mask_of(other) : 0));
		}
		assert_int_equal(m.revision | m.abort | m.launched, 0);
	}
}

PROMISE(a_member_is_what_its_encoding_reaches)
{
	struct vmcs12 m = { .GUEST_RIP = 0x123456789, .VPID = 7, .EXIT_REASON = 10, .TSC_OFFSET = ~1ull };

	offer_all();
	assert_true(vmcs12_read(&m, vmcs12_field(&map, GUEST_RIP), true) == 0x123456789);
	assert_int_equal(vmcs12_read(&m, vmcs12_field(&map, VPID), true), 7);
	assert_int_equal(vmcs12_read(&m, vmcs12_field(&map, EXIT_REASON), true), 10);
	assert_true(vmcs12_read(&m, vmcs12_field(&map, TSC_OFFSET), true) == ~1ull);
}

PROMISE(no_other_encoding_is_a_field)
{
	u32 found = 0, expected = 0;

	offer_all();
	for (u32 i = 0; i < ARRAY_SIZE(encodings); i++)
		if (vmcs12_field(&map, encodings[i]))
			expected += vmcs_width_of(encodings[i]) == W64 ? 2 : 1;
	for (u64 encoding = 0; encoding < 0x20000; encoding++)
		found += vmcs12_field(&map, encoding) != NULL;
	assert_int_equal(found, expected);
	assert_null(vmcs12_field(&map, GUEST_RIP | 1));
	assert_null(vmcs12_field(&map, GUEST_RIP | 1ull << 12));
	assert_null(vmcs12_field(&map, GUEST_RIP | 1ull << 15));
	assert_null(vmcs12_field(&map, GUEST_RIP | 1ull << 32));
	assert_null(vmcs12_field(&map, ~0ull));
}

PROMISE(the_high_half_of_a_64_bit_field_is_at_the_odd_encoding)
{
	struct vmcs12 m = { .TSC_OFFSET = 0x1111111122222222 };
	const struct vmcs12_slot *slot;

	offer_all();
	slot = vmcs12_field(&map, TSC_OFFSET + 1);
	assert_int_equal(vmcs12_read(&m, slot, true), 0x11111111);
	assert_int_equal(vmcs12_read(&m, slot, false), 0x11111111);
	vmcs12_write(&m, slot, 0x4444444433333333, true);
	assert_true(m.TSC_OFFSET == 0x3333333322222222);
	for (u32 i = 0; i < ARRAY_SIZE(encodings); i++) {
		const struct vmcs12_slot *whole = vmcs12_field(&map, encodings[i]);

		if (!whole || vmcs_width_of(encodings[i]) != W64)
			continue;
		slot = vmcs12_field(&map, encodings[i] + 1);
		assert_int_equal(slot->offset, whole->offset + 4);
		assert_true(slot->mask == 0xffffffff && vmcs12_slot_bytes(slot) == 4);
		assert_int_equal(slot->group, whole->group);
		assert_int_equal(slot->hot, whole->hot);
		assert_int_equal(slot->special, whole->special);
	}
}

PROMISE(a_32_bit_operand_reads_the_low_half_and_clears_the_high_one)
{
	static const u32 wide[] = { TSC_OFFSET, GUEST_RIP };
	struct vmcs12 m = { .TSC_OFFSET = ~0ull, .GUEST_RIP = ~0ull };

	offer_all();
	for (u32 i = 0; i < ARRAY_SIZE(wide); i++) {
		const struct vmcs12_slot *slot = vmcs12_field(&map, wide[i]);

		assert_true(vmcs12_read(&m, slot, false) == 0xffffffff);
		vmcs12_write(&m, slot, 0xdeadbeef12345678, false);
		assert_true(vmcs12_read(&m, slot, true) == 0x12345678);
	}
}

PROMISE(what_exits_report_is_read_only)
{
	for (u32 may_write_any = 0; may_write_any < 2; may_write_any++) {
		offer_all();
		caps.msr[CAP_MISC] = may_write_any ? MISC_WRITE_ANY_FIELD : 0;
		vmcs12_map_fields(&map, &caps);
		for (u32 encoding = 0; encoding < VMCS_ENCODINGS; encoding++) {
			const struct vmcs12_slot *slot = vmcs12_field(&map, encoding);
			bool of_exits = (encoding >> 10 & 3) == 1;

			if (!slot)
				continue;
			assert_int_equal(slot->group == GROUP_BIT(GROUP_EXIT_INFO), of_exits && !slot->hot);
			assert_int_equal(slot->special, of_exits && !may_write_any ? SLOT_READ_ONLY : 0);
			assert_int_equal(slot->hot != 0, slot->group == 0);
		}
	}
}

PROMISE(with_shadow_vmcss_a_write_of_each_hot_field_is_special)
{
	offer_all();
	caps.msr[CAP_MISC] = MISC_WRITE_ANY_FIELD;
	vmcs12_map_fields(&map, &caps);
	vmcs12_map_shadowed(&map);
	assert_int_equal(vmcs12_slot(&map, VMCS_ENCODINGS)->special, SLOT_NONE);
	for (u32 encoding = 0; encoding < VMCS_ENCODINGS; encoding++) {
		const struct vmcs12_slot *slot = vmcs12_field(&map, encoding);

		if (slot)
			assert_int_equal(slot->special, slot->hot ? SLOT_SHADOWED : 0);
	}
}

PROMISE(a_field_exists_if_its_control_may_be_1)
{
	static const struct { enum vmx_cap cap; u64 control; u32 field; } needs[] = {
		{ CAP_SECONDARY, SECONDARY_VPID, VPID }, { CAP_SECONDARY, SECONDARY_EPT, EPTP }, { CAP_SECONDARY, SECONDARY_EPT, GUEST_PDPTE2 },
		{ CAP_SECONDARY, SECONDARY_EPT, GUEST_PHYSICAL_ADDR }, { CAP_PIN, PIN_POSTED_INTR, POSTED_INTR_NV },
		{ CAP_PIN, PIN_PREEMPTION_TIMER, PREEMPTION_TIMER }, { CAP_PRIMARY, PRIMARY_TPR_SHADOW, TPR_THRESHOLD },
		{ CAP_PRIMARY, PRIMARY_SECONDARY, SECONDARY_CTRLS }, { CAP_SECONDARY, SECONDARY_PML, GUEST_PML_INDEX },
		{ CAP_SECONDARY, SECONDARY_TSC_SCALING, TSC_MULTIPLIER }, { CAP_VMFUNC, VMFUNC_EPTP_SWITCHING, EPTP_LIST_ADDR },
		{ CAP_EXIT, EXIT_LOAD_PAT, HOST_PAT }, { CAP_SECONDARY, SECONDARY_XSAVES, XSS_EXITING_BITMAP },
		{ CAP_SECONDARY, SECONDARY_VMCS_SHADOWING, VMREAD_BITMAP }, { CAP_SECONDARY, SECONDARY_EPT_VE, EPTP_INDEX },
	};

	for (u32 i = 0; i < ARRAY_SIZE(needs); i++) {
		offer_all();
		assert_non_null(vmcs12_field(&map, needs[i].field));
		assert_false(exists_without(needs[i].cap, needs[i].control, needs[i].field));
		assert_true(exists_without(needs[i].cap, needs[i].control, GUEST_RIP));
	}
	offer_all();
	assert_null(vmcs12_field(&map, GUEST_BNDCFGS));
	assert_null(vmcs12_field(&map, HLATP));
	assert_null(vmcs12_field(&map, TERTIARY_CTRLS));
}

PROMISE(either_of_two_controls_brings_a_guest_msr)
{
	assert_true(exists_without(CAP_ENTRY, ENTRY_LOAD_EFER, GUEST_EFER));
	assert_true(exists_without(CAP_EXIT, EXIT_SAVE_EFER, GUEST_EFER));
	offer_all();
	caps.msr[CAP_ENTRY] &= ~((u64)ENTRY_LOAD_EFER << 32);
	caps.msr[CAP_EXIT] &= ~((u64)EXIT_SAVE_EFER << 32);
	vmcs12_map_fields(&map, &caps);
	assert_null(vmcs12_field(&map, GUEST_EFER));
}

PROMISE(vmcs_enum_is_the_highest_index_there_is)
{
	offer_all();
	assert_int_equal(vmcs12_enum(&caps), VMCS_INDEX(TSC_MULTIPLIER) << 1);
	caps.msr[CAP_SECONDARY] = 0;
	assert_int_equal(vmcs12_enum(&caps), VMCS_INDEX(PREEMPTION_TIMER) << 1);
}

static bool exits(const u8 *bitmap, u32 encoding) { return bitmap[encoding / 8] >> encoding % 8 & 1; }

PROMISE(shadowed_fields_need_no_exit)
{
	static u8 reads[PAGE_SIZE], writes[PAGE_SIZE];

	offer_all();
	vmcs12_shadow_bitmaps(&map, false, reads, writes);
	assert_false(exits(reads, GUEST_RIP) || exits(writes, GUEST_RIP));
	assert_false(exits(reads, EXIT_REASON));
	assert_true(exits(writes, EXIT_REASON));
	assert_true(exits(reads, EPTP) && exits(writes, EPTP));
	assert_false(exits(reads, GUEST_PHYSICAL_ADDR) || exits(reads, GUEST_PHYSICAL_ADDR + 1));
	for (u32 encoding = 0; encoding < 8 * PAGE_SIZE; encoding++) {
		assert_true(exits(writes, encoding) || !exits(reads, encoding));
		assert_true(exits(reads, encoding) || vmcs12_field(&map, encoding));
	}
	exists_without(CAP_SECONDARY, SECONDARY_PML, GUEST_PML_INDEX);
	vmcs12_shadow_bitmaps(&map, false, reads, writes);
	assert_true(exits(reads, GUEST_PML_INDEX) && exits(writes, GUEST_PML_INDEX));
}

PROMISE(wide_shadowing_needs_none_for_segments_control_registers_and_dr7_either)
{
	static const u32 wide[] = { GUEST_ES_SELECTOR, GUEST_CS_AR, GUEST_IDTR_LIMIT, GUEST_GS_BASE, GUEST_CR0, GUEST_CR3,
				    GUEST_CR4, GUEST_DR7 };
	static u8 reads[2][PAGE_SIZE], writes[2][PAGE_SIZE];

	offer_all();
	for (u32 i = 0; i < 2; i++)
		vmcs12_shadow_bitmaps(&map, i, reads[i], writes[i]);
	for (u32 i = 0; i < ARRAY_SIZE(wide); i++) {
		assert_true(exits(writes[0], wide[i]));
		assert_false(exits(reads[1], wide[i]) || exits(writes[1], wide[i]));
	}
	for (u32 i = 0; i < PAGE_SIZE; i++)
		assert_int_equal((reads[1][i] & ~reads[0][i]) | (writes[1][i] & ~writes[0][i]), 0);
	assert_true(exits(reads[1], GUEST_SYSENTER_CS) && exits(writes[1], HOST_CR0) && exits(writes[1], EXIT_REASON));
}

RUN(T(each_field_has_bytes_of_its_own), T(a_member_is_what_its_encoding_reaches), T(no_other_encoding_is_a_field),
    T(the_high_half_of_a_64_bit_field_is_at_the_odd_encoding), T(a_32_bit_operand_reads_the_low_half_and_clears_the_high_one),
    T(what_exits_report_is_read_only), T(with_shadow_vmcss_a_write_of_each_hot_field_is_special),
    T(a_field_exists_if_its_control_may_be_1), T(either_of_two_controls_brings_a_guest_msr), T(vmcs_enum_is_the_highest_index_there_is), T(shadowed_fields_need_no_exit),
    T(wide_shadowing_needs_none_for_segments_control_registers_and_dr7_either))
