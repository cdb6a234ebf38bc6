/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of VMCS fields against the rules of the SDM's appendix B and of 25.11.2.
 */
#include "unit.h"

#include "vmx/vmcs.h"

static const struct { const char *name; u32 encoding; enum vmcs_width width; enum vmcs_group group; } fields[] = {
#define FIELD(name, encoding, width, group, ...) { #name, encoding, width, GROUP_##group },
#include "vmx/vmcs_fields.def"
#undef FIELD
};

static u32 type_of(u32 encoding) { return encoding >> 10 & 3; }
static bool starts(const char *name, const char *with) { return strncmp(name, with, strlen(with)) == 0; }

PROMISE(an_encoding_has_its_fields_width_and_no_reserved_bit)
{
	for (u32 i = 0; i < ARRAY_SIZE(fields); i++) {
		assert_int_equal(vmcs_width_of(fields[i].encoding), fields[i].width);
		assert_int_equal(fields[i].encoding & ~0x6ffeu, 0);
	}
}

PROMISE(encodings_rise_so_that_none_occurs_twice)
{
	for (u32 i = 1; i < ARRAY_SIZE(fields); i++)
		if (fields[i].encoding <= fields[i - 1].encoding)
			fail_msg("%s comes after %s", fields[i].name, fields[i - 1].name);
}

PROMISE(an_encodings_type_is_its_fields_group)
{
	static const u32 types[] = {
		[GROUP_CONTROL] = 0, [GROUP_EXIT_INFO] = 1, [GROUP_GUEST] = 2, [GROUP_GUEST_SEG] = 2, [GROUP_HOST] = 3,
	};

	for (u32 i = 0; i < ARRAY_SIZE(fields); i++)
		if (type_of(fields[i].encoding) != types[fields[i].group])
			fail_msg("%s has type %u", fields[i].name, type_of(fields[i].encoding));
}

/* HOST_… is host state; GUEST_… guest state, but for the two addresses that an exit reports. */
PROMISE(names_say_the_type)
{
	for (u32 i = 0; i < ARRAY_SIZE(fields); i++) {
		const char *name = fields[i].name;
		bool address = strcmp(name, "GUEST_LINEAR_ADDR") == 0 || strcmp(name, "GUEST_PHYSICAL_ADDR") == 0;
		bool unnamed = strcmp(name, "VMCS_LINK_POINTER") == 0 || strcmp(name, "PREEMPTION_TIMER") == 0;

		assert_int_equal(starts(name, "HOST_"), type_of(fields[i].encoding) == 3);
		assert_int_equal((starts(name, "GUEST_") && !address) || unnamed, type_of(fields[i].encoding) == 2);
	}
}

/* Appendix B leaves no holes but these. */
PROMISE(indexes_have_no_gaps_but_the_sdms)
{
	static const u32 after_gaps[] = { SPEC_CTRL_MASK, PREEMPTION_TIMER };

	for (u32 i = 1; i < ARRAY_SIZE(fields); i++) {
		u32 encoding = fields[i].encoding, before = fields[i - 1].encoding;
		bool gap = encoding == after_gaps[0] || encoding == after_gaps[1];

		if (encoding >> 10 == before >> 10)
			assert_int_equal(encoding - before == 2, !gap);
		else
			assert_int_equal(encoding & 0x3fe, 0);
	}
}

PROMISE(well_known_encodings_are_right)
{
	assert_int_equal(VPID, 0x0000);
	assert_int_equal(GUEST_PML_INDEX, 0x0812);
	assert_int_equal(HOST_TR_SELECTOR, 0x0c0c);
	assert_int_equal(EPTP, 0x201a);
	assert_int_equal(TSC_MULTIPLIER, 0x2032);
	assert_int_equal(GUEST_PHYSICAL_ADDR, 0x2400);
	assert_int_equal(VMCS_LINK_POINTER, 0x2800);
	assert_int_equal(GUEST_PDPTE3, 0x2810);
	assert_int_equal(HOST_EFER, 0x2c02);
	assert_int_equal(SECONDARY_CTRLS, 0x401e);
	assert_int_equal(EXIT_INSTR_INFO, 0x440e);
	assert_int_equal(GUEST_SYSENTER_CS, 0x482a);
	assert_int_equal(PREEMPTION_TIMER, 0x482e);
	assert_int_equal(HOST_SYSENTER_CS, 0x4c00);
	assert_int_equal(CR3_TARGET3, 0x600e);
	assert_int_equal(GUEST_LINEAR_ADDR, 0x640a);
	assert_int_equal(GUEST_RIP, 0x681e);
	assert_int_equal(HOST_RIP, 0x6c16);
}

RUN(T(an_encoding_has_its_fields_width_and_no_reserved_bit), T(encodings_rise_so_that_none_occurs_twice),
    T(an_encodings_type_is_its_fields_group), T(names_say_the_type), T(indexes_have_no_gaps_but_the_sdms),
    T(well_known_encodings_are_right))
