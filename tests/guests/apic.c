/* SPDX-License-Identifier: BSD-2-Clause */
/* A local APIC that is disabled by IA32_APIC_BASE: what its CPU sees, and that the others don't wait for it. */
#include "guest.h"

#define APIC_BASE	0x1b
#define ENABLE		BIT(11)
#define X2APIC		BIT(10)
#define LEAF1_EDX_APIC	BIT(9)
#define MTRR_PHYSBASE0	0x200
#define AP		1

static volatile u32 is_off, seen_off, seen_id, spins;

static void turns_off(void)
{
	u64 base = rdmsr(APIC_BASE);

	wrmsr(APIC_BASE, base & ~(u64)ENABLE);
	seen_off = !(rdmsr(APIC_BASE) & ENABLE);
	seen_id = !(cpuid(1, 0).edx & LEAF1_EDX_APIC);
	is_off = 1;
	for (;;)
		spins++;
}

/* The other CPU has no APIC, and memory types change for it too. */
static void others_go_on(void)
{
	u64 before = rdmsr(MTRR_PHYSBASE0);
	u32 last;

	for (u32 i = 0; i < 4; i++)
		wrmsr(MTRR_PHYSBASE0, before ^ (i & 1));
	wrmsr(MTRR_PHYSBASE0, before);
	last = spins;
	spin(100000);
	promise(spins != last, "others_go_on", "MTRRs can be written while another CPU's APIC is off, and that CPU runs on");
}

static void on_again(void)
{
	u64 base = rdmsr(APIC_BASE);

	expect(try_wrmsr(APIC_BASE, base | BIT(9)) == GP_TRAP, "bit 9 was taken");
	expect(try_wrmsr(APIC_BASE, (base & ~(u64)ENABLE) | X2APIC) == GP_TRAP, "x2APIC mode without the enable bit was taken");
	kept("impossible_modes", "bit 9, and x2APIC mode without the enable bit, are #GP(0)");
	if (!on_us())
		return;		/* Bochs never enables one again: A1 */
	wrmsr(APIC_BASE, base & ~(u64)ENABLE);
	expect(!(rdmsr(APIC_BASE) & ENABLE), "it isn't off");
	expect(try_wrmsr(APIC_BASE, base | X2APIC) == GP_TRAP, "x2APIC mode was reached from off");
	wrmsr(APIC_BASE, base);
	expect(rdmsr(APIC_BASE) == base, "it isn't on again");
	expect(!(apic_read(APIC_SVR) & BIT(8)), "it wasn't reset");
	kept("on_again", "an APIC that was off comes back as after reset, in xAPIC mode alone");
}

void guest_main(void)
{
	apic_enable();
	promise(ap_run(AP, turns_off) && wait_until(&is_off, 1), "turns_off", "a CPU turns its APIC off");
	promise(seen_off && seen_id, "is_seen", "IA32_APIC_BASE and CPUID say that the APIC is off");
	others_go_on();
	on_again();
}
