/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The capability MSRs offered to L1, from a CPU that has everything, one that has little, and each bit alone.
 * Links: xmhf/runtime/nested/caps.c xmhf/runtime/nested/caps_table.c xmhf/runtime/nested/vmcs12.c
 */
#include "unit.h"

#include "nested_model.h"

/* As Bochs' Haswell has them, but for the EPT bits. */
static const u64 haswell[CAPS] = {
	[CAP_BASIC] = 0x00d8100000000001, [CAP_PIN] = 0x0000007f00000016, [CAP_TRUE_PIN] = 0x0000007f00000016,
	[CAP_PRIMARY] = 0xfff9fffe0401e172, [CAP_TRUE_PRIMARY] = 0xfff9fffe04006172,
	[CAP_EXIT] = 0x007fffff00036dff, [CAP_TRUE_EXIT] = 0x007fffff00036dfb,
	[CAP_ENTRY] = 0x0000ffff000011ff, [CAP_TRUE_ENTRY] = 0x0000ffff000011fb,
	[CAP_MISC] = 0x300481e5, [CAP_CR0_FIXED0] = 0x80000021, [CAP_CR0_FIXED1] = 0xffffffff,
	[CAP_CR4_FIXED0] = 0x2000, [CAP_CR4_FIXED1] = 0x1767ff, [CAP_VMCS_ENUM] = 0x34, [CAP_SECONDARY] = 0x00057fff00000000,
	[CAP_EPT_VPID] = 0x00000f0106334141, [CAP_VMFUNC] = 1,
};

static const enum vmx_cap controls[] = { CAP_PIN, CAP_PRIMARY, CAP_EXIT, CAP_ENTRY };
static const enum vmx_cap true_controls[] = { CAP_TRUE_PIN, CAP_TRUE_PRIMARY, CAP_TRUE_EXIT, CAP_TRUE_ENTRY };

static struct vmx_caps_offered offer(const u64 hardware[CAPS], bool long_mode)
{
	struct vmx_caps_offered offered;

	caps_offer(hardware, long_mode, &offered);
	return offered;
}

PROMISE(basic_has_our_revision_a_page_and_write_back)
{
	u64 basic = offer(haswell, true).msr[CAP_BASIC];

	assert_int_equal(basic & BASIC_REVISION, VMCS12_REVISION);
	assert_int_equal((basic & BASIC_SIZE) >> BASIC_SIZE_SHIFT, 4096);
	assert_int_equal(basic >> BASIC_TYPE_SHIFT & 15, 6);
	assert_int_equal(basic & (BIT64(31) | BIT64(49) | BASIC_32BIT_ADDRESSES), 0);
	assert_true(basic & BASIC_TRUE_CTRLS && basic & BASIC_INS_OUTS);
	assert_true(offer(haswell, false).msr[CAP_BASIC] & BASIC_32BIT_ADDRESSES);
}

PROMISE(default1_bits_are_right)
{
	static const u32 default1[] = { 0x16, 0x0401e172, 0x36dff, 0x11ff };
	static const u32 may_be_0[] = { 0, PRIMARY_CR3_LOAD | PRIMARY_CR3_STORE, EXIT_SAVE_DEBUG, ENTRY_LOAD_DEBUG };
	struct vmx_caps_offered o = offer(haswell, true);

	for (u32 i = 0; i < ARRAY_SIZE(controls); i++) {
		u64 plain = o.msr[controls[i]], true_one = o.msr[true_controls[i]];

		assert_int_equal((u32)plain, default1[i]);
		assert_int_equal((u32)true_one, default1[i] & ~may_be_0[i]);
		assert_int_equal(plain >> 32, true_one >> 32);
		assert_int_equal((u32)plain & ~(plain >> 32), 0);
	}
	assert_int_equal((u32)o.msr[CAP_SECONDARY], 0);
}

PROMISE(without_true_msrs_default1_bits_stay_1)
{
	u64 old[CAPS];
	struct vmx_caps_offered o;

	memcpy(old, haswell, sizeof(old));
	old[CAP_BASIC] &= ~BASIC_TRUE_CTRLS;
	memset(&old[CAP_TRUE_PIN], 0, 4 * sizeof(u64));
	o = offer(old, true);
	for (u32 i = 0; i < ARRAY_SIZE(controls); i++)
		assert_true(o.msr[true_controls[i]] == o.msr[controls[i]]);
	assert_false(caps_has_msr(&o, CAP_FIRST_MSR + CAP_TRUE_PIN));
	assert_false(o.msr[CAP_BASIC] & BASIC_TRUE_CTRLS);
}

