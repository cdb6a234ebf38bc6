/* SPDX-License-Identifier: BSD-2-Clause */
/* 0x20: an unrestricted guest turns paging off and on; on amd64 that leaves long mode too. */
#include "lhv.h"

const struct option opt_unrestricted;

static void setup(struct cpu *c)
{
	c->ctrls.secondary |= SECONDARY_UNRESTRICTED;
#ifdef __x86_64__
	c->ctrls.exit |= EXIT_SAVE_EFER | EXIT_LOAD_EFER;
	c->ctrls.entry |= ENTRY_LOAD_EFER;
	vmcs_write(GUEST_EFER, rdmsr(MSR_EFER));
	vmcs_write(HOST_EFER, rdmsr(MSR_EFER));
#endif
}

static uptr call(struct cpu *c, uptr argument)
{
	(void)c;
	check(&opt_unrestricted, !(vmcs_read(GUEST_CR0) & CR0_PG), "L2's CR0 is 0x%llx", vmcs_read(GUEST_CR0));
	check(&opt_unrestricted, !(vmcs_read32(ENTRY_CTRLS) & ENTRY_IA32E), "L2 is in IA-32e mode without paging");
#ifdef __x86_64__
	check(&opt_unrestricted, (vmcs_read32(GUEST_EFER) & (EFER_LMA | EFER_LME)) == EFER_LME, "L2's EFER is 0x%llx",
	      vmcs_read(GUEST_EFER));
	check(&opt_unrestricted, (rdmsr(MSR_EFER) & (EFER_LMA | EFER_LME)) == (EFER_LMA | EFER_LME), "L1's EFER is 0x%llx",
	      rdmsr(MSR_EFER));
#endif
	return argument + 1;
}

/* The IDT is one of paged mode: L2 may not take an interrupt without paging, but it may exit by one. */
static void in_l2(struct cpu *c, u32 n)
{
	bool off = c->way == BY_L2 && read_flags() & RFLAGS_IF;
	uptr answer;

	if (off)
		irq_off();
	answer = l2_call_unpaged(OPT_UNRESTRICTED, n);
	if (off)
		irq_on();
	check(&opt_unrestricted, answer == n + 1, "the call without paging answers %zu", answer);
	check(&opt_unrestricted, read_cr0() & CR0_PG, "CR0 is 0x%zx", read_cr0());
}

const struct option opt_unrestricted = {
	.bit = OPT_UNRESTRICTED, .needs = OPT_EPT, .name = "unrestricted", .promise = "L2 turns paging off and on",
	.setup = setup, .in_l2 = in_l2, .call = call,
};
