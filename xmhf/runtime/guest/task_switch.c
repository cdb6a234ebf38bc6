/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Task switches, in the order of SDM vol. 3, 8.3: checks, save the old task, commit, then load
 * segments in the context of the new one. Until the commit point nothing that the guest can
 * see has changed when a check fails, so all memory is probed before the first write.
 */
#include "guest/double_fault.h"
#include "guest/task_switch.h"
#include "machine/cpu_insn.h"
#include "vmx/vmcs.h"

#define EFLAGS_NT	BIT(14)
#define EFLAGS_VALID	0x003f7fd5u	/* what isn't reserved, but for bit 1 */
#define DR6_BT		BIT(15)
#define DR7_LOCAL	0x155u		/* L0 to L3 and LE: a task switch clears them, SDM 18.2.4 */

/* Access rights, SDM table 25-2; the low byte is that of a descriptor. */
#define AR_TYPE_BUSY	BIT(1)		/* of a TSS */
#define AR_ACCESSED	BIT(0)		/* of code and data, as the next three */
#define AR_WRITABLE	BIT(1)		/* data; of code: readable */
#define AR_EXPAND_DOWN	BIT(2)		/* data; of code: conforming */
#define AR_CODE		BIT(3)
#define AR_S		BIT(4)
#define AR_SYSTEM_TYPE	0x1fu		/* type and S */
#define AR_DPL_SHIFT	5
#define AR_P		BIT(7)
#define AR_DB		BIT(14)
#define AR_G		BIT(15)
#define AR_V86		0xf3u		/* SDM 27.3.1.2 */
#define AR_CODE_RING3	0xfbu
#define SYSTEM_LDT	2u
#define SYSTEM_TSS16	1u		/* available; 3 is busy */
#define SYSTEM_TSS32	9u		/* likewise 11 */

#define SELECTOR_LDT	BIT(2)
#define SELECTOR_INDEX	0xfffcu		/* with TI: an error code's reference */

enum task_source { FROM_CALL, FROM_IRET, FROM_JMP, FROM_IDT };	/* SDM table 28-2 */

/* Where things are in a TSS, SDM figures 8-2 and 8-10. From eip on: EFLAGS, GPRs, segments follow. */
struct tss_layout {
	u32 size;
	u32 width;			/* of EIP, EFLAGS, a GPR; each selector takes as much room */
	u32 eip, segments, ldt;
};

#define TSS_LINK	0u		/* in both layouts */
#define TSS32_CR3	0x1cu
#define TSS32_TRAP	0x64u
#define TSS_MAX		104u

static const struct tss_layout tss16 = { .size = 44, .width = 2, .eip = 0x0e, .segments = 4, .ldt = 0x2a };
static const struct tss_layout tss32 = { .size = 104, .width = 4, .eip = 0x20, .segments = 6, .ldt = 0x60 };

struct descriptor {
	u32 at;				/* linear address */
	u32 low, high;
};

struct switching {
	struct task_cpu *cpu;
	const struct task_memory *memory;
	enum task_source source;
	u16 selector;
	u16 old_selector;
	u32 vectoring, vectoring_error;
	u32 ext;			/* bit 0 of selector error codes */
	u32 next_eip;			/* where the old task goes on */
	const struct tss_layout *old, *new;
	struct descriptor tss;
	u8 image[TSS_MAX];		/* of the new TSS */
	u32 cr3;
	u64 pdpte[4];
	struct task_result result;
};

/* All of these return false, so that a failing check is one line. */
static bool fault(struct switching *s, enum vector vector, u32 error_code)
{
	s->result.outcome = TASK_FAULT;
	s->result.vector = (u8)vector;
	s->result.has_error = true;
	s->result.error_code = error_code;
	return false;
}

static bool fault_selector(struct switching *s, enum vector vector, u16 selector)
{
	return fault(s, vector, (selector & SELECTOR_INDEX) | s->ext);
}

static bool access_memory(struct switching *s, enum task_access kind, u32 at, void *data, u32 length)
{
	struct task_page_fault pf = { 0, 0 };

	if (s->memory->access(s->memory->ctx, s->cpu, kind, at, data, length, &pf))
		return true;
	s->cpu->cr2 = pf.cr2;
	return fault(s, PF_FAULT, pf.error_code);
}

static u32 get(const u8 *bytes, u32 width)
{
	u32 value = 0;

	for (u32 i = 0; i < width; i++)
		value |= (u32)bytes[i] << (8 * i);
	return value;
}

