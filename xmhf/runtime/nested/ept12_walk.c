/* SPDX-License-Identifier: BSD-2-Clause */
/* EPT12: which entries are valid, the walk, and its marks. Section and table numbers are those of the SDM, volume 3. */
#include "nested/ept12_walk.h"

#define ATTEMPTS	8u		/* walks in a row that lose the race to set A or D */
#define TYPES		8u

/* Bits @from to @to, none when @from is above @to. */
#define BITS(to, from)	((to) < (from) ? 0 : (~0ull >> (63 - (to))) & (~0ull << (from)))

/* Exit qualification, table 28-7. */
#define QUAL_RIGHTS_SHIFT	3
#define QUAL_RIGHTS		(EPT_ENTRY_RIGHTS << QUAL_RIGHTS_SHIFT)
#define QUAL_HAS_LINEAR		BIT64(7)
#define QUAL_TRANSLATED		BIT64(8)

#define EPTP_TYPE		7ull
#define EPTP_WALK		(7ull << EPTP_WALK_SHIFT)
#define EPTP_RESERVED		BITS(11, 7)

static u8 good_rights(u64 caps)
{
	u32 good = BIT(EPT_R) | BIT(EPT_RW) | BIT(EPT_RX) | BIT(EPT_RWX);

	return (u8)(good | (caps & EPT_CAP_EXECUTE_ONLY ? BIT(EPT_X) : 0));
}

void ept12_rules_init(struct ept12_rules *rules, u64 caps, u32 maxphyaddr)
{
	static const enum memory_type types[] = { MEMTYPE_UC, MEMTYPE_WC, MEMTYPE_WT, MEMTYPE_WP, MEMTYPE_WB };
	u64 beyond = BITS(51u, maxphyaddr);

	*rules = (struct ept12_rules){
		.caps = caps, .maxphyaddr = maxphyaddr, .good_rights = good_rights(caps),
		/* Tables 29-1 to 29-6. */
		.reserved_leaf = {
			[1] = beyond,
			[2] = beyond | BITS(20, 12) | (caps & EPT_CAP_2M ? 0 : EPT_ENTRY_LARGE),
			[3] = beyond | BITS(29, 12) | (caps & EPT_CAP_1G ? 0 : EPT_ENTRY_LARGE),
			[4] = ~0ull,
		},
		.reserved_table = { [2] = beyond | BITS(6, 3), [3] = beyond | BITS(6, 3), [4] = beyond | BITS(7, 3) },
	};
	for (u32 i = 0; i < ARRAY_SIZE(types); i++)
		rules->good_leaf |= (u64)rules->good_rights << types[i] * TYPES;
}

/* 25.6.11, and the checks of 27.2.1.1 in their order. */
const char *ept12_pointer_fault(const struct ept12_rules *rules, u64 eptp)
{
	u64 type = eptp & EPTP_TYPE;
	u64 type_cap = type == MEMTYPE_UC ? EPT_CAP_POINTER_UC : type == MEMTYPE_WB ? EPT_CAP_POINTER_WB : 0;

	if (!(rules->caps & type_cap))
		return "27.2.1.1 EPTP has a memory type that isn't supported";
	if ((eptp & EPTP_WALK) >> EPTP_WALK_SHIFT != EPT_LEVELS - 1)
		return "27.2.1.1 EPTP has a walk length that isn't supported";
	if ((eptp & EPTP_ACCESSED_DIRTY) && !(rules->caps & EPT_CAP_ACCESSED_DIRTY))
		return "27.2.1.1 EPTP asks for A/D flags that aren't supported";
	if (eptp & (EPTP_RESERVED | BITS(63u, rules->maxphyaddr)))
		return "27.2.1.1 EPTP has a reserved bit set";
	return NULL;
}

static gpa1_t entry_address(u64 table, gpa2_t from, u32 level)
{
	return (gpa1_t){ (table & EPT_ENTRY_ADDRESS) + ept_index(from.at, level) * sizeof(u64) };
}

/* From the root to the entry that ends the walk, whatever the access: 29.3.3.3. */
static enum ept12_status descend(const struct ept12 *ept, gpa2_t from, struct ept12_translation *t)
{
	u64 table = ept->root.at;
	u32 rights = EPT_RWX;

	for (u32 level = EPT_LEVELS;; level--) {
		u64 entry = ept->memory->read(ept->memory->ctx, entry_address(table, from, level));

		rights &= (u32)entry;
		t->level = level;
		t->entry[level] = entry;
		t->rights = (enum ept_rights)rights;
		switch (ept12_classify(ept->rules, entry, level)) {
		case EPT12_ABSENT:
			return EPT12_VIOLATION;
		case EPT12_BAD:
			return EPT12_MISCONFIGURED;
		case EPT12_LEAF:
			t->at.at = (entry & EPT_ENTRY_ADDRESS) + (from.at & (ept_span(level) - 1));
			t->type = ept_entry_type(entry);
			t->ignore_pat = (entry & EPT_ENTRY_IPAT) != 0;
			return EPT12_OK;
		case EPT12_TABLE:
			table = entry;
		}
	}
}

/* 29.3.5: A in every entry that was used, D in the leaf of a write. */
static enum ept12_status mark_all(const struct ept12 *ept, gpa2_t from, bool write, struct ept12_translation *t)
{
	enum ept12_status status = EPT12_OK;
	u64 table = ept->root.at;

	if (!ept->accessed_dirty || ept->memory->cmpxchg == NULL)
		return EPT12_OK;
	for (u32 level = EPT_LEVELS; level >= t->level && status == EPT12_OK; level--) {
		status = ept12_mark(ept->memory, ept->log, from, entry_address(table, from, level), &t->entry[level],
				    write && level == t->level);
		table = t->entry[level];
	}
	return status;
}

enum ept12_status ept12_walk(const struct ept12 *ept, gpa2_t from, enum ept_rights want, struct ept12_translation *t)
{
	enum ept12_status status = EPT12_RETRY;

	for (u32 n = 0; n < ATTEMPTS && status == EPT12_RETRY; n++) {
		*t = (struct ept12_translation){ .level = EPT_LEVELS };
		if (from.at >> EPT_GPA_BITS)
			return EPT12_VIOLATION;
		status = descend(ept, from, t);
		if (status == EPT12_OK && (want & ~(u32)t->rights))
			return EPT12_VIOLATION;
		if (status == EPT12_OK)
			status = mark_all(ept, from, (want & EPT_W) != 0, t);
	}
	return status;
}

u64 ept12_qualification(const struct ept12 *ept, u64 ours, enum ept_rights rights)
{
	u64 walk = ept->accessed_dirty && (ours & (QUAL_HAS_LINEAR | QUAL_TRANSLATED)) == QUAL_HAS_LINEAR ? EPT_RW : 0;

	return (ours & ~QUAL_RIGHTS) | walk | (u64)rights << QUAL_RIGHTS_SHIFT;
}
