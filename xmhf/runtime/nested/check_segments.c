/* SPDX-License-Identifier: BSD-2-Clause */
/* VM-entry checks of the guest's segment registers: SDM 27.3.1.2, by part of the register as there. */
#include "machine/cpu_insn.h"
#include "nested/checks.h"

/* Access rights (table 25-2). */
#define TYPE(s)		((s)->ar & 15)
#define DPL(s)		((s)->ar >> 5 & 3)
#define RPL(s)		((s)->selector & 3)
#define USABLE(s)	(!((s)->ar & AR_UNUSABLE))
#define AR_CODE_DATA	BIT(4)
#define AR_PRESENT	BIT(7)
#define AR_DB		BIT(14)
#define AR_GRANULARITY	BIT(15)
#define AR_UNUSABLE	BIT(16)
#define AR_RESERVED	0xfffe0f00u
#define AR_V86		0xf3u
#define SELECTOR_TI	BIT(2)

#define TYPE_CODE	BIT(3)
#define TYPE_READABLE	BIT(1)
#define TYPE_ACCESSED	BIT(0)
#define TYPE_LDT	2u
#define TYPE_DATA_RW	3u	/* read/write, accessed; of a TSS: 16-bit, busy */
#define TYPE_DATA_DOWN	7u	/* the same, expand-down */
#define TYPE_TSS	11u	/* 32- or 64-bit, busy */

struct segment {
	u64 base;
	u32 limit, ar;
	u16 selector;
};

enum { ES, DS, FS, GS, DATA_SEGMENTS };

struct segments {
	struct segment cs, ss, data[DATA_SEGMENTS], ldtr, tr;
	bool v86, ia32e, unrestricted;
};

#define SEGMENT(name) { m->GUEST_##name##_BASE, m->GUEST_##name##_LIMIT, m->GUEST_##name##_AR, m->GUEST_##name##_SELECTOR }

static bool limit_fits(const struct segment *s)
{
	bool g = s->ar & AR_GRANULARITY;

	return IMPLIES((s->limit & PAGE_MASK) != PAGE_MASK, !g) && IMPLIES(s->limit >> 20, g);
}

static const char *check_selectors(const struct segments *s)
{
	REQUIRE(!(s->tr.selector & SELECTOR_TI), "27.3.1.2 TR selector has TI set");
	REQUIRE(IMPLIES(USABLE(&s->ldtr), !(s->ldtr.selector & SELECTOR_TI)), "27.3.1.2 LDTR selector has TI set");
	REQUIRE(IMPLIES(!s->v86 && !s->unrestricted, RPL(&s->ss) == RPL(&s->cs)), "27.3.1.2 SS.RPL isn't CS.RPL");
	return NULL;
}

static bool v86_base(const struct segment *s) { return s->base == (u32)s->selector << 4; }

static const char *check_v86(const struct segments *s)
{
	const struct segment *data = s->data;

	REQUIRE(v86_base(&s->cs), "27.3.1.2 CS base in virtual-8086 mode isn't the selector times 16");
	REQUIRE(v86_base(&s->ss), "27.3.1.2 SS base in virtual-8086 mode isn't the selector times 16");
	for (u32 i = 0; i < DATA_SEGMENTS; i++)
		REQUIRE(v86_base(&data[i]),
			"27.3.1.2 DS, ES, FS or GS base in virtual-8086 mode isn't the selector times 16");
	REQUIRE(s->cs.limit == 0xffff, "27.3.1.2 CS limit in virtual-8086 mode isn't 0xffff");
	REQUIRE(s->ss.limit == 0xffff, "27.3.1.2 SS limit in virtual-8086 mode isn't 0xffff");
	for (u32 i = 0; i < DATA_SEGMENTS; i++)
		REQUIRE(data[i].limit == 0xffff, "27.3.1.2 DS, ES, FS or GS limit in virtual-8086 mode isn't 0xffff");
	REQUIRE(s->cs.ar == AR_V86, "27.3.1.2 CS access rights in virtual-8086 mode aren't 0xf3");
	REQUIRE(s->ss.ar == AR_V86, "27.3.1.2 SS access rights in virtual-8086 mode aren't 0xf3");
	for (u32 i = 0; i < DATA_SEGMENTS; i++)
		REQUIRE(data[i].ar == AR_V86,
			"27.3.1.2 DS, ES, FS or GS access rights in virtual-8086 mode aren't 0xf3");
	return NULL;
}

