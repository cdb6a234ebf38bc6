/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operands of VMX instructions that fault: segments of every kind with each override, pages that are absent, read-only,
 * the user's or reserved, operands that cross into such a page, addresses that aren't canonical; and which of two
 * faults or failures comes first.
 */
#include "ept.h"
#include "probe.h"

#define PTE_LARGE	BIT(7)
#define PTE_RESERVED	(1ull << 51)
#define CR4_SMAP	BIT(21)
#define FLAG_AC		BIT(18)
#define FLAGS_SET	0x8d7u
#define SEL_TEST	SEL_FREE
#define NOT_A_FIELD	0x6ffe
#define GOOD_FIELD	HOST_SYSENTER_ESP	/* no CPU or hypervisor shadows it */
#define ABSOLUTE	{ .base = NO_REGISTER, .index = NO_REGISTER }

static u32 *vmcs, *other;
static u64 eptp;
static const u32 native = L1_IS_64 ? 64 : 32;

static void *at(u64 address)
{
	void *p = (void *)(uptr)address;

	__asm__("" : "+r"(p));
	return p;
}

static bool has(enum vmx_insn insn)
{
	if (insn == INVEPT)
		return CAN_SECONDARY(SECONDARY_EPT);
	return insn != INVVPID || CAN_SECONDARY(SECONDARY_VPID);
}

/* What a good operand has. VMXON fails in root operation before it looks at its operand. */
static void good_operand(enum vmx_insn insn, u64 operand[2])
{
	operand[0] = insn == VMCLEAR ? physical(other) : insn == VMPTRLD ? physical(vmcs) : insn == INVEPT ? eptp : 1;
	operand[1] = 0;
}

static u64 good_register(enum vmx_insn insn) { return insn == VMREAD || insn == VMWRITE ? GOOD_FIELD : 1; }

/* Runs it with CX for the register operand and @bx where the form says so. */
static struct vmx_result run(struct probe *p, enum vmx_insn insn, const struct form *f)
{
	u8 code[PROBE_INSN_MAX];
	u32 length = probe_encode(code, insn, p->bits, f, PROBE_CX);

	if (vmx_insns[insn].digit == NO_DIGIT)
		p->r[PROBE_CX] = (uptr)good_register(insn);
	return probe_run(p, code, length);
}

static void say_run(const struct probe *p, struct vmx_result r)
{
	say_result(r);
	if (r.kind == VMX_FAULT && p->fault_offset)
		say(" %u bytes on", p->fault_offset);
	say("\n");
}

/* ---- segments, of a 32-bit L1 ---- */

#ifndef __x86_64__
#define AREA	PROBE_LOW		/* a page that all kinds of segments can reach */
#define G4K	0xc
#define BYTES	0x4			/* a limit in bytes, 32-bit */
#define BYTES16	0x0

enum { DATA_RW = 0x93, DATA_RO = 0x91, DATA_DOWN = 0x97, DATA_DOWN_RO = 0x95, CODE_XR = 0x9b,
       CODE_CONFORMING = 0x9f, CODE_X = 0x99 };

static const struct segment_case {
	const char *name;
	u32 base, limit;
	u8 access, flags;
	u32 offset;			/* of the operand's first byte; or of its last, if @last */
	bool last;
} segment_cases[] = {
	{ "flat",			    0,	  0xfffff, DATA_RW, G4K, AREA + 0x800, false },
	{ "with a base",		    AREA, 0xfff, DATA_RW, BYTES, 0x800, false },
	{ "ending at the limit",	    AREA, 0x80f, DATA_RW, BYTES, 0x80f, true },
	{ "one byte over the limit",	    AREA, 0x80f, DATA_RW, BYTES, 0x810, true },
	{ "beginning beyond the limit",	    AREA, 0x7ff, DATA_RW, BYTES, 0x800, false },
	{ "with a limit of pages",	    AREA, 0, DATA_RW, G4K, 0xfff, true },
	{ "over a limit of pages",	    AREA, 0, DATA_RW, G4K, 0x1000, true },
	{ "with a limit less than it",	    AREA, 0x2, DATA_RW, BYTES, 0, false },
	{ "above an expand-down limit",	    AREA, 0x7ff, DATA_DOWN, BYTES, 0x800, false },
	{ "at an expand-down limit",	    AREA, 0x800, DATA_DOWN, BYTES, 0x800, false },
	{ "ending in an expand-down one",   AREA, 0x803, DATA_DOWN, BYTES, 0x806, true },
	{ "16-bit expand-down at its end",  AREA - 0xf000, 0x7ff, DATA_DOWN, BYTES16, 0xffff, true },
	{ "16-bit expand-down past its end", AREA - 0xf000, 0x7ff, DATA_DOWN, BYTES16, 0x10000, true },
	{ "32-bit expand-down over 64 KiB", AREA - 0xf000, 0x7ff, DATA_DOWN, BYTES, 0x10000, true },
	{ "read-only",			    AREA, 0xfff, DATA_RO, BYTES, 0x800, false },
	{ "read-only expand-down",	    AREA, 0x7ff, DATA_DOWN_RO, BYTES, 0x800, false },
	{ "readable code",		    AREA, 0xfff, CODE_XR, BYTES, 0x800, false },
	{ "conforming code",		    AREA, 0xfff, CODE_CONFORMING, BYTES, 0x800, false },
	{ "wrapping at 4 GiB by its base",  0xfffff000u, 0xfffff, DATA_RW, G4K, AREA + 0x1800, false },
	{ "flat but for its base, over 4 GiB", 4, 0xfffff, DATA_RW, G4K, 0xfffffffcu, false },
};

