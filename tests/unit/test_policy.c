/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MSR and I/O bitmaps, bit by bit as the CPU reads them (SDM 25.6.4, 25.6.9).
 * Links: xmhf/runtime/guest/policy.c
 */
#include "unit.h"

#include "guest/policy.h"

static u32 inits[3];

void cpuid_policy_init(void) { inits[0]++; }
void msr_policy_init(void) { inits[1]++; }
void io_policy_init(void) { inits[2]++; }

static u32 ones(const u8 *map, u32 bytes)
{
	u32 n = 0;

	for (u32 i = 0; i < bytes; i++)
		n += (u32)__builtin_popcount(map[i]);
	return n;
}

static bool msr_bit(u32 quarter, u32 n) { return policy_msr_bitmap[1024 * quarter + n / 8] & BIT(n % 8); }
static bool port_bit(u32 port) { return policy_io_bitmap[port / 8] & BIT(port % 8); }
static u32 msr_bits(void) { return ones(policy_msr_bitmap, sizeof(policy_msr_bitmap)); }
static u32 port_bits(void) { return ones(policy_io_bitmap, sizeof(policy_io_bitmap)); }

static void clear(void)
{
	memset(policy_msr_bitmap, 0, sizeof(policy_msr_bitmap));
	memset(policy_io_bitmap, 0, sizeof(policy_io_bitmap));
}

PROMISE(each_table_is_asked_once)
{
	policy_init();
	for (u32 i = 0; i < ARRAY_SIZE(inits); i++)
		assert_int_equal(inits[i], 1);
}

PROMISE(each_msr_of_both_ranges_has_a_bit_for_reads_and_one_for_writes)
{
	for (u32 msr = 0; msr < 0x2000; msr++) {
		clear();
		policy_intercept_msr(policy_msr_bitmap, msr, true, false);
		assert_true(msr_bit(0, msr));
		policy_intercept_msr(policy_msr_bitmap, 0xc0000000 + msr, true, false);
		assert_true(msr_bit(1, msr));
		policy_intercept_msr(policy_msr_bitmap, msr, false, true);
		assert_true(msr_bit(2, msr));
		policy_intercept_msr(policy_msr_bitmap, 0xc0000000 + msr, false, true);
		assert_true(msr_bit(3, msr));
		assert_int_equal(msr_bits(), 4);
	}
}

PROMISE(an_msr_outside_both_ranges_needs_no_bit)
{
	static const u32 outside[] = { 0x2000, 0x40000000, 0xbfffffff, 0xc0002000, 0xffffffff };

	clear();
	for (u32 i = 0; i < ARRAY_SIZE(outside); i++)
		policy_intercept_msr(policy_msr_bitmap, outside[i], true, true);
	assert_int_equal(msr_bits(), 0);
}

PROMISE(an_msr_once_intercepted_stays_so)
{
	clear();
	policy_intercept_msr(policy_msr_bitmap, 0x1b, true, true);
	policy_intercept_msr(policy_msr_bitmap, 0x1b, false, false);
	assert_true(msr_bit(0, 0x1b));
	assert_true(msr_bit(2, 0x1b));
}

PROMISE(ports_are_intercepted_from_the_first_to_the_last_and_no_further)
{
	clear();
	policy_intercept_ports(0x7ffd, 6, true);
	for (u32 port = 0; port <= 0xffff; port++)
		assert_int_equal(port_bit(port), port >= 0x7ffd && port < 0x8003);
	policy_intercept_ports(0x7fff, 2, false);
	assert_int_equal(port_bits(), 4);
	assert_false(port_bit(0x7fff));
	assert_false(port_bit(0x8000));
}

PROMISE(no_ports_are_no_ports)
{
	clear();
	policy_intercept_ports(0x80, 0, true);
	assert_int_equal(port_bits(), 0);
}

PROMISE(ports_end_at_ffff_and_never_wrap)
{
	static const u32 counts[] = { 1, 2, 0x10000, 0xffff0001, 0xffffffff };

	for (u32 i = 0; i < ARRAY_SIZE(counts); i++) {
		clear();
		policy_intercept_ports(0xffff, counts[i], true);
		assert_true(port_bit(0xffff));
		assert_int_equal(port_bits(), 1);
		policy_intercept_ports(0xffff, counts[i], false);
		assert_int_equal(port_bits(), 0);
	}
}

PROMISE(all_ports_can_be_intercepted)
{
	clear();
	policy_intercept_ports(0, 0x10000, true);
	assert_int_equal(port_bits(), 0x10000);
	policy_intercept_ports(0, 0xffffffff, false);
	assert_int_equal(port_bits(), 0);
}

RUN(T(each_table_is_asked_once), T(each_msr_of_both_ranges_has_a_bit_for_reads_and_one_for_writes),
    T(an_msr_outside_both_ranges_needs_no_bit), T(an_msr_once_intercepted_stays_so),
    T(ports_are_intercepted_from_the_first_to_the_last_and_no_further), T(no_ports_are_no_ports),
    T(ports_end_at_ffff_and_never_wrap), T(all_ports_can_be_intercepted))
