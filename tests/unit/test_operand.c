/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operands of VMX instructions: the information field bit by bit, every form of address in every mode, and who
 * faults with what.
 * Links: xmhf/runtime/nested/operand.c xmhf/lib/walk.c
 */
#include "unit.h"

#include "nested/operand.h"

#define NONE		OPERAND_NO_REGISTER
#define NO_BASE		BIT(27)
#define NO_INDEX	BIT(22)
#define INFO(scale, size, segment, index, base)	((scale) | (size) << 7 | (u32)(segment) << 15 | (index) | (base))
#define INDEX(n)	((u32)(n) << 18)
#define BASE(n)		((u32)(n) << 23)

#define DATA_RW		0xc093u		/* present, flat data, writable, big */
#define DATA_RO		0xc091u
#define DOWN_RW		0xc097u
#define DOWN_16		0x8097u
#define CODE_RX		0xc09bu
#define CODE_X		0xc099u
#define UNUSABLE	0x10000u
#define FLAT		0xffffffffu

#define GP		OPERAND_PROTECTION_FAULT
#define SS		OPERAND_STACK_FAULT

static const uptr gpr[16] = {
	[0] = 0x1000, [1] = 0x2000, [2] = 0xffffffff00000010, [3] = 0x12340008, [4] = 0x7ff0, [5] = 0x8ff0, [6] = 4,
	[7] = 0xfffffffffffffffc, [8] = 0x0000800000000000, [9] = 0x00007ffffffffff8, [15] = 0xffff800000000000,
};

PROMISE(the_field_is_taken_apart_as_the_tables_say)
{
	static const struct { u32 info; struct operand is; } cases[] = {
		{ 0x00000000, { .address_bits = 16 } },
		{ 0x00000003, { .address_bits = 16, .scale = 3 } },
		{ 0x00000078, { .address_bits = 16, .reg1 = 15 } },
		{ 0x00000080, { .address_bits = 32 } },
		{ 0x00000100, { .address_bits = 64 } },
		{ 0x00000400, { .address_bits = 16, .in_register = true } },
		{ 0x00000420, { .address_bits = 16, .in_register = true, .reg1 = 4, .needs_rsp = true } },
		{ 0x00018000, { .address_bits = 16, .segment = OPERAND_DS } },
		{ 0x00028000, { .address_bits = 16, .segment = OPERAND_GS } },
		{ 0x003c0000, { .address_bits = 16, .index = 15 } },
		{ 0x00400000, { .address_bits = 16, .index = NONE } },
		{ 0x00500000, { .address_bits = 16, .index = NONE } },
		{ 0x07800000, { .address_bits = 16, .base = 15 } },
		{ 0x0a000000, { .address_bits = 16, .base = NONE } },
		{ 0x02000000, { .address_bits = 16, .base = 4, .needs_rsp = true } },
		{ 0x02000400, { .address_bits = 16, .base = 4, .in_register = true } },
		{ 0x40000000, { .address_bits = 16, .reg2 = 4, .needs_rsp = true } },
		{ 0xf0000000, { .address_bits = 16, .reg2 = 15 } },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct operand got = operand_decode(cases[i].info), want = cases[i].is;

		assert_int_equal(got.in_register, want.in_register);
		assert_int_equal(got.reg1, want.reg1);
		assert_int_equal(got.reg2, want.reg2);
		assert_int_equal(got.segment, want.segment);
		assert_int_equal(got.address_bits, want.address_bits);
		assert_int_equal(got.base, want.base);
		assert_int_equal(got.index, want.index);
		assert_int_equal(got.scale, want.scale);
		assert_int_equal(got.needs_rsp, want.needs_rsp);
	}
}

PROMISE(values_the_tables_lack_are_read_as_their_nearest)
{
	struct operand o = operand_decode(0x7u << 7 | 7u << 15);

	assert_int_equal(o.address_bits, 64);
	assert_int_equal(o.segment, OPERAND_GS);
}

struct form {
	u32 info;
	u64 displacement;
	enum operand_mode mode;
	u64 base;
	u64 linear;
};