static void put(u8 *bytes, u32 width, u32 value)
{
	for (u32 i = 0; i < width; i++)
		bytes[i] = (u8)(value >> (8 * i));
}

static bool nests(const struct switching *s) { return s->source == FROM_CALL || s->source == FROM_IDT; }

/* ---- descriptors ---- */

static u32 rights_of(const struct descriptor *d) { return d->high >> 8 & 0xf0ff; }
static u32 dpl_of(u32 rights) { return rights >> AR_DPL_SHIFT & 3; }

static u32 limit_of(const struct descriptor *d)
{
	u32 limit = (d->low & 0xffff) | (d->high & 0xf0000);

	return (rights_of(d) & AR_G) ? limit << 12 | 0xfff : limit;
}

static struct task_segment segment_of(const struct descriptor *d, u16 selector)
{
	return (struct task_segment){
		.selector = selector,
		.base = d->low >> 16 | (d->high & 0xff) << 16 | (d->high & 0xff000000),
		.limit = limit_of(d),
		.rights = rights_of(d),
	};
}

/* Reads what @selector points to. Beyond its table, or in an LDT that there isn't: @vector. */
static bool read_descriptor(struct switching *s, u16 selector, enum vector vector, struct descriptor *d)
{
	const struct task_cpu *cpu = s->cpu;
	bool local = (selector & SELECTOR_LDT) != 0;
	u32 limit = local ? cpu->ldtr.limit : cpu->gdtr_limit;
	u32 offset = selector & ~7u;
	u8 bytes[8];

	if ((local && (cpu->ldtr.rights & TASK_UNUSABLE)) || offset + 7 > limit)
		return fault_selector(s, vector, selector);
	d->at = (local ? cpu->ldtr.base : cpu->gdtr_base) + offset;
	if (!access_memory(s, TASK_READ, d->at, bytes, sizeof(bytes)))
		return false;
	d->low = get(bytes, 4);
	d->high = get(bytes + 4, 4);
	return true;
}

/* Sets and clears bits in a descriptor's type byte. */
static bool mark_descriptor(struct switching *s, u32 at, u32 set, u32 clear)
{
	u8 byte;

	if (!access_memory(s, TASK_READ, at + 5, &byte, 1))
		return false;
	byte = (u8)((byte | set) & ~clear);
	return access_memory(s, TASK_WRITE, at + 5, &byte, 1);
}

/* ---- before the commit point ---- */

/* The rows of table 8-1 on the new TSS. A wrong one is #GP, but #TS where IRET found it in a back link. */
static bool check_new_tss(struct switching *s)
{
	bool back = s->source == FROM_IRET;
	enum vector wrong = back ? TS_FAULT : GP_FAULT;
	u32 rights, type;

	if ((s->selector & SELECTOR_INDEX) == 0 || (s->selector & SELECTOR_LDT))
		return fault_selector(s, wrong, s->selector);
	if (!read_descriptor(s, s->selector, wrong, &s->tss))
		return false;
	rights = rights_of(&s->tss);
	type = rights & AR_SYSTEM_TYPE & ~AR_TYPE_BUSY;
	if (type != SYSTEM_TSS16 && type != SYSTEM_TSS32)
		return fault_selector(s, wrong, s->selector);
	if (((rights & AR_TYPE_BUSY) != 0) != back)
		return fault_selector(s, wrong, s->selector);
	if (!(rights & AR_P))
		return fault_selector(s, NP_FAULT, s->selector);
	s->new = type == SYSTEM_TSS32 ? &tss32 : &tss16;
	if (limit_of(&s->tss) < s->new->size - 1)
		return fault_selector(s, TS_FAULT, s->selector);
	return true;
}

static u32 old_descriptor(const struct switching *s)
{
	return s->cpu->gdtr_base + (s->old_selector & ~7u);
}

/* What a switch saves is one run of a TSS: EIP, EFLAGS, eight registers, the segments. */
static u32 saved_length(const struct tss_layout *tss)
{
	return (2 + TASK_GPRS + tss->segments) * tss->width;
}

static u32 new_base(const struct switching *s) { return segment_of(&s->tss, s->selector).base; }