static const char *check_bases(const struct segments *s, u32 linear_bits)
{
	REQUIRE(canonical(s->tr.base, linear_bits), "27.3.1.2 TR base isn't canonical");
	REQUIRE(canonical(s->data[FS].base, linear_bits), "27.3.1.2 FS base isn't canonical");
	REQUIRE(canonical(s->data[GS].base, linear_bits), "27.3.1.2 GS base isn't canonical");
	REQUIRE(IMPLIES(USABLE(&s->ldtr), canonical(s->ldtr.base, linear_bits)), "27.3.1.2 LDTR base isn't canonical");
	REQUIRE(within(s->cs.base, 32), "27.3.1.2 CS base has one of bits 63:32 set");
	REQUIRE(IMPLIES(USABLE(&s->ss), within(s->ss.base, 32)), "27.3.1.2 SS base has one of bits 63:32 set");
	for (u32 i = ES; i <= DS; i++)
		REQUIRE(IMPLIES(USABLE(&s->data[i]), within(s->data[i].base, 32)),
			"27.3.1.2 DS or ES base has one of bits 63:32 set");
	return NULL;
}

static bool cs_type_valid(const struct segments *s)
{
	u32 type = TYPE(&s->cs);

	return (type & TYPE_CODE && type & TYPE_ACCESSED) || (s->unrestricted && type == TYPE_DATA_RW);
}

static bool cs_dpl_valid(const struct segments *s)
{
	switch (TYPE(&s->cs)) {
	case TYPE_DATA_RW:
		return DPL(&s->cs) == 0;
	case 9:
	case 11:
		return DPL(&s->cs) == DPL(&s->ss);
	default:		/* conforming */
		return DPL(&s->cs) <= DPL(&s->ss);
	}
}

static const char *check_cs(const struct segments *s)
{
	const struct segment *cs = &s->cs;

	REQUIRE(cs_type_valid(s), "27.3.1.2 CS has an invalid type");
	REQUIRE(cs->ar & AR_CODE_DATA, "27.3.1.2 CS is a system segment");
	REQUIRE(cs_dpl_valid(s), "27.3.1.2 CS.DPL doesn't suit SS.DPL");
	REQUIRE(cs->ar & AR_PRESENT, "27.3.1.2 CS isn't present");
	REQUIRE(!(cs->ar & AR_RESERVED), "27.3.1.2 CS access rights have a reserved bit set");
	REQUIRE(IMPLIES(s->ia32e && cs->ar & AR_LONG, !(cs->ar & AR_DB)), "27.3.1.2 CS.D in 64-bit mode");
	REQUIRE(limit_fits(cs), "27.3.1.2 CS limit doesn't suit CS.G");
	return NULL;
}

static const char *check_ss(const struct segments *s, u64 cr0)
{
	const struct segment *ss = &s->ss;

	REQUIRE(IMPLIES(USABLE(ss), TYPE(ss) == TYPE_DATA_RW || TYPE(ss) == TYPE_DATA_DOWN),
		"27.3.1.2 SS has an invalid type");
	REQUIRE(IMPLIES(USABLE(ss), ss->ar & AR_CODE_DATA), "27.3.1.2 SS is a system segment");
	REQUIRE(IMPLIES(!s->unrestricted, DPL(ss) == RPL(ss)), "27.3.1.2 SS.DPL isn't SS.RPL");
	REQUIRE(IMPLIES(TYPE(&s->cs) == TYPE_DATA_RW || !(cr0 & CR0_PE), DPL(ss) == 0),
		"27.3.1.2 SS.DPL isn't 0 in real mode");
	REQUIRE(IMPLIES(USABLE(ss), ss->ar & AR_PRESENT), "27.3.1.2 SS isn't present");
	REQUIRE(IMPLIES(USABLE(ss), !(ss->ar & AR_RESERVED)), "27.3.1.2 SS access rights have a reserved bit set");
	REQUIRE(IMPLIES(USABLE(ss), limit_fits(ss)), "27.3.1.2 SS limit doesn't suit SS.G");
	return NULL;
}

