/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory types by the MTRRs: the SDM's rules one by one, then random states against a model.
 * Links: xmhf/lib/mtrr.c
 */
#include "unit.h"

#include "lib/mtrr.h"

#define WIDTH		36u
#define END		(1ull << WIDTH)
#define CAP		(10 | MTRR_CAP_FIX | MTRR_CAP_WC)
#define MIB		(1ull << 20)
#define GIB		(1ull << 30)
#define ALL(type)	((type) * 0x0101010101010101ull)
#define MASK(size)	((END - (size)) | MTRR_MASK_VALID)

static const u8 types[] = { MEMTYPE_UC, MEMTYPE_WC, MEMTYPE_WT, MEMTYPE_WP, MEMTYPE_WB };

static struct mtrr_state plain(u64 default_type)
{
	return (struct mtrr_state){ .cap = CAP, .def_type = MTRR_DEF_E | default_type };
}

static void set(struct mtrr_state *s, u32 n, u64 base, u64 size, u64 type)
{
	s->variable[n].base = base | type;
	s->variable[n].mask = MASK(size);
}

static u32 type_at(const struct mtrr_state *s, u64 at)
{
	return mtrr_type_of(s, WIDTH, at, NULL);
}

static u64 until(const struct mtrr_state *s, u64 at)
{
	u64 end;

	mtrr_type_of(s, WIDTH, at, &end);
	return end;
}

PROMISE(disabled_mtrrs_make_everything_uncacheable)
{
	struct mtrr_state s = plain(MEMTYPE_WB);

	set(&s, 0, 0, GIB, MEMTYPE_WB);
	s.def_type = MEMTYPE_WB | MTRR_DEF_FE;
	assert_int_equal(type_at(&s, 0), MEMTYPE_UC);
	assert_int_equal(type_at(&s, 8 * GIB), MEMTYPE_UC);
	assert_true(until(&s, 0) == END);
}

PROMISE(the_default_type_holds_where_no_range_matches)
{
	for (u32 i = 0; i < ARRAY_SIZE(types); i++) {
		struct mtrr_state s = plain(types[i]);

		assert_int_equal(type_at(&s, 0), types[i]);
		assert_int_equal(type_at(&s, END - 1), types[i]);
		assert_true(until(&s, 0x1000) == END);
	}
}

PROMISE(a_variable_range_covers_exactly_its_bytes)
{
	struct mtrr_state s = plain(MEMTYPE_WB);

	set(&s, 3, 3 * GIB, GIB, MEMTYPE_UC);
	assert_int_equal(type_at(&s, 3 * GIB - 1), MEMTYPE_WB);
	assert_int_equal(type_at(&s, 3 * GIB), MEMTYPE_UC);
	assert_int_equal(type_at(&s, 4 * GIB - 1), MEMTYPE_UC);
	assert_int_equal(type_at(&s, 4 * GIB), MEMTYPE_WB);
	assert_true(until(&s, 0) == 3 * GIB);
	assert_true(until(&s, 3 * GIB + 0x1234) == 4 * GIB);
	assert_true(until(&s, 4 * GIB) == END);
}

PROMISE(a_range_that_is_not_valid_does_nothing)
{
	struct mtrr_state s = plain(MEMTYPE_WB);

	set(&s, 0, 0, GIB, MEMTYPE_UC);
	s.variable[0].mask &= ~MTRR_MASK_VALID;
	assert_int_equal(type_at(&s, 0), MEMTYPE_WB);
	assert_true(until(&s, 0) == END);
}

PROMISE(ranges_beyond_vcnt_do_nothing)
{
	struct mtrr_state s = plain(MEMTYPE_WB);

	set(&s, 10, 0, GIB, MEMTYPE_UC);
	assert_int_equal(type_at(&s, 0), MEMTYPE_WB);
	s.cap++;
	assert_int_equal(type_at(&s, 0), MEMTYPE_UC);
}