static const struct { const char *name; u8 prefix; } overrides[] = {
	{ "ES", 0x26 }, { "FS", 0x64 }, { "DS", 0x3e }, { "no override", 0 },
};

static void in_segment(enum vmx_insn insn, const struct segment_case *c, u32 o)
{
	struct form f = ABSOLUTE;
	struct probe p = probe_begin(32);
	u32 bytes = vmx_insn_bytes(insn, 32);
	u64 operand[2];

	descriptor_set(SEL_TEST, c->base, c->limit, c->access, c->flags);
	f.segment = overrides[o].prefix;
	f.displacement = (int32_t)(c->last ? c->offset - bytes + 1 : c->offset);
	good_operand(insn, operand);
	memcpy(at((u32)(c->base + (u32)f.displacement)), operand, 16);
	*(o == 0 ? &p.es : o == 1 ? &p.fs : &p.ds) = SEL_TEST;
	say("R %s %s, %s: ", vmx_insns[insn].name, c->name, overrides[o].name);
	say_run(&p, run(&p, insn, &f));
}

/* The stack must stay usable: base 0, writable, and the limit beyond SP. */
static void in_stack_segment(enum vmx_insn insn, const char *name, u32 limit, u8 access, struct form f, u32 offset)
{
	struct probe p = probe_begin(32);
	u64 operand[2];

	descriptor_set(SEL_TEST, 0, limit >> 12, access, G4K);
	p.ss = SEL_TEST;
	f.displacement = (int32_t)offset;
	p.r[PROBE_BP] = 0;
	good_operand(insn, operand);
	memcpy(at(offset), operand, 16);
	say("R %s %s: ", vmx_insns[insn].name, name);
	say_run(&p, run(&p, insn, &f));
}

static void stack_segments(enum vmx_insn insn)
{
	struct form by_bp = { .mod = 2, .base = PROBE_BP, .index = NO_REGISTER }, by_override = ABSOLUTE, by_ds;
	struct probe p = probe_begin(32);
	u32 stack = (u32)p.r[PROBE_SP] | 0xfff;

	by_override.segment = 0x36;
	by_ds = by_bp;
	by_ds.segment = 0x3e;
	in_stack_segment(insn, "by BP", stack, DATA_RW, by_bp, AREA);
	in_stack_segment(insn, "by BP beyond SS' limit", stack, DATA_RW, by_bp, stack + 1);
	in_stack_segment(insn, "by BP over SS' limit", stack, DATA_RW, by_bp, stack - 2);
	in_stack_segment(insn, "by BP with DS beyond SS' limit", stack, DATA_RW, by_ds, stack + 1);
	in_stack_segment(insn, "with SS", stack, DATA_RW, by_override, AREA);
	in_stack_segment(insn, "with SS beyond its limit", stack, DATA_RW, by_override, stack + 1);
	in_stack_segment(insn, "by BP above SS' expand-down limit", 0x10fff, DATA_DOWN, by_bp, stack + 1);
	in_stack_segment(insn, "by BP within SS' expand-down limit", 0x10fff, DATA_DOWN, by_bp, AREA);
}

