/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many exits of an L2 with as little of L1 around them as there can be: for measuring. One CPU at a time.
 *
 *	l2_setup(&l2, L2_NATIVE, L2_WITH_EPT);
 *	l2_rounds_setup(&l2);				host state for l2_rounds() and a first exit: the VMCS is launched
 *	l2_rounds(&l2, 1000, each);			a thousand times: into L2, back, each()
 */
#ifndef L1_ROUNDS_H
#define L1_ROUNDS_H

#include "l2.h"

/* @each says whether L2 is to be entered by VMLAUNCH next. Not 0: an entry failed. */
u32 l2_rounds(struct l2 *l, u32 n, u32 (*each)(void));

extern const u8 l2_rounds_exited[], l2_rounds_stack[];

static inline struct vmx_result l2_rounds_setup(struct l2 *l)
{
	struct vmx_result r = l2_run(l);

	vmcs_set(HOST_RIP, (uptr)l2_rounds_exited);
	vmcs_set(HOST_RSP, (uptr)l2_rounds_stack);
	return r;
}

/* Without a look at how it ended. */
static inline uptr vmread(uptr field)
{
	uptr value;

	__asm__ volatile("vmread %1, %0" : "=r"(value) : "r"(field) : "cc");
	return value;
}

static inline void vmwrite(uptr field, uptr value)
{
	__asm__ volatile("vmwrite %1, %0" : : "r"(field), "r"(value) : "cc", "memory");
}

#endif