/* @d is usable. */
static const char *check_data(const struct segments *s, const struct segment *d)
{
	bool conforming = TYPE(d) >= 12, code = TYPE(d) & TYPE_CODE;

	REQUIRE(TYPE(d) & TYPE_ACCESSED, "27.3.1.2 DS, ES, FS or GS isn't accessed");
	REQUIRE(IMPLIES(code, TYPE(d) & TYPE_READABLE), "27.3.1.2 DS, ES, FS or GS is code that can't be read");
	REQUIRE(d->ar & AR_CODE_DATA, "27.3.1.2 DS, ES, FS or GS is a system segment");
	REQUIRE(IMPLIES(!s->unrestricted && !conforming, DPL(d) >= RPL(d)),
		"27.3.1.2 DS, ES, FS or GS has DPL below RPL");
	REQUIRE(d->ar & AR_PRESENT, "27.3.1.2 DS, ES, FS or GS isn't present");
	REQUIRE(!(d->ar & AR_RESERVED), "27.3.1.2 DS, ES, FS or GS access rights have a reserved bit set");
	REQUIRE(limit_fits(d), "27.3.1.2 DS, ES, FS or GS limit doesn't suit G");
	return NULL;
}

static const char *check_tr(const struct segments *s)
{
	const struct segment *tr = &s->tr;

	REQUIRE(TYPE(tr) == TYPE_TSS || (!s->ia32e && TYPE(tr) == TYPE_DATA_RW),
		"27.3.1.2 TR isn't a busy TSS of the right size");
	REQUIRE(!(tr->ar & AR_CODE_DATA), "27.3.1.2 TR isn't a system segment");
	REQUIRE(tr->ar & AR_PRESENT, "27.3.1.2 TR isn't present");
	REQUIRE(!(tr->ar & AR_RESERVED), "27.3.1.2 TR access rights have a reserved bit set");
	REQUIRE(limit_fits(tr), "27.3.1.2 TR limit doesn't suit TR.G");
	REQUIRE(USABLE(tr), "27.3.1.2 TR is unusable");
	return NULL;
}

/* @ldtr is usable. */
static const char *check_ldtr(const struct segment *ldtr)
{
	REQUIRE(TYPE(ldtr) == TYPE_LDT, "27.3.1.2 LDTR isn't an LDT");
	REQUIRE(!(ldtr->ar & AR_CODE_DATA), "27.3.1.2 LDTR isn't a system segment");
	REQUIRE(ldtr->ar & AR_PRESENT, "27.3.1.2 LDTR isn't present");
	REQUIRE(!(ldtr->ar & AR_RESERVED), "27.3.1.2 LDTR access rights have a reserved bit set");
	REQUIRE(limit_fits(ldtr), "27.3.1.2 LDTR limit doesn't suit LDTR.G");
	return NULL;
}

static const char *check_protected(const struct segments *s, u64 cr0)
{
	const char *failed = check_cs(s) ?: check_ss(s, cr0);

	for (u32 i = 0; !failed && i < DATA_SEGMENTS; i++)
		if (USABLE(&s->data[i]))
			failed = check_data(s, &s->data[i]);
	return failed;
}

const char *check_guest_segments(const struct vmcs12 *m, const struct entry_facts *f)
{
	const struct segments s = {
		.cs = SEGMENT(CS), .ss = SEGMENT(SS),
		.data = { [ES] = SEGMENT(ES), [DS] = SEGMENT(DS), [FS] = SEGMENT(FS), [GS] = SEGMENT(GS) },
		.ldtr = SEGMENT(LDTR), .tr = SEGMENT(TR),
		.v86 = m->GUEST_RFLAGS & RFLAGS_VM,
		.ia32e = m->ENTRY_CTRLS & ENTRY_IA32E,
		.unrestricted = secondary_controls(m) & SECONDARY_UNRESTRICTED,
	};

	return check_selectors(&s) ?:
	       check_bases(&s, f->linear_bits) ?:
	       (s.v86 ? check_v86(&s) : check_protected(&s, m->GUEST_CR0)) ?:
	       check_tr(&s) ?:
	       (USABLE(&s.ldtr) ? check_ldtr(&s.ldtr) : NULL);
}