static void other_segments(enum vmx_insn insn)
{
	struct form f = ABSOLUTE;
	struct probe p = probe_begin(32);
	u64 operand[2];

	good_operand(insn, operand);
	memcpy(at(AREA), operand, 16);
	f.displacement = AREA;
	p.ds = 0;
	say("R %s with a null DS: ", vmx_insns[insn].name);
	say_run(&p, run(&p, insn, &f));
	p = probe_begin(32);
	p.es = 3;
	f.segment = 0x26;
	say("R %s with a null ES: ", vmx_insns[insn].name);
	say_run(&p, run(&p, insn, &f));
	p = probe_begin(32);
	f.segment = 0x2e;
	say("R %s with CS: ", vmx_insns[insn].name);
	say_run(&p, run(&p, insn, &f));
	p = probe_begin(32);
	descriptor_set(SEL_TEST, 0, 0xfffff, CODE_X, G4K);
	p.code_selector = SEL_TEST;
	say("R %s with an execute-only CS: ", vmx_insns[insn].name);
	say_run(&p, run(&p, insn, &f));
	p = probe_begin(32);
	f.segment = 0x65;
	f.displacement = (int32_t)(AREA - (u32)(uptr)this_cpu());
	say("R %s with GS: ", vmx_insns[insn].name);
	say_run(&p, run(&p, insn, &f));
}

static void segments(enum vmx_insn insn)
{
	for (u32 c = 0; c < ARRAY_SIZE(segment_cases); c++)
		for (u32 o = 0; o < ARRAY_SIZE(overrides); o++)
			in_segment(insn, &segment_cases[c], o);
	stack_segments(insn);
	other_segments(insn);
}
#else

/* ---- addresses, of a 64-bit L1: overrides other than FS and GS do nothing, SP and BP mean the stack ---- */

#define AREA	(u64)PROBE_LOW
#define HOLE	0x800000000000ull

static void at_address(enum vmx_insn insn, const char *name, u8 segment, u8 base, u64 address, u64 fs_base)
{
	struct form f = { .segment = segment, .mod = 1, .base = base, .index = NO_REGISTER };
	struct probe p = probe_begin(64);
	u64 operand[2];

	good_operand(insn, operand);
	memcpy(at(AREA), operand, 16);
	p.r[base] = address;
	wrmsr(MSR_FS_BASE, fs_base);
	say("R %s %s: ", vmx_insns[insn].name, name);
	say_run(&p, run(&p, insn, &f));
	wrmsr(MSR_FS_BASE, 0);
}

static void segments(enum vmx_insn insn)
{
	u64 bytes = vmx_insn_bytes(insn, 64);

	at_address(insn, "with ES", 0x26, PROBE_BX, AREA, 0);
	at_address(insn, "with CS", 0x2e, PROBE_BX, AREA, 0);
	at_address(insn, "with SS", 0x36, PROBE_BX, AREA, 0);
	at_address(insn, "with DS", 0x3e, PROBE_BX, AREA, 0);
	at_address(insn, "with FS", 0x64, PROBE_BX, AREA - 0x123400, 0x123400);
	at_address(insn, "with FS and a high base", 0x64, PROBE_BX, AREA + HOLE, -HOLE);
	at_address(insn, "with GS", 0x65, PROBE_BX, AREA - (uptr)this_cpu(), 0);
	at_address(insn, "above all memory", 0, PROBE_BX, 0x100004000ull, 0);
	at_address(insn, "across 4 GiB", 0, PROBE_BX, 0xfffffffdull, 0);
	at_address(insn, "with FS beyond", 0x64, PROBE_BX, HOLE - 0x1000, 0x1000);
	at_address(insn, "with FS back from beyond", 0x64, PROBE_BX, HOLE + AREA, -HOLE);
	at_address(insn, "not canonical", 0, PROBE_BX, HOLE, 0);
	at_address(insn, "not canonical by BP", 0, PROBE_BP, HOLE, 0);
	at_address(insn, "not canonical by BP with DS", 0x3e, PROBE_BP, HOLE, 0);
	at_address(insn, "not canonical with SS", 0x36, PROBE_BX, HOLE, 0);
	at_address(insn, "not canonical by BP with FS", 0x64, PROBE_BP, HOLE, 0);
	at_address(insn, "not canonical below", 0, PROBE_BX, ~HOLE - 0x800, 0);
	at_address(insn, "not canonical at the end", 0, PROBE_BX, HOLE - bytes + 1, 0);
	at_address(insn, "canonical to the end, absent", 0, PROBE_BX, HOLE - bytes, 0);
	at_address(insn, "from the last byte on", 0, PROBE_BX, ~0ull, 0);
	at_address(insn, "the highest, absent", 0, PROBE_BX, -bytes, 0);
}
#endif

