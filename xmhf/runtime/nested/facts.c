/* SPDX-License-Identifier: BSD-2-Clause */
/* L1's CPU as the checks of VM entry want it. What isn't known here is left to the CPU's own check. */
#include "guest/exits.h"
#include "guest/memory.h"
#include "lib/string.h"
#include "machine/cpu_insn.h"
#include "machine/machine.h"
#include "nested/facts.h"

#define LEAF7_EBX_SGX		BIT(2)
#define LEAF7_EBX_RTM		BIT(11)
#define LEAF7_ECX_LA57		BIT(16)
#define LEAF7_ECX_BUS_LOCK	BIT(24)
#define LEAF7_1_EAX_LAM		BIT(26)
#define LEAF_PERF		0xa

static struct entry_facts known;

/* Where L1 has no memory all bits are ones. */
static void read(void *unused, gpa1_t at, void *to, u32 size)
{
	(void)unused;
	if (!guest_read_physical(at, to, size))
		memset(to, 0xff, size);
}

/* The counters of leaf 0AH: general ones from bit 0, fixed ones from bit 32. */
static u64 perf_global_bits(void)
{
	struct cpuid_regs perf = cpuid(LEAF_PERF, 0);

	if (cpuid(0, 0).eax < LEAF_PERF || !(perf.eax & 0xff))
		return ~0ull;
	return (BIT64(perf.eax >> 8 & 0xff) - 1) | (BIT64(perf.edx & 31) - 1) << 32;
}

void facts_init(void)
{
	struct cpuid_regs leaf7 = cpuid(0, 0).eax >= 7 ? cpuid(7, 0) : (struct cpuid_regs){ 0 };
	u32 more = leaf7.eax ? cpuid(7, 1).eax : 0;

	known = (struct entry_facts){
		.maxphyaddr = machine.maxphyaddr,
		.linear_bits = leaf7.ecx & LEAF7_ECX_LA57 ? 57 : 48,
		.has_lam = more & LEAF7_1_EAX_LAM, .has_sgx = leaf7.ebx & LEAF7_EBX_SGX, .has_rtm = leaf7.ebx & LEAF7_EBX_RTM,
		.has_bus_lock_trap = leaf7.ecx & LEAF7_ECX_BUS_LOCK,
		.debugctl_valid = ~0ull, .perf_global_ctrl_valid = perf_global_bits(),
		.read = read,
	};
}

u32 facts_linear_bits(void) { return known.linear_bits; }

void facts_now(struct entry_facts *f, u64 current)
{
	*f = known;
	f->current_vmcs = current;
	f->efer_valid = guest_efer_bits();
	f->long_mode_active = vmcs_read(GUEST_EFER) & EFER_LMA;
}