static void forms_are(const struct form *forms, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		const struct form *f = &forms[i];
		struct operand o = operand_decode(f->info);
		struct operand_cpu cpu = { f->mode, 0, f->base, FLAT, DATA_RW, gpr };
		u64 linear;

		assert_int_equal(operand_address(&o, &cpu, (struct operand_access){ f->displacement, 8, true }, &linear), 0);
		assert_int_equal(linear, f->linear);
	}
}

PROMISE(every_form_of_address_adds_up_in_every_mode)
{
	static const struct form forms[] = {
		/* 16 bits: offsets wrap at 64 KiB, the base is added after. */
		{ INFO(0, 0, OPERAND_DS, NO_INDEX, NO_BASE), 0x1234, OPERAND_UNPROTECTED, 0x50, 0x1284 },
		{ INFO(0, 0, OPERAND_DS, INDEX(6), BASE(3)), 0xffff, OPERAND_UNPROTECTED, 0xffff0, 0xffffb },
		{ INFO(0, 0, OPERAND_SS, INDEX(6), BASE(5)), 0x10, OPERAND_PROTECTED, 0x10000, 0x19004 },
		{ INFO(0, 0, OPERAND_DS, INDEX(7), BASE(3)), 0xdead0000, OPERAND_PROTECTED, 0, 4 },
		/* 32 bits */
		{ INFO(0, 1, OPERAND_ES, NO_INDEX, NO_BASE), 0xfffffffffffffff0, OPERAND_PROTECTED, 0x20, 0x10 },
		{ INFO(2, 1, OPERAND_DS, INDEX(1), BASE(0)), 8, OPERAND_PROTECTED, 0, 0x9008 },
		{ INFO(3, 1, OPERAND_FS, INDEX(1), NO_BASE), 8, OPERAND_PROTECTED, 0x100, 0x10108 },
		{ INFO(0, 1, OPERAND_DS, NO_INDEX, BASE(2)), 0, OPERAND_PROTECTED, 0, 0x10 },
		{ INFO(0, 1, OPERAND_GS, NO_INDEX, BASE(0)), 0, OPERAND_PROTECTED, 0xfffff800, 0x800 },
		{ INFO(1, 1, OPERAND_DS, INDEX(7), BASE(0)), 0, OPERAND_PROTECTED, 0, 0xff8 },
		/* 64 bits: bases of FS and GS alone. */
		{ INFO(0, 2, OPERAND_DS, NO_INDEX, BASE(0)), 0, OPERAND_64BIT, 0x100, 0x1000 },
		{ INFO(0, 2, OPERAND_CS, NO_INDEX, BASE(0)), 0, OPERAND_64BIT, 0x100, 0x1000 },
		{ INFO(0, 2, OPERAND_ES, NO_INDEX, BASE(0)), 0, OPERAND_64BIT, 0x100, 0x1000 },
		{ INFO(0, 2, OPERAND_SS, NO_INDEX, BASE(4)), 0xfffffffffffffff0, OPERAND_64BIT, 0x100, 0x7fe0 },
		{ INFO(0, 2, OPERAND_FS, NO_INDEX, BASE(0)), 0, OPERAND_64BIT, 0x100, 0x1100 },
		{ INFO(0, 2, OPERAND_GS, NO_INDEX, NO_BASE), 0x10, OPERAND_64BIT, 0xffff800000000000, 0xffff800000000010 },
		{ INFO(3, 2, OPERAND_DS, INDEX(6), BASE(15)), 0x10, OPERAND_64BIT, 0, 0xffff800000000030 },
		{ INFO(0, 2, OPERAND_DS, NO_INDEX, NO_BASE), 0x401234, OPERAND_64BIT, 0, 0x401234 },	/* RIP-relative */
		{ INFO(1, 2, OPERAND_DS, INDEX(7), BASE(0)), 0, OPERAND_64BIT, 0, 0xff8 },
		/* 32-bit addresses in 64-bit mode: cut, then extended by zeros, then the base in full. */
		{ INFO(0, 1, OPERAND_DS, NO_INDEX, BASE(2)), 0, OPERAND_64BIT, 0, 0x10 },
		{ INFO(0, 1, OPERAND_DS, NO_INDEX, BASE(7)), 0, OPERAND_64BIT, 0, 0xfffffffc },
		{ INFO(0, 1, OPERAND_FS, NO_INDEX, BASE(7)), 0, OPERAND_64BIT, 0x100000000, 0x1fffffffc },
	};

	forms_are(forms, ARRAY_SIZE(forms));
}