/* ---- pages ---- */

static u8 *pages;		/* two, of one page table */

static u64 *pte_of(u32 page)
{
	u64 *table = at(page_directory[(uptr)pages >> 30][(uptr)pages >> 21 & 511] & ~0xfffull);

	return &table[((uptr)pages >> 12 & 511) + page];
}

/* SMEP and SMAP are for programs whose own pages aren't the user's. */
static void own_pages(u64 user)
{
	u64 *table = pte_of(0) - ((uptr)pages >> 12 & 511);

	for (u32 i = 0; i < 4 * 512; i++)
		if (page_directory[i / 512][i % 512] & PTE_LARGE)
			page_directory[i / 512][i % 512] = (page_directory[i / 512][i % 512] & ~(u64)PTE_U) | user;
	for (u32 i = 0; i < 512; i++)
		table[i] = (table[i] & ~(u64)PTE_U) | user;
	WRITE_CR(3, READ_CR(3));
}

static void set_page(u32 page, u64 bits)
{
	page_protect(pages + 4096 * page, (u32)bits);
	*pte_of(page) |= bits & ~0xffffffffull;
	WRITE_CR(3, READ_CR(3));
}

/* At this offset of two pages with these bits. */
static void in_pages(enum vmx_insn insn, const char *name, const char *with, u32 offset, u64 first, u64 second, u32 flags)
{
	struct probe p = probe_begin(native);
	struct form f = ABSOLUTE;
	struct vmx_result r;
	u64 operand[2], marks = 0x60;

	set_page(0, PTE_P | PTE_W);
	set_page(1, PTE_P | PTE_W);
	good_operand(insn, operand);
	memcpy(pages + offset, operand, 16);
	set_page(0, first);
	set_page(1, second);
	f.displacement = (int32_t)(uptr)(pages + offset);
	p.flags |= flags;
	r = run(&p, insn, &f);
	say("R %s %s at %x%s: ", vmx_insns[insn].name, name, offset, with);
	say_result(r);
	if (r.kind != VMX_FAULT)
		say(" marks %llx %llx", *pte_of(0) & marks, *pte_of(1) & marks);
	set_page(0, PTE_P | PTE_W);
	set_page(1, PTE_P | PTE_W);
	say(memcmp(pages + offset, operand, vmx_insn_bytes(insn, native)) ? " written\n" : "\n");
}

#define GOOD_PAGE	(PTE_P | PTE_W)

static const struct { const char *name; u64 first, second; } page_cases[] = {
	{ "writable", GOOD_PAGE, GOOD_PAGE },
	{ "absent", 0, GOOD_PAGE },
	{ "absent with bits", PTE_W | PTE_U, GOOD_PAGE },
	{ "read-only", PTE_P, GOOD_PAGE },
	{ "the user's", GOOD_PAGE | PTE_U, GOOD_PAGE },
	{ "the user's and read-only", PTE_P | PTE_U, GOOD_PAGE },
	{ "with a reserved bit", GOOD_PAGE | PTE_RESERVED, GOOD_PAGE },
	{ "absent with a reserved bit", PTE_RESERVED, GOOD_PAGE },
	{ "into absent", GOOD_PAGE, 0 },
	{ "into read-only", GOOD_PAGE, PTE_P },
	{ "into the user's", GOOD_PAGE, GOOD_PAGE | PTE_U },
	{ "into one with a reserved bit", GOOD_PAGE, GOOD_PAGE | PTE_RESERVED },
	{ "absent into absent", 0, 0 },
	{ "read-only into absent", PTE_P, 0 },
};

static void in_all_pages(enum vmx_insn insn, const char *with, u32 flags)
{
	u32 bytes = vmx_insn_bytes(insn, native);

	for (u32 i = 0; i < ARRAY_SIZE(page_cases); i++) {
		in_pages(insn, page_cases[i].name, with, 0x1000 - bytes, page_cases[i].first, page_cases[i].second, flags);
		in_pages(insn, page_cases[i].name, with, 0xffd, page_cases[i].first, page_cases[i].second, flags);
	}
}

