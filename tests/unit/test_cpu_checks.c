/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What we refuse to run on, from made-up facts. Some refusals (no wait-for-SIPI, EPT without large pages) can be
 * seen here only, because no emulator offers such a CPU; tests/system/test_loader_errors.py shows the others whole.
 * Links: xmhf/lib/cpu_checks.c
 */
#include "unit.h"

#include "lib/cpu_checks.h"

#define LOCKED		BIT64(0)
#define VMX_OUTSIDE_SMX	BIT64(2)
#define EPT		BIT(1)
#define UNRESTRICTED	BIT(7)

/* A Haswell, as far as we ask. */
static const struct cpu_facts good = {
	.intel_style_vmx = true, .long_mode = true, .execute_disable = true, .feature_control = LOCKED | VMX_OUTSIDE_SMX, .has_secondary = true,
	.secondary_allowed1 = 0x7cff, .ept_vpid_cap = 0xf0106334141, .vmx_misc = 0x300481e5,
};

static void assert_begins(const char *complaint, const char *with)
{
	assert_non_null(complaint);
	assert_int_equal(strncmp(complaint, with, strlen(with)), 0);
	assert_null(strchr(complaint, '\n'));
	assert_in_range(strlen(complaint), strlen(with) + 10, 130);	/* it also says what to do */
}

/* A good CPU but for one field is refused with @with, by both hypervisors. */
#define REFUSED(field, value, with) do { \
	struct cpu_facts bad_ = good; \
	bad_.field = (value); \
	assert_begins(cpu_complaint(&bad_, 64), with); \
	assert_begins(cpu_complaint(&bad_, 32), with); \
} while (0)

PROMISE(execute_disable_that_the_firmware_switched_off_is_asked_for)
{
	REFUSED(execute_disable, false, "no execute-disable: ");
}

PROMISE(a_good_cpu_is_taken)
{
	assert_null(cpu_complaint(&good, 64));
	assert_null(cpu_complaint(&good, 32));
}

PROMISE(long_mode_is_asked_for_by_the_amd64_hypervisor_alone)
{
	struct cpu_facts f = good;

	f.long_mode = false;
	assert_begins(cpu_complaint(&f, 64), "no long mode: ");
	assert_null(cpu_complaint(&f, 32));
}

PROMISE(a_cpu_without_vmx_is_refused)
{
	REFUSED(intel_style_vmx, false, "no VMX: ");
}

PROMISE(vmx_is_off_only_when_locked_without_its_bit)
{
	struct cpu_facts f = good;

	REFUSED(feature_control, LOCKED, "VMX is locked off by the firmware: ");
	REFUSED(feature_control, LOCKED | BIT64(1), "VMX is locked off by the firmware: ");	/* inside SMX only */
	f.feature_control = 0;		/* unlocked: the runtime sets the bit and locks it */
	assert_null(cpu_complaint(&f, 64));
	f.feature_control = VMX_OUTSIDE_SMX;
	assert_null(cpu_complaint(&f, 64));
}

PROMISE(a_cpu_without_ept_is_refused)
{
	REFUSED(has_secondary, false, "no EPT: ");
	REFUSED(secondary_allowed1, good.secondary_allowed1 & ~EPT, "no EPT: ");
}

PROMISE(ept_needs_four_levels_write_back_2m_pages_and_invept)
{
	static const u32 needed[] = { 6, 14, 16, 20 };

	for (u32 i = 0; i < ARRAY_SIZE(needed); i++)
		REFUSED(ept_vpid_cap, good.ept_vpid_cap & ~BIT64(needed[i]), "no EPT: ");
}

PROMISE(either_type_of_invept_will_do)
{
	struct cpu_facts f = good;

	REFUSED(ept_vpid_cap, good.ept_vpid_cap & ~(BIT64(25) | BIT64(26)), "no EPT: ");
	f.ept_vpid_cap = good.ept_vpid_cap & ~BIT64(25);
	assert_null(cpu_complaint(&f, 64));
	f.ept_vpid_cap = good.ept_vpid_cap & ~BIT64(26);
	assert_null(cpu_complaint(&f, 64));
}

PROMISE(a_cpu_without_unrestricted_guest_is_refused)
{
	REFUSED(secondary_allowed1, good.secondary_allowed1 & ~UNRESTRICTED, "no unrestricted guest: ");
}

PROMISE(a_cpu_that_cannot_wait_for_sipi_is_refused)
{
	REFUSED(vmx_misc, good.vmx_misc & ~BIT64(8), "no wait-for-SIPI activity state: ");
}

PROMISE(of_several_lacks_the_one_to_mend_first_is_told)
{
	struct cpu_facts f = { 0 };

	assert_begins(cpu_complaint(&f, 64), "no long mode: ");
	assert_begins(cpu_complaint(&f, 32), "no VMX: ");
	f.intel_style_vmx = true;
	f.feature_control = LOCKED;
	assert_begins(cpu_complaint(&f, 32), "VMX is locked off");
	f.feature_control = 0;
	assert_begins(cpu_complaint(&f, 32), "no EPT: ");
}

RUN(T(a_good_cpu_is_taken),
    T(execute_disable_that_the_firmware_switched_off_is_asked_for),
    T(long_mode_is_asked_for_by_the_amd64_hypervisor_alone),
    T(a_cpu_without_vmx_is_refused),
    T(vmx_is_off_only_when_locked_without_its_bit),
    T(a_cpu_without_ept_is_refused),
    T(ept_needs_four_levels_write_back_2m_pages_and_invept),
    T(either_type_of_invept_will_do),
    T(a_cpu_without_unrestricted_guest_is_refused),
    T(a_cpu_that_cannot_wait_for_sipi_is_refused),
    T(of_several_lacks_the_one_to_mend_first_is_told))
