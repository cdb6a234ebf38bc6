/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VM-entry checks of the host-state area, rule by rule.
 * Links: xmhf/runtime/nested/check_host.c
 * Links: xmhf/runtime/nested/caps.c xmhf/runtime/nested/caps_table.c xmhf/runtime/nested/vmcs12.c
 */
#include "unit.h"

#include "check_rows.h"

#define NOT_CANONICAL	0x0000800000000000ull
#define CANONICAL	0x00007fffffffffffull
#define HOST_32		OFF(EXIT_CTRLS, EXIT_HOST_64), SET(LONG_MODE_ACTIVE, false), OFF(ENTRY_CTRLS, ENTRY_IA32E), \
			SET(HOST_RIP, 0x1000)

#define ADDRESS_RULE(section, name, field) \
	{ LONG_MODE, section " host " name " isn't canonical", NOTHING, C(SET(field, NOT_CANONICAL)), \
	  C(SET(field, CANONICAL)) }, \
	{ LONG_MODE, section " host " name " isn't canonical", C(SET(field, NOT_CANONICAL)), NOTHING, \
	  C(SET(LINEAR_BITS, 57)) }
#define SELECTOR_RULE(name) \
	{ LONG_MODE, "27.2.3 host " #name " selector has RPL or TI set", NOTHING, \
	  C(SET(HOST_##name##_SELECTOR, 0x21)), \
	  C(SET(HOST_##name##_SELECTOR, 0x20)) }, \
	{ LONG_MODE, "27.2.3 host " #name " selector has RPL or TI set", NOTHING, \
	  C(SET(HOST_##name##_SELECTOR, 0x24)), \
	  C(SET(HOST_##name##_SELECTOR, 0xfff8)) }

static const struct row rows[] = {
	{ LONG_MODE, "27.2.2 host CR0 has a fixed bit wrong", NOTHING, C(OFF(HOST_CR0, BIT(5))),
	  C(OFF(HOST_CR0, BIT(16))) },
	{ LONG_MODE, "27.2.2 host CR0 has a fixed bit wrong", NOTHING, C(ON(HOST_CR0, BIT64(32))),
	  C(ON(HOST_CR0, BIT(29))) },
	{ LONG_MODE, "27.2.2 host CR0 has a fixed bit wrong", C(OFF(CAP_MSR(CAP_CR0_FIXED1), BIT(30) | BIT(18))),
	  C(ON(HOST_CR0, BIT(18))),
	  C(ON(HOST_CR0, BIT(30))) },
	{ LONG_MODE, "27.2.2 host CR4 has a fixed bit wrong", NOTHING, C(OFF(HOST_CR4, BIT(13))), NOTHING },
	{ LONG_MODE, "27.2.2 host CR4 has a fixed bit wrong", NOTHING, C(ON(HOST_CR4, BIT(14))),
	  C(ON(HOST_CR4, BIT(16))) },
	{ LONG_MODE, "27.2.2 host CR4.CET without CR0.WP", C(ON(HOST_CR4, BIT(23))), C(OFF(HOST_CR0, BIT(16))),
	  NOTHING },
	{ LONG_MODE, "27.2.2 host CR3 is beyond the physical-address width", NOTHING,
	  C(ON(HOST_CR3, 1ull << MODEL_WIDTH)),
	  C(ON(HOST_CR3, (1ull << MODEL_WIDTH) - 1)) },
	{ LONG_MODE, "27.2.2 host CR3 is beyond the physical-address width", C(ON(HOST_CR3, 3ull << 61)), NOTHING,
	  C(SET(HAS_LAM, true)) },
	ADDRESS_RULE("27.2.2", "IA32_SYSENTER_ESP", HOST_SYSENTER_ESP),
	ADDRESS_RULE("27.2.2", "IA32_SYSENTER_EIP", HOST_SYSENTER_EIP),
	{ LONG_MODE, "27.2.2 host IA32_PERF_GLOBAL_CTRL has a reserved bit set", C(ON(EXIT_CTRLS, EXIT_LOAD_PERF)),
	  C(SET(HOST_PERF_GLOBAL_CTRL, 0x10)), C(SET(HOST_PERF_GLOBAL_CTRL, 0x70000000f)) },
	{ LONG_MODE, "27.2.2 host IA32_PERF_GLOBAL_CTRL has a reserved bit set", C(SET(HOST_PERF_GLOBAL_CTRL, 0x10)),
	  C(ON(EXIT_CTRLS, EXIT_LOAD_PERF)), NOTHING },
	{ LONG_MODE, "27.2.2 host IA32_PAT has an invalid memory type", C(ON(EXIT_CTRLS, EXIT_LOAD_PAT)),
	  C(SET(HOST_PAT, 0x0200000000000000)), C(SET(HOST_PAT, 0x0706050401000706)) },
	{ LONG_MODE, "27.2.2 host IA32_PAT has an invalid memory type", C(SET(HOST_PAT, 3)),
	  C(ON(EXIT_CTRLS, EXIT_LOAD_PAT)), NOTHING },
	{ LONG_MODE, "27.2.2 host IA32_PAT has an invalid memory type", C(ON(EXIT_CTRLS, EXIT_LOAD_PAT)),
	  C(SET(HOST_PAT, 0x20)), NOTHING },
	{ LONG_MODE, "27.2.2 host IA32_EFER has a reserved bit set",
	  C(ON(EXIT_CTRLS, EXIT_LOAD_EFER), SET(HOST_EFER, 0x500)),
	  C(ON(HOST_EFER, BIT(1))), C(ON(HOST_EFER, BIT(11))) },
	{ LONG_MODE, "27.2.2 host IA32_EFER.LMA or LME isn't the host address-space size",
	  C(ON(EXIT_CTRLS, EXIT_LOAD_EFER)),
	  C(SET(HOST_EFER, 0x100)), C(SET(HOST_EFER, 0x500)) },
	{ LONG_MODE, "27.2.2 host IA32_EFER.LMA or LME isn't the host address-space size",
	  C(ON(EXIT_CTRLS, EXIT_LOAD_EFER)),
	  C(SET(HOST_EFER, 0x400)), C(SET(HOST_EFER, 0x501)) },
	{ PROTECTED_MODE, "27.2.2 host IA32_EFER.LMA or LME isn't the host address-space size",
	  C(HOST_32, ON(EXIT_CTRLS, EXIT_LOAD_EFER)),
	  C(SET(HOST_EFER, 0x100)), C(SET(HOST_EFER, 0)) },

	SELECTOR_RULE(ES), SELECTOR_RULE(CS), SELECTOR_RULE(SS), SELECTOR_RULE(DS), SELECTOR_RULE(FS),
	 SELECTOR_RULE(GS), SELECTOR_RULE(TR),
	{ LONG_MODE, "27.2.3 host CS selector is 0", NOTHING, C(SET(HOST_CS_SELECTOR, 0)),
	  C(SET(HOST_SS_SELECTOR, 0)) },
	{ LONG_MODE, "27.2.3 host TR selector is 0", NOTHING, C(SET(HOST_TR_SELECTOR, 0)),
	  C(SET(HOST_TR_SELECTOR, 8)) },
	{ PROTECTED_MODE, "27.2.3 host SS selector is 0 for a 32-bit host", C(HOST_32), C(SET(HOST_SS_SELECTOR, 0)),
	  C(SET(HOST_SS_SELECTOR, 8)) },
	ADDRESS_RULE("27.2.3", "FS base", HOST_FS_BASE),
	ADDRESS_RULE("27.2.3", "GS base", HOST_GS_BASE),
	ADDRESS_RULE("27.2.3", "GDTR base", HOST_GDTR_BASE),
	ADDRESS_RULE("27.2.3", "IDTR base", HOST_IDTR_BASE),
	ADDRESS_RULE("27.2.3", "TR base", HOST_TR_BASE),

	{ LONG_MODE, "27.2.4 IA-32e mode guest from outside IA-32e mode", C(HOST_32), C(ON(ENTRY_CTRLS, ENTRY_IA32E)),
	  NOTHING },
	{ PROTECTED_MODE, "27.2.4 64-bit host from outside IA-32e mode", C(HOST_32), C(ON(EXIT_CTRLS, EXIT_HOST_64)),
	  NOTHING },
	{ PROTECTED_MODE, "27.2.4 32-bit host from IA-32e mode", C(HOST_32), C(SET(LONG_MODE_ACTIVE, true)), NOTHING },
	{ PROTECTED_MODE, "27.2.4 CR4.PCIDE for a 32-bit host", C(ON(HOST_CR4, BIT(17))), C(HOST_32), NOTHING },
	{ PROTECTED_MODE, "27.2.4 RIP of a 32-bit host has one of bits 63:32 set", C(HOST_32),
	  C(SET(HOST_RIP, 0x100000000)), C(SET(HOST_RIP, 0xffffffff)) },
	{ LONG_MODE, "27.2.4 64-bit host without CR4.PAE", NOTHING, C(OFF(HOST_CR4, BIT(5))), NOTHING },
	{ LONG_MODE, "27.2.4 RIP of a 64-bit host isn't canonical", NOTHING, C(SET(HOST_RIP, NOT_CANONICAL)),
	  C(SET(HOST_RIP, CANONICAL)) },
	{ LONG_MODE, "27.2.4 RIP of a 64-bit host isn't canonical",
	  C(SET(HOST_RIP, NOT_CANONICAL), SET(LINEAR_BITS, 57)), NOTHING,
	  C(ON(HOST_CR4, BIT(12))) },
};

static const char *check(const struct model *m) { return check_host(&m->vmcs, &m->caps, &m->facts); }

PROMISE(each_rule_fails_by_its_row_and_its_neighbour_passes) { run_rows(rows, ARRAY_SIZE(rows), check); }
PROMISE(no_rule_of_the_host_is_without_a_row) { each_rule_has_a_row("", rows, ARRAY_SIZE(rows)); }

RUN(T(each_rule_fails_by_its_row_and_its_neighbour_passes), T(no_rule_of_the_host_is_without_a_row))
