/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page walk: tables are built for each paging mode; then rights, reserved bits, error codes
 * and A/D bits, the rights in all combinations.
 * Links: xmhf/lib/walk.c
 */
#include "unit.h"

#include "lib/walk.h"

#define TABLE_PAGES	16u
#define TABLES_AT	0x40000000ull	/* where the guest keeps its tables */

#define P	0x001ull
#define W	0x002ull
#define U	0x004ull
#define A	0x020ull
#define D	0x040ull
#define PS	0x080ull
#define XD	(1ull << 63)

#define CR0_WP	0x00010000ull
#define CR0_PG	0x80000000ull
#define PSE	BIT64(4)
#define PAE	BIT64(5)
#define LA57	BIT64(12)
#define SMEP	BIT64(20)
#define SMAP	BIT64(21)
#define PKE	BIT64(22)
#define PKS	BIT64(24)
#define LMA	BIT64(10)
#define NXE	BIT64(11)

static struct guest {
	struct walk_regs regs;
	struct walk_memory memory;
	u8 tables[TABLE_PAGES * PAGE_SIZE];
	u32 used;			/* pages of tables */
	u32 entry_size;
	u32 lost_races;			/* cmpxchg that fail from now on */
	u64 leaf_at, top_at;		/* entries of the mapping made last */
	u64 unreadable;			/* a read of this entry is refused */
} g;

static u8 *host(u64 at)
{
	assert_true(at >= TABLES_AT && at < TABLES_AT + sizeof(g.tables));
	return g.tables + (at - TABLES_AT);
}

static bool guest_read(void *ctx, u64 at, void *entry, u32 size)
{
	assert_ptr_equal(ctx, &g);
	assert_int_equal(size, g.entry_size);
	assert_int_equal(at % size, 0);
	if (at == g.unreadable)
		return false;
	memcpy(entry, host(at), size);
	return true;
}

static bool guest_cmpxchg(void *ctx, u64 at, u64 old, u64 new, u32 size)
{
	u64 now = 0;

	assert_ptr_equal(ctx, &g);
	assert_int_equal(size, g.entry_size);
	memcpy(&now, host(at), size);
	assert_true(now == old);
	if (g.lost_races > 0) {
		g.lost_races--;
		return false;
	}
	memcpy(host(at), &new, size);
	return true;
}

static u64 get(u64 at)
{
	u64 value = 0;

	memcpy(&value, host(at), g.entry_size);
	return value;
}

static void put(u64 at, u64 value)
{
	memcpy(host(at), &value, g.entry_size);
}

enum mode { NO_PAGING, BITS_32, PAE_MODE, LEVELS_4, LEVELS_5 };

static void start(enum mode mode)
{
	memset(&g, 0, sizeof(g));
	g.used = 1;
	g.entry_size = mode == BITS_32 ? 4 : 8;
	g.memory = (struct walk_memory){ guest_read, guest_cmpxchg, &g };
	g.regs.maxphyaddr = 40;
	g.regs.has_1g_pages = true;
	g.regs.cr0 = CR0_WP | 1 | (mode == NO_PAGING ? 0 : CR0_PG);
	g.regs.cr3 = TABLES_AT;
	g.regs.cr4 = mode == BITS_32 ? PSE : mode >= PAE_MODE ? PAE : 0;
	if (mode == LEVELS_5)
		g.regs.cr4 |= LA57;
	if (mode >= LEVELS_4)
		g.regs.efer = LMA;
}

static u64 new_table(void)
{
	assert_true(g.used < TABLE_PAGES);
	return TABLES_AT + g.used++ * PAGE_SIZE;
}

/* Maps @linear by an entry @leaf of level @at_level; tables on the way allow everything. */
static void map_from(u64 table, u32 level, u32 at_level, u64 linear, u64 leaf)
{
	u32 bits = g.entry_size == 4 ? 10 : 9;
	u64 at = table + ((linear >> (12 + bits * (level - 1))) & ((1u << bits) - 1)) * g.entry_size;

	g.top_at = at;
	for (; level > at_level; level--) {
		if (!(get(at) & P))
			put(at, new_table() | P | W | U);
		table = get(at) & 0xfffffff000ull;
		at = table + ((linear >> (12 + bits * (level - 2))) & ((1u << bits) - 1)) * g.entry_size;
	}
	put(at, leaf);
	g.leaf_at = at;
}

