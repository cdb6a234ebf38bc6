/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operands of VMX instructions read fast: what an L1 at CPL 0 in 64-bit mode or with PAE paging reads within a page that it has
 * read before, where EPT01 has ordinary memory. Everything else is the slow way's, faults among it.
 */
#ifndef NESTED_PEEK_H
#define NESTED_PEEK_H

#include "lib/types.h"

#define PEEK_RANGES	16u
#define PEEK_WALKS	4u
#define PEEK_LEVELS	(sizeof(uptr) == 8 ? 4u : 2u)	/* of tables below CR3, or below the PDPTEs */
#define PEEK_NO_PAGE	1u

/* A walk that was made: it comes to the same again as long as it would read the same entries. */
struct peek_walk {
	uptr page;			/* what it began with: page of the linear address, PEEK_NO_PAGE if it came to nothing; */
	u64 root;			/* CR3 or the PDPTE */
	uptr cr4;
	u32 efer;
	uptr at;			/* where the page is */
	const u64 *place[PEEK_LEVELS];	/* of the entries read; where a walk has less, of an entry that stays */
	u64 entry[PEEK_LEVELS];
};

/* A CPU's share, in struct nested: where EPT01 has ordinary memory, one to one, and walks within that. */
struct peek {
	u32 generation;			/* nested_pages_generation() when it was so */
	struct { u64 from, size; } plain[PEEK_RANGES];
	struct peek_walk walks[PEEK_WALKS];
};

/* @bytes, 4, 8 or 16; with VMCS01 current, at CPL 0. False: nothing is known. */
MUST_CHECK bool peek(struct peek *p, uptr linear, void *to, u32 bytes);

#endif