static void page_faults(enum vmx_insn insn)
{
	in_all_pages(insn, "", 0);
	WRITE_CR(0, READ_CR(0) | CR0_WP | CR0_AM);
	in_all_pages(insn, " with WP", 0);
	in_pages(insn, "unaligned", " with AM and AC", 0x801, GOOD_PAGE, GOOD_PAGE, FLAG_AC);
	if (CAP(CR4_FIXED1) & CR4_SMAP) {
		own_pages(0);
		WRITE_CR(4, READ_CR(4) | CR4_SMEP | CR4_SMAP);
		in_all_pages(insn, " with WP and SMAP", 0);
		in_all_pages(insn, " with WP, SMAP and AC", FLAG_AC);
		WRITE_CR(4, READ_CR(4) & ~(uptr)(CR4_SMEP | CR4_SMAP));
		own_pages(PTE_U);
	}
	WRITE_CR(0, READ_CR(0) & ~(uptr)(CR0_WP | CR0_AM));
}

/* ---- what comes first ---- */

static void absent(enum vmx_insn insn, const char *when, uptr reg)
{
	struct form f = ABSOLUTE;
	struct probe p = probe_begin(native);
	u8 code[PROBE_INSN_MAX];
	u32 length;

	f.displacement = (int32_t)(uptr)pages;
	set_page(0, 0);
	p.r[PROBE_CX] = reg;
	length = probe_encode(code, insn, p.bits, &f, PROBE_CX);
	say("R %s of an absent page %s: ", vmx_insns[insn].name, when);
	say_run(&p, probe_run(&p, code, length));
	set_page(0, GOOD_PAGE);
}

static void priorities(void)
{
	absent(VMREAD, "and no field", NOT_A_FIELD);
	absent(VMWRITE, "and no field", NOT_A_FIELD);
	absent(VMREAD, "and an encoding with a high bit", GOOD_FIELD | BIT(31));
	absent(VMWRITE, "and a read-only field", EXIT_REASON);
	absent(VMREAD, "and a read-only field", EXIT_REASON);
	absent(VMREAD, "and a hot field", GUEST_RIP);
	absent(VMWRITE, "and a hot field", GUEST_RIP);
	absent(VMXON, "in root operation", 0);
	if (has(INVEPT)) {
		absent(INVEPT, "of no kind", 0);
		absent(INVEPT, "of kind 3", 3);
		absent(INVEPT, "of kind 2", 2);
	}
	if (has(INVVPID)) {
		absent(INVVPID, "of kind 4", 4);
		absent(INVVPID, "of kind 2", 2);
	}
	vmx_clear(physical(vmcs));
	for (enum vmx_insn insn = VMXON; insn < VMX_INSNS; insn++)
		if (has(insn))
			absent(insn, "without a current VMCS", (uptr)good_register(insn));
	absent(VMREAD, "and no field without a current VMCS", NOT_A_FIELD);
	vmx_disable();
	for (enum vmx_insn insn = VMXON; insn < VMX_INSNS; insn++)
		absent(insn, "outside VMX operation", (uptr)good_register(insn));
	WRITE_CR(4, READ_CR(4) & ~(uptr)CR4_VMXE);
	for (enum vmx_insn insn = VMXON; insn < VMX_INSNS; insn++)
		absent(insn, "with VMXE clear", (uptr)good_register(insn));
	WRITE_CR(4, READ_CR(4) | CR4_VMXE);
	WRITE_CR(0, READ_CR(0) & ~(uptr)CR0_NE);
	absent(VMXON, "with NE clear", 0);
	WRITE_CR(0, READ_CR(0) | CR0_NE);
}

void guest_main(void)
{
	if (!l1_begin())
		return;
	vmx_enable();
	pages = pages_take(2);
	vmcs = vmcs_region();
	other = vmcs_region();
	eptp = CAN_SECONDARY(SECONDARY_EPT) ? ept_new() : 0;
	vmx_clear(physical(vmcs));
	vmx_clear(physical(other));
	vmx_ptrld(physical(vmcs));
	for (enum vmx_insn insn = VMXON; insn < VMX_INSNS; insn++) {
		if (!has(insn))
			continue;
		segments(insn);
		page_faults(insn);
	}
	priorities();
}
