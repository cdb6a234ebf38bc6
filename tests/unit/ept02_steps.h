/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random steps of L1, L2 and a hypapp on the machine of ept02_model.h, each checked against the naive walk. Who
 * includes it says where chance comes from: pick(below).
 */
#ifndef TESTS_UNIT_EPT02_STEPS_H
#define TESTS_UNIT_EPT02_STEPS_H

#include "ept02_model.h"

static u32 pick(u32 below);

static u64 random_target(u32 level)
{
	static const u64 bases[] = { TABLES12_AT, OURS, 0x400000, 0x80000000, 0xbffff000, 0xc0000000, 0x40200000 };
	u64 at = bases[pick(ARRAY_SIZE(bases))] + pick(24) * (u64)PAGE_SIZE;

	if (level == 2 || pick(8) == 0)
		at = round_down(at + pick(4) * SIZE_2M, SIZE_2M);
	if (level == 3)
		at = pick(4) * SIZE_1G;
	return at;
}

static u64 random_rights(void)
{
	static const u8 rights[] = { 7, 7, 7, 7, 7, 1, 3, 5, 4 };

	return rights[pick(ARRAY_SIZE(rights))];
}

/* An entry for a table that serves @level, mostly. */
static u64 random_entry(u32 level)
{
	static const u32 first[] = { [2] = 13, [3] = 6, [4] = 2 }, count[] = { [2] = 11, [3] = 7, [4] = 4 };
	static const u8 types[] = { 6, 6, 6, 6, 0, 1, 4, 5 };
	u64 marks = pick(2) * EPT_ENTRY_ACCESSED | pick(2) * EPT_ENTRY_DIRTY;
	u64 entry;

	if (pick(8) == 0)
		return 0;
	if (level > 1 && pick(level == 4 ? 40 : 4) != 0)
		entry = table_at(pick(12) == 0 ? pick(TABLES12) : first[level] + pick(count[level])) | random_rights() | marks;
	else
		entry = random_target(level) | random_rights() | (u64)types[pick(ARRAY_SIZE(types))] << 3 | marks |
			(level > 1 ? EPT_ENTRY_LARGE : 0) | (pick(8) == 0 ? EPT_ENTRY_IPAT : 0);
	if (pick(24) == 0)
		entry ^= BIT64(pick(64));
	return entry;
}

static void step_edit(void)
{
	static const u32 low[] = { 0, 1, 2, 9, 511 };
	static const u8 choices[] = { 0, 5, 2, 2, 2 };	/* by level, of low[]: those of sample() */
	u32 table = pick(TABLES12), level = table < 2 ? 4 : table < 6 ? 3 : table < 13 ? 2 : 1;
	u32 i = low[pick(level == 2 ? 3 : choices[level])];
	u64 now = m.table12[table][i];

	switch (pick(4)) {
	case 0:
		l1_write(table, i, now ^ (1u + pick(7)));
		break;
	case 1:
		l1_write(table, i, now ^ (pick(2) ? EPT_ENTRY_ACCESSED : EPT_ENTRY_DIRTY));
		break;
	default:
		l1_write(table, i, random_entry(level));
	}
	remember();
}

static void step_access(void)
{
	static const u8 wants[] = { EPT_R, EPT_R, EPT_W, EPT_RW, EPT_X };
	struct cpu *c = &m.cpu[pick(CPUS)];
	u32 want = wants[pick(ARRAY_SIZE(wants))], rights, root = table_number(c->root->source);
	u64 gpa2 = sample(pick(SAMPLES)) + (pick(8) == 0 ? pick(16) * (u64)PAGE_SIZE : 0) + 8 * pick(512), size, hpa;
	struct ept02_fault f;
	enum ept02_answer answer;
	struct allowed a;
	enum naive naive;
	u8 type;

	enter(c);
	if (l2_access(c, gpa2, want))
		return;
	naive = naive12(root, gpa2, false, &a, &rights, &size);
	answer = fault(c, gpa2, want, &f);
	remember();
	if (naive == NAIVE_MISCONFIGURED) {
		CHECK(answer == EPT02_MISCONFIGURED);
	} else if (naive == NAIVE_VIOLATION || (want & ~rights)) {
		CHECK(answer == EPT02_VIOLATION && f.ept12.rights == rights);
	} else if (want & ~through_ept01(&a, &hpa, &type)) {
		CHECK(answer == EPT02_PROTECTED && f.ept12.at.at == a.at);
	} else {
		CHECK(answer == EPT02_RESUME);
		enter(c);
		CHECK(l2_access(c, gpa2, want));
	}
}

/* L2 writes to what may be a table of its own EPT12, past all tracking. */
static void step_write_table(void)
{
	struct cpu *c = &m.cpu[pick(CPUS)];
	u64 gpa2 = sample(pick(SAMPLES)), hpa;
	u32 level, rights;
	u64 entry;

	enter(c);
	entry = raw_walk(c->root, gpa2, &level, &rights);
	hpa = entry ? raw_hpa(entry, gpa2, level) : 0;
	if (!entry || !(rights & EPT_W) || hpa - TABLES12_AT >= TABLES12 * PAGE_SIZE)
		return;
	m.table12[(hpa - TABLES12_AT) >> PAGE_SHIFT][pick(3)] = random_entry(1 + pick(3));
	remember();
}

static void step_invept(void)
{
	ept02_sync(&m.ept02);
	forget();
	for (u32 i = 0; i < CPUS; i++)
		leaves_are_allowed(m.cpu[i].root, true);
	enter(&m.cpu[pick(CPUS)]);
}

static void step_protect(void)
{
	static const u64 from[] = { TABLES12_AT, 0x400000, 0x80000000, 0xc0000000 };
	static const u64 length[] = { PAGE_SIZE, 4 * PAGE_SIZE, SIZE_2M };

	protect(from[pick(ARRAY_SIZE(from))] + pick(8) * (u64)PAGE_SIZE, length[pick(ARRAY_SIZE(length))], pick(3) ? EPT_RWX : pick(8));
}

static void steps(u32 count)
{
	for (u32 i = 0; i < CPUS; i++)
		run_on(&m.cpu[i], i, false);
	forget();
	for (u32 i = 0; i < 60; i++)
		step_edit();
	for (u32 i = 0; i < count; i++) {
		u32 dice = pick(32);

		if (dice < 8)
			step_edit();
		else if (dice < 26)
			step_access();
		else if (dice < 27)
			step_write_table();
		else if (dice < 29)
			step_invept();
		else if (dice < 30)
			step_protect();
		else if (dice < 31)
			run_on(&m.cpu[pick(CPUS)], pick(2), pick(2));
		else
			no_table_is_lost();
		tlbs_are_right();
		leaves_are_allowed(m.cpu[i % CPUS].root, false);
	}
	no_table_is_lost();
}

#endif
