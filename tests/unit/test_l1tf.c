/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which CPUs need their L1 data cache flushed before an entry, and which can (IA32_ARCH_CAPABILITIES, CPUID leaf 7).
 * Links: xmhf/runtime/machine/l1tf.c
 */
#include "fake_cpu.h"

#include "machine/l1tf.h"

#define CAN_FLUSH	BIT(28)
#define HAS_CAPABILITIES BIT(29)

/* What the banner says of a CPU with these features. The fake CPU's highest leaf is EAX of them. */
static const char *told(u32 highest_leaf, u32 features, u64 capabilities)
{
	cpu_reset();
	cpu_add_msr(MSR_ARCH_CAPABILITIES, capabilities);
	cpu_add_msr(MSR_FLUSH_CMD, 0);
	fake_cpuid_eax = highest_leaf;
	fake_cpuid_edx = features;
	l1tf_flush_on_entry = false;
	return l1tf_learn();
}

static bool flushes(void)
{
	*cpu_msr(MSR_FLUSH_CMD) = 0;
	l1tf_before_entry();
	return *cpu_msr(MSR_FLUSH_CMD) == FLUSH_CMD_L1D;
}

PROMISE(an_old_cpu_that_can_not_flush_is_said_to_be_open)
{
	assert_string_equal(told(7, 0, 0), "not mitigated");
	assert_false(flushes());
	assert_string_equal(told(6, CAN_FLUSH, 0), "not mitigated");	/* another leaf's words */
	assert_false(flushes());
}

PROMISE(a_cpu_that_can_flush_does_before_each_entry)
{
	assert_string_equal(told(7, CAN_FLUSH, 0), "the L1 data cache is flushed before each entry");
	assert_true(flushes());
	assert_string_equal(told(7, CAN_FLUSH | HAS_CAPABILITIES, 0), "the L1 data cache is flushed before each entry");
	assert_true(flushes());
}

PROMISE(a_cpu_without_the_fault_and_a_hypervisor_below_that_flushes_need_nothing)
{
	assert_string_equal(told(7, CAN_FLUSH | HAS_CAPABILITIES, ARCH_CAP_RDCL_NO), "not affected");
	assert_false(flushes());
	assert_string_equal(told(7, CAN_FLUSH | HAS_CAPABILITIES, ARCH_CAP_SKIP_L1DFL_VMENTRY), "not affected");
	assert_false(flushes());
}

RUN(T(an_old_cpu_that_can_not_flush_is_said_to_be_open), T(a_cpu_that_can_flush_does_before_each_entry),
    T(a_cpu_without_the_fault_and_a_hypervisor_below_that_flushes_need_nothing))