PROMISE(nothing_is_offered_that_the_hardware_lacks)
{
	for (u32 i = 0; i < ARRAY_SIZE(controls); i++) {
		u64 o = offer(haswell, true).msr[controls[i]];

		assert_int_equal(o >> 32 & ~(haswell[controls[i]] >> 32), 0);
	}
	assert_true((offer(haswell, true).msr[CAP_SECONDARY] & ~haswell[CAP_SECONDARY]) == 0);
	assert_true((offer(haswell, true).msr[CAP_EPT_VPID] & ~haswell[CAP_EPT_VPID]) == 0);
	assert_true((offer(haswell, true).msr[CAP_MISC] & ~haswell[CAP_MISC]) == 0);
}

PROMISE(all_that_haswell_has_of_the_aim_is_offered)
{
	struct vmx_caps_offered o = offer(haswell, true);

	assert_int_equal(o.msr[CAP_PIN] >> 32, 0x7f);
	assert_int_equal(o.msr[CAP_PRIMARY] >> 32, haswell[CAP_PRIMARY] >> 32);
	assert_true(o.msr[CAP_SECONDARY] == 0x00057fff00000000);
	assert_int_equal(o.msr[CAP_MISC], 0x300401e5 & ~BIT(28));
	assert_true(o.msr[CAP_EPT_VPID] == haswell[CAP_EPT_VPID]);
	assert_int_equal(o.msr[CAP_VMFUNC], 1);
	assert_int_equal(o.msr[CAP_CR4_FIXED1], 0x1727ff);
	assert_int_equal(o.msr[CAP_VMCS_ENUM], 0x17 << 1);
}

/* The hardware has everything. */
PROMISE(a_bit_is_offered_if_the_table_says_so)
{
	for (u32 i = 0; i < caps_table_size; i++) {
		const struct cap_bits *b = &caps_table[i];
		bool true_one = b->cap >= CAP_PIN && b->cap <= CAP_ENTRY, control = true_one || b->cap == CAP_SECONDARY;
		u32 from = control ? 32 : 0;
		u64 bits = (BIT64(b->count) - 1) << b->first, hardware[CAPS], got;

		if (b->cap >= CAPS) {
			assert_non_null(b->why_not);
			continue;
		}
		memcpy(hardware, model_hardware, sizeof(hardware));
		hardware[b->cap] |= bits << from;
		if (true_one)
			hardware[b->cap - CAP_PIN + CAP_TRUE_PIN] |= bits << from;
		got = offer(hardware, true).msr[b->cap] >> from & bits;
		if (b->why_not)
			assert_true(got == 0);
		else if (b->cap == CAP_MISC && b->first == MISC_CR3_TARGETS_SHIFT)
			assert_true(got == 4ull << MISC_CR3_TARGETS_SHIFT);
		else
			assert_true(got == bits);
	}
}

/* Bits @first to @last. */
#define R(first, last)	((last) == 63 ? ~(BIT64(first) - 1) : BIT64((last) + 1) - BIT64(first))
#define B(bit)		BIT64(bit)

/* All that the SDM defines (25.6 to 25.8, A.6, A.10, A.11), but the numbers of IA32_VMX_BASIC. */
static const struct { enum vmx_cap cap; u64 bits; } defined[] = {
	{ CAP_BASIC, B(49) | R(54, 56) | B(58) },
	{ CAP_PIN, B(0) | B(3) | R(5, 7) },
	{ CAP_PRIMARY, R(2, 3) | B(7) | R(9, 12) | R(15, 17) | R(19, 25) | R(27, 31) },
	{ CAP_SECONDARY, R(0, 31) },
	{ CAP_TERTIARY, R(0, 4) | R(6, 7) },
	{ CAP_EXIT, B(2) | B(9) | B(12) | B(15) | R(18, 31) },
	{ CAP_SECONDARY_EXIT, R(0, 1) | B(3) },
	{ CAP_ENTRY, B(2) | R(9, 11) | R(13, 23) },
	{ CAP_MISC, R(0, 8) | R(14, 30) | R(32, 63) },
	{ CAP_EPT_VPID, B(0) | R(6, 8) | B(14) | R(16, 17) | R(20, 23) | R(25, 26) | B(32) | R(40, 43) | R(48, 53) },
	{ CAP_VMFUNC, B(0) },
};

