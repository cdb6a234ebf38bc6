/* SPDX-License-Identifier: BSD-2-Clause */
/* How many hypervisors are stacked below, told to every CPU; and how long after INIT a CPU is ready for SIPI. */
#include "guest.h"

#define LEAF_XMHF	0x46484d58u	/* "XMHF" */
#define SIGNATURE2	0x52505648u
#define APIC_AT		0xfee00000u
#define APIC_ICR2	0x310
#define SHORTEST	32u		/* ticks from INIT to SIPI */
#define LONGEST		5000000u
#define PATIENCE	8		/* bounds of wait_until() for a CPU to start, or not to */

static volatile u32 told[CPUS_MAX], up;

static u32 depth(void)
{
	struct cpuid_regs r = cpuid(LEAF_XMHF, 0);

	return r.ebx == LEAF_XMHF && r.ecx == SIGNATURE2 ? r.eax : 0;
}

static void other(void)
{
	told[cpu_number()] = depth();
	up++;
	for (;;)
		__asm__ volatile("cli; hlt");
}

/* ipi() asks an MSR first in which mode the APIC is: an exit for each level. */
static void send(u32 command)
{
	*(volatile u32 *)(APIC_AT + APIC_ICR) = command;
}

/* Does a SIPI start the CPU that was the last to be named? */
static bool sipi_starts(void)
{
	u32 before = up;

	send(ICR_SIPI | AP_PAGE >> 12);
	for (u32 tries = 0; tries < PATIENCE; tries++)
		if (wait_until(&up, before + 1))
			return true;
	return false;
}

/* One so many ticks after an INIT? */
static bool starts_after(u32 ticks)
{
	u64 from;

	send(ICR_INIT);
	from = rdtsc();
	while (rdtsc() - from < ticks)
		pause();
	return sipi_starts();
}

static void init_window(void)
{
	u32 ticks = SHORTEST;

	while (!starts_after(ticks) && sipi_starts() && ticks < LONGEST)
		ticks += ticks / 2;
	fact("init window %u ticks", ticks);
}

void guest_main(void)
{
	u32 last;

	apic_enable();
	told[0] = depth();
	ap_prepare(other);
	for (last = 0; last + 1 < CPUS_MAX; last++) {
		apic_write(APIC_ICR2, (last + 1) << 24);
		if (!starts_after(LONGEST) && !sipi_starts())
			break;
	}
	for (u32 i = 0; i <= last; i++)
		expect(told[i] == told[0], "CPU %u is told %u", i, told[i]);
	kept("depth", "all CPUs are told of equally many hypervisors below them");
	fact("depth %u, told to %u CPUs", told[0], last + 1);
	if (last) {
		apic_write(APIC_ICR2, last << 24);
		init_window();
	}
}
