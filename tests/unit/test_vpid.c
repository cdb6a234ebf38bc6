/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * L1's VPIDs on the CPU's: against a model that remembers of which VPID12 each VPID of the CPU's may hold translations.
 * Links: xmhf/runtime/nested/vpid.c
 */
#include "fake_cpu.h"

#include "nested/state.h"

#define VPIDS		(NESTED_VPIDS + 8)	/* of the CPU's that are watched */
#define NOBODY		0xffffffffu

static struct nested nested;
static u32 left_by[VPIDS];		/* whose translations a VPID may still have */
static struct { u32 count; enum invvpid_kind kind; u16 vpid; u64 linear; } asked;
static u32 lacking;			/* kinds that the CPU hasn't */

bool vmx_invvpid(enum invvpid_kind kind, u16 vpid, u64 linear)
{
	if (lacking & BIT(kind))
		return false;
	asked.count++;
	asked.kind = kind;
	asked.vpid = vpid;
	asked.linear = linear;
	for (u32 i = 0; i < VPIDS; i++)
		if (kind == INVVPID_ALL || (kind == INVVPID_SINGLE && i == vpid))
			left_by[i] = NOBODY;
	return true;
}

static void start(void)
{
	cpu_reset();
	memset(&nested, 0, sizeof(nested));
	memset(&asked, 0, sizeof(asked));
	lacking = 0;
	cpu.vcpu.nested = &nested;
	vmx_caps.secondary = SECONDARY_VPID;
	for (u32 i = 0; i < VPIDS; i++)
		left_by[i] = 0x12345;		/* who ran before us */
}

/* L2 with @vpid12 runs: it must find nothing of another's. */
static u16 runs(u16 vpid12)
{
	u16 vpid = nested_vpid(&cpu.vcpu, vpid12);

	assert_in_range(vpid, 2, VPIDS - 1);
	if (vpid12)
		assert_true(left_by[vpid] == NOBODY || left_by[vpid] == vpid12);
	left_by[vpid] = vpid12;
	return vpid;
}

static void invalidates(enum invvpid_kind kind, u16 vpid12, u64 linear)
{
	nested_vpid_invalidate(&cpu.vcpu, kind, vpid12, linear);
}

PROMISE(no_l2_meets_translations_of_another_vpid)
{
	u32 seed = 7;

	start();
	for (u32 i = 0; i < 20000; i++) {
		u16 vpid12 = (u16)(random_next(&seed) % (i % 2 ? 40 : 0xffff));

		runs(vpid12);
		if (i % 16 == 0) {
			invalidates(INVVPID_SINGLE, vpid12, 0);
			for (u32 j = 0; j < VPIDS && vpid12; j++)
				assert_true(left_by[j] != vpid12);
		}
	}
}

PROMISE(as_many_as_fit_keep_their_translations)
{
	u16 first[NESTED_VPIDS];

	start();
	for (u16 i = 0; i < NESTED_VPIDS; i++)
		first[i] = runs((u16)(i + 1));
	asked.count = 0;
	for (u16 i = 0; i < NESTED_VPIDS; i++)
		assert_int_equal(runs((u16)(i + 1)), first[i]);
	assert_int_equal(asked.count, 0);
	for (u16 i = 0; i < NESTED_VPIDS; i++)
		for (u16 j = 0; j < i; j++)
			assert_int_not_equal(first[i], first[j]);
}

PROMISE(vpid_off_shares_with_nobody_and_l1s_own_is_never_given)
{
	u16 off;

	start();
	off = runs(0);
	for (u32 vpid12 = 1; vpid12 <= 0xffff; vpid12++) {
		u16 vpid = runs((u16)vpid12);

		assert_int_not_equal(vpid, off);
		assert_int_not_equal(vpid, 1);
	}
}

PROMISE(an_address_is_invalidated_in_the_one_vpid)
{
	u16 vpid;

	start();
	vpid = runs(9);
	runs(10);
	asked.count = 0;
	invalidates(INVVPID_ADDRESS, 9, 0x123456789000);
	assert_int_equal(asked.count, 1);
	assert_int_equal(asked.kind, INVVPID_ADDRESS);
	assert_int_equal(asked.vpid, vpid);
	assert_true(asked.linear == 0x123456789000);
	invalidates(INVVPID_SINGLE_KEEP_GLOBAL, 9, 0);
	assert_int_equal(asked.kind, INVVPID_SINGLE_KEEP_GLOBAL);
	assert_int_equal(asked.vpid, vpid);
}

PROMISE(a_vpid_that_never_ran_costs_nothing)
{
	start();
	runs(9);
	asked.count = 0;
	invalidates(INVVPID_SINGLE, 9 + NESTED_VPIDS, 0);
	invalidates(INVVPID_ADDRESS, 11, 0);
	assert_int_equal(asked.count, 0);
}

PROMISE(all_contexts_are_all_of_l2s)
{
	u16 vpid[3];

	start();
	for (u16 i = 0; i < ARRAY_SIZE(vpid); i++)
		vpid[i] = runs((u16)(5 * i + 1));
	left_by[1] = 77;			/* L1's own */
	invalidates(INVVPID_ALL, 0, 0);
	for (u32 i = 0; i < ARRAY_SIZE(vpid); i++)
		assert_true(left_by[vpid[i]] == NOBODY);
	assert_int_equal(left_by[1], 77);
}

PROMISE(a_cpu_that_lacks_a_kind_does_more)
{
	start();
	lacking = BIT(INVVPID_ADDRESS) | BIT(INVVPID_SINGLE);
	runs(3);
	invalidates(INVVPID_ADDRESS, 3, 0x1000);
	assert_int_equal(asked.kind, INVVPID_ALL);
	runs(3 + NESTED_VPIDS);			/* takes its place */
	assert_int_equal(asked.count, 3);
}

PROMISE(a_cpu_without_vpids_is_not_asked)
{
	start();
	runs(3);
	vmx_caps.secondary = 0;
	asked.count = 0;
	invalidates(INVVPID_ALL, 0, 0);
	invalidates(INVVPID_SINGLE, 3, 0);
	assert_int_equal(asked.count, 0);
}

PROMISE(a_transition_drops_what_is_to_be_used_l1s_or_those_of_vpid_off)
{
	u16 off, other;

	start();
	off = runs(0);
	other = runs(6);
	left_by[1] = 77;
	nested_vpid_transition(true);
	assert_int_equal(left_by[1], 77);
	assert_int_equal(left_by[off], NOBODY);
	assert_int_equal(runs(0), off);
	nested_vpid_transition(false);
	assert_int_equal(left_by[1], NOBODY);
	assert_int_equal(left_by[other], 6);
}

RUN(T(no_l2_meets_translations_of_another_vpid), T(as_many_as_fit_keep_their_translations),
    T(vpid_off_shares_with_nobody_and_l1s_own_is_never_given), T(an_address_is_invalidated_in_the_one_vpid),
    T(a_vpid_that_never_ran_costs_nothing), T(all_contexts_are_all_of_l2s), T(a_cpu_that_lacks_a_kind_does_more),
    T(a_cpu_without_vpids_is_not_asked),
    T(a_transition_drops_what_is_to_be_used_l1s_or_those_of_vpid_off))
