/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions of L2 that need some preparation: #MF, #XM, #AC, and #TS, #NP and #SS by segments, gates and stack switches
 * (SDM 26.2, 28.2.2, 28.2.4). Each with and without its bit of the exception bitmap, and with a delivery that fails.
 */
#include "ept.h"
#include "insns.h"

#define MF_TRAP		16
#define AC_TRAP		17
#define XM_TRAP		19
#define CR4_OSFXSR	BIT(9)
#define CR4_OSXMMEXCPT	BIT(10)
#define EFLAGS_AC	BIT(18)
#define X87_UNMASKED	0x340u
#define SEL_ABSENT	SEL_FREE		/* data; all by the rights of who uses them */
#define SEL_GATE	(SEL_FREE + 0x08)	/* two slots in 64-bit mode */
#define SEL_GATE_ABSENT	(SEL_FREE + 0x10)	/* in 32-bit mode */
#define SEL_CODE_ABSENT	(SEL_FREE + 0x18)
#define SEL_STACK_ABSENT (SEL_FREE + 0x20)	/* of CPL 0, in 32-bit mode */
#define GATE_RIGHTS	0xecu			/* present, of CPL 3, a call gate */
#define GATE_VECTOR	0x40			/* whose handler is what the gate leads to */
#define STACK_PAGE	(L2_DATA + 0x1000)
#define HOLE		0x8000u			/* the upper half of an address that isn't canonical */

/* 1 / 0, and then what looks at it, or doesn't. */
#define X87(X) \
	X("fldz; fld1; fdiv %st(1), %st; fwait") X("fldz; fld1; fdiv %st(1), %st; fld1") \
	X("fldz; fld1; fdiv %st(1), %st; fsts (%ebx)") X("fldz; fld1; fdiv %st(1), %st; emms") \
	X("fldz; fld1; fdiv %st(1), %st; movq %mm0, (%ebx)") X("fldz; fld1; fdiv %st(1), %st; fnstsw") \
	X("fldz; fld1; fdiv %st(1), %st; fnclex; fwait") X("fstp %st(0); fwait") X("fwait")
#define SSE(X) \
	X("xorps %xmm0, %xmm0; divps %xmm0, %xmm0") X("xorps %xmm0, %xmm0; movss (%ebx), %xmm1; divss %xmm0, %xmm1") \
	X("movss 4(%ebx), %xmm0; cvtss2si %xmm0, %eax") X("xorps %xmm0, %xmm0; sqrtps %xmm0, %xmm0") \
	X("movss 4(%ebx), %xmm0; addss 8(%ebx), %xmm0")
#define ALIGNMENT(X) \
	X("mov 1(%ebx), %eax") X("mov %ax, 1(%ebx)") X("mov 3(%ebx), %al") X("mov 2(%ebx), %ax") X("lock addl $1, 2(%ebx)") \
	X("xchg %eax, 3(%ebx)") X("fldl 4(%ebx)") X("add $1, %ebx; mov %ebx, %esi; lodsl") X("cmpxchg8b 4(%ebx)") \
	X("push %ds:1(%ebx)")
INSNS(x87, X87, X87);
INSNS(sse, SSE, SSE);
INSNS(alignment, ALIGNMENT, ALIGNMENT);

/* The far pointer at BX has the selector that is tried; its offset is 0. */
#define SELECTORS(X) \
	X("ljmp *(%ebx)") X("lcall *(%ebx)") X("mov 4(%ebx), %ds") X("mov 4(%ebx), %ss") X("lss (%ebx), %esi") X("lfs (%ebx), %esi") \
	X("lldt 4(%ebx)") X("ltr 4(%ebx)")
#define RETURNS_32(X) \
	X("pushf; push 4(%ebx); push (%ebx); iret") X("push 4(%ebx); push (%ebx); lret")
#define RETURNS_64(X) \
	X("mov %rsp, %rcx; push $0x10; push %rcx; pushf; push 4(%rbx); push (%rbx); iretq") \
	X("mov %rsp, %rcx; push 4(%rbx); push %rcx; pushf; push $0x28; push (%rbx); iretq") X("push 4(%rbx); push (%rbx); lretq")
#define SWITCHES(X)	X("int $0x30") X("int3") X("ud2") X("lcall *(%ebx)")
#define STACK_LIMIT(X)	X("push %eax") X("pop %eax") X("call .") X("mov (%ebp), %eax") X("mov %ss:(%ebx), %eax") X("enter $16, $0")
INSNS(selectors, SELECTORS, SELECTORS);
INSNS_OF(32, returns_32, RETURNS_32);
INSNS_OF(64, returns_64, RETURNS_64);
INSNS(switches, SWITCHES, SWITCHES);
INSNS_OF(32, stack_limit, STACK_LIMIT);

