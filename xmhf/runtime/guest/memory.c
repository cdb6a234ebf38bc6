/* SPDX-License-Identifier: BSD-2-Clause */
/* L1's memory, with our own range kept out of reach. */
#include "guest/memory.h"
#include "lib/string.h"
#include "machine/machine.h"

#define PDPT_ADDRESS	0xffffffe0u

static bool reachable(gpa1_t at, size_t length)
{
	u64 end = at.at + length;

	return end >= at.at && end <= machine.host_top &&
	       (end <= machine.handoff.base || at.at >= machine.handoff.base + machine.handoff.size);
}

bool guest_read_physical(gpa1_t at, void *to, size_t length)
{
	if (!reachable(at, length))
		return false;
	memcpy(to, (const void *)(uptr)at.at, length);
	return true;
}

bool guest_write_physical(gpa1_t at, const void *from, size_t length)
{
	if (!reachable(at, length))
		return false;
	memcpy((void *)(uptr)at.at, from, length);
	return true;
}

bool guest_read_pdptes(u32 cr3, u64 pdpte[4])
{
	if (!guest_read_physical((gpa1_t){ cr3 & PDPT_ADDRESS }, pdpte, 4 * sizeof(pdpte[0])))
		return false;
	for (u32 i = 0; i < 4; i++)
		if (!walk_pdpte_valid(pdpte[i], machine.maxphyaddr))
			return false;
	return true;
}
