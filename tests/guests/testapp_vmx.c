/* SPDX-License-Identifier: BSD-2-Clause */
/* On the testapp: a page that it keeps from the guest isn't reached through the guest's VMX structures either. */
#include "vmcall.h"
#include "../../hypapps/testapp/calls.h"

#define AREA		0x800000u	/* RAM that nobody uses */
#define VMXON_AT	0x900000u
#define PAGE		0x1000u
#define MSR_VMX_BASIC	0x480
#define FLAG_ZF		BIT(6)
#define LAUNCH_STATE	2		/* of the hypervisor's VMCS: what VMCLEAR writes */
#define PATTERN		0x12345678u

static volatile u32 *const area = (volatile u32 *)AREA, *const vmxon_region = (volatile u32 *)VMXON_AT;

/* CF and ZF, or a vector above 100h. */
#define VMX(insn, at) ({									\
	u64 at_ = (at);										\
	u32 flags_ = 0, trap_ = TRY(insn " %1; pushf; pop %0", : "+r"(flags_) : "m"(at_) : "memory", "cc");	\
	trap_ == NO_TRAP ? flags_ & (FLAG_CF | FLAG_ZF) : 0x100 | trap_; })

static u32 vmxoff(void) { return TRY("vmxoff", : : : "memory", "cc"); }

void guest_main(void)
{
	u32 how;

	area[0] = vmxon_region[0] = (u32)rdmsr(MSR_VMX_BASIC) & 0x7fffffff;
	area[LAUNCH_STATE] = PATTERN;
	paging_32();
	WRITE_CR(0, READ_CR(0) | CR0_NE);
	WRITE_CR(4, READ_CR(4) | CR4_VMXE);
	expect(vmcall(CALL_PROTECT, AREA, 0, PAGE).ax == 1, "not protected");
	how = VMX("vmxon", AREA);
	expect(how == FLAG_CF, "VMXON %x", how);
	how = VMX("vmxon", VMXON_AT);
	expect(how == 0, "VMXON of L1's own %x", how);
	VMX("vmclear", AREA);
	how = VMX("vmptrld", AREA);
	expect(how == FLAG_CF, "VMPTRLD %x", how);
	vmxoff();
	expect(vmcall(CALL_UNPROTECT, AREA, 0, PAGE).ax == 1, "still protected");
	expect(area[LAUNCH_STATE] == PATTERN, "VMCLEAR wrote %x", area[LAUNCH_STATE]);
	kept("structures", "VMX instructions don't reach a page that the hypapp keeps from the guest");
	VMX("vmxon", VMXON_AT);
	VMX("vmclear", AREA);
	how = VMX("vmptrld", AREA);
	expect(how == 0 && area[LAUNCH_STATE] != PATTERN, "VMPTRLD %x, %x", how, area[LAUNCH_STATE]);
	vmxoff();
	kept("free", "and do reach it when the hypapp has given it back");
}
