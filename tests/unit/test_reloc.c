/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Relocation of an image, and refusal of every entry that isn't a plain RELATIVE inside it.
 * Links: xmhf/lib/reloc.c
 */
#include "unit.h"

#include "lib/reloc.h"

#define BASE64	0x123456789000ull
#define BASE32	0x10000000u

static u64 get64(const u8 *p) { u64 v; memcpy(&v, p, 8); return v; }
static u32 get32(const u8 *p) { u32 v; memcpy(&v, p, 4); return v; }

PROMISE(rela_entries_become_base_plus_addend)
{
	u8 image[64] = { 0 };
	const struct elf64_rela table[] = {
		{ 0, R_X86_64_RELATIVE, 0x20 }, { 13, R_X86_64_RELATIVE, -8 }, { 56, R_X86_64_RELATIVE, 0 },
	};

	image[8] = image[21] = image[55] = 0xaa;
	assert_int_equal(reloc_apply64(image, sizeof(image), BASE64, table, sizeof(table)), RELOC_OK);
	assert_true(get64(image) == BASE64 + 0x20);
	assert_true(get64(image + 13) == BASE64 - 8);
	assert_true(get64(image + 56) == BASE64);
	assert_int_equal(image[8], 0xaa);
	assert_int_equal(image[21], 0xaa);
	assert_int_equal(image[55], 0xaa);
}

PROMISE(rel_entries_add_the_base_in_place)
{
	u8 image[32] = { 0 };
	const struct elf32_rel table[] = { { 0, R_386_RELATIVE }, { 5, R_386_RELATIVE }, { 28, R_386_RELATIVE } };

	image[0] = 0x44;
	image[8] = 0xf0;	/* the place at 5 wraps round 4 GiB */
	image[28] = 1;
	assert_int_equal(reloc_apply32(image, sizeof(image), BASE32, table, sizeof(table)), RELOC_OK);
	assert_true(get32(image) == BASE32 + 0x44);
	assert_true(get32(image + 5) == 0);
	assert_true(get32(image + 28) == BASE32 + 1);
}

PROMISE(a_place_that_sticks_out_is_refused)
{
	static const u64 outside[] = { 57, 63, 64, 65, 1ull << 32, ~0ull, ~0ull - 7 };
	u8 image[64] = { 0 }, before[64] = { 0 };

	for (u32 i = 0; i < ARRAY_SIZE(outside); i++) {
		struct elf64_rela rela = { outside[i], R_X86_64_RELATIVE, 1 };

		assert_int_equal(reloc_apply64(image, 64, BASE64, &rela, sizeof(rela)), RELOC_OUTSIDE);
	}
	for (u32 at = 61; at < 70; at++) {
		struct elf32_rel rel = { at, R_386_RELATIVE };

		assert_int_equal(reloc_apply32(image, 64, BASE32, &rel, sizeof(rel)), RELOC_OUTSIDE);
	}
	assert_memory_equal(image, before, 64);
}

PROMISE(an_image_smaller_than_a_place_takes_none)
{
	u8 image[4] = { 0 };
	struct elf64_rela rela = { 0, R_X86_64_RELATIVE, 1 };
	struct elf32_rel rel = { 0, R_386_RELATIVE };

	assert_int_equal(reloc_apply64(image, 4, BASE64, &rela, sizeof(rela)), RELOC_OUTSIDE);
	assert_int_equal(reloc_apply64(image, 0, BASE64, &rela, sizeof(rela)), RELOC_OUTSIDE);
	assert_int_equal(reloc_apply32(image, 3, BASE32, &rel, sizeof(rel)), RELOC_OUTSIDE);
	assert_int_equal(reloc_apply32(image, 4, BASE32, &rel, sizeof(rel)), RELOC_OK);
}

PROMISE(other_types_and_symbols_are_refused)
{
	u8 image[64] = { 0 };

	for (u64 type = 0; type < 64; type++) {
		struct elf64_rela rela = { 0, type, 1 };
		struct elf32_rel rel = { 0, (u32)type };
		bool relative = type == 8;

		assert_int_equal(reloc_apply64(image, 64, 0, &rela, sizeof(rela)), relative ? RELOC_OK : RELOC_BAD_TYPE);
		assert_int_equal(reloc_apply32(image, 64, 0, &rel, sizeof(rel)), relative ? RELOC_OK : RELOC_BAD_TYPE);
	}
	assert_int_equal(reloc_apply64(image, 64, 0, &(struct elf64_rela){ 0, 1ull << 32 | 8, 1 }, 24), RELOC_BAD_TYPE);
	assert_int_equal(reloc_apply32(image, 64, 0, &(struct elf32_rel){ 0, 1 << 8 | 8 }, 8), RELOC_BAD_TYPE);
}

PROMISE(half_an_entry_is_refused_and_no_entry_is_fine)
{
	u8 image[64] = { 0 };
	struct elf64_rela rela = { 0, R_X86_64_RELATIVE, 1 };
	struct elf32_rel rel = { 0, R_386_RELATIVE };

	assert_int_equal(reloc_apply64(image, 64, 0, &rela, 23), RELOC_BAD_SIZE);
	assert_int_equal(reloc_apply32(image, 64, 0, &rel, 7), RELOC_BAD_SIZE);
	assert_int_equal(reloc_apply64(image, 64, 0, NULL, 0), RELOC_OK);
	assert_int_equal(reloc_apply32(image, 64, 0, NULL, 0), RELOC_OK);
}

RUN(T(rela_entries_become_base_plus_addend), T(rel_entries_add_the_base_in_place),
    T(a_place_that_sticks_out_is_refused), T(an_image_smaller_than_a_place_takes_none),
    T(other_types_and_symbols_are_refused), T(half_an_entry_is_refused_and_no_entry_is_fine))
