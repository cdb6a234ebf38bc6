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

/*
 * After L1 wrote controls: watches the pages that VMCS12 names now. True: there is another, or another use; all have to be merged
 * anew.
 */
MUST_CHECK bool bitmaps_choose(struct nested_vmcs *c);

/* Merges all of them, from where L1's pages are now. */
void bitmaps_merge(struct nested_vmcs *c);

/* Before each entry to L2: merges those that may have changed, by all their marks at once: the marks first (track.h). */
void bitmaps_look(struct nested_vmcs *c);
static inline void bitmaps_refresh(struct nested_vmcs *c)
{
	u64 marks = *(const volatile u64 *)c->marks[BITMAP_MSRS] | *(const volatile u64 *)c->marks[BITMAP_IO_A] |
		    *(const volatile u64 *)c->marks[BITMAP_IO_B];

	if (marks & track_mark || c->track_changes != *(const volatile u32 *)&track_changes)
		bitmaps_look(c);
}

/* Watches none. */
void bitmaps_forget(struct nested_vmcs *c);

#endif