/* One instruction for each vector, for deliveries that fail. */
#define EACH(X) \
	X("fldz; fld1; fdiv %st(1), %st; fwait") X("xorps %xmm0, %xmm0; divps %xmm0, %xmm0") X("mov 1(%ebx), %eax") \
	X("lcall *(%ebx)") X("mov 4(%ebx), %ds")
#define EACH_32(X) \
	X("mov $0x7fffffff, %eax; add $1, %eax; into") X("mov $-1, %eax; bound %eax, 8(%ebx)") X("mov 4(%ebx), %ss")
INSNS(each, EACH, EACH);
INSNS_OF(32, only_32, EACH_32);

/* What a hypervisor below L1 raises itself, for it does these for L2. */
#define BELOW(X, a) \
	X("mov $0x480, %ecx; wrmsr") X("mov $0x3a, %ecx; wrmsr") X("mov $0x1b, %ecx; rdmsr; or $1, %eax; wrmsr") \
	X("mov %cr0, %" a "; xor $0x20, %eax; mov %" a ", %cr0") X("mov %cr0, %" a "; or $0x20000000, %eax; mov %" a ", %cr0") \
	X("mov %cr4, %" a "; xor $0x2000, %eax; mov %" a ", %cr4") X("mov %cr4, %" a "; xor $0x4000, %eax; mov %" a ", %cr4")
#define BELOW_32(X) BELOW(X, "eax")
#define BELOW_64(X) BELOW(X, "rax")
INSNS(below, BELOW_32, BELOW_64);

#define SEGMENTS_TO_STACK (BIT(TS_TRAP) | BIT(NP_TRAP) | BIT(SS_TRAP))
#define OF_THIS_PROGRAM	(BIT(MF_TRAP) | BIT(XM_TRAP) | BIT(AC_TRAP) | SEGMENTS_TO_STACK | BIT(OF_TRAP) | BIT(BR_TRAP))
static const struct bits { const char *name; u32 bits; } bitmaps[] = {
	{ "no bit", 0 }, { "its bit", OF_THIS_PROGRAM }, { "all bits but its own", ~OF_THIS_PROGRAM }, { "all bits", ~0u },
};

enum trouble { NONE, GATE_ABSENT, EPT_STACK, EPT_HANDLER, TROUBLES };
static const char *const trouble_names[TROUBLES] = { "fine", "gate absent", "stack read-only in EPT",
						     "handler not executable in EPT" };

static struct l2 l2;
static u32 bitmap, cr4_without, cr0_with, selector;
static bool is_user;
static enum trouble trouble;
static void (*also)(void);

static u64 *descriptor(u32 s) { return (u64 *)(uptr)(L2_GDT + s); }

static u64 gate(u32 to, u32 rights)
{
	return (to & 0xffff) | (L1_IS_64 ? SEL_CODE64 : SEL_CODE32) << 16 | (u64)rights << 40 | (u64)(to >> 16) << 48;
}

static void descriptors(void)
{
	u64 dpl = is_user ? 3ull << 45 : 0, long_mode = L1_IS_64 ? 6ull << 52 : 0;	/* L instead of D */

	*descriptor(SEL_ABSENT) = 0x00cf13000000ffffull | dpl;
	*descriptor(SEL_CODE_ABSENT) = (0x00cf1b000000ffffull ^ long_mode) | dpl;
	*descriptor(SEL_GATE) = gate(L2_HANDLERS + 4 * GATE_VECTOR, GATE_RIGHTS);
	*descriptor(SEL_GATE_ABSENT) = L1_IS_64 ? 0 : gate(L2_HANDLERS + 4 * GATE_VECTOR, GATE_RIGHTS & 0x7f);
	if (!L1_IS_64)
		*descriptor(SEL_STACK_ABSENT) = 0x00cf13000000ffffull;
}

static void gates(void)
{
	u8 *idt_at = (u8 *)(uptr)L2_IDT;
	u32 size = L1_IS_64 ? 16 : 8;

	for (u32 i = 0; i < 256; i++)
		idt_at[i * size + 5] = (u8)((idt_at[i * size + 5] & (trouble == GATE_ABSENT ? 0x7f : 0xff)) | (is_user ? 0x60 : 0));
}

static void data(u32 bits)
{
	static const u32 floats[] = { 0x3f800000, 0x3fc00000, 0x00000001 };		/* 1, 1.5, a denormal */
	volatile u32 *to = (volatile u32 *)(uptr)(bits == 16 ? L2_LOW_DATA + 0x10 : L2_DATA + 0x10);

	for (u32 i = 0; i < ARRAY_SIZE(floats); i++)
		to[i] = floats[i];
	if (!selector)
		return;
	to[0] = to[2] = to[3] = 0;
	to[1] = selector;
}

