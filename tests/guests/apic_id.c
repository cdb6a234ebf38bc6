/* SPDX-License-Identifier: BSD-2-Clause */
/* A CPU that gives its local APIC another id: the others still get on, and so does it. */
#include "guest.h"

#define MTRR_PHYSBASE0	0x200
#define AP		1
#define OTHER_ID	9u

static volatile u32 is_renamed, spins;

static void renames(void)
{
	apic_write(APIC_ID, OTHER_ID << 24);
	is_renamed = 1;
	for (;;)
		spins++;
}

void guest_main(void)
{
	u64 before = rdmsr(MTRR_PHYSBASE0);
	u32 last;

	apic_enable();
	promise(ap_run(AP, renames) && wait_until(&is_renamed, 1), "renames", "a CPU writes its APIC's id");
	for (u32 i = 0; i < 2; i++)
		wrmsr(MTRR_PHYSBASE0, before ^ (~i & 1));
	last = spins;
	spin(100000);
	promise(spins != last, "others_go_on", "MTRRs can be written after that, and the CPU runs on");
}
