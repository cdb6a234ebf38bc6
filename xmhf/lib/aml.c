/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading Name (_Sx_, Package {…}) from AML bytes (ACPI specification 20.2): a cursor that
 * can't leave its bytes.
 */
#include "aml.h"

enum {				/* 20.3 */
	AML_ZERO = 0x00,
	AML_ONE = 0x01,
	AML_NAME = 0x08,
	AML_BYTE = 0x0a,
	AML_WORD = 0x0b,
	AML_DWORD = 0x0c,
	AML_QWORD = 0x0e,
	AML_PACKAGE = 0x12,
	AML_ONES = 0xff,
};

#define SLP_TYP_MAX	7u

struct cursor {
	const u8 *at;
	const u8 *end;
};

/* The next @n bytes as a number, lowest first; false at the end. */
static bool take(struct cursor *c, u32 n, u64 *out)
{
	*out = 0;
	if ((size_t)(c->end - c->at) < n)
		return false;
	for (u32 i = 0; i < n; i++)
		*out |= (u64)*c->at++ << (8 * i);
	return true;
}

static bool take_byte(struct cursor *c, u8 expected)
{
	if (c->at == c->end || *c->at != expected)
		return false;
	c->at++;
	return true;
}

/* "_Sn_", perhaps from the root. */
static bool take_name(struct cursor *c, u32 state)
{
	take_byte(c, '\\');
	return take_byte(c, '_') && take_byte(c, 'S') && take_byte(c, (u8)('0' + state)) &&
	       take_byte(c, '_');
}

/* 20.2.4: cuts the cursor to the package whose length comes next. */
static bool take_package_length(struct cursor *c)
{
	const u8 *start = c->at;
	u64 lead, more;
	u32 extra;

	if (!take(c, 1, &lead))
		return false;
	extra = (u32)lead >> 6;
	if (!take(c, extra, &more))
		return false;
	if (extra != 0)
		lead = (lead & 0x0f) | more << 4;
	if (lead < (u64)(c->at - start) || lead > (u64)(c->end - start))
		return false;
	c->end = start + (size_t)lead;
	return true;
}

static bool take_integer(struct cursor *c, u64 *out)
{
	u64 op;

	if (!take(c, 1, &op))
		return false;
	switch (op) {
	case AML_ZERO:
	case AML_ONE:
		*out = op;
		return true;
	case AML_ONES:
		*out = ~0ull;
		return true;
	case AML_BYTE:
		return take(c, 1, out);
	case AML_WORD:
		return take(c, 2, out);
	case AML_DWORD:
		return take(c, 4, out);
	case AML_QWORD:
		return take(c, 8, out);
	default:
		return false;
	}
}

/* What comes after the Name operator. */
static bool take_sleep(struct cursor c, u32 state, u8 *slp_typ_a, u8 *slp_typ_b)
{
	u64 count, a, b;

	if (!take_name(&c, state) || !take_byte(&c, AML_PACKAGE) || !take_package_length(&c))
		return false;
	if (!take(&c, 1, &count) || count == 0 || !take_integer(&c, &a))
		return false;
	if (count == 1) {
		b = a >> 8;
		a &= 0xff;
	} else if (!take_integer(&c, &b)) {
		return false;
	}
	if (a > SLP_TYP_MAX || b > SLP_TYP_MAX)
		return false;
	*slp_typ_a = (u8)a;
	*slp_typ_b = (u8)b;
	return true;
}

bool aml_find_sleep(const u8 *aml, u32 length, u32 state, u8 *slp_typ_a, u8 *slp_typ_b)
{
	for (u32 i = 0; i < length; i++) {
		struct cursor c = { aml + i + 1, aml + length };

		if (aml[i] == AML_NAME && take_sleep(c, state, slp_typ_a, slp_typ_b))
			return true;
	}
	return false;
}
