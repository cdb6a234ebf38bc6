/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What L1s that misbehave are written with: places where no structure belongs, an L2 that writes nowhere but in its own
 * memory whatever it runs into, and VMCSs of any contents that L1 survives.
 */
#ifndef L1_ROGUE_H
#define L1_ROGUE_H

#include "l2.h"
#include "random.h"

#define ROGUE_PLACES		14
#define ROGUE_MEMORY		5		/* the first of them: neither devices nor holes */
#define ROGUE_STRUCTURES	14
#define ROGUE_RAM_END		0x10000000u	/* of the machine that this is made for */

extern u64 rogue_ours, rogue_ours_end;	/* the hypervisor's range */
extern u64 rogue_eptp;			/* of L2s that get at memory alone, and write nowhere but in their own */
extern u32 rogue_entered, rogue_refused, rogue_damaged;	/* of rogue_run() */

/* VMX on; false: there is no hypervisor, and so nothing to do. */
bool rogue_begin(void);
u64 rogue_place(u32 n);			/* where no structure belongs; L2 itself gets at the first ROGUE_MEMORY alone */

/* For L2: reads, writes, ports, MSRs and control registers, then an exit. */
extern const u8 rogue_busy[], rogue_busy_end[];

void rogue_setup(struct l2 *l, const u8 *code, const u8 *end);	/* a valid L2 that ends soon */
void rogue_run(struct l2 *l);

/* Makes structure @s that a VMCS names, such as a bitmap or an EPT, lie at @place, and turns on what uses it. */
void rogue_point(u32 s, u64 place);

/* What must hold so that L1 gets its CPU back: in a VMCS that may have any contents, then last before an entry. */
void rogue_mend_host(void);
void rogue_restrain(void);

/* As valid as a field by itself can be made, so that entries get past the controls. */
void rogue_make_controls_valid(void);

/* Other contents in a VMCS region, behind its revision id. */
void rogue_garble(u64 *state, u8 *page, u32 bytes);

static inline void *rogue_at(u64 address)
{
	void *p = (void *)(uptr)address;

	__asm__("" : "+r"(p));		/* the compiler is to forget that no object lies there */
	return p;
}

#endif
