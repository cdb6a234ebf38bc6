/* SPDX-License-Identifier: BSD-2-Clause */
/* What EPT02 asks of the machine: EPT01, L1's memory, flushes. */
#include "machine/machine.h"
#include "nested/ept.h"
#include "vmx/flush.h"

static bool lookup(void *unused, gpa1_t at, struct ept_leaf *leaf)
{
	(void)unused;
	return ept_lookup(&ept01, at, leaf) || (ept_fill(&ept01, at) && ept_lookup(&ept01, at, leaf));
}

static bool memory_leaf(gpa1_t at, enum ept_rights rights, void **place, struct ept_leaf *leaf)
{
	*place = (void *)(uptr)at.at;
	return at.at < machine.host_top && machine_is_memory(at.at) && lookup(NULL, at, leaf) && !leaf->special &&
	       (leaf->rights & rights) == rights;
}

bool nested_memory(gpa1_t at, enum ept_rights rights, void **place)
{
	struct ept_leaf leaf;

	return memory_leaf(at, rights, place, &leaf);
}

static u64 *page(void *unused, gpa1_t at, bool *writable)
{
	struct ept_leaf leaf;
	void *place;

	(void)unused;
	if (!memory_leaf(at, EPT_R, &place, &leaf))
		return NULL;			/* as at address 0: there is no table */
	*writable = (leaf.rights & EPT_W) != 0;
	return place;
}

static bool cmpxchg(void *unused, gpa1_t at, u64 old, u64 new)
{
	void *entry;

	(void)unused;
	return !nested_memory(at, EPT_RW, &entry) || __sync_bool_compare_and_swap((u64 *)entry, old, new);
}

const struct ept02_ops nested_ept02_ops = { lookup, page, cmpxchg, flush_all_contexts };
