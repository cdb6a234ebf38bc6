/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VM-entry checks of the guest's segment registers, rule by rule and register by register.
 * Links: xmhf/runtime/nested/check_segments.c
 * Links: xmhf/runtime/nested/caps.c xmhf/runtime/nested/caps_table.c xmhf/runtime/nested/vmcs12.c
 */
#include "unit.h"

#include "check_rows.h"

#define NOT_CANONICAL	0x0000800000000000ull
#define CANONICAL	0x00007fffffffffffull
#define UNUSABLE	BIT(16)
#define LDT		SET(GUEST_LDTR_AR, 0x82), SET(GUEST_LDTR_LIMIT, 0xfff)

/* What CS, SS and LDTR or TR share with each other, by their valid access rights. */
#define LIMIT_RULES(name, field, rights, both) \
	{ PROTECTED_MODE, "27.3.1.2 " name " limit doesn't suit " name ".G", both, \
	  C(SET(GUEST_##field##_AR, 0x8000 | (rights)), SET(GUEST_##field##_LIMIT, 0x10ffe)), \
	  C(SET(GUEST_##field##_AR, 0x8000 | (rights)), SET(GUEST_##field##_LIMIT, 0x10fff)) }, \
	{ PROTECTED_MODE, "27.3.1.2 " name " limit doesn't suit " name ".G", both, \
	  C(SET(GUEST_##field##_AR, rights), SET(GUEST_##field##_LIMIT, 0x100000)), \
	  C(SET(GUEST_##field##_AR, rights), SET(GUEST_##field##_LIMIT, 0xfffff)) }
#define RIGHTS_RULES(name, field, both) \
	{ PROTECTED_MODE, "27.3.1.2 " name " isn't present", both, C(OFF(GUEST_##field##_AR, BIT(7))), NOTHING }, \
	{ PROTECTED_MODE, "27.3.1.2 " name " access rights have a reserved bit set", both, \
	  C(ON(GUEST_##field##_AR, BIT(8))), NOTHING }, \
	{ PROTECTED_MODE, "27.3.1.2 " name " access rights have a reserved bit set", both, \
	  C(ON(GUEST_##field##_AR, BIT(11))), C(ON(GUEST_##field##_AR, BIT(12))) }, \
	{ PROTECTED_MODE, "27.3.1.2 " name " access rights have a reserved bit set", both, \
	  C(ON(GUEST_##field##_AR, BIT(17))), C(ON(GUEST_##field##_AR, BIT(14))) }, \
	{ PROTECTED_MODE, "27.3.1.2 " name " access rights have a reserved bit set", both, \
	  C(ON(GUEST_##field##_AR, BIT(31))), NOTHING }

#define DATA_RULES(name) \
	{ PROTECTED_MODE, "27.3.1.2 DS, ES, FS or GS isn't accessed", NOTHING, C(SET(GUEST_##name##_AR, 0xc092)), \
	  C(SET(GUEST_##name##_AR, 0xc091)) }, \
	{ PROTECTED_MODE, "27.3.1.2 DS, ES, FS or GS is code that can't be read", NOTHING, \
	  C(SET(GUEST_##name##_AR, 0xc099)), C(SET(GUEST_##name##_AR, 0xc09b)) }, \
	{ PROTECTED_MODE, "27.3.1.2 DS, ES, FS or GS is a system segment", C(OFF(GUEST_##name##_AR, BIT(4))), NOTHING, \
	  C(ON(GUEST_##name##_AR, UNUSABLE)) }, \
	{ PROTECTED_MODE, "27.3.1.2 DS, ES, FS or GS has DPL below RPL", C(SET(GUEST_##name##_SELECTOR, 0x23)), \
	  C(SET(GUEST_##name##_AR, 0xc0db)), \
	  C(SET(GUEST_##name##_AR, 0xc0fb)) }, \
	{ PROTECTED_MODE, "27.3.1.2 DS, ES, FS or GS has DPL below RPL", C(SET(GUEST_##name##_SELECTOR, 1)), \
	  C(SET(GUEST_##name##_AR, 0xc093)), \
	  C(SET(GUEST_##name##_AR, 0xc09f)) }, \
	{ PROTECTED_MODE, "27.3.1.2 DS, ES, FS or GS has DPL below RPL", C(SET(GUEST_##name##_SELECTOR, 1)), NOTHING, \
	  C(SECONDARY(SECONDARY_UNRESTRICTED)) }, \
	{ PROTECTED_MODE, "27.3.1.2 DS, ES, FS or GS isn't present", NOTHING, C(OFF(GUEST_##name##_AR, BIT(7))), \
	  C(SET(GUEST_##name##_AR, UNUSABLE)) }, \
	{ PROTECTED_MODE, "27.3.1.2 DS, ES, FS or GS access rights have a reserved bit set", NOTHING, \
	  C(ON(GUEST_##name##_AR, BIT(10))), C(ON(GUEST_##name##_AR, BIT(13))) }, \
	{ PROTECTED_MODE, "27.3.1.2 DS, ES, FS or GS access rights have a reserved bit set", NOTHING, \
	  C(ON(GUEST_##name##_AR, BIT(20))), C(ON(GUEST_##name##_AR, BIT(20) | UNUSABLE)) }, \
	{ PROTECTED_MODE, "27.3.1.2 DS, ES, FS or GS limit doesn't suit G", NOTHING, \
	  C(SET(GUEST_##name##_LIMIT, 0xffff0000)), C(SET(GUEST_##name##_LIMIT, 0xffff0fff)) }, \
	{ PROTECTED_MODE, "27.3.1.2 DS, ES, FS or GS limit doesn't suit G", C(SET(GUEST_##name##_AR, 0x4093)), \
	  NOTHING, C(SET(GUEST_##name##_LIMIT, 0)) }, \
	V86_RULES("DS, ES, FS or GS", name)
#define V86_RULES(text, name) \
	{ V86_MODE, "27.3.1.2 " text " base in virtual-8086 mode isn't the selector times 16", \
	  C(SET(GUEST_##name##_SELECTOR, 0xf00f)), C(SET(GUEST_##name##_BASE, 0xf0000)), \
	  C(SET(GUEST_##name##_BASE, 0xf00f0)) }, \
	{ V86_MODE, "27.3.1.2 " text " limit in virtual-8086 mode isn't 0xffff", NOTHING, \
	  C(SET(GUEST_##name##_LIMIT, 0xfffff)), NOTHING }, \
	{ V86_MODE, "27.3.1.2 " text " access rights in virtual-8086 mode aren't 0xf3", NOTHING, \
	  C(SET(GUEST_##name##_AR, 0x93)), NOTHING }, \
	{ V86_MODE, "27.3.1.2 " text " access rights in virtual-8086 mode aren't 0xf3", NOTHING, \
	  C(SET(GUEST_##name##_AR, 0x100f3)), NOTHING }
#define BASE_RULE(kind, text, field, bad, good) \
	{ kind, "27.3.1.2 " text, NOTHING, C(SET(GUEST_##field##_BASE, bad)), C(SET(GUEST_##field##_BASE, good)) }

static const struct row rows[] = {
	{ LONG_MODE, "27.3.1.2 TR selector has TI set", NOTHING, C(SET(GUEST_TR_SELECTOR, 0x1c)),
	  C(SET(GUEST_TR_SELECTOR, 0x1b)) },
	{ LONG_MODE, "27.3.1.2 LDTR selector has TI set", C(SET(GUEST_LDTR_SELECTOR, 4)), C(LDT), NOTHING },
	{ PROTECTED_MODE, "27.3.1.2 SS.RPL isn't CS.RPL", NOTHING, C(SET(GUEST_CS_SELECTOR, 9)),
	  C(SET(GUEST_CS_SELECTOR, 0xc)) },
	{ PROTECTED_MODE, "27.3.1.2 SS.RPL isn't CS.RPL", C(SET(GUEST_CS_SELECTOR, 9)), NOTHING,
	  C(SECONDARY(SECONDARY_UNRESTRICTED)) },

	BASE_RULE(LONG_MODE, "TR base isn't canonical", TR, NOT_CANONICAL, CANONICAL),
	BASE_RULE(PROTECTED_MODE, "TR base isn't canonical", TR, NOT_CANONICAL, CANONICAL),
	BASE_RULE(LONG_MODE, "FS base isn't canonical", FS, NOT_CANONICAL, CANONICAL),
	BASE_RULE(LONG_MODE, "GS base isn't canonical", GS, NOT_CANONICAL, CANONICAL),
	{ LONG_MODE, "27.3.1.2 GS base isn't canonical", C(SET(GUEST_GS_BASE, NOT_CANONICAL)),
	  C(SET(GUEST_GS_AR, UNUSABLE)), C(SET(LINEAR_BITS, 57)) },
	{ LONG_MODE, "27.3.1.2 LDTR base isn't canonical", C(SET(GUEST_LDTR_BASE, NOT_CANONICAL)), C(LDT), NOTHING },
	BASE_RULE(LONG_MODE, "CS base has one of bits 63:32 set", CS, 0x100000000, 0xffffffff),
	BASE_RULE(LONG_MODE, "SS base has one of bits 63:32 set", SS, 0x100000000, 0xffffffff),
	{ LONG_MODE, "27.3.1.2 SS base has one of bits 63:32 set", C(SET(GUEST_SS_BASE, 1ull << 63)), NOTHING,
	  C(SET(GUEST_SS_AR, UNUSABLE)) },
	BASE_RULE(LONG_MODE, "DS or ES base has one of bits 63:32 set", DS, 0x100000000, 0xffffffff),
	BASE_RULE(LONG_MODE, "DS or ES base has one of bits 63:32 set", ES, 0x100000000, 0xffffffff),
	{ LONG_MODE, "27.3.1.2 DS or ES base has one of bits 63:32 set", C(SET(GUEST_ES_BASE, 1ull << 63)), NOTHING,
	  C(SET(GUEST_ES_AR, UNUSABLE)) },

	V86_RULES("CS", CS), V86_RULES("SS", SS),

	{ PROTECTED_MODE, "27.3.1.2 CS has an invalid type", NOTHING, C(SET(GUEST_CS_AR, 0xc09a)),
	  C(SET(GUEST_CS_AR, 0xc099)) },
	{ PROTECTED_MODE, "27.3.1.2 CS has an invalid type", C(SET(GUEST_CS_AR, 0xc093)), NOTHING,
	  C(SECONDARY(SECONDARY_UNRESTRICTED)) },
	{ REAL_MODE, "27.3.1.2 CS has an invalid type", NOTHING, C(SET(GUEST_CS_AR, 0x97)), C(SET(GUEST_CS_AR, 0x9f)) },
	{ PROTECTED_MODE, "27.3.1.2 CS is a system segment", NOTHING, C(OFF(GUEST_CS_AR, BIT(4))), NOTHING },
	{ PROTECTED_MODE, "27.3.1.2 CS is a system segment", NOTHING, C(SET(GUEST_CS_AR, 0x1c08b)),
	  C(SET(GUEST_CS_AR, 0x1c09b)) },
	{ REAL_MODE, "27.3.1.2 CS.DPL doesn't suit SS.DPL", NOTHING, C(SET(GUEST_CS_AR, 0xb3)), NOTHING },
	{ PROTECTED_MODE, "27.3.1.2 CS.DPL doesn't suit SS.DPL", NOTHING, C(SET(GUEST_CS_AR, 0xc0fb)), NOTHING },
	{ PROTECTED_MODE, "27.3.1.2 CS.DPL doesn't suit SS.DPL",
	  C(SET(GUEST_CS_SELECTOR, 0xb), SET(GUEST_SS_SELECTOR, 0x13), SET(GUEST_SS_AR, 0xc0f3)),
	  C(SET(GUEST_CS_AR, 0xc0d9)), C(SET(GUEST_CS_AR, 0xc0f9)) },
	{ PROTECTED_MODE, "27.3.1.2 CS.DPL doesn't suit SS.DPL",
	  C(SET(GUEST_CS_SELECTOR, 9), SET(GUEST_SS_SELECTOR, 0x11), SET(GUEST_SS_AR, 0xc0b3)),
	  C(SET(GUEST_CS_AR, 0xc0df)), C(SET(GUEST_CS_AR, 0xc09d)) },
	RIGHTS_RULES("CS", CS, NOTHING),
	{ LONG_MODE, "27.3.1.2 CS.D in 64-bit mode", NOTHING, C(ON(GUEST_CS_AR, BIT(14))),
	  C(SET(GUEST_CS_AR, 0xc09b)) },
	{ LONG_MODE, "27.3.1.2 CS.D in 64-bit mode", C(ON(GUEST_CS_AR, BIT(14))), NOTHING,
	  C(OFF(ENTRY_CTRLS, ENTRY_IA32E)) },
	LIMIT_RULES("CS", CS, 0x409b, NOTHING),

	{ PROTECTED_MODE, "27.3.1.2 SS has an invalid type", NOTHING, C(SET(GUEST_SS_AR, 0xc091)),
	  C(SET(GUEST_SS_AR, 0xc097)) },
	{ PROTECTED_MODE, "27.3.1.2 SS has an invalid type", NOTHING, C(SET(GUEST_SS_AR, 0xc09b)),
	  C(SET(GUEST_SS_AR, UNUSABLE)) },
	{ PROTECTED_MODE, "27.3.1.2 SS is a system segment", NOTHING, C(SET(GUEST_SS_AR, 0xc083)),
	  C(SET(GUEST_SS_AR, 0x1c083)) },
	{ PROTECTED_MODE, "27.3.1.2 SS.DPL isn't SS.RPL", C(SET(GUEST_SS_AR, 0xc0f3), SET(GUEST_CS_AR, 0xc09f)),
	  NOTHING,
	  C(SET(GUEST_SS_SELECTOR, 0x13), SET(GUEST_CS_SELECTOR, 0xb)) },
	{ PROTECTED_MODE, "27.3.1.2 SS.DPL isn't SS.RPL", C(SET(GUEST_SS_AR, 0xc0f3), SET(GUEST_CS_AR, 0xc09f)),
	  NOTHING,
	  C(SECONDARY(SECONDARY_UNRESTRICTED)) },
	{ REAL_MODE, "27.3.1.2 SS.DPL isn't 0 in real mode", NOTHING, C(SET(GUEST_SS_AR, 0xc0b3)), NOTHING },
	{ REAL_MODE, "27.3.1.2 SS.DPL isn't 0 in real mode", C(SET(GUEST_SS_AR, 0xc0b3), SET(GUEST_CS_AR, 0x9f)),
	  NOTHING, C(SET(GUEST_CR0, 0x21)) },
	{ REAL_MODE, "27.3.1.2 SS.DPL isn't 0 in real mode", C(SET(GUEST_SS_AR, 0xc0b3), SET(GUEST_CR0, 0x21)), NOTHING,
	  C(SET(GUEST_CS_AR, 0x9f)) },
	RIGHTS_RULES("SS", SS, NOTHING),
	LIMIT_RULES("SS", SS, 0x4093, NOTHING),
	{ PROTECTED_MODE, "27.3.1.2 SS limit doesn't suit SS.G", C(SET(GUEST_SS_LIMIT, 0xfffff000)), NOTHING,
	  C(ON(GUEST_SS_AR, UNUSABLE)) },

	DATA_RULES(DS), DATA_RULES(ES), DATA_RULES(FS), DATA_RULES(GS),

	{ LONG_MODE, "27.3.1.2 TR isn't a busy TSS of the right size", NOTHING, C(SET(GUEST_TR_AR, 0x89)), NOTHING },
	{ PROTECTED_MODE, "27.3.1.2 TR isn't a busy TSS of the right size", C(SET(GUEST_TR_AR, 0x83)),
	  C(ON(ENTRY_CTRLS, ENTRY_IA32E)), NOTHING },
	{ PROTECTED_MODE, "27.3.1.2 TR isn't a busy TSS of the right size", NOTHING, C(SET(GUEST_TR_AR, 0x81)),
	  C(SET(GUEST_TR_AR, 0x83)) },
	{ LONG_MODE, "27.3.1.2 TR isn't a system segment", NOTHING, C(SET(GUEST_TR_AR, 0x9b)), NOTHING },
	{ LONG_MODE, "27.3.1.2 TR is unusable", NOTHING, C(ON(GUEST_TR_AR, UNUSABLE)), NOTHING },
	RIGHTS_RULES("TR", TR, NOTHING),
	LIMIT_RULES("TR", TR, 0x8b, NOTHING),

	{ LONG_MODE, "27.3.1.2 LDTR isn't an LDT", C(LDT), C(SET(GUEST_LDTR_AR, 0x8b)),
	  C(SET(GUEST_LDTR_AR, 0x1008b)) },
	{ LONG_MODE, "27.3.1.2 LDTR isn't a system segment", C(LDT), C(ON(GUEST_LDTR_AR, BIT(4))), NOTHING },
	RIGHTS_RULES("LDTR", LDTR, C(LDT)),
	LIMIT_RULES("LDTR", LDTR, 0x82, C(LDT)),
};

static const char *check(const struct model *m) { return check_guest_segments(&m->vmcs, &m->facts); }

PROMISE(each_rule_fails_by_its_row_and_its_neighbour_passes) { run_rows(rows, ARRAY_SIZE(rows), check); }
PROMISE(no_rule_of_the_segments_is_without_a_row) { each_rule_has_a_row("", rows, ARRAY_SIZE(rows)); }

RUN(T(each_rule_fails_by_its_row_and_its_neighbour_passes), T(no_rule_of_the_segments_is_without_a_row))
