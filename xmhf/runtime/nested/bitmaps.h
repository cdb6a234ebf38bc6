/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * L1's MSR and I/O bitmaps, merged with ours for VMCS02. L1 may change them without telling anybody, so their pages are watched
 * and merged again when they may have changed.
 */
#ifndef NESTED_BITMAPS_H
#define NESTED_BITMAPS_H

#include "nested/state.h"

enum { BITMAP_MSRS, BITMAP_IO_A, BITMAP_IO_B };
_Static_assert(BITMAP_IO_B + 1 == NESTED_BITMAPS, "a watch for each");

/* After L1 wrote controls: watches the pages that VMCS12 names now. They have to be merged anew. */
void bitmaps_choose(struct nested_vmcs *c);

/* Merges all of them, or one. */
void bitmaps_merge(struct nested_vmcs *c);
void bitmaps_merge_one(struct nested_vmcs *c, u32 which);

/* Before each entry to L2: merges those that may have changed. */
static inline void bitmaps_refresh(struct nested_vmcs *c)
{
	u32 primary = c->m->PRIMARY_CTRLS;

	if (primary & PRIMARY_MSR_BITMAPS && watch_changed(&c->watches[BITMAP_MSRS]))
		bitmaps_merge_one(c, BITMAP_MSRS);
	if (!(primary & PRIMARY_IO_BITMAPS))
		return;
	if (watch_changed(&c->watches[BITMAP_IO_A]))
		bitmaps_merge_one(c, BITMAP_IO_A);
	if (watch_changed(&c->watches[BITMAP_IO_B]))
		bitmaps_merge_one(c, BITMAP_IO_B);
}

/* Watches none. */
void bitmaps_forget(struct nested_vmcs *c);

#endif