PROMISE(overlaps_of_all_25_pairs_follow_the_precedence)
{
	for (u32 i = 0; i < ARRAY_SIZE(types); i++) {
		for (u32 j = 0; j < ARRAY_SIZE(types); j++) {
			struct mtrr_state s = plain(MEMTYPE_WP);
			u32 a = types[i], b = types[j], want = MEMTYPE_UC;

			if (a == b)
				want = a;
			if ((a == MEMTYPE_WT && b == MEMTYPE_WB) || (a == MEMTYPE_WB && b == MEMTYPE_WT))
				want = MEMTYPE_WT;
			set(&s, 0, 0, 2 * GIB, a);
			set(&s, 1, GIB, GIB, b);
			assert_int_equal(type_at(&s, GIB), want);
			assert_int_equal(type_at(&s, 0), a);
		}
	}
}

PROMISE(uncacheable_wins_over_any_number_of_ranges)
{
	struct mtrr_state s = plain(MEMTYPE_WB);

	set(&s, 0, 0, GIB, MEMTYPE_WB);
	set(&s, 1, 0, GIB, MEMTYPE_UC);
	set(&s, 2, 0, GIB, MEMTYPE_WT);
	set(&s, 3, 0, GIB, MEMTYPE_WB);
	assert_int_equal(type_at(&s, 0), MEMTYPE_UC);
	s.variable[1].mask = 0;
	assert_int_equal(type_at(&s, 0), MEMTYPE_WT);
}

PROMISE(each_fixed_range_has_its_byte)
{
	struct mtrr_state s = plain(MEMTYPE_WB);
	static const struct { u32 start, size, count, first; } groups[] = {
		{ 0, 0x10000, 8, 0 }, { 0x80000, 0x4000, 16, 1 }, { 0xc0000, 0x1000, 64, 3 },
	};

	s.def_type |= MTRR_DEF_FE;
	for (u32 g = 0; g < ARRAY_SIZE(groups); g++) {
		for (u32 i = 0; i < groups[g].count; i++) {
			u64 at = groups[g].start + i * groups[g].size;

			for (u32 n = 0; n < MTRR_FIXED_COUNT; n++)
				s.fixed[n] = ALL((u64)MEMTYPE_WB);
			s.fixed[groups[g].first + i / 8] ^= (u64)(MEMTYPE_WB ^ MEMTYPE_WT) << (i % 8 * 8);
			assert_int_equal(type_at(&s, at), MEMTYPE_WT);
			assert_int_equal(type_at(&s, at + groups[g].size - 1), MEMTYPE_WT);
			assert_int_equal(type_at(&s, at + groups[g].size), MEMTYPE_WB);
			if (at != 0) {
				assert_int_equal(type_at(&s, at - 1), MEMTYPE_WB);
				assert_true(until(&s, 0) == at);
			}
			assert_true(until(&s, at) == at + groups[g].size);
		}
	}
}

PROMISE(fixed_ranges_override_variable_ones_below_1_mib_alone)
{
	struct mtrr_state s = plain(MEMTYPE_WB);

	set(&s, 0, 0, GIB, MEMTYPE_UC);
	for (u32 n = 0; n < MTRR_FIXED_COUNT; n++)
		s.fixed[n] = ALL((u64)MEMTYPE_WP);
	assert_int_equal(type_at(&s, 0xfffff), MEMTYPE_UC);
	s.def_type |= MTRR_DEF_FE;
	assert_int_equal(type_at(&s, 0xfffff), MEMTYPE_WP);
	assert_int_equal(type_at(&s, 0x100000), MEMTYPE_UC);
	assert_true(until(&s, 0) == MIB);
}

PROMISE(uniform_low_memory_allows_a_large_page)
{
	struct mtrr_state s = plain(MEMTYPE_WB);

	for (u32 n = 0; n < MTRR_FIXED_COUNT; n++)
		s.fixed[n] = ALL((u64)MEMTYPE_WB);
	s.def_type |= MTRR_DEF_FE;
	assert_true(until(&s, 0) == END);
}

PROMISE(scattered_masks_match_by_their_bits)
{
	struct mtrr_state s = plain(MEMTYPE_WB);

	s.variable[0].base = 0x10000000 | MEMTYPE_UC;	/* every second 1 MiB of a 32 MiB piece */
	s.variable[0].mask = (MASK(32 * MIB) | MIB);
	for (u64 at = 0x10000000; at < 0x10000000 + 32 * MIB; at += MIB) {
		assert_int_equal(type_at(&s, at), at & MIB ? MEMTYPE_WB : MEMTYPE_UC);
		assert_true(until(&s, at + 0x5000) == at + MIB || until(&s, at + 0x5000) == END ||
			    at + MIB == 0x10000000 + 32 * MIB);
	}
	assert_int_equal(type_at(&s, 0x10000000 + 32 * MIB), MEMTYPE_WB);
}

