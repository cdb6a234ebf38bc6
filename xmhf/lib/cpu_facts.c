/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads what cpu_checks.c judges. */
#include "lib/cpu_checks.h"

static void cpuid_leaf(u32 leaf, u32 *eax, u32 *ecx, u32 *edx)
{
	u32 ebx;

	__asm__ volatile("cpuid" : "=a"(*eax), "=b"(ebx), "=c"(*ecx), "=d"(*edx) : "0"(leaf), "2"(0));
}

static u64 msr(u32 index)
{
	u32 lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(index));
	return (u64)hi << 32 | lo;
}

void cpu_read_facts(struct cpu_facts *f)
{
	u32 eax, ecx, edx;

	*f = (struct cpu_facts){ 0 };
	cpuid_leaf(0x80000000, &eax, &ecx, &edx);
	if (eax >= 0x80000001) {
		cpuid_leaf(0x80000001, &eax, &ecx, &edx);
		f->long_mode = edx >> 29 & 1;
		f->execute_disable = edx >> 20 & 1;
		f->pages_1g = edx >> 26 & 1;
	}
	cpuid_leaf(1, &eax, &ecx, &edx);
	f->intel_style_vmx = ecx >> 5 & 1;
	if (!f->intel_style_vmx)
		return;
	f->feature_control = msr(0x3a);
	f->vmx_misc = msr(0x485);
	f->has_secondary = msr(0x482) >> 63;
	if (!f->has_secondary)
		return;
	f->secondary_allowed1 = (u32)(msr(0x48b) >> 32);
	if (f->secondary_allowed1 & (BIT(1) | BIT(5)))		/* EPT or VPID: SDM A.10 */
		f->ept_vpid_cap = msr(0x48c);
}
