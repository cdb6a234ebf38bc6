/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operands of VMX instructions read fast: what an L1 at CPL 0 in 64-bit mode or with PAE paging reads within a page that it has
 * read before, where EPT01 has ordinary memory. Everything else is the slow way's, faults among it.
 */
#ifndef NESTED_PEEK_H
#define NESTED_PEEK_H

#include "lib/types.h"

#define PEEK_RANGES	8u

/* A CPU's share, in struct nested: where EPT01 has ordinary memory, one to one. */
struct peek {
	u32 generation;			/* nested_pages_generation() when it was so */
	struct { u64 from, size; } plain[PEEK_RANGES];
};

/* With VMCS01 current, at CPL 0. False: nothing is known. */
MUST_CHECK bool peek(struct peek *p, u64 linear, void *to, u32 bytes);

#endif
