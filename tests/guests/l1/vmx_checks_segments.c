/* SPDX-License-Identifier: BSD-2-Clause */
/* VM-entry checks of the guest's segment registers (SDM 27.3.1.2), rule by rule and register by register. */
#include "rows.h"

#define N		L2_NATIVE
#define P		L2_PAE		/* protected mode, without EPT */
#define U		L2_FLAT		/* with the unrestricted guest */
#define NOT_CANONICAL	0x0000800000000000ull
#define CANONICAL	0x00007fffffffffffull
#define LDT		SET(GUEST_LDTR_AR, AR_LDT), SET(GUEST_LDTR_LIMIT, 0xfff)
#define UNUSABLE(s)	ON(GUEST_##s##_AR, AR_UNUSABLE)

/* What CS, SS, TR and LDTR share, by their valid access rights. */
#define LIMIT_RULES(name, field, rights, both) \
	{ P, 0, "27.3.1.2 " name " limit doesn't suit " name ".G", both, \
	  C(SET(GUEST_##field##_AR, AR_GRANULARITY | (rights)), SET(GUEST_##field##_LIMIT, 0xfff10ffe)), \
	  C(SET(GUEST_##field##_AR, AR_GRANULARITY | (rights)), SET(GUEST_##field##_LIMIT, 0xfff10fff)) }, \
	{ P, 0, "27.3.1.2 " name " limit doesn't suit " name ".G", both, \
	  C(SET(GUEST_##field##_AR, AR_GRANULARITY | (rights)), SET(GUEST_##field##_LIMIT, 0xfffff7ff)), \
	  C(SET(GUEST_##field##_AR, AR_GRANULARITY | (rights)), SET(GUEST_##field##_LIMIT, ~0u)) }, \
	{ P, 0, "27.3.1.2 " name " limit doesn't suit " name ".G", both, \
	  C(SET(GUEST_##field##_AR, (rights) & ~AR_GRANULARITY), SET(GUEST_##field##_LIMIT, ~0u)), \
	  C(SET(GUEST_##field##_AR, AR_GRANULARITY | (rights)), SET(GUEST_##field##_LIMIT, ~0u)) }
#define RIGHTS_RULES(name, field, both) \
	{ P, 0, "27.3.1.2 " name " isn't present", both, C(OFF(GUEST_##field##_AR, AR_PRESENT)), NOTHING }, \
	{ P, 0, "27.3.1.2 " name " access rights have a reserved bit set", both, C(ON(GUEST_##field##_AR, BIT(8))), NOTHING }, \
	{ P, 0, "27.3.1.2 " name " access rights have a reserved bit set", both, C(ON(GUEST_##field##_AR, BIT(9))), NOTHING }, \
	{ P, 0, "27.3.1.2 " name " access rights have a reserved bit set", both, C(ON(GUEST_##field##_AR, BIT(11))), \
	  C(ON(GUEST_##field##_AR, BIT(12))) }, \
	{ P, 0, "27.3.1.2 " name " access rights have a reserved bit set", both, C(ON(GUEST_##field##_AR, BIT(17))), \
	  C(ON(GUEST_##field##_AR, AR_DB)) }, \
	{ P, 0, "27.3.1.2 " name " access rights have a reserved bit set", both, C(ON(GUEST_##field##_AR, BIT(31))), NOTHING }

#define ANY		"DS, ES, FS or GS"
#define DATA_RULES(s) \
	{ P, 0, "27.3.1.2 " ANY " isn't accessed", NOTHING, C(SET(GUEST_##s##_AR, 0xc092)), C(SET(GUEST_##s##_AR, 0xc091)) }, \
	{ P, 0, "27.3.1.2 " ANY " isn't accessed", NOTHING, C(SET(GUEST_##s##_AR, 0xc09a)), C(SET(GUEST_##s##_AR, 0xc09b)) }, \
	{ P, 0, "27.3.1.2 " ANY " is code that can't be read", NOTHING, C(SET(GUEST_##s##_AR, 0xc099)), \
	  C(SET(GUEST_##s##_AR, 0xc09b)) }, \
	{ P, 0, "27.3.1.2 " ANY " is a system segment", C(OFF(GUEST_##s##_AR, AR_SYSTEM_BIT)), NOTHING, C(UNUSABLE(s)) }, \
	{ P, 0, "27.3.1.2 " ANY " has DPL below RPL", C(SET(GUEST_##s##_SELECTOR, 0x23)), C(SET(GUEST_##s##_AR, 0xc0db)), \
	  C(SET(GUEST_##s##_AR, 0xc0fb)) }, \
	{ P, 0, "27.3.1.2 " ANY " has DPL below RPL", C(SET(GUEST_##s##_SELECTOR, 1)), C(SET(GUEST_##s##_AR, AR_DATA32)), \
	  C(SET(GUEST_##s##_AR, 0xc09f)) }, \
	{ P, 0, "27.3.1.2 " ANY " has DPL below RPL", C(SET(GUEST_##s##_SELECTOR, 1)), NOTHING, C(UNUSABLE(s)) }, \
	{ P, L2_WITH_EPT, "27.3.1.2 " ANY " has DPL below RPL", C(SET(GUEST_##s##_SELECTOR, 1)), NOTHING, \
	  C(SECONDARY(SECONDARY_UNRESTRICTED)) }, \
	{ P, 0, "27.3.1.2 " ANY " isn't present", NOTHING, C(OFF(GUEST_##s##_AR, AR_PRESENT)), C(SET(GUEST_##s##_AR, AR_UNUSABLE)) }, \
	{ P, 0, "27.3.1.2 " ANY " access rights have a reserved bit set", NOTHING, C(ON(GUEST_##s##_AR, BIT(10))), \
	  C(ON(GUEST_##s##_AR, AR_LONG)) }, \
	{ P, 0, "27.3.1.2 " ANY " access rights have a reserved bit set", NOTHING, C(ON(GUEST_##s##_AR, BIT(20))), \
	  C(ON(GUEST_##s##_AR, BIT(20) | AR_UNUSABLE)) }, \
	{ P, 0, "27.3.1.2 " ANY " limit doesn't suit G", NOTHING, C(SET(GUEST_##s##_LIMIT, 0xffff0000)), \
	  C(SET(GUEST_##s##_LIMIT, 0xffff0fff)) }, \
	{ P, 0, "27.3.1.2 " ANY " limit doesn't suit G", C(SET(GUEST_##s##_AR, 0x4093)), NOTHING, C(SET(GUEST_##s##_LIMIT, 0)) }, \
	{ P, 0, "27.3.1.2 " ANY " limit doesn't suit G", C(SET(GUEST_##s##_AR, 0x4093)), C(SET(GUEST_##s##_LIMIT, 0x100000)), \
	  C(SET(GUEST_##s##_LIMIT, 0xfffff)) }, \
	V86_RULES(ANY, s)
#define V86_RULES(text, s) \
	{ L2_V86, 0, "27.3.1.2 " text " base in virtual-8086 mode isn't the selector times 16", \
	  NOTHING, C(ON(GUEST_##s##_BASE, 1)), NOTHING }, \
	{ L2_V86, 0, "27.3.1.2 " text " base in virtual-8086 mode isn't the selector times 16", \
	  NOTHING, C(ON(GUEST_##s##_BASE, 0x100000)), NOTHING }, \
	{ L2_V86, 0, "27.3.1.2 " text " limit in virtual-8086 mode isn't 0xffff", NOTHING, C(SET(GUEST_##s##_LIMIT, 0xfffff)), NOTHING }, \
	{ L2_V86, 0, "27.3.1.2 " text " limit in virtual-8086 mode isn't 0xffff", NOTHING, C(SET(GUEST_##s##_LIMIT, 0xfffe)), NOTHING }, \
	{ L2_V86, 0, "27.3.1.2 " text " access rights in virtual-8086 mode aren't 0xf3", NOTHING, C(SET(GUEST_##s##_AR, 0x93)), NOTHING }, \
	{ L2_V86, 0, "27.3.1.2 " text " access rights in virtual-8086 mode aren't 0xf3", NOTHING, C(SET(GUEST_##s##_AR, 0xfb)), NOTHING }, \
	{ L2_V86, 0, "27.3.1.2 " text " access rights in virtual-8086 mode aren't 0xf3", NOTHING, C(UNUSABLE(s)), NOTHING }
#define BASE_RULE(mode, text, field, bad, good) \
	{ mode, 0, "27.3.1.2 " text, NOTHING, C(SET(GUEST_##field##_BASE, bad)), C(SET(GUEST_##field##_BASE, good)) }
#define CPL3(cs_ar, ss_ar) SET(GUEST_CS_SELECTOR, SEL_CODE32 | 3), SET(GUEST_SS_SELECTOR, SEL_DATA32 | 3), \
			SET(GUEST_CS_AR, cs_ar), SET(GUEST_SS_AR, ss_ar)
#define CPL1(cs_ar, ss_ar) SET(GUEST_CS_SELECTOR, SEL_CODE32 | 1), SET(GUEST_SS_SELECTOR, SEL_DATA32 | 1), \
			SET(GUEST_CS_AR, cs_ar), SET(GUEST_SS_AR, ss_ar)

static const struct row rows[] = {
	{ N, 0, "27.3.1.2 TR selector has TI set", NOTHING, C(SET(GUEST_TR_SELECTOR, 0x1c)), C(SET(GUEST_TR_SELECTOR, 0x1b)) },
	{ P, 0, "27.3.1.2 TR selector has TI set", NOTHING, C(ON(GUEST_TR_SELECTOR, 4)), C(SET(GUEST_TR_SELECTOR, 0)) },
	{ N, 0, "27.3.1.2 LDTR selector has TI set", C(SET(GUEST_LDTR_SELECTOR, 4)), C(LDT), NOTHING },
	{ P, 0, "27.3.1.2 LDTR selector has TI set", C(LDT), C(SET(GUEST_LDTR_SELECTOR, 7)), C(SET(GUEST_LDTR_SELECTOR, 3)) },
	{ P, 0, "27.3.1.2 SS.RPL isn't CS.RPL", NOTHING, C(ON(GUEST_CS_SELECTOR, 1)), C(ON(GUEST_CS_SELECTOR, 4)) },
	{ N, 0, "27.3.1.2 SS.RPL isn't CS.RPL", NOTHING, C(ON(GUEST_SS_SELECTOR, 3)), C(ON(GUEST_SS_SELECTOR, 4)) },
	{ P, L2_WITH_EPT, "27.3.1.2 SS.RPL isn't CS.RPL", C(ON(GUEST_CS_SELECTOR, 1)), NOTHING, C(SECONDARY(SECONDARY_UNRESTRICTED)) },

	BASE_RULE(N, "TR base isn't canonical", TR, NOT_CANONICAL, CANONICAL),
	BASE_RULE(P, "TR base isn't canonical", TR, NOT_CANONICAL, CANONICAL),
	BASE_RULE(N, "FS base isn't canonical", FS, NOT_CANONICAL, CANONICAL),
	BASE_RULE(P, "FS base isn't canonical", FS, 1ull << 63, 0xffffffffull),
	BASE_RULE(N, "GS base isn't canonical", GS, NOT_CANONICAL, CANONICAL),
	{ N, 0, "27.3.1.2 GS base isn't canonical", C(UNUSABLE(GS)), C(SET(GUEST_GS_BASE, NOT_CANONICAL)),
	  C(SET(GUEST_GS_BASE, 0xffff800000000000ull)) },
	{ N, 0, "27.3.1.2 LDTR base isn't canonical", C(SET(GUEST_LDTR_BASE, NOT_CANONICAL)), C(LDT), NOTHING },
	BASE_RULE(N, "CS base has one of bits 63:32 set", CS, 1ull << 32, 0xffffffff),
	BASE_RULE(P, "CS base has one of bits 63:32 set", CS, 1ull << 63, 0),
	BASE_RULE(N, "SS base has one of bits 63:32 set", SS, 1ull << 32, 0xffffffff),
	{ N, 0, "27.3.1.2 SS base has one of bits 63:32 set", C(SET(GUEST_SS_BASE, 1ull << 63)), NOTHING, C(UNUSABLE(SS)) },
	BASE_RULE(N, "DS or ES base has one of bits 63:32 set", DS, 1ull << 32, 0xffffffff),
	BASE_RULE(N, "DS or ES base has one of bits 63:32 set", ES, 1ull << 32, 0xffffffff),
	{ N, 0, "27.3.1.2 DS or ES base has one of bits 63:32 set", C(SET(GUEST_ES_BASE, 1ull << 63)), NOTHING, C(UNUSABLE(ES)) },
	{ N, 0, "27.3.1.2 DS or ES base has one of bits 63:32 set", C(SET(GUEST_DS_BASE, 1ull << 40)), NOTHING, C(UNUSABLE(DS)) },

	V86_RULES("CS", CS), V86_RULES("SS", SS),

	{ P, 0, "27.3.1.2 CS has an invalid type", NOTHING, C(SET(GUEST_CS_AR, 0xc09a)), C(SET(GUEST_CS_AR, 0xc099)) },
	{ P, 0, "27.3.1.2 CS has an invalid type", NOTHING, C(SET(GUEST_CS_AR, 0xc098)), C(SET(GUEST_CS_AR, 0xc09d)) },
	{ P, L2_WITH_EPT, "27.3.1.2 CS has an invalid type", C(SET(GUEST_CS_AR, AR_DATA32)), NOTHING, C(SECONDARY(SECONDARY_UNRESTRICTED)) },
	{ U, 0, "27.3.1.2 CS has an invalid type", NOTHING, C(SET(GUEST_CS_AR, 0xc097)), C(SET(GUEST_CS_AR, 0xc09f)) },
	{ L2_REAL, 0, "27.3.1.2 CS has an invalid type", NOTHING, C(SET(GUEST_CS_AR, 0x97)), C(SET(GUEST_CS_AR, 0x93)) },
	{ L2_REAL, 0, "27.3.1.2 CS has an invalid type", NOTHING, C(SET(GUEST_CS_AR, 0x91)), C(SET(GUEST_CS_AR, 0x9f)) },
	{ P, 0, "27.3.1.2 CS is a system segment", NOTHING, C(OFF(GUEST_CS_AR, AR_SYSTEM_BIT)), NOTHING },
	{ P, 0, "27.3.1.2 CS is a system segment", C(UNUSABLE(CS)), C(OFF(GUEST_CS_AR, AR_SYSTEM_BIT)), NOTHING },
	{ L2_REAL, 0, "27.3.1.2 CS.DPL doesn't suit SS.DPL", NOTHING, C(SET(GUEST_CS_AR, 0xb3)), NOTHING },
	{ P, 0, "27.3.1.2 CS.DPL doesn't suit SS.DPL", NOTHING, C(SET(GUEST_CS_AR, 0xc0fb)), NOTHING },
	{ P, 0, "27.3.1.2 CS.DPL doesn't suit SS.DPL", NOTHING, C(CPL3(0xc0d9, 0xc0f3)), C(CPL3(0xc0f9, 0xc0f3)) },
	{ P, 0, "27.3.1.2 CS.DPL doesn't suit SS.DPL", NOTHING, C(CPL3(0xc09b, 0xc0f3)), C(CPL3(0xc09f, 0xc0f3)) },
	{ P, 0, "27.3.1.2 CS.DPL doesn't suit SS.DPL", NOTHING, C(CPL1(0xc0df, 0xc0b3)), C(CPL1(0xc09d, 0xc0b3)) },
	RIGHTS_RULES("CS", CS, NOTHING),
	{ L2_LONG, 0, "27.3.1.2 CS.D in 64-bit mode", NOTHING, C(ON(GUEST_CS_AR, AR_DB)), C(SET(GUEST_CS_AR, AR_CODE32)) },
	{ L2_COMPAT, 0, "27.3.1.2 CS.D in 64-bit mode", NOTHING, C(ON(GUEST_CS_AR, AR_LONG)), C(ON(GUEST_CS_AR, AR_DB)) },
	{ L2_LONG, 0, "27.3.1.2 CS.D in 64-bit mode", C(ON(GUEST_CS_AR, AR_DB)), NOTHING, C(OFF(ENTRY_CTRLS, ENTRY_IA32E), SET(GUEST_CR3, L2_PDPT)) },
	LIMIT_RULES("CS", CS, 0x409bu, NOTHING),
	LIMIT_RULES("SS", SS, 0x4093u, NOTHING),
	LIMIT_RULES("TR", TR, AR_TSS, NOTHING),
	LIMIT_RULES("LDTR", LDTR, AR_LDT, NOTHING),

	{ P, 0, "27.3.1.2 SS has an invalid type", NOTHING, C(SET(GUEST_SS_AR, 0xc091)), C(SET(GUEST_SS_AR, 0xc097)) },
	{ P, 0, "27.3.1.2 SS has an invalid type", NOTHING, C(SET(GUEST_SS_AR, 0xc092)), NOTHING },
	{ P, 0, "27.3.1.2 SS has an invalid type", NOTHING, C(SET(GUEST_SS_AR, 0xc09b)), C(SET(GUEST_SS_AR, AR_UNUSABLE)) },
	{ P, 0, "27.3.1.2 SS is a system segment", NOTHING, C(OFF(GUEST_SS_AR, AR_SYSTEM_BIT)),
	  C(OFF(GUEST_SS_AR, AR_SYSTEM_BIT), UNUSABLE(SS)) },
	{ P, 0, "27.3.1.2 SS.DPL isn't SS.RPL", C(SET(GUEST_SS_AR, 0xc0f3), SET(GUEST_CS_AR, 0xc09f)), NOTHING,
	  C(ON(GUEST_SS_SELECTOR, 3), ON(GUEST_CS_SELECTOR, 3)) },
	{ P, L2_WITH_EPT, "27.3.1.2 SS.DPL isn't SS.RPL", C(SET(GUEST_SS_AR, 0xc0f3), SET(GUEST_CS_AR, 0xc09f)), NOTHING,
	  C(SECONDARY(SECONDARY_UNRESTRICTED)) },
	{ P, 0, "27.3.1.2 SS.DPL isn't SS.RPL", C(UNUSABLE(SS)), C(SET(GUEST_SS_AR, 0x100f3), SET(GUEST_CS_AR, 0xc09f)), NOTHING },
	{ L2_REAL, 0, "27.3.1.2 SS.DPL isn't 0 in real mode", NOTHING, C(SET(GUEST_SS_AR, 0xb3)), NOTHING },
	{ L2_REAL, 0, "27.3.1.2 SS.DPL isn't 0 in real mode", NOTHING, C(SET(GUEST_SS_AR, 0xf3), SET(GUEST_CS_AR, 0xfb)), NOTHING },
	{ L2_REAL, 0, "27.3.1.2 SS.DPL isn't 0 in real mode", C(SET(GUEST_SS_AR, 0xb3), SET(GUEST_CS_AR, 0x9f)), NOTHING,
	  C(ON(GUEST_CR0, CR0_PE)) },
	{ U, 0, "27.3.1.2 SS.DPL isn't 0 in real mode", C(SET(GUEST_SS_AR, 0xc0b3)), C(SET(GUEST_CS_AR, AR_DATA32)),
	  C(SET(GUEST_CS_AR, 0xc09f)) },
	RIGHTS_RULES("SS", SS, NOTHING),
	{ P, 0, "27.3.1.2 SS limit doesn't suit SS.G", C(SET(GUEST_SS_LIMIT, 0xfffff000)), NOTHING, C(UNUSABLE(SS)) },

	DATA_RULES(DS), DATA_RULES(ES), DATA_RULES(FS), DATA_RULES(GS),

	{ N, 0, "27.3.1.2 TR isn't a busy TSS of the right size", NOTHING, C(SET(GUEST_TR_AR, 0x89)), NOTHING },
	{ N, 0, "27.3.1.2 TR isn't a busy TSS of the right size", NOTHING, C(SET(GUEST_TR_AR, 0x81)), NOTHING },
	{ L2_LONG, 0, "27.3.1.2 TR isn't a busy TSS of the right size", NOTHING, C(SET(GUEST_TR_AR, 0x83)), NOTHING },
	{ L2_COMPAT, 0, "27.3.1.2 TR isn't a busy TSS of the right size", NOTHING, C(SET(GUEST_TR_AR, 0x83)), NOTHING },
	{ P, 0, "27.3.1.2 TR isn't a busy TSS of the right size", NOTHING, C(SET(GUEST_TR_AR, 0x81)), C(SET(GUEST_TR_AR, 0x83)) },
	{ L2_REAL, 0, "27.3.1.2 TR isn't a busy TSS of the right size", NOTHING, C(SET(GUEST_TR_AR, 0x82)), C(SET(GUEST_TR_AR, 0x83)) },
	{ N, 0, "27.3.1.2 TR isn't a system segment", NOTHING, C(SET(GUEST_TR_AR, 0x9b)), NOTHING },
	{ N, 0, "27.3.1.2 TR is unusable", NOTHING, C(UNUSABLE(TR)), NOTHING },
	RIGHTS_RULES("TR", TR, NOTHING),

	{ N, 0, "27.3.1.2 LDTR isn't an LDT", C(LDT), C(SET(GUEST_LDTR_AR, 0x8b)), C(SET(GUEST_LDTR_AR, 0x1008b)) },
	{ P, 0, "27.3.1.2 LDTR isn't an LDT", C(LDT), C(SET(GUEST_LDTR_AR, 0x83)), NOTHING },
	{ N, 0, "27.3.1.2 LDTR isn't a system segment", C(LDT), C(ON(GUEST_LDTR_AR, AR_SYSTEM_BIT)), NOTHING },
	RIGHTS_RULES("LDTR", LDTR, C(LDT)),
};

void guest_main(void)
{
	if (!l1_begin())
		return;
	vmx_enable();
	rows_run(rows, ARRAY_SIZE(rows));
	vmx_disable();
}