static void float_state(void)
{
	u16 control = X87_UNMASKED;
	u32 mxcsr = 0;

	__asm__ volatile("fninit; fldcw %0; ldmxcsr %1" : : "m"(control), "m"(mxcsr));
}

static void prepare(struct l2 *l)
{
	float_state();
	data(l2_bits(l->mode));
	vmcs_on(GUEST_CR0, cr0_with);
	vmcs_on(GUEST_CR4, (CR4_OSFXSR | CR4_OSXMMEXCPT) & ~cr4_without);
	vmcs_set(EXCEPTION_BITMAP, bitmap);
	if (also)
		also();
}

static void run(enum l2_mode mode, const struct insn_list *list, const char *what, const char *bits)
{
	insns_run(&l2, &(struct insn_run){ .mode = mode, .user = is_user, .what = { what, bits }, .prepare = prepare }, list);
}

static void with_bitmaps(enum l2_mode mode, const struct insn_list *list, const char *what)
{
	for (u32 i = 0; i < ARRAY_SIZE(bitmaps); i++) {
		bitmap = bitmaps[i].bits;
		run(mode, list, what, bitmaps[i].name);
	}
}

/* ---- #MF, #XM, #AC ---- */

static void floating_point(void)
{
	for (enum l2_mode mode = 0; mode < L2_MODES; mode++) {
		with_bitmaps(mode, &x87, NULL);
		with_bitmaps(mode, &sse, NULL);
	}
	cr4_without = CR4_OSXMMEXCPT;
	with_bitmaps(L2_NATIVE, &sse, "OSXMMEXCPT 0");
	cr4_without = 0;
	cr0_with = CR0_TS;
	with_bitmaps(L2_NATIVE, &sse, "TS");
	with_bitmaps(L2_NATIVE, &x87, "TS");
	cr0_with = 0;
}

static void set_ac(void) { vmcs_on(GUEST_RFLAGS, EFLAGS_AC); }

static void alignment_checks(void)
{
	also = set_ac;
	for (u32 am = 0; am < 2; am++) {
		cr0_with = am ? CR0_AM : 0;
		for (enum l2_mode mode = 0; mode < L2_MODES; mode++)
			for (u32 user = 0; user < 2; user++) {
				is_user = user;
				if ((am || mode == L2_NATIVE) && !(user && l2_bits(mode) == 16))
					with_bitmaps(mode, &alignment, am ? "AM" : "AM 0");
			}
	}
	is_user = false;
	also = NULL;
	cr0_with = 0;
}

/* ---- faults that the hypervisor below raises ---- */

static void msrs_pass(void)
{
	static u8 *bitmap_page;

	if (!bitmap_page)
		bitmap_page = page_take();
	vmcs_on(PRIMARY_CTRLS, PRIMARY_MSR_BITMAPS);
	vmcs_set(MSR_BITMAP, physical(bitmap_page));
}

static void from_below(void)
{
	also = msrs_pass;
	for (enum l2_mode mode = 0; mode < L2_MODES; mode++)
		with_bitmaps(mode, &below, NULL);
	also = NULL;
}

/* ---- segments and stacks ---- */

static void tables(void)
{
	descriptors();
	gates();
}

static void selected(void)
{
	static const struct { const char *name; u32 selector; } all[] = {
		{ "absent data", SEL_ABSENT }, { "absent code", SEL_CODE_ABSENT }, { "a call gate", SEL_GATE },
		{ "an absent call gate", SEL_GATE_ABSENT }, { "beyond the GDT", 0xfff8 }, { "absent data, RPL 3", SEL_ABSENT | 3 },
		{ "absent code, RPL 3", SEL_CODE_ABSENT | 3 }, { "LDT", 4 },
	};

	also = tables;
	for (u32 i = 0; i < 2 * ARRAY_SIZE(all); i++) {
		is_user = i & 1;
		selector = all[i / 2].selector;
		with_bitmaps(L2_NATIVE, &selectors, all[i / 2].name);
		with_bitmaps(L2_NATIVE, L1_IS_64 ? &returns_64 : &returns_32, all[i / 2].name);
	}
	is_user = false;
}