/* The rules once more, page by page and without any cleverness. */
static u32 model_type(const struct mtrr_state *s, u64 at)
{
	bool seen[8] = { false };
	u32 kinds = 0, last = 0;

	if (!(s->def_type & MTRR_DEF_E))
		return MEMTYPE_UC;
	if (at < MIB && (s->def_type & MTRR_DEF_FE)) {
		u32 n = (u32)(at < 0x80000 ? at / 0x10000 : at < 0xc0000 ? 8 + (at - 0x80000) / 0x4000
								  : 24 + (at - 0xc0000) / 0x1000);
		return ((const u8 *)s->fixed)[n];
	}
	for (u32 i = 0; i < (s->cap & 0xff); i++) {
		u64 mask = s->variable[i].mask & (END - 1) & ~0xfffull;

		if ((s->variable[i].mask & MTRR_MASK_VALID) && (at & mask) == (s->variable[i].base & mask))
			seen[s->variable[i].base & 7] = true;
	}
	for (u32 t = 0; t < 8; t++) {
		if (seen[t]) {
			kinds++;
			last = t;
		}
	}
	if (kinds == 0)
		return s->def_type & 7;
	if (kinds == 1)
		return last;
	return kinds == 2 && seen[MEMTYPE_WT] && seen[MEMTYPE_WB] ? MEMTYPE_WT : MEMTYPE_UC;
}

static void random_state(struct mtrr_state *s, u32 *seed)
{
	*s = plain(types[random_next(seed) % 5]);
	if (random_next(seed) % 2)
		s->def_type |= MTRR_DEF_FE;
	for (u32 i = 0; i < MTRR_FIXED_COUNT * 8; i++)
		((u8 *)s->fixed)[i] = types[random_next(seed) % 5];
	for (u32 n = random_next(seed) % 5; n > 0; n--) {
		u64 size = 0x1000ull << random_next(seed) % 12;

		set(s, n, (random_next(seed) % 2048) * 0x1000 & ~(size - 1), size, types[random_next(seed) % 5]);
		if (random_next(seed) % 4 == 0)
			s->variable[n].mask ^= 0x1000ull << random_next(seed) % 12;
	}
}

PROMISE(random_states_agree_with_the_model_page_by_page)
{
	u32 seed = 5;

	for (u32 round = 0; round < 500; round++) {
		struct mtrr_state s;
		u64 end = 0;

		random_state(&s, &seed);
		for (u64 at = 0; at < 16 * MIB; at += 0x1000) {
			u64 now = until(&s, at);

			assert_int_equal(type_at(&s, at), model_type(&s, at));
			assert_true(now > at && now <= END && now % 0x1000 == 0);
			if (at < end)		/* still in the piece that an earlier answer called constant */
				assert_int_equal(type_at(&s, at), type_at(&s, at - 0x1000));
			end = MAX(end, now);
		}
	}
}

PROMISE(registers_take_what_a_cpu_takes)
{
	for (u32 type = 0; type < 256; type++) {
		bool valid = type < 7 && type != 2 && type != 3;

		assert_int_equal(mtrr_msr_valid(MSR_MTRR_DEF_TYPE, type | 0xc00, WIDTH, CAP), valid);
		assert_int_equal(mtrr_msr_valid(MSR_MTRR_PHYSBASE0, type | 0x1000, WIDTH, CAP), valid);
		for (u32 n = 0; n < 8; n++)
			assert_int_equal(mtrr_msr_valid(MSR_MTRR_FIX4K_C0000 + 3, (u64)type << (8 * n), WIDTH, CAP), valid);
	}
}