/* Is all that the switch will read and write there? */
static bool check_memory(struct switching *s)
{
	const struct task_cpu *cpu = s->cpu;

	if (s->old->eip + saved_length(s->old) - 1 > cpu->tr.limit)
		return fault_selector(s, TS_FAULT, s->old_selector);
	return access_memory(s, TASK_READ, new_base(s), s->image, s->new->size) &&
	       access_memory(s, TASK_PROBE, cpu->tr.base + s->old->eip, NULL, saved_length(s->old)) &&
	       (nests(s) ? access_memory(s, TASK_PROBE, new_base(s) + TSS_LINK, NULL, 2)
			 : access_memory(s, TASK_PROBE, old_descriptor(s) + 5, NULL, 1)) &&
	       (s->source == FROM_IRET || access_memory(s, TASK_PROBE, s->tss.at + 5, NULL, 1));
}

/*
 * The CR3 to load; a 16-bit TSS has none, and without paging it stays (SDM 8.3, step 12). With
 * PAE paging a new value brings new PDPTEs, checked like those of MOV to CR3 (SDM 5.4.1).
 */
static bool check_cr3(struct switching *s)
{
	const struct task_cpu *cpu = s->cpu;

	s->cr3 = cpu->cr3;
	if (s->new == &tss32 && (cpu->cr0 & CR0_PG))
		s->cr3 = get(s->image + TSS32_CR3, 4);
	s->result.cr3_changed = s->cr3 != cpu->cr3;
	if (s->result.cr3_changed && (cpu->cr4 & CR4_PAE) &&
	    !s->memory->pdptes(s->memory->ctx, s->cr3, s->pdpte))
		return fault(s, GP_FAULT, s->ext);
	return true;
}

static bool save_old_task(struct switching *s)
{
	const struct task_cpu *cpu = s->cpu;
	u32 width = s->old->width, at = cpu->tr.base + s->old->eip, length = saved_length(s->old);
	u8 saved[TSS_MAX], *to = saved;

	if (!nests(s) && !mark_descriptor(s, old_descriptor(s), 0, AR_TYPE_BUSY))
		return false;
	/* The upper halves of the selectors' places stay as they are. */
	if (!access_memory(s, TASK_READ, at, saved, length))
		return false;
	put(to, width, s->next_eip);
	put(to += width, width, s->source == FROM_IRET ? cpu->eflags & ~EFLAGS_NT : cpu->eflags);
	for (u32 i = 0; i < TASK_GPRS; i++)
		put(to += width, width, cpu->gpr[i]);
	for (u32 i = 0; i < s->old->segments; i++)
		put(to += width, 2, cpu->segment[i].selector);
	return access_memory(s, TASK_WRITE, at, saved, length);
}

/* The new TSS is read again: an IRET to itself finds what was just saved. */
static bool link_new_task(struct switching *s)
{
	u8 link[2];

	put(link, 2, s->old_selector);
	return (!nests(s) || access_memory(s, TASK_WRITE, new_base(s) + TSS_LINK, link, 2)) &&
	       (s->source == FROM_IRET || mark_descriptor(s, s->tss.at, AR_TYPE_BUSY, 0)) &&
	       access_memory(s, TASK_READ, new_base(s), s->image, s->new->size);
}

/* ---- the commit point, and after ---- */

/*
 * Selectors without descriptors. Until CS and SS have passed their checks, a fault is taken as
 * from ring 3: its handler then gets its stack from the new TSS, not from an SS that never was.
 */
static void unload_segments(struct task_cpu *cpu)
{
	for (u32 i = 0; i < TASK_SEGMENTS; i++) {
		struct task_segment *seg = &cpu->segment[i];

		*seg = (struct task_segment){ .selector = seg->selector, .rights = TASK_UNUSABLE };
		if (cpu->eflags & RFLAGS_VM)
			*seg = (struct task_segment){ seg->selector, (u32)seg->selector << 4, 0xffff, AR_V86 };
	}
	cpu->ldtr = (struct task_segment){ .selector = cpu->ldtr.selector, .rights = TASK_UNUSABLE };
	if (cpu->eflags & RFLAGS_VM)
		return;
	cpu->segment[TASK_CS].rights = AR_CODE_RING3;
	cpu->segment[TASK_SS].rights = TASK_UNUSABLE | 3u << AR_DPL_SHIFT;
}

