/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables from the input: every walk of EPT12 ends in four reads an attempt, sets nothing but A and D, and translates
 * within the address width and the page.
 * Links: xmhf/runtime/nested/ept12_walk.c
 */
#include "fuzz.h"

#include "nested/ept12_walk.h"

struct l1 {
	u64 *entries;		/* L1's memory repeats them */
	u64 count;
	u32 reads;
	bool full;
};

static u64 read_entry(void *ctx, gpa1_t at)
{
	struct l1 *l1 = ctx;

	MUST(at.at % 8 == 0 && at.at < 1ull << 52);
	l1->reads++;
	return l1->count ? l1->entries[at.at / 8 % l1->count] : ~0ull;
}

static bool cmpxchg_entry(void *ctx, gpa1_t at, u64 old, u64 new)
{
	struct l1 *l1 = ctx;
	u64 *entry = &l1->entries[at.at / 8 % l1->count];

	MUST((old | EPT_ENTRY_MARKS) == (new | EPT_ENTRY_MARKS) && (old & ~new) == 0 && old != new);
	if (*entry != old)
		return false;
	*entry = new;
	return true;
}

static bool has_room(void *ctx) { return !((struct l1 *)ctx)->full; }
static void dirtied(void *ctx, gpa2_t page) { MUST(!((struct l1 *)ctx)->full && page.at % PAGE_SIZE == 0); }

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, size };
	u64 flags = input_take(&in, 1);
	struct l1 l1 = { .full = flags & 1 };
	const struct ept12_memory memory = { read_entry, flags & 2 ? cmpxchg_entry : NULL, &l1 };
	const struct ept12_log log = { has_room, dirtied, &l1 };
	struct ept12_rules rules;
	struct ept12 ept = { &rules, &memory, flags & 4 ? &log : NULL, { 0 }, flags & 8 };
	gpa2_t from = { input_take(&in, 7) & ~(flags & 16 ? 0 : ~0ull << 48) };
	u32 want = 1 + (u32)input_take(&in, 1) % 7;
	u64 eptp = input_take(&in, 8);
	struct ept12_translation t;
	enum ept12_status status;

	ept12_rules_init(&rules, input_take(&in, 4), 32 + (u32)input_take(&in, 1) % 21);
	(void)ept12_pointer_fault(&rules, eptp);
	ept.root.at = eptp & EPT_ENTRY_ADDRESS & (BIT64(rules.maxphyaddr) - 1);
	l1.count = in.left / 8;
	l1.entries = malloc(l1.count * 8 + 1);
	memcpy(l1.entries, in.at, l1.count * 8);

	status = ept12_walk(&ept, from, (enum ept_rights)want, &t);
	MUST(l1.reads <= 8 * EPT_LEVELS);
	MUST(t.level >= 1 && t.level <= EPT_LEVELS);
	if (status == EPT12_OK) {
		MUST(t.at.at >> rules.maxphyaddr == 0 && t.level < EPT_LEVELS);
		MUST(((t.at.at ^ from.at) & (ept_span(t.level) - 1)) == 0);
		MUST(!(want & ~(u32)t.rights) && t.type <= MEMTYPE_WB && t.type != 2 && t.type != 3);
	}
	MUST(status != EPT12_LOG_FULL || l1.full);
	free(l1.entries);
	return 0;
}