static const struct stack { const char *name; u16 ss; u32 sp, sp_high, tr_limit; } stacks[] = {
	{ "fine", SEL_DATA32, L2_STACK, 0, 0x67 }, { "short TSS", SEL_DATA32, L2_STACK, 0, 5 },
#ifdef __x86_64__
	{ "RSP0 not canonical", 0, L2_STACK, HOLE, 0x67 },
#else
	{ "null stack segment", 0, L2_STACK, 0, 0x67 }, { "SS0 beyond the GDT", 0xfff8, L2_STACK, 0, 0x67 },
	{ "SS0 is code", SEL_CODE32, L2_STACK, 0, 0x67 }, { "SS0 of CPL 3", SEL_USER_DATA, L2_STACK, 0, 0x67 },
	{ "SS0 with RPL 3", SEL_DATA32 | 3, L2_STACK, 0, 0x67 }, { "SS0 absent", SEL_STACK_ABSENT, L2_STACK, 0, 0x67 },
#endif
};
static const struct stack *stack;

static void stack_switch(void)
{
	struct tss *tss = (struct tss *)(uptr)L2_TSS;

	tables();
	tss->esp0 = stack->sp;
	tss->ss0 = (u16)(L1_IS_64 ? stack->sp_high & 0xffff : stack->ss);
	tss->r1 = (u16)(L1_IS_64 ? stack->sp_high >> 16 : 0);
	vmcs_set(GUEST_TR_LIMIT, stack->tr_limit);
}

static void stack_switches(void)
{
	is_user = true;
	selector = SEL_GATE | 3;
	also = stack_switch;
	for (stack = stacks; stack < stacks + ARRAY_SIZE(stacks); stack++)
		with_bitmaps(L2_NATIVE, &switches, stack->name);
	is_user = false;
	selector = 0;
}

static void short_stack(void) { vmcs_set(SEG(LIMIT, SEG_SS), 0xffff); }

static void stack_limits(void)
{
	also = short_stack;		/* SP is far above */
	with_bitmaps(L2_PAE, &stack_limit, "short stack");
	with_bitmaps(L2_PAGED, &stack_limit, "short stack");
	also = NULL;
}

/* ---- deliveries that fail ---- */

static void make_trouble(void)
{
	tables();
	set_ac();
	l2.eptp = ept_new();
	ept_identity(l2.eptp);
	vmcs_set(EPTP, l2.eptp);
	if (trouble == EPT_STACK) {
		((struct tss *)(uptr)L2_TSS)->esp0 = STACK_PAGE + 0x800;
		vmcs_set(GUEST_RSP, STACK_PAGE + 0x800);
		ept_map(l2.eptp, STACK_PAGE, STACK_PAGE, EPT_4K, EPT_R | EPT_X | EPT_WB);
	}
	if (trouble == EPT_HANDLER)
		ept_map(l2.eptp, L2_HANDLERS, L2_HANDLERS, EPT_4K, EPT_R | EPT_W | EPT_WB);
}

/* What was pushed, if the event was delivered; RFLAGS.RF is the emulator's affair there (fault R1). */
static void say_stack(struct l2 *l)
{
	u32 sp = (u32)vmcs_get(GUEST_RSP);

	(void)l;
	say(" sp %x", sp);
	if (sp >= L2_AT && sp < L2_TABLES)
		for (u32 i = 0; i < 4; i++)
			say(" %llx", (u64)((const uptr *)(uptr)sp)[i] & ~(u64)EFLAGS_RF);
	if (vmcs_get(IDT_VECTORING_INFO) & EVENT_VALID)
		say(" len %x", (vmcs_get(IDT_VECTORING_INFO) >> 8 & 7) == TYPE_SOFT_EXCEPTION ? (u32)vmcs_get(EXIT_INSTR_LEN) : 0);
}

static void failing_deliveries(void)
{
	also = make_trouble;
	cr0_with = CR0_AM;
	for (u32 i = 0; i < 2 * ARRAY_SIZE(bitmaps); i++)
		for (trouble = 0; trouble < TROUBLES; trouble++) {
			const struct insn_run how = { .mode = L2_NATIVE, .with = L2_WITH_EPT, .user = i & 1, .prepare = prepare,
				.says = say_stack, .what = { trouble_names[trouble], bitmaps[i / 2].name } };

			is_user = i & 1;
			bitmap = bitmaps[i / 2].bits;
			selector = SEL_ABSENT;
			insns_run(&l2, &how, &each);
			if (!L1_IS_64)
				insns_run(&l2, &how, &only_32);
			ept_recycle();
		}
}

void guest_main(void)
{
	if (!l1_begin())
		return;
	WRITE_CR(4, READ_CR(4) | CR4_OSFXSR | CR4_OSXMMEXCPT);
	vmx_enable();
	floating_point();
	alignment_checks();
	from_below();
	selected();
	stack_switches();
	stack_limits();
	failing_deliveries();
	vmx_disable();
}