static void commit(struct switching *s)
{
	struct task_cpu *cpu = s->cpu;
	u32 width = s->new->width;
	u32 upper = width == 2 ? 0xffff0000 : 0;	/* of GPRs from a 16-bit TSS: undefined, as the 386 did */
	const u8 *from = s->image + s->new->eip;

	cpu->tr = segment_of(&s->tss, s->selector);
	cpu->tr.rights |= AR_TYPE_BUSY;
	cpu->cr0 |= CR0_TS;
	cpu->dr7 &= ~DR7_LOCAL;
	cpu->cr3 = s->cr3;
	for (u32 i = 0; s->result.cr3_changed && i < ARRAY_SIZE(cpu->pdpte); i++)
		cpu->pdpte[i] = s->pdpte[i];
	cpu->eip = get(from, width);
	cpu->eflags = (get(from += width, width) & EFLAGS_VALID) | RFLAGS_FIXED | (nests(s) ? EFLAGS_NT : 0);
	for (u32 i = 0; i < TASK_GPRS; i++)
		cpu->gpr[i] = get(from += width, width) | upper;
	/* A 16-bit TSS has no FS and GS: null. */
	for (u32 i = 0; i < TASK_SEGMENTS; i++)
		cpu->segment[i].selector = i < s->new->segments ? (u16)get(from += width, 2) : 0;
	cpu->ldtr.selector = (u16)get(s->image + s->new->ldt, 2);
	unload_segments(cpu);
	s->result.committed = true;
}

static bool load_ldt(struct switching *s)
{
	u16 selector = s->cpu->ldtr.selector;
	struct descriptor d;

	if ((selector & SELECTOR_INDEX) == 0)
		return true;
	if (selector & SELECTOR_LDT)
		return fault_selector(s, TS_FAULT, selector);
	if (!read_descriptor(s, selector, TS_FAULT, &d))
		return false;
	if ((rights_of(&d) & AR_SYSTEM_TYPE) != SYSTEM_LDT || !(rights_of(&d) & AR_P))
		return fault_selector(s, TS_FAULT, selector);
	s->cpu->ldtr = segment_of(&d, selector);
	return true;
}

static bool code_fits(u32 rights, u32 rpl, u32 cpl)
{
	bool conforming = (rights & AR_EXPAND_DOWN) != 0;

	(void)cpl;
	return (rights & AR_CODE) && (conforming ? dpl_of(rights) <= rpl : dpl_of(rights) == rpl);
}

static bool stack_fits(u32 rights, u32 rpl, u32 cpl)
{
	return !(rights & AR_CODE) && (rights & AR_WRITABLE) && rpl == cpl && dpl_of(rights) == cpl;
}

static bool data_fits(u32 rights, u32 rpl, u32 cpl)
{
	if (rights & AR_CODE) {
		if (!(rights & AR_WRITABLE))	/* not readable */
			return false;
		if (rights & AR_EXPAND_DOWN)	/* conforming: any privilege may read it */
			return true;
	}
	return dpl_of(rights) >= rpl && dpl_of(rights) >= cpl;
}

/* The rows of table 8-1 on segments: what is wrong with the type or privilege is #TS. */
struct segment_rule {
	bool may_be_null;
	enum vector absent;
	bool (*fits)(u32 rights, u32 rpl, u32 cpl);
};

static const struct segment_rule code_rule = { false, NP_FAULT, code_fits };
static const struct segment_rule stack_rule = { false, SS_FAULT, stack_fits };
static const struct segment_rule data_rule = { true, NP_FAULT, data_fits };

static bool load_segment(struct switching *s, const struct segment_rule *rule, u32 cpl, struct task_segment *out)
{
	u16 selector = out->selector;
	struct descriptor d;
	u32 rights;

	if ((selector & SELECTOR_INDEX) == 0)
		return rule->may_be_null || fault_selector(s, TS_FAULT, selector);
	if (!read_descriptor(s, selector, TS_FAULT, &d))
		return false;
	rights = rights_of(&d);
	if (!(rights & AR_S) || !rule->fits(rights, selector & 3, cpl))
		return fault_selector(s, TS_FAULT, selector);
	if (!(rights & AR_P))
		return fault_selector(s, rule->absent, selector);
	if (!(rights & AR_ACCESSED) && !mark_descriptor(s, d.at, AR_ACCESSED, 0))
		return false;
	*out = segment_of(&d, selector);
	out->rights |= AR_ACCESSED;
	return true;
}

static bool load_segments(struct switching *s)
{
	static const enum task_segment_index data[] = { TASK_DS, TASK_ES, TASK_FS, TASK_GS };
	struct task_segment *segment = s->cpu->segment;
	struct task_segment code = segment[TASK_CS], stack = segment[TASK_SS];
	u32 cpl = code.selector & 3;

	if (!load_ldt(s))
		return false;
	if (s->cpu->eflags & RFLAGS_VM)
		return true;
	if (!load_segment(s, &code_rule, cpl, &code) || !load_segment(s, &stack_rule, cpl, &stack))
		return false;
	segment[TASK_CS] = code;
	segment[TASK_SS] = stack;
	for (u32 i = 0; i < ARRAY_SIZE(data); i++)
		if (!load_segment(s, &data_rule, cpl, &segment[data[i]]))
			return false;
	return true;
}

