/* SPDX-License-Identifier: BSD-2-Clause */
/* What we ask of a CPU, one requirement an entry. */
#include "lib/cpu_checks.h"
#include "lib/ept_caps.h"

#define FEATURE_CONTROL_LOCK	BIT64(0)
#define FEATURE_CONTROL_VMX	BIT64(2)
#define SECONDARY_EPT		BIT(1)
#define SECONDARY_UNRESTRICTED	BIT(7)
#define EPT_NEEDED		(EPT_CAP_4_LEVELS | EPT_CAP_POINTER_WB | EPT_CAP_2M | EPT_CAP_INVEPT)
#define EPT_INVEPT_TYPES	(EPT_CAP_INVEPT_SINGLE | EPT_CAP_INVEPT_ALL)	/* either will do */
#define MISC_WAIT_FOR_SIPI	BIT64(8)

static bool ept_usable(const struct cpu_facts *f)
{
	return f->has_secondary && f->secondary_allowed1 & SECONDARY_EPT &&
	       (f->ept_vpid_cap & EPT_NEEDED) == EPT_NEEDED && f->ept_vpid_cap & EPT_INVEPT_TYPES;
}

const char *cpu_complaint(const struct cpu_facts *f, u32 bits)
{
	bool locked_off = (f->feature_control & (FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX)) == FEATURE_CONTROL_LOCK;

	if (bits == 64 && !f->long_mode)
		return "no long mode: this CPU can't run the amd64 hypervisor; use the i386 one";
	if (!f->intel_style_vmx)
		return "no VMX: this CPU has no Intel VT-x, or the hypervisor below doesn't offer it (KVM: nested=1 and -cpu host)";
	if (locked_off)
		return "VMX is locked off by the firmware: enable Intel virtualization (VT-x) in the firmware setup";
	if (!ept_usable(f))
		return "no EPT: a CPU with extended page tables (Nehalem or later) is needed";
	if (!(f->secondary_allowed1 & SECONDARY_UNRESTRICTED))
		return "no unrestricted guest: a CPU with it (Westmere or later) is needed";
	if (!f->execute_disable)
		return "no execute-disable: enable it (XD, NX, Data Execution Prevention) in the firmware setup";
	if (!(f->vmx_misc & MISC_WAIT_FOR_SIPI))
		return "no wait-for-SIPI activity state: the hypervisor below is too old, use a newer one";
	return NULL;
}
