/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * L1's EPT (EPT12), walked as a CPU would: SDM vol. 3, 29.3. Pure: its entries come by callbacks, so that any
 * tables at all, loops included, cost four reads and end in one of a CPU's answers.
 */
#ifndef NESTED_EPT12_WALK_H
#define NESTED_EPT12_WALK_H

#include "memory/ept_entry.h"

#define EPT12_SUPPRESS_VE	BIT64(63)	/* in the entry that a violation ends at: not convertible to #VE */

/* What entries may hold, worked out once from what L1 is offered. */
struct ept12_rules {
	u64 caps;			/* IA32_VMX_EPT_VPID_CAP as L1 reads it */
	u32 maxphyaddr;
	u64 good_leaf;			/* bit n: a leaf whose bits 5:0 are n has valid rights and type */
	u8 good_rights;			/* bit n: an entry whose bits 2:0 are n has valid rights */
	u64 reserved_leaf[EPT_LEVELS + 1];	/* by level; all ones where none may be */
	u64 reserved_table[EPT_LEVELS + 1];
};

void ept12_rules_init(struct ept12_rules *rules, u64 caps, u32 maxphyaddr);

/* May VM entry load this EPT pointer (SDM 27.2.1.1)? Else, which rule failed; NULL: none. */
const char *ept12_pointer_fault(const struct ept12_rules *rules, u64 eptp);

enum ept12_class { EPT12_ABSENT, EPT12_TABLE, EPT12_LEAF, EPT12_BAD };

/* What an entry at @level is: 29.3.2, 29.3.3.1. */
static inline enum ept12_class ept12_classify(const struct ept12_rules *rules, u64 entry, u32 level)
{
	if (!ept_entry_present(entry))
		return EPT12_ABSENT;
	if (level == 1 || (entry & EPT_ENTRY_LARGE)) {
		if (entry & rules->reserved_leaf[level])
			return EPT12_BAD;
		return rules->good_leaf >> (entry & 63) & 1 ? EPT12_LEAF : EPT12_BAD;
	}
	if (entry & rules->reserved_table[level])
		return EPT12_BAD;
	return rules->good_rights >> (entry & EPT_ENTRY_RIGHTS) & 1 ? EPT12_TABLE : EPT12_BAD;
}

struct ept12_memory {
	/* The entry at L1-physical @at, read once as a whole; ones where there is no memory. */
	u64 (*read)(void *ctx, gpa1_t at);
	/*
	 * Replaces @old by @new if @old is still there; false: it isn't. True, with nothing done, where L1's memory
	 * can't be written. NULL: A and D stay as they are.
	 */
	bool (*cmpxchg)(void *ctx, gpa1_t at, u64 old, u64 new);
	void *ctx;
};

/* Page-modification logging (29.3.6), L1's. */
struct ept12_log {
	bool (*has_room)(void *ctx);			/* asked before A or D is set; false: EPT12_LOG_FULL */
	void (*dirtied)(void *ctx, gpa2_t page);	/* D was set in @page's leaf */
	void *ctx;
};

struct ept12 {
	const struct ept12_rules *rules;
	const struct ept12_memory *memory;
	const struct ept12_log *log;	/* NULL: off */
	gpa1_t root;
	bool accessed_dirty;		/* EPTP_ACCESSED_DIRTY in L1's pointer */
};

enum ept12_status {
	EPT12_OK,
	EPT12_VIOLATION,
	EPT12_MISCONFIGURED,
	EPT12_LOG_FULL,			/* nothing was marked */
	EPT12_RETRY,			/* entries kept changing while A or D were to be set */
};

struct ept12_translation {
	gpa1_t at;			/* EPT12_OK: where the byte is */
	u32 level;			/* of the last entry: the leaf, or the one that failed */
	enum ept_rights rights;		/* of all entries used, ANDed: bits 5:3 of the qualification */
	enum memory_type type;		/* EPT12_OK: of the leaf */
	bool ignore_pat;
	u64 entry[EPT_LEVELS + 1];	/* by level, with the marks that the walk made */
};

/*
 * Translates @from for an access that is a read, write or fetch, or several: bits 2:0 of a qualification. With
 * A/D on, accesses to L2's paging structures are reads and writes (29.3.3.2): the CPU says so in those bits.
 */
enum ept12_status ept12_walk(const struct ept12 *ept, gpa2_t from, enum ept_rights want, struct ept12_translation *out);

/* Sets A, for a @write D too, in the entry at @at, *@entry, which becomes what it is then. */
static ALWAYS_INLINE enum ept12_status ept12_mark(const struct ept12_memory *memory, const struct ept12_log *log, gpa2_t from,
						  gpa1_t at, u64 *entry, bool write)
{
	u64 old = *entry;
	u64 new = old | EPT_ENTRY_ACCESSED | (write ? EPT_ENTRY_DIRTY : 0);

	if (new == old)
		return EPT12_OK;
	if (log && !log->has_room(log->ctx))
		return EPT12_LOG_FULL;
	if (!memory->cmpxchg(memory->ctx, at, old, new))
		return EPT12_RETRY;
	*entry = new;
	if (log && ((old ^ new) & EPT_ENTRY_DIRTY))
		log->dirtied(log->ctx, (gpa2_t){ round_down(from.at, PAGE_SIZE) });
	return EPT12_OK;
}

/*
 * The qualification of the violation that L1 is to see (table 28-7), from that of ours and the rights in EPT12.
 * A walk of paging structures is made a read and write when EPT12 has A/D on, whatever the CPU said (bochs-faults E1).
 */
u64 ept12_qualification(const struct ept12 *ept, u64 ours, enum ept_rights rights);

#endif