PROMISE(reserved_bits_fault)
{
	for (u32 bit = 8; bit < 64; bit++) {
		bool address = bit >= 12 && bit < WIDTH;

		assert_int_equal(mtrr_msr_valid(MSR_MTRR_DEF_TYPE, 1ull << bit, WIDTH, CAP), bit == 10 || bit == 11);
		assert_int_equal(mtrr_msr_valid(MSR_MTRR_PHYSBASE0 + 18, 1ull << bit, WIDTH, CAP), address);
		assert_int_equal(mtrr_msr_valid(MSR_MTRR_PHYSBASE0 + 19, 1ull << bit, WIDTH, CAP), address || bit == 11);
	}
	for (u32 bit = 0; bit < 8; bit++)
		assert_false(mtrr_msr_valid(MSR_MTRR_PHYSBASE0 + 1, 1ull << bit, WIDTH, CAP));
}

PROMISE(registers_the_cpu_lacks_fault)
{
	struct mtrr_state s = plain(0);
	u64 value;

	assert_false(mtrr_write(&s, MSR_MTRRCAP, 0, WIDTH));
	assert_true(mtrr_read(&s, MSR_MTRRCAP, &value));
	assert_true(value == CAP);
	assert_true(mtrr_is_msr(MSR_MTRR_PHYSBASE0 + 19, CAP));
	assert_false(mtrr_is_msr(MSR_MTRR_PHYSBASE0 + 20, CAP));
	assert_false(mtrr_read(&s, MSR_MTRR_PHYSBASE0 + 20, &value));
	assert_false(mtrr_write(&s, MSR_MTRR_PHYSBASE0 + 20, 0, WIDTH));
	assert_false(mtrr_is_msr(0x251, CAP));
	assert_false(mtrr_is_msr(0x25a, CAP));
	assert_false(mtrr_is_msr(0x270, CAP));
	assert_false(mtrr_is_msr(0x1ff, CAP));
	assert_false(mtrr_is_msr(MSR_MTRR_FIX64K_00000, CAP & ~MTRR_CAP_FIX));
	assert_false(mtrr_is_msr(MSR_MTRR_PHYSBASE0 + 2 * MTRR_VARIABLE_MAX, 0xff));
	assert_false(mtrr_msr_valid(MSR_MTRR_PHYSBASE0, MEMTYPE_WC, WIDTH, CAP & ~MTRR_CAP_WC));
}

PROMISE(what_is_written_is_read_back)
{
	static const u32 fixed[] = { 0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f };
	struct mtrr_state s = plain(0);
	u64 value;

	for (u32 i = 0; i < ARRAY_SIZE(fixed); i++)
		assert_true(mtrr_write(&s, fixed[i], (u64)types[i % 5] << (i % 8 * 8), WIDTH));
	for (u32 i = 0; i < 20; i++)
		assert_true(mtrr_write(&s, MSR_MTRR_PHYSBASE0 + i, (u64)(i + 1) << 12, WIDTH));
	assert_true(mtrr_write(&s, MSR_MTRR_DEF_TYPE, 0xc06, WIDTH));

	for (u32 i = 0; i < ARRAY_SIZE(fixed); i++) {
		assert_true(mtrr_read(&s, fixed[i], &value));
		assert_true(value == (u64)types[i % 5] << (i % 8 * 8));
		assert_true(s.fixed[i] == value);
	}
	for (u32 i = 0; i < 20; i++) {
		assert_true(mtrr_read(&s, MSR_MTRR_PHYSBASE0 + i, &value));
		assert_true(value == (u64)(i + 1) << 12);
	}
	assert_true(s.def_type == 0xc06);
	assert_false(mtrr_write(&s, MSR_MTRR_DEF_TYPE, 2, WIDTH));
	assert_true(s.def_type == 0xc06);
}

RUN(T(disabled_mtrrs_make_everything_uncacheable), T(the_default_type_holds_where_no_range_matches),
    T(a_variable_range_covers_exactly_its_bytes), T(a_range_that_is_not_valid_does_nothing),
    T(ranges_beyond_vcnt_do_nothing), T(overlaps_of_all_25_pairs_follow_the_precedence),
    T(uncacheable_wins_over_any_number_of_ranges), T(each_fixed_range_has_its_byte),
    T(fixed_ranges_override_variable_ones_below_1_mib_alone), T(uniform_low_memory_allows_a_large_page),
    T(scattered_masks_match_by_their_bits), T(random_states_agree_with_the_model_page_by_page),
    T(registers_take_what_a_cpu_takes), T(reserved_bits_fault), T(registers_the_cpu_lacks_fault),
    T(what_is_written_is_read_back))
