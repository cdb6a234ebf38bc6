/* SPDX-License-Identifier: BSD-2-Clause */
/* Which CPUs have the L1 terminal fault, and which of them the cure. */
#include "machine/l1tf.h"

#define LEAF7_EDX_L1D_FLUSH		BIT(28)
#define LEAF7_EDX_ARCH_CAPABILITIES	BIT(29)

bool l1tf_flush_on_entry;

const char *l1tf_learn(void)
{
	u32 features = cpuid(0, 0).eax >= 7 ? cpuid(7, 0).edx : 0;
	u64 arch = features & LEAF7_EDX_ARCH_CAPABILITIES ? rdmsr(MSR_ARCH_CAPABILITIES) : 0;

	if (arch & (ARCH_CAP_RDCL_NO | ARCH_CAP_SKIP_L1DFL_VMENTRY))
		return "not affected";
	l1tf_flush_on_entry = features & LEAF7_EDX_L1D_FLUSH;
	return l1tf_flush_on_entry ? "the L1 data cache is flushed before each entry" : "not mitigated";
}
