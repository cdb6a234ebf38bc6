/* SPDX-License-Identifier: BSD-2-Clause */
/* VM-entry checks of the host-state area (SDM 27.2.2 to 27.2.4), rule by rule. */
#include "rows.h"

#define N		L2_NATIVE
#define NOT_CANONICAL	0x0000800000000000ull
#define CANONICAL	0x00007fffffffffffull
#define KERNEL_HALF	0xffff800000000000ull
#define NULL_IN_64	(L1_IS_64 ? 0 : SEL_DATA16)	/* 32-bit L1 itself needs DS and ES */
#define SCE		BIT(0)
#define NXE		BIT(11)
#define LONG_EFER	(L1_IS_64 ? EFER_LME | EFER_LMA : 0)

#define ADDRESS_RULE(section, name, field) \
	{ N, 0, section " host " name " isn't canonical", NOTHING, C(SET(field, NOT_CANONICAL)), C(SET(field, CANONICAL)) }, \
	{ N, 0, section " host " name " isn't canonical", NOTHING, C(SET(field, KERNEL_HALF - 1)), C(SET(field, KERNEL_HALF)) }
#define SELECTOR_RULE(name, good) \
	{ N, 0, "27.2.3 host " #name " selector has RPL or TI set", NOTHING, C(ON(HOST_##name##_SELECTOR, 1)), good }, \
	{ N, 0, "27.2.3 host " #name " selector has RPL or TI set", NOTHING, C(ON(HOST_##name##_SELECTOR, 2)), good }, \
	{ N, 0, "27.2.3 host " #name " selector has RPL or TI set", NOTHING, C(ON(HOST_##name##_SELECTOR, 4)), good }

static const struct row rows[] = {
	{ N, 0, "27.2.2 host CR0 has a fixed bit wrong", NOTHING, C(OFF(HOST_CR0, CR0_NE)), C(ON(HOST_CR0, CR0_WP)) },
	{ N, 0, "27.2.2 host CR0 has a fixed bit wrong", NOTHING, C(OFF(HOST_CR0, CR0_PE)), C(ON(HOST_CR0, CR0_MP)) },
	{ N, 0, "27.2.2 host CR0 has a fixed bit wrong", NOTHING, C(OFF(HOST_CR0, CR0_PG)), C(ON(HOST_CR0, CR0_TS)) },
	{ N, 0, "27.2.2 host CR0 has a fixed bit wrong", NOTHING, C(ON(HOST_CR0, 1ull << 32)), C(ON(HOST_CR0, CR0_NW)) },
	{ N, 0, "27.2.2 host CR0 has a fixed bit wrong", NOTHING, C(OFF(HOST_CR0, CR0_NE)), C(ON(HOST_CR0, CR0_CD)) },
	{ N, 0, "27.2.2 host CR4 has a fixed bit wrong", NOTHING, C(OFF(HOST_CR4, CR4_VMXE)), NOTHING },
	{ N, 0, "27.2.2 host CR4 has a fixed bit wrong", NOTHING, C(ON(HOST_CR4, CR4_SMXE)), C(ON(HOST_CR4, CR4_PGE)) },
	{ N, 0, "27.2.2 host CR4 has a fixed bit wrong", NOTHING, C(ON(HOST_CR4, BIT(31))), C(ON(HOST_CR4, CR4_PSE)) },
	{ N, 0, "27.2.2 host CR4 has a fixed bit wrong", NOTHING, C(ON(HOST_CR4, 1ull << 33)), C(ON(HOST_CR4, CR4_OSXSAVE)) },
	{ N, 0, "27.2.2 host CR4.CET without CR0.WP", C(ON(HOST_CR4, CR4_CET)), C(OFF(HOST_CR0, CR0_WP)), C(ON(HOST_CR0, CR0_WP)) },
	{ N, 0, "27.2.2 host CR3 is beyond the physical-address width", NOTHING, C(BEYOND(HOST_CR3, 0)), C(ON(HOST_CR3, 0x18)) },
	{ N, 0, "27.2.2 host CR3 is beyond the physical-address width", NOTHING, C(ON(HOST_CR3, 1ull << 63)), NOTHING },
	{ N, 0, "27.2.2 host CR3 is beyond the physical-address width", NOTHING, C(ON(HOST_CR3, 1ull << 51)), NOTHING },
	ADDRESS_RULE("27.2.2", "IA32_SYSENTER_ESP", HOST_SYSENTER_ESP),
	ADDRESS_RULE("27.2.2", "IA32_SYSENTER_EIP", HOST_SYSENTER_EIP),
	{ N, 0, "27.2.2 host IA32_PERF_GLOBAL_CTRL has a reserved bit set", C(ON(EXIT_CTRLS, EXIT_LOAD_PERF)),
	  C(SET(HOST_PERF_GLOBAL_CTRL, 1ull << 63)), C(SET(HOST_PERF_GLOBAL_CTRL, 0)) },
	{ N, 0, "27.2.2 host IA32_PERF_GLOBAL_CTRL has a reserved bit set", C(ON(EXIT_CTRLS, EXIT_LOAD_PERF)),
	  C(SET(HOST_PERF_GLOBAL_CTRL, BIT(31))), C(OFF(EXIT_CTRLS, EXIT_LOAD_PERF)) },
	{ N, 0, "27.2.2 host IA32_PAT has an invalid memory type", C(ON(EXIT_CTRLS, EXIT_LOAD_PAT)),
	  C(SET(HOST_PAT, 0x0207040600070406)), C(SET(HOST_PAT, 0x0007040600070406)) },
	{ N, 0, "27.2.2 host IA32_PAT has an invalid memory type", C(ON(EXIT_CTRLS, EXIT_LOAD_PAT)),
	  C(SET(HOST_PAT, 0x0007040600070403)), C(SET(HOST_PAT, 0x0706050401000706)) },
	{ N, 0, "27.2.2 host IA32_PAT has an invalid memory type", C(ON(EXIT_CTRLS, EXIT_LOAD_PAT)),
	  C(SET(HOST_PAT, 0x0007080600070406)), C(SET(HOST_PAT, 0x0007040600070406)) },
	{ N, 0, "27.2.2 host IA32_PAT has an invalid memory type", C(SET(HOST_PAT, 3)), C(ON(EXIT_CTRLS, EXIT_LOAD_PAT)), NOTHING },
	{ N, 0, "27.2.2 host IA32_EFER has a reserved bit set", C(ON(EXIT_CTRLS, EXIT_LOAD_EFER), SET(HOST_EFER, LONG_EFER)),
	  C(ON(HOST_EFER, BIT(1))), C(ON(HOST_EFER, NXE)) },
	{ N, 0, "27.2.2 host IA32_EFER has a reserved bit set", C(ON(EXIT_CTRLS, EXIT_LOAD_EFER), SET(HOST_EFER, LONG_EFER)),
	  C(ON(HOST_EFER, 1ull << 63)), NOTHING },
	{ N, 0, "27.2.2 host IA32_EFER.LMA or LME isn't the host address-space size", C(ON(EXIT_CTRLS, EXIT_LOAD_EFER)),
	  C(SET(HOST_EFER, EFER_LME)), C(SET(HOST_EFER, LONG_EFER)) },
	{ N, 0, "27.2.2 host IA32_EFER.LMA or LME isn't the host address-space size", C(ON(EXIT_CTRLS, EXIT_LOAD_EFER)),
	  C(SET(HOST_EFER, EFER_LMA)), C(SET(HOST_EFER, LONG_EFER | (L1_IS_64 ? SCE : 0))) },
	{ N, 0, "27.2.2 host IA32_EFER.LMA or LME isn't the host address-space size", C(ON(EXIT_CTRLS, EXIT_LOAD_EFER)),
	  C(SET(HOST_EFER, (EFER_LME | EFER_LMA) ^ LONG_EFER)), C(SET(HOST_EFER, LONG_EFER)) },

	SELECTOR_RULE(ES, C(SET(HOST_ES_SELECTOR, NULL_IN_64))), SELECTOR_RULE(CS, NOTHING), SELECTOR_RULE(SS, C(SET(HOST_SS_SELECTOR, 0x20))),
	SELECTOR_RULE(DS, C(SET(HOST_DS_SELECTOR, NULL_IN_64))), SELECTOR_RULE(FS, C(SET(HOST_FS_SELECTOR, 0xfff8))),
	SELECTOR_RULE(GS, NOTHING), SELECTOR_RULE(TR, C(SET(HOST_TR_SELECTOR, 8))),
	{ N, 0, "27.2.3 host CS selector is 0", NOTHING, C(SET(HOST_CS_SELECTOR, 0)), NOTHING },
	{ N, 0, "27.2.3 host TR selector is 0", NOTHING, C(SET(HOST_TR_SELECTOR, 0)), C(SET(HOST_TR_SELECTOR, 0xfff8)) },
	ADDRESS_RULE("27.2.3", "FS base", HOST_FS_BASE),
	{ N, 0, "27.2.3 host GS base isn't canonical", NOTHING, C(SET(HOST_GS_BASE, NOT_CANONICAL)), NOTHING },
	{ N, 0, "27.2.3 host GS base isn't canonical", NOTHING, C(SET(HOST_GS_BASE, 1ull << 63)), NOTHING },
	ADDRESS_RULE("27.2.3", "GDTR base", HOST_GDTR_BASE),
	ADDRESS_RULE("27.2.3", "IDTR base", HOST_IDTR_BASE),
	ADDRESS_RULE("27.2.3", "TR base", HOST_TR_BASE),
};

static const struct row rows_32[] = {
	{ L2_PAE, 0, "27.2.4 IA-32e mode guest from outside IA-32e mode", NOTHING, C(ON(ENTRY_CTRLS, ENTRY_IA32E)), NOTHING },
	{ L2_PAE, 0, "27.2.4 64-bit host from outside IA-32e mode", NOTHING, C(ON(EXIT_CTRLS, EXIT_HOST_64)), NOTHING },
	{ L2_PAE, 0, "27.2.4 CR4.PCIDE for a 32-bit host", NOTHING, C(ON(HOST_CR4, CR4_PCIDE)), C(ON(HOST_CR4, CR4_PGE)) },
	{ L2_PAE, 0, "27.2.3 host SS selector is 0 for a 32-bit host", NOTHING, C(SET(HOST_SS_SELECTOR, 0)),
	  C(SET(HOST_SS_SELECTOR, 8)) },
};

static const struct row rows_64[] = {
	{ L2_LONG, 0, "27.2.4 32-bit host from IA-32e mode", NOTHING, C(OFF(EXIT_CTRLS, EXIT_HOST_64)), NOTHING },
	{ L2_PAE, 0, "27.2.4 32-bit host from IA-32e mode", NOTHING, C(OFF(EXIT_CTRLS, EXIT_HOST_64)), NOTHING },
	{ L2_PAE, 0, "27.2.4 RIP of a 32-bit host has one of bits 63:32 set", NOTHING,
	  C(ON(HOST_RIP, 1ull << 32), OFF(EXIT_CTRLS, EXIT_HOST_64)), NOTHING },
	{ L2_LONG, 0, "27.2.4 64-bit host without CR4.PAE", NOTHING, C(OFF(HOST_CR4, CR4_PAE)), C(ON(HOST_CR4, CR4_PCIDE)) },
	{ L2_LONG, 0, "27.2.4 RIP of a 64-bit host isn't canonical", NOTHING, C(SET(HOST_RIP, NOT_CANONICAL)), NOTHING },
	{ L2_LONG, 0, "27.2.4 RIP of a 64-bit host isn't canonical", NOTHING, C(ON(HOST_RIP, 1ull << 63)), NOTHING },
	{ L2_LONG, 0, "27.2.3 host SS selector is 0 for a 32-bit host", C(SET(HOST_SS_SELECTOR, 0)),
	  C(OFF(EXIT_CTRLS, EXIT_HOST_64)), NOTHING },
};

void guest_main(void)
{
	if (!l1_begin())
		return;
	vmx_enable();
	rows_run(rows, ARRAY_SIZE(rows));
	if (L1_IS_64)
		rows_run(rows_64, ARRAY_SIZE(rows_64));
	else
		rows_run(rows_32, ARRAY_SIZE(rows_32));
	vmx_disable();
}