static void map(u32 at_level, u64 linear, u64 leaf)
{
	if (g.regs.efer & LMA) {
		map_from(g.regs.cr3, g.regs.cr4 & LA57 ? 5 : 4, at_level, linear, leaf);
	} else if (g.regs.cr4 & PAE) {
		u64 *pdpte = &g.regs.pdpte[(linear >> 30) & 3];

		if (!(*pdpte & P))
			*pdpte = new_table() | P;
		map_from(*pdpte & ~0xfffull, 2, at_level, linear, leaf);
	} else {
		map_from(g.regs.cr3, 2, at_level, linear, leaf);
	}
}

static struct walk_result r;

static enum walk_status go(u64 linear, enum walk_kind kind, bool user)
{
	return walk(&g.regs, &g.memory, linear, (struct walk_access){ .kind = kind, .user = user }, &r);
}

static void assert_at(u64 linear, u64 gpa, u64 page_size)
{
	assert_int_equal(go(linear, WALK_READ, false), WALK_OK);
	assert_true(r.gpa == gpa);
	assert_true(r.page_size == page_size);
}

static void assert_fault(u64 linear, enum walk_kind kind, bool user, u32 error_code)
{
	assert_int_equal(go(linear, kind, user), WALK_FAULT);
	assert_int_equal(r.error_code, error_code);
}

PROMISE(without_paging_linear_is_physical)
{
	start(NO_PAGING);
	assert_at(0x12345678, 0x12345678, 0x1000);
	assert_at(0xffff000012345678, 0x12345678, 0x1000);
	assert_true(r.writable && r.user_page && r.executable);
}

PROMISE(two_levels_translate)
{
	start(BITS_32);
	map(1, 0xc0123000, 0x56789000 | P | W);
	assert_at(0xc0123abc, 0x56789abc, 0x1000);
	assert_int_equal(r.level, 1);
	assert_true(r.entry_at == g.leaf_at);
	assert_true(r.writable && !r.user_page && r.executable);
	assert_fault(0xc0124000, WALK_READ, false, 0);
	assert_fault(0x123, WALK_READ, false, 0);
	assert_int_equal(r.level, 2);
}

PROMISE(the_upper_half_is_ignored_outside_long_mode)
{
	start(BITS_32);
	map(1, 0xc0123000, 0x56789000 | P);
	assert_at(0x01234567c0123abc, 0x56789abc, 0x1000);
	start(PAE_MODE);
	map(1, 0xc0123000, 0x56789000 | P);
	assert_at(0xffffffffc0123abc, 0x56789abc, 0x1000);
}

PROMISE(pse_maps_4_mib_and_36_bits_and_more)
{
	start(BITS_32);
	map(2, 0xc0400000, 0x12400000 | (0xa5ull << 13) | P | PS);
	assert_at(0xc0412345, 0xa512412345, 0x400000);
	assert_int_equal(r.level, 2);
}

PROMISE(without_pse_the_ps_bit_is_ignored)
{
	start(BITS_32);
	g.regs.cr4 = 0;
	map(1, 0xc0123000, 0x56789000 | P | W);
	put(g.top_at, get(g.top_at) | PS);
	assert_at(0xc0123abc, 0x56789abc, 0x1000);
}

PROMISE(reserved_bits_of_a_4_mib_page_follow_the_address_width)
{
	for (u32 width = 32; width <= 52; width++) {
		for (u32 bit = 13; bit <= 21; bit++) {
			bool address = bit <= 20 && bit + 19 < MIN(width, 40);

			start(BITS_32);
			g.regs.maxphyaddr = width;
			map(2, 0, P | PS | 1ull << bit);
			if (address)
				assert_at(5, (1ull << (bit + 19)) + 5, 0x400000);
			else
				assert_fault(5, WALK_READ, false, PF_P | PF_RSVD);
		}
	}
}