struct check {
	u32 segment;
	enum operand_mode mode;
	u32 limit, rights;
	u64 offset;
	u32 bytes;
	bool write;
	enum operand_fault fault;
};

static enum operand_fault check(const struct check *c, u64 base, u64 cr4)
{
	struct operand o = operand_decode(INFO(0, 2, c->segment, NO_INDEX, NO_BASE));
	struct operand_cpu cpu = { c->mode, cr4, base, c->limit, c->rights, gpr };
	u64 linear;

	o.address_bits = c->mode == OPERAND_64BIT ? 64 : 32;
	return operand_address(&o, &cpu, (struct operand_access){ c->offset, c->bytes, c->write }, &linear);
}

static void checks_are(const struct check *checks, u32 count, u64 base, u64 cr4)
{
	for (u32 i = 0; i < count; i++)
		assert_int_equal(check(&checks[i], base, cr4), checks[i].fault);
}

PROMISE(limits_hold_for_the_last_byte_and_name_the_stack)
{
	static const struct check checks[] = {
		{ OPERAND_DS, OPERAND_PROTECTED, 0xfff, DATA_RW, 0xff8, 8, false, 0 },
		{ OPERAND_DS, OPERAND_PROTECTED, 0xfff, DATA_RW, 0xff9, 8, false, GP },
		{ OPERAND_SS, OPERAND_PROTECTED, 0xfff, DATA_RW, 0xff9, 8, false, SS },
		{ OPERAND_CS, OPERAND_PROTECTED, 0xfff, CODE_RX, 0xff1, 16, false, GP },
		{ OPERAND_ES, OPERAND_UNPROTECTED, 0xffff, DATA_RW, 0xfff8, 8, true, 0 },
		{ OPERAND_ES, OPERAND_UNPROTECTED, 0xffff, DATA_RW, 0xfffc, 8, true, GP },
		{ OPERAND_SS, OPERAND_UNPROTECTED, 0xffff, DATA_RW, 0xfffc, 8, true, SS },
		{ OPERAND_FS, OPERAND_PROTECTED, 0, DATA_RW, 0, 1, false, 0 },
		{ OPERAND_FS, OPERAND_PROTECTED, 0, DATA_RW, 0, 2, false, GP },
		{ OPERAND_GS, OPERAND_PROTECTED, FLAT, DATA_RW, 0xfffffffc, 8, false, GP },
	};

	checks_are(checks, ARRAY_SIZE(checks), 0x1000, 0);
}

PROMISE(a_flat_segment_wraps)
{
	static const struct check checks[] = {
		{ OPERAND_DS, OPERAND_PROTECTED, FLAT, DATA_RW, 0xfffffffc, 8, false, 0 },
		{ OPERAND_DS, OPERAND_PROTECTED, FLAT - 1, DATA_RW, 0xfffffffc, 8, false, GP },
	};

	checks_are(checks, ARRAY_SIZE(checks), 0, 0);
}

PROMISE(expand_down_segments_begin_above_their_limit)
{
	static const struct check checks[] = {
		{ OPERAND_DS, OPERAND_PROTECTED, 0xfff, DOWN_RW, 0x1000, 8, true, 0 },
		{ OPERAND_DS, OPERAND_PROTECTED, 0xfff, DOWN_RW, 0xfff, 8, true, GP },
		{ OPERAND_SS, OPERAND_PROTECTED, 0xfff, DOWN_RW, 0xfff, 8, true, SS },
		{ OPERAND_DS, OPERAND_PROTECTED, 0xfff, DOWN_RW, 0xfffffff8, 8, true, 0 },
		{ OPERAND_DS, OPERAND_PROTECTED, 0xfff, DOWN_RW, 0xfffffff9, 8, true, GP },
		{ OPERAND_DS, OPERAND_PROTECTED, 0xfff, DOWN_16, 0xfff8, 8, true, 0 },
		{ OPERAND_DS, OPERAND_PROTECTED, 0xfff, DOWN_16, 0xfff9, 8, true, GP },
		/* of code the same bit means conforming */
		{ OPERAND_CS, OPERAND_PROTECTED, 0xfff, 0xc09f, 0xff8, 8, false, 0 },
	};

	checks_are(checks, ARRAY_SIZE(checks), 0, 0);
}

