/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small world for an L2 whose state is random: wherever it runs to, L1 and the devices aren't there. What it has of
 * its own are the pages of l2.h, but its page tables only with EPT, and WORLD_PAGES pages; all else is one page of HLTs.
 */
#ifndef L1_WORLD_H
#define L1_WORLD_H

#include "l2.h"

#define WORLD_PAGE(n)	(0x1f00000u + 0x1000 * (n))
#define WORLD_PAGES	10

extern u64 world_eptp;			/* the world with EPT, guest-physical; L2's own paging may lead where it likes */
extern volatile u64 *world_ept, *world_ept_end;		/* all entries of its tables */

void world_make(void);			/* once */
void world_renew(void);			/* its pages are empty, its EPT is as at first, and no translation is kept */

/* Whatever was changed, without EPT L2 is on page tables that it doesn't see: the world is linear then. */
void world_confine(enum l2_mode mode);

/* Some of L2's own pages: the EPT entry that maps each, and the one that leads to its table. */
#define WORLD_EPT_PAGES	15
extern struct world_ept_page { u32 at; volatile u64 *leaf, *table; } world_ept_pages[WORLD_EPT_PAGES];
void world_ept_change(volatile u64 *entry, u64 value);	/* until world_renew() */
bool world_has_ept(void);		/* as the current VMCS is now */

#endif
