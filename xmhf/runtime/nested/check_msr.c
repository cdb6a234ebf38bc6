/* SPDX-License-Identifier: BSD-2-Clause */
/* What the MSR areas of VM entry and VM exit must not name: SDM 27.4, 28.4, 28.6. */
#include "machine/cpu_insn.h"
#include "nested/checks.h"

#define MSR_SMBASE		0x9eu		/* read in SMM only */
#define IS_X2APIC(index)	((index) >> 8 == 8)

const char *check_msr_load(const struct msr_entry *e)
{
	REQUIRE(e->index != MSR_FS_BASE && e->index != MSR_GS_BASE, "27.4 MSR to load is IA32_FS_BASE or IA32_GS_BASE");
	REQUIRE(!IS_X2APIC(e->index), "27.4 MSR to load is an x2APIC register");
	REQUIRE(e->index != MSR_SMM_MONITOR_CTL, "27.4 MSR to load is IA32_SMM_MONITOR_CTL");
	REQUIRE(e->reserved == 0, "27.4 MSR to load has one of bits 63:32 of its entry set");
	return NULL;
}

const char *check_msr_store(const struct msr_entry *e)
{
	REQUIRE(!IS_X2APIC(e->index), "28.4 MSR to store is an x2APIC register");
	REQUIRE(e->index != MSR_SMBASE, "28.4 MSR to store is IA32_SMBASE");
	REQUIRE(e->reserved == 0, "28.4 MSR to store has one of bits 63:32 of its entry set");
	return NULL;
}