PROMISE(types_bind_in_protected_mode_alone)
{
	static const struct { u32 rights; bool reads, writes; } types[] = {
		{ DATA_RW, true, true }, { DATA_RO, true, false }, { CODE_RX, true, false }, { CODE_X, false, false },
		{ 0xc09f, true, false }, { 0xc09d, false, false },
	};
	static const struct { enum operand_mode mode; bool checked; } modes[] = {
		{ OPERAND_UNPROTECTED, false }, { OPERAND_PROTECTED, true }, { OPERAND_64BIT, false },
	};

	for (u32 i = 0; i < ARRAY_SIZE(types); i++)
		for (u32 n = 0; n < ARRAY_SIZE(modes); n++)
			for (u32 write = 0; write < 2; write++) {
				struct check c = { OPERAND_ES, modes[n].mode, FLAT, types[i].rights, 0, 8, write, GP };

				if (!modes[n].checked || (write ? types[i].writes : types[i].reads))
					c.fault = OPERAND_OK;
				checks_are(&c, 1, 0, 0);
			}
}

PROMISE(unusable_segments_fault_outside_64_bit_mode)
{
	static const struct check checks[] = {
		{ OPERAND_DS, OPERAND_PROTECTED, FLAT, UNUSABLE | DATA_RW, 0, 8, false, GP },
		{ OPERAND_GS, OPERAND_PROTECTED, FLAT, UNUSABLE, 0, 8, false, GP },
		{ OPERAND_SS, OPERAND_PROTECTED, FLAT, UNUSABLE | DATA_RW, 0, 8, false, SS },
		{ OPERAND_DS, OPERAND_64BIT, 0, UNUSABLE, 0x1234567890, 8, true, 0 },
		{ OPERAND_FS, OPERAND_64BIT, 0, UNUSABLE, 0x1234567890, 8, true, 0 },
	};

	checks_are(checks, ARRAY_SIZE(checks), 0, 0);
}

PROMISE(addresses_are_canonical_from_first_byte_to_last)
{
	static const struct check checks[] = {
		{ OPERAND_DS, OPERAND_64BIT, 0, 0, 0x00007ffffffffff8, 8, false, 0 },
		{ OPERAND_DS, OPERAND_64BIT, 0, 0, 0x00007ffffffffff9, 8, false, GP },
		{ OPERAND_SS, OPERAND_64BIT, 0, 0, 0x00007ffffffffff9, 8, false, SS },
		{ OPERAND_DS, OPERAND_64BIT, 0, 0, 0x0000800000000000, 8, false, GP },
		{ OPERAND_SS, OPERAND_64BIT, 0, 0, 0xffff7fffffffffff, 8, false, SS },
		{ OPERAND_ES, OPERAND_64BIT, 0, 0, 0xffff800000000000, 8, false, 0 },
		{ OPERAND_DS, OPERAND_64BIT, 0, 0, 0xfffffffffffffffc, 8, false, 0 },
	};
	static const struct check wide = { OPERAND_DS, OPERAND_64BIT, 0, 0, 0x0000800000000000, 8, false, 0 };
	static const struct check fs = { OPERAND_FS, OPERAND_64BIT, 0, 0, 0x00007ffffffffff8, 8, false, GP };

	checks_are(checks, ARRAY_SIZE(checks), 0, 0);
	checks_are(&wide, 1, 0, BIT64(12));
	checks_are(&fs, 1, 8, 0);
}

RUN(
	T(the_field_is_taken_apart_as_the_tables_say),
	T(values_the_tables_lack_are_read_as_their_nearest),
	T(every_form_of_address_adds_up_in_every_mode),
	T(limits_hold_for_the_last_byte_and_name_the_stack),
	T(a_flat_segment_wraps),
	T(expand_down_segments_begin_above_their_limit),
	T(types_bind_in_protected_mode_alone),
	T(unusable_segments_fault_outside_64_bit_mode),
	T(addresses_are_canonical_from_first_byte_to_last))