PROMISE(pae_translates_by_its_four_registers)
{
	start(PAE_MODE);
	for (u64 i = 0; i < 4; i++)
		map(1, i << 30 | 0x123000, 0x9012345000 + (i << 12) + (P | W | U));
	g.regs.cr3 = ~0ull;		/* isn't looked at */
	for (u64 i = 0; i < 4; i++)
		assert_at(i << 30 | 0x123abc, 0x9012345abc + (i << 12), 0x1000);
	assert_true(r.user_page && r.writable);
	g.regs.pdpte[2] = 0;
	assert_fault(2ull << 30, WALK_WRITE, true, PF_W | PF_U);
	assert_int_equal(r.level, 3);
}

PROMISE(pae_maps_2_mib_even_without_pse)
{
	start(PAE_MODE);
	map(2, 0x40200000, 0x9012200000 | P | PS);
	assert_at(0x40212345, 0x9012212345, 0x200000);
}

PROMISE(four_levels_map_all_page_sizes)
{
	start(LEVELS_4);
	map(1, 0xffff888012345000, 0x1234567000 | P | U);
	map(2, 0x00007f0000200000, 0x1234600000 | P | PS);
	map(3, 0x0000000040000000, 0x1240000000 | P | PS);
	assert_at(0xffff888012345678, 0x1234567678, 0x1000);
	assert_at(0x00007f0000212345, 0x1234612345, 0x200000);
	assert_at(0x0000000052345678, 0x1252345678, 0x40000000);
	assert_int_equal(r.level, 3);
}

PROMISE(five_levels_map_all_page_sizes)
{
	start(LEVELS_5);
	map(1, 0xff11888012345000, 0x1234567000 | P | U);
	map(2, 0x00447f0000200000, 0x1234600000 | P | PS);
	map(3, 0x0055000040000000, 0x1240000000 | P | PS);
	assert_at(0xff11888012345678, 0x1234567678, 0x1000);
	assert_at(0x00447f0000212345, 0x1234612345, 0x200000);
	assert_at(0x0055000052345678, 0x1252345678, 0x40000000);
}

PROMISE(addresses_that_are_not_canonical_are_told)
{
	start(LEVELS_4);
	assert_int_equal(go(0x0000800000000000, WALK_READ, false), WALK_NOT_CANONICAL);
	assert_int_equal(go(0xffff7fffffffffff, WALK_READ, false), WALK_NOT_CANONICAL);
	assert_int_equal(go(0x00007fffffffffff, WALK_READ, false), WALK_FAULT);
	assert_int_equal(go(0xffff800000000000, WALK_READ, false), WALK_FAULT);
	start(LEVELS_5);
	assert_int_equal(go(0x0000800000000000, WALK_READ, false), WALK_FAULT);
	assert_int_equal(go(0x0100000000000000, WALK_READ, false), WALK_NOT_CANONICAL);
	assert_int_equal(go(0xfeffffffffffffff, WALK_READ, false), WALK_NOT_CANONICAL);
	assert_int_equal(go(0xff00000000000000, WALK_READ, false), WALK_FAULT);
}

PROMISE(reserved_bits_fault_at_every_level_and_width)
{
	for (u32 width = 39; width <= 52; width++) {
		for (u32 bit = 39; bit < 64; bit++) {
			bool reserved = (bit >= width && bit < 52) || bit == 63;

			for (u32 level = 1; level <= 5; level++) {
				u64 at;

				start(LEVELS_5);
				g.regs.maxphyaddr = width;
				map(1, 0, 0x5000 | P);
				at = g.leaf_at;
				if (level > 1) {
					map(level, 0, TABLES_AT + 0xf000 + P);
					at = g.leaf_at;
				}
				put(at, get(at) | 1ull << bit);
				if (reserved)
					assert_fault(0, WALK_READ, false, PF_P | PF_RSVD);
				else if (level == 1)
					assert_at(0, 0x5000 | (bit < width ? 1ull << bit : 0), 0x1000);
			}
		}
	}
}

