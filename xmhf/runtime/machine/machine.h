/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine we run on, as learnt at boot; constant once the guest runs. */
#ifndef MACHINE_MACHINE_H
#define MACHINE_MACHINE_H

#include "lib/acpi.h"
#include "lib/image.h"
#include "lib/mtrr.h"

struct machine {
	struct handoff handoff;		/* our copy */
	struct e820_map guest_map;	/* what the guest is told: our range and page taken out */
	struct mem_range ept_pool;	/* of our range, for EPT02 */
	u32 maxphyaddr;
	bool has_1g_pages;
	u64 host_top;			/* first physical address that we haven't mapped */
	struct mtrr_state mtrr;		/* as the guest has it: starts with the hardware's, which stays */
	struct acpi_power power;	/* all zero without a FADT */
	struct acpi_sleep sleep[6];
};

extern struct machine machine;

/* Copies the hand-over, reads CPU and MTRRs. */
void machine_learn(const struct handoff *h);

/* Reads the firmware's tables: they may lie anywhere, so host_map_build comes first. */
void machine_learn_firmware(void);

/* Physical memory as firmware parsers want it; NULL for what isn't mapped. */
extern const struct physmem machine_memory;

/* Bits of an address that tell places in memory apart: maxphyaddr less what memory encryption takes for key ids. */
u32 machine_memory_bits(void);

/* Is @at within our range? */
static inline bool machine_is_ours(u64 at)
{
	return at - machine.handoff.base < machine.handoff.size;
}

/* Is @at memory, and no device or nothing? By the firmware's map. */
bool machine_is_memory(u64 at);

/* Resets the machine: ACPI's reset register, then port CF9h, then the keyboard controller. */
NORETURN void machine_reset(void);

#endif
