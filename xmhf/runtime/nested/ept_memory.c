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

/* What L1 may do with the memory at @at, whose leaf of EPT01 is @leaf01 (0: not known). */
static enum ept_rights memory_rights(gpa1_t at, u64 leaf01)
{
	struct ept_leaf leaf;

	if (at.at >= machine.host_top || !machine_is_memory(at.at))
		return EPT_NONE;
	if (leaf01 && !(leaf01 & EPT_ENTRY_SPECIAL))
		return ept_entry_rights(leaf01);
	return lookup(NULL, at, &leaf) && !leaf.special ? leaf.rights : EPT_NONE;
}

bool nested_memory(gpa1_t at, enum ept_rights rights, void **place)
{
	*place = (void *)(uptr)at.at;
	return (memory_rights(at, 0) & rights) == rights;
}

static u64 *page(void *unused, gpa1_t at, u64 leaf01, bool *writable)
{
	enum ept_rights rights = memory_rights(at, leaf01);

	(void)unused;
	*writable = (rights & EPT_W) != 0;
	return rights & EPT_R ? (u64 *)(uptr)at.at : NULL;	/* as at address 0: there is no table */
}

static bool cmpxchg(void *unused, gpa1_t at, u64 old, u64 new)
{
	void *entry;

	(void)unused;
	return !nested_memory(at, EPT_RW, &entry) || __sync_bool_compare_and_swap((u64 *)entry, old, new);
}

const struct ept02_ops nested_ept02_ops = { lookup, page, cmpxchg, flush_all_contexts };
