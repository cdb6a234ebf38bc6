/* SPDX-License-Identifier: BSD-2-Clause */
/* 0x80: before each iteration VMX goes off and on again; the VMCS keeps L2 meanwhile. */
#include "lhv.h"

const struct option opt_vmxoff;

static void before(struct cpu *c, u32 n)
{
	u64 region = 0, rip = vmcs_read(GUEST_RIP);

	(void)n;
	vmx_off_cpu(c);
	check(&opt_vmxoff, TRY("vmptrst %1", "m"(region)) == UD_FAULT, "VMPTRST works after VMXOFF");
	check(&opt_vmxoff, TRY("vmcall") == UD_FAULT, "VMCALL works after VMXOFF");
	region = (uptr)c->vmxon;
	check(&opt_vmxoff, TRY("vmxon %1", "m"(region)) == UD_FAULT, "VMXON works without CR4.VMXE");
	vmx_again(c);
	__asm__ volatile("vmptrst %0" : "=m"(region) : : "cc");
	check(&opt_vmxoff, region == (uptr)c->vmcs, "the current VMCS is at 0x%llx", region);
	check(&opt_vmxoff, vmcs_read(GUEST_RIP) == rip, "L2's RIP is 0x%llx, was 0x%llx", vmcs_read(GUEST_RIP), rip);
}

const struct option opt_vmxoff = {
	.bit = OPT_VMXOFF, .name = "vmxoff", .promise = "L2 lives on over VMXOFF and VMXON", .before = before,
};