/* May @length bytes at @offset be pushed? SDM 6.3. */
static bool within_stack(const struct task_segment *ss, u32 offset, u32 length)
{
	u32 last = offset + length - 1;

	if (last < offset)
		return false;
	if (!(ss->rights & AR_EXPAND_DOWN))
		return last <= ss->limit;
	return offset > ss->limit && last <= ((ss->rights & AR_DB) ? 0xffffffff : 0xffff);
}

/* The error code of the exception that came through a task gate, as wide as the TSS (SDM 7.12.2). */
static bool push_error_code(struct switching *s)
{
	struct task_cpu *cpu = s->cpu;
	const struct task_segment *ss = &cpu->segment[TASK_SS];
	u32 mask = (ss->rights & AR_DB) ? 0xffffffff : 0xffff;
	u32 width = s->new->width;
	u32 esp = (cpu->gpr[TASK_ESP] - width) & mask;
	u8 bytes[4];

	if (!(s->vectoring & INTR_VALID) || !(s->vectoring & INTR_ERROR_CODE))
		return true;
	if (!within_stack(ss, esp, width))
		return fault(s, SS_FAULT, s->ext);
	put(bytes, width, s->vectoring_error);
	if (!access_memory(s, TASK_PUSH, ss->base + esp, bytes, width))
		return false;
	cpu->gpr[TASK_ESP] = (cpu->gpr[TASK_ESP] & ~mask) | esp;
	return true;
}

/* Before the new task's first instruction (SDM 18.3.1.5). */
static void debug_trap(struct switching *s)
{
	if (s->new != &tss32 || !(s->image[TSS32_TRAP] & 1))
		return;
	s->cpu->dr6 |= DR6_BT;
	s->result.outcome = TASK_FAULT;
	s->result.vector = DB_TRAP;
}

/* ---- the event behind it ---- */

static void merge_with_event(struct switching *s)
{
	switch (double_fault_of(s->vectoring, s->result.vector)) {
	case FAULT_ALONE:
		break;
	case FAULT_DOUBLE:
		(void)fault(s, DF_ABORT, 0);
		break;
	case FAULT_SHUTDOWN:
		s->result.outcome = TASK_SHUTDOWN;
	}
}

/* Did an instruction ask for this switch? Then the old task goes on behind it. */
static bool by_instruction(const struct switching *s)
{
	static const bool software[8] = { [INTR_SOFTWARE] = true, [INTR_PRIVILEGED] = true, [INTR_SOFT_EXCEPTION] = true };

	return s->source != FROM_IDT || ((s->vectoring & INTR_VALID) && software[INTR_TYPE(s->vectoring)]);
}

/* EXT: the event came from outside the program. INT n, INT3 and INTO don't (SDM 7.13). */
static bool is_external(const struct switching *s)
{
	u32 type = INTR_TYPE(s->vectoring);

	return (s->vectoring & INTR_VALID) && type != INTR_SOFTWARE && type != INTR_SOFT_EXCEPTION;
}

struct task_result task_switch(struct task_cpu *cpu, const struct task_memory *memory, const struct task_cause *cause)
{
	struct switching s = {
		.cpu = cpu,
		.memory = memory,
		.source = (enum task_source)(cause->qualification >> 30),
		.selector = (u16)cause->qualification,
		.old_selector = cpu->tr.selector,
		.old = (cpu->tr.rights & 8) ? &tss32 : &tss16,
		.next_eip = cpu->eip,
	};

	if (s.source == FROM_IDT) {
		s.vectoring = cause->idt_vectoring;
		s.vectoring_error = cause->idt_error;
	}
	s.ext = is_external(&s);
	if (by_instruction(&s))
		s.next_eip += cause->instruction_length;

	if (check_new_tss(&s) && check_memory(&s) && check_cr3(&s) && save_old_task(&s) && link_new_task(&s)) {
		commit(&s);
		if (load_segments(&s) && push_error_code(&s))
			debug_trap(&s);
	}
	if (!s.result.committed)
		s.result.cr3_changed = false;
	if (s.result.outcome == TASK_FAULT)
		merge_with_event(&s);
	return s.result;
}
