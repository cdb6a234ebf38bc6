/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules of VM entry as rows: what makes a valid VMCS fail by exactly this rule, and its nearest neighbour that passes.
 * Each row prints two lines,
 *	R 27.2.1.1 VPID is 0 | long 12 fails: valid 7
 *	R 27.2.1.1 VPID is 0 | long 12 passes: exit 18 ...
 * or nothing where the CPU or this L1 can't have what the row asks for. The rule is the text that
 * xmhf/runtime/nested/check_*.c and tools/nested_rules.py have for it.
 */
#ifndef L1_ROWS_H
#define L1_ROWS_H

#include "l2.h"

struct change { u32 what; u8 how; u64 value; };
enum { CHANGE_NONE, CHANGE_SET, CHANGE_ON, CHANGE_OFF, CHANGE_BEYOND, CHANGE_BEFORE_END, CHANGE_MEMORY, CHANGE_REVISION };
#define SET(field, value)	{ field, CHANGE_SET, value }
#define ON(field, bits)		{ field, CHANGE_ON, bits }
#define OFF(field, bits)	{ field, CHANGE_OFF, bits }
#define SECONDARY(bits)		ON(PRIMARY_CTRLS, PRIMARY_SECONDARY), ON(SECONDARY_CTRLS, bits)
#define BEYOND(field, low)	{ field, CHANGE_BEYOND, low }		/* low, with the first bit beyond the width */
#define BEFORE_END(field, n)	{ field, CHANGE_BEFORE_END, n }		/* n bytes before the end of the width */
#define MEMORY(at, value)	{ at, CHANGE_MEMORY, value }		/* 64 bits */
#define REVISION(flip)		{ ROW_LINKED, CHANGE_REVISION, flip }	/* of the VMCS at ROW_LINKED */
#define C(...)			{ __VA_ARGS__ }
#define NOTHING			{ { 0 } }

/* L1's memory for rows: a page each, zeroed for every run. */
#define ROW_PAGE(n)	(0x1f00000u + 0x1000 * (n))
#define ROW_PAGES	8
#define ROW_VAPIC	ROW_PAGE(1)
#define ROW_LINKED	ROW_PAGE(2)		/* a VMCS: it has the revision id */
#define ROW_CURRENT	0x1000000u		/* as a link pointer: the current VMCS */

#define ROW_CHANGES	8
struct row {
	u8 mode, with;			/* as l2_setup() takes them */
	const char *rule;
	struct change both[ROW_CHANGES], fails[ROW_CHANGES], passes[ROW_CHANGES];
};

void rows_run(const struct row *rows, u32 count);

#endif
