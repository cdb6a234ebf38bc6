/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Can this CPU run us? The facts are read in one place, judged in another, so that every refusal
 * can be tested on a CPU that has none of it.
 */
#ifndef XMHF_LIB_CPU_CHECKS_H
#define XMHF_LIB_CPU_CHECKS_H

#include "lib/types.h"

/* Fields below a false one are zero: they couldn't be read. */
struct cpu_facts {
	bool intel_style_vmx;		/* CPUID.1:ECX.VMX */
	bool long_mode;			/* CPUID.80000001h:EDX.LM */
	bool pages_1g;			/* CPUID.80000001h:EDX.Page1GB */
	bool execute_disable;		/* CPUID.80000001h:EDX.NX: the firmware can switch it off */
	u64 feature_control;		/* IA32_FEATURE_CONTROL */
	bool has_secondary;		/* secondary processor-based controls may be set */
	u32 secondary_allowed1;		/* IA32_VMX_PROCBASED_CTLS2, high half */
	u64 ept_vpid_cap;
	u64 vmx_misc;
};

/* Reads the facts of the CPU it runs on. */
void cpu_read_facts(struct cpu_facts *facts);

/*
 * NULL when a hypervisor of @bits (32 or 64) can run; else one line that says what is missing and
 * what to do. In the order in which a user would mend things.
 */
const char *cpu_complaint(const struct cpu_facts *facts, u32 bits);

#endif
