/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EPT02 in the runtime: ept.c its roots and L1's pages, ept_memory.c what it asks for, ept_violation.c L2's violations,
 * ept_tracker.c which tables of EPT12 changed. EPT01's lock is held around every use of @ept02.
 */
#ifndef NESTED_EPT_H
#define NESTED_EPT_H

#include "memory/ept01.h"
#include "nested/ept02.h"

#define EPT_ROOTS_SEEN	8u

/* A CPU's share, in struct nested. */
struct nested_ept_cpu {
	struct ept02_stream stream;
	/* The generation that each root had when this CPU flushed it last. */
	struct { const struct ept02_table *root; u64 generation; } seen[EPT_ROOTS_SEEN];
	u32 next;			/* to be forgotten */
};

struct nested_vmcs;

extern struct ept02 ept02;
extern const struct ept02_ops nested_ept02_ops;
extern const struct ept02_tracker nested_ept02_tracker;

/*
 * Is there memory of L1's own at @at in which EPT01 allows @rights? Then *@place is it, to the end of its page; physical 0
 * is a place too. With the lock, and to be used under it.
 */
MUST_CHECK bool nested_memory(gpa1_t at, enum ept_rights rights, void **place);

/* What L2 does in @c's EPT12, for a walk of it. */
struct ept12 nested_ept12(const struct nested_vmcs *c, const struct ept12_log *log);

#endif