static u64 in_the_table(enum vmx_cap cap)
{
	u64 seen = 0;

	for (u32 i = 0; i < caps_table_size; i++) {
		const struct cap_bits *b = &caps_table[i];
		u64 bits = (BIT64(b->count) - 1) << b->first;

		if (b->cap != cap)
			continue;
		assert_true((seen & bits) == 0);
		assert_non_null(b->name);
		seen |= bits;
	}
	return seen;
}

PROMISE(each_bit_of_the_sdm_has_one_row)
{
	for (u32 i = 0; i < ARRAY_SIZE(defined); i++)
		assert_int_equal(in_the_table(defined[i].cap), defined[i].bits);
	for (enum vmx_cap cap = CAP_CR0_FIXED0; cap <= CAP_CR4_FIXED1; cap++)
		in_the_table(cap);
}

PROMISE(the_i386_hypervisor_offers_no_64_bit_host_or_guest)
{
	struct vmx_caps_offered o = offer(haswell, false);

	assert_false(caps_allow(&o, CAP_EXIT, EXIT_HOST_64));
	assert_false(caps_allow(&o, CAP_ENTRY, ENTRY_IA32E));
	assert_false(caps_allow(&o, CAP_PRIMARY, PRIMARY_CR8_LOAD));
	assert_false(o.msr[CAP_MISC] & MISC_STORES_LMA);
	assert_true(caps_allow(&o, CAP_SECONDARY, SECONDARY_EPT));
}

PROMISE(capabilities_vanish_with_the_control_they_belong_to)
{
	u64 hardware[CAPS];
	struct vmx_caps_offered o;

	memcpy(hardware, haswell, sizeof(hardware));
	hardware[CAP_SECONDARY] &= ~((u64)SECONDARY_EPT << 32);
	o = offer(hardware, true);
	assert_true(o.msr[CAP_EPT_VPID] == (haswell[CAP_EPT_VPID] & 0xfff00000000));
	assert_true(caps_has_msr(&o, CAP_FIRST_MSR + CAP_EPT_VPID));
	hardware[CAP_PRIMARY] &= ~((u64)PRIMARY_SECONDARY << 32);
	hardware[CAP_TRUE_PRIMARY] &= ~((u64)PRIMARY_SECONDARY << 32);
	o = offer(hardware, true);
	assert_true(o.msr[CAP_SECONDARY] == 0 && o.msr[CAP_EPT_VPID] == 0 && o.msr[CAP_VMFUNC] == 0);
	assert_false(caps_has_msr(&o, CAP_FIRST_MSR + CAP_SECONDARY));
	assert_false(caps_has_msr(&o, CAP_FIRST_MSR + CAP_EPT_VPID));
	assert_false(caps_has_msr(&o, CAP_FIRST_MSR + CAP_VMFUNC));
}

PROMISE(the_msrs_are_0x480_to_0x491)
{
	struct vmx_caps_offered o = offer(haswell, true);

	for (u32 msr = 0x470; msr < 0x4a0; msr++)
		assert_int_equal(caps_has_msr(&o, msr), msr >= 0x480 && msr <= 0x491);
	assert_false(caps_has_msr(&o, 0));
	assert_false(caps_has_msr(&o, ~0u));
}

RUN(T(basic_has_our_revision_a_page_and_write_back), T(default1_bits_are_right), T(without_true_msrs_default1_bits_stay_1),
    T(nothing_is_offered_that_the_hardware_lacks), T(all_that_haswell_has_of_the_aim_is_offered),
    T(a_bit_is_offered_if_the_table_says_so), T(each_bit_of_the_sdm_has_one_row),
    T(the_i386_hypervisor_offers_no_64_bit_host_or_guest), T(capabilities_vanish_with_the_control_they_belong_to),
    T(the_msrs_are_0x480_to_0x491))