PROMISE(pae_reserves_all_bits_above_the_address_width)
{
	for (u32 bit = 40; bit < 64; bit++) {
		start(PAE_MODE);
		map(1, 0, 0x5000 | P | 1ull << bit);
		assert_fault(0, WALK_WRITE, true, PF_P | PF_RSVD | PF_W | PF_U);
		start(PAE_MODE);
		map(2, 0, P | PS | 1ull << bit);
		assert_fault(0, WALK_READ, false, PF_P | PF_RSVD);
	}
	start(PAE_MODE);
	g.regs.efer = NXE;
	map(1, 0, 0x5000 | P | XD);
	assert_at(0, 0x5000, 0x1000);
	assert_false(r.executable);
}

PROMISE(low_address_bits_of_large_pages_are_reserved)
{
	static const struct { enum mode mode; u32 level, first, last; } pages[] = {
		{ PAE_MODE, 2, 13, 20 }, { LEVELS_4, 2, 13, 20 }, { LEVELS_4, 3, 13, 29 }, { LEVELS_5, 3, 13, 29 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(pages); i++) {
		for (u32 bit = 12; bit < 32; bit++) {
			start(pages[i].mode);
			map(pages[i].level, 0, P | PS | 1ull << bit);
			if (bit >= pages[i].first && bit <= pages[i].last)
				assert_fault(0, WALK_READ, false, PF_P | PF_RSVD);
			else
				assert_at(0, bit == 12 ? 0 : 1ull << bit, pages[i].level == 2 ? 0x200000 : 0x40000000);
		}
	}
}

PROMISE(ps_is_reserved_where_no_page_can_be)
{
	start(LEVELS_4);
	map(4, 0, P | PS);
	assert_fault(0, WALK_READ, false, PF_P | PF_RSVD);
	start(LEVELS_5);
	map(4, 0, P | PS);
	assert_fault(0, WALK_READ, false, PF_P | PF_RSVD);
	start(LEVELS_5);
	map(5, 0, P | PS);
	assert_fault(0, WALK_READ, false, PF_P | PF_RSVD);
	start(LEVELS_4);
	g.regs.has_1g_pages = false;
	map(3, 0, P | PS);
	assert_fault(0, WALK_READ, false, PF_P | PF_RSVD);
}

PROMISE(an_absent_entry_is_not_checked_for_reserved_bits)
{
	start(LEVELS_4);
	map(1, 0, ~P);
	assert_fault(0, WALK_READ, true, PF_U);
}

/* The SDM's 5.6.1, said as it says it. */
static bool sdm_allows(bool user_access, enum walk_kind kind, bool user_page, bool writable, bool xd,
		       bool wp, bool smep, bool smap, bool ac, bool implicit)
{
	if (!user_access) {
		bool smap_allows = !user_page || !smap || (ac && !implicit);

		switch (kind) {
		case WALK_READ: return smap_allows;
		case WALK_WRITE: return smap_allows && (!wp || writable);
		case WALK_FETCH: return !xd && !(user_page && smep);
		}
	}
	switch (kind) {
	case WALK_READ: return user_page;
	case WALK_WRITE: return user_page && writable;
	case WALK_FETCH: return user_page && !xd;
	}
	return false;
}

PROMISE(rights_hold_in_every_combination)
{
	static const enum mode modes[] = { BITS_32, PAE_MODE, LEVELS_4, LEVELS_5 };

	for (u32 m = 0; m < ARRAY_SIZE(modes); m++)
	for (u32 bits = 0; bits < 1u << 10; bits++)
	for (u32 kind = WALK_READ; kind <= WALK_FETCH; kind++) {
		bool user = bits & 1, user_page = bits & 2, writable = bits & 4, xd = bits & 8, wp = bits & 16;
		bool smep = bits & 32, smap = bits & 64, ac = bits & 128, nxe = bits & 256, implicit = bits & 512;
		bool allowed = sdm_allows(user, kind, user_page, writable, xd, wp, smep, smap, ac, implicit);
		u32 error = PF_P | (kind == WALK_WRITE ? PF_W : 0) | (user ? PF_U : 0) |
			    (kind == WALK_FETCH && (nxe || smep) ? PF_I : 0);
		struct walk_access access = { kind, user, implicit };
		enum walk_status status;

		if ((xd && !nxe) || (modes[m] == BITS_32 && nxe) || (user && implicit))
			continue;
		start(modes[m]);
		map(1, 0x1000, 0x5000 | P | (writable ? W : 0) | (user_page ? U : 0) | (xd ? XD : 0));
		g.regs.cr0 = CR0_PG | 1 | (wp ? CR0_WP : 0);
		g.regs.cr4 |= (smep ? SMEP : 0) | (smap ? SMAP : 0);
		g.regs.efer |= nxe ? NXE : 0;
		g.regs.rflags_ac = ac;
		status = walk(&g.regs, &g.memory, 0x1234, access, &r);
		assert_int_equal(status, allowed ? WALK_OK : WALK_FAULT);
		if (allowed)
			assert_true(r.gpa == 0x5234);
		else
			assert_int_equal(r.error_code, error);
	}
}

PROMISE(rights_are_those_of_all_levels)
{
	for (u32 level = 2; level <= 4; level++) {
		u64 at = TABLES_AT + (4 - level) * PAGE_SIZE;	/* tables are made from the top down */

		start(LEVELS_4);
		g.regs.efer |= NXE;
		map(1, 0, 0x5000 | P | W | U);
		put(at, (get(at) & ~(W | U)) | XD);
		assert_int_equal(go(0, WALK_READ, false), WALK_OK);
		assert_true(!r.writable && !r.user_page && !r.executable);
		assert_fault(0, WALK_WRITE, false, PF_P | PF_W);
		assert_fault(0, WALK_FETCH, false, PF_P | PF_I);
		assert_fault(0, WALK_READ, true, PF_P | PF_U);
	}
}

PROMISE(protection_keys_bind_user_pages_by_pkru)
{
	for (u32 rights = 0; rights < 4; rights++)
	for (u32 kind = WALK_READ; kind <= WALK_FETCH; kind++)
	for (u32 user = 0; user < 2; user++)
	for (u32 wp = 0; wp < 2; wp++) {
		bool bound = kind != WALK_FETCH &&
			     ((rights & 1) || ((rights & 2) && kind == WALK_WRITE && (user || wp)));

		start(LEVELS_4);
		g.regs.cr0 = CR0_PG | 1 | (wp ? CR0_WP : 0);
		g.regs.cr4 |= PKE;
		g.regs.pkru = rights << 22;
		g.regs.pkrs = ~(3u << 22);
		map(1, 0, 0x5000 | P | W | U | 11ull << 59);
		if (bound)
			assert_fault(0, kind, user, PF_P | PF_PK | (kind == WALK_WRITE ? PF_W : 0) | (user ? PF_U : 0));
		else
			assert_int_equal(go(0, kind, user), WALK_OK);
		g.regs.cr4 &= ~PKE;
		assert_int_equal(go(0, kind, user), WALK_OK);
	}
}

PROMISE(protection_keys_bind_supervisor_pages_by_pkrs)
{
	start(LEVELS_4);
	g.regs.cr4 |= PKS | PKE;
	g.regs.pkru = ~0u;
	map(1, 0, 0x5000 | P | W | 3ull << 59);
	assert_int_equal(go(0, WALK_WRITE, false), WALK_OK);
	g.regs.pkrs = 2u << 6;
	assert_int_equal(go(0, WALK_READ, false), WALK_OK);
	assert_fault(0, WALK_WRITE, false, PF_P | PF_W | PF_PK);
	g.regs.cr0 &= ~CR0_WP;
	assert_int_equal(go(0, WALK_WRITE, false), WALK_OK);
	g.regs.pkrs = 1u << 6;
	assert_fault(0, WALK_READ, false, PF_P | PF_PK);
	assert_int_equal(go(0, WALK_FETCH, false), WALK_OK);
}

PROMISE(accessed_and_dirty_are_set_as_a_cpu_sets_them)
{
	start(LEVELS_4);
	map(1, 0, 0x5000 | P | W);
	assert_int_equal(go(0, WALK_READ, false), WALK_OK);
	assert_true((get(g.top_at) & (A | D)) == A);
	assert_true((get(g.leaf_at) & (A | D)) == A);
	assert_int_equal(go(0, WALK_WRITE, false), WALK_OK);
	assert_true((get(g.top_at) & (A | D)) == A);
	assert_true((get(g.leaf_at) & (A | D)) == (A | D));
}

PROMISE(a_page_that_faults_is_not_dirtied)
{
	start(LEVELS_4);
	map(1, 0, 0x5000 | P);
	assert_fault(0, WALK_WRITE, false, PF_P | PF_W);
	assert_int_equal(get(g.leaf_at) & (A | D), 0);
}

PROMISE(a_lost_race_walks_again_and_gives_up_in_the_end)
{
	start(LEVELS_4);
	map(1, 0, 0x5000 | P);
	g.lost_races = 3;
	assert_int_equal(go(0, WALK_READ, false), WALK_OK);
	start(LEVELS_4);
	map(1, 0, 0x5000 | P);
	g.lost_races = ~0u;
	assert_int_equal(go(0, WALK_READ, false), WALK_NO_MEMORY);
}

PROMISE(without_cmpxchg_nothing_is_written)
{
	start(BITS_32);
	g.memory.cmpxchg = NULL;
	map(1, 0, 0x5000 | P | W);
	assert_int_equal(go(0, WALK_WRITE, false), WALK_OK);
	assert_int_equal(get(g.leaf_at), 0x5000 | P | W);
}

PROMISE(a_refused_read_names_the_entry)
{
	start(LEVELS_4);
	map(1, 0, 0x5000 | P);
	g.unreadable = g.leaf_at;
	assert_int_equal(go(0, WALK_READ, false), WALK_NO_MEMORY);
	assert_true(r.entry_at == g.leaf_at);
	assert_int_equal(r.level, 1);
}

PROMISE(cr3_flags_and_its_upper_bits_do_not_move_the_root)
{
	start(LEVELS_4);
	map(1, 0, 0x5000 | P);
	g.regs.cr3 |= 0xfff | 3ull << 61 | 1ull << 63;
	assert_at(0, 0x5000, 0x1000);
	start(BITS_32);
	map(1, 0, 0x5000 | P);
	g.regs.cr3 |= 0x18 | 1ull << 35;
	assert_at(0, 0x5000, 0x1000);
}

PROMISE(pdptes_are_checked_when_present)
{
	for (u32 bit = 1; bit < 64; bit++) {
		bool reserved = bit == 1 || bit == 2 || (bit >= 5 && bit <= 8) || bit >= 40;

		assert_int_equal(walk_pdpte_valid(P | 1ull << bit, 40), !reserved);
		assert_true(walk_pdpte_valid(1ull << bit, 40));
	}
	assert_true(walk_pdpte_valid(P | 1ull << 51, 52));
	assert_false(walk_pdpte_valid(P | 1ull << 52, 52));
}

RUN(T(without_paging_linear_is_physical), T(two_levels_translate),
    T(the_upper_half_is_ignored_outside_long_mode), T(pse_maps_4_mib_and_36_bits_and_more),
    T(without_pse_the_ps_bit_is_ignored), T(reserved_bits_of_a_4_mib_page_follow_the_address_width),
    T(pae_translates_by_its_four_registers), T(pae_maps_2_mib_even_without_pse),
    T(four_levels_map_all_page_sizes), T(five_levels_map_all_page_sizes),
    T(addresses_that_are_not_canonical_are_told), T(reserved_bits_fault_at_every_level_and_width),
    T(pae_reserves_all_bits_above_the_address_width), T(low_address_bits_of_large_pages_are_reserved),
    T(ps_is_reserved_where_no_page_can_be), T(an_absent_entry_is_not_checked_for_reserved_bits),
    T(rights_hold_in_every_combination), T(rights_are_those_of_all_levels),
    T(protection_keys_bind_user_pages_by_pkru), T(protection_keys_bind_supervisor_pages_by_pkrs),
    T(accessed_and_dirty_are_set_as_a_cpu_sets_them), T(a_page_that_faults_is_not_dirtied),
    T(a_lost_race_walks_again_and_gives_up_in_the_end), T(without_cmpxchg_nothing_is_written),
    T(a_refused_read_names_the_entry), T(cr3_flags_and_its_upper_bits_do_not_move_the_root),
    T(pdptes_are_checked_when_present))
