/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Controls that alone change between two entries. The fields that they put into use were written before the first entry, and
 * only RIP, RSP, RFLAGS and interruptibility are written again: a hypervisor below that passes on what L1 wrote has to see that
 * a control gives a field that L1 wrote long ago another meaning.
 */
#include "ept.h"
#include "insns.h"
#include "vapic.h"

#define MSR_BITS	0x1f00000u	/* MSR bitmap: nothing exits */
#define PORT_BITS	0x1f03000u	/* I/O bitmaps: all ports exit */
#define PAT_OTHER	0x0007040600070401ull
#define MSR_X2APIC_TPR	0x808
#define VECTOR		0x51
#define STEPS		6u
#define IS_ON(step)	(0x1a >> (step) & 1)	/* off, on, off, on, on, off */

/* Instructions that a control enables or makes exit. (Slots of a list are aligned: it comes before other code.) */
#define CONTROLLED(X, a) \
	X("invlpg (%ebx)", .primary = PRIMARY_INVLPG) X("rdpmc", .primary = PRIMARY_RDPMC) X("pause", .primary = PRIMARY_PAUSE) \
	X("rdtsc", .primary = PRIMARY_RDTSC) X("monitor", .primary = PRIMARY_MONITOR) X("in $0x80, %al", .primary = PRIMARY_ALL_IO) \
	X("out %al, $0x80", .primary = PRIMARY_IO_BITMAPS) X("mov $0x174, %cx; rdmsr", .primary = PRIMARY_MSR_BITMAPS) \
	X("mov %dr7, %" a, .primary = PRIMARY_MOV_DR) X("mov %cr3, %" a, .primary = PRIMARY_CR3_STORE) \
	X("mov %cr3, %" a "; mov %" a ", %cr3", .primary = PRIMARY_CR3_LOAD) \
	X("wbinvd", .secondary = SECONDARY_WBINVD) X("sgdt (%ebx)", .secondary = SECONDARY_DESC_TABLE) \
	X("str (%ebx)", .secondary = SECONDARY_DESC_TABLE) X("rdrand %esi", .secondary = SECONDARY_RDRAND) \
	X("rdseed %ebp", .secondary = SECONDARY_RDSEED) X("rdtscp", .secondary = SECONDARY_RDTSCP) \
	X("xor %ecx, %ecx; invpcid (%ebx), %" a, .secondary = SECONDARY_INVPCID) X("vmfunc", .secondary = SECONDARY_VMFUNC)
#define CONTROLLED_32(X) CONTROLLED(X, "eax")
#define CONTROLLED_64(X) CONTROLLED(X, "rax") X("mov %cr8, %rax", .primary = PRIMARY_CR8_STORE) \
	X("mov %rax, %cr8", .primary = PRIMARY_CR8_LOAD)
INSNS_OF(32, controlled_32, CONTROLLED_32);
INSNS_OF(64, controlled_64, CONTROLLED_64);

static struct l2 l2;

static void set_if_new(enum vmcs_field field, u64 value)
{
	if (vmcs_get(field) != value)
		vmcs_set(field, value);
}

static void begin(enum l2_mode mode, u32 with, const u8 *code, const u8 *end)
{
	l2_setup(&l2, mode, with);
	l2_again(&l2);
	l2_code(&l2, code, end);
	memset((void *)(uptr)MSR_BITS, 0, 0x1000);
	vmcs_on(PRIMARY_CTRLS, PRIMARY_MSR_BITMAPS | PRIMARY_SECONDARY);
	vmcs_set(MSR_BITMAP, MSR_BITS);
}

static struct vmx_result enter(u32 flags, u32 blocking)
{
	vmcs_set(GUEST_RIP, L2_CODE_AT);
	vmcs_set(GUEST_RSP, L2_STACK);
	vmcs_set(GUEST_RFLAGS, flags | 2);
	vmcs_set(GUEST_INTERRUPTIBILITY, blocking);
	return l2_run(&l2);
}

/* ---- MSRs and DR7 by "load" and "save": each set of these controls after each other one ---- */

enum { LOADED = BIT(0), SAVED = BIT(1), L1_LOADED = BIT(2) };

static const struct switched {
	const char *name;
	u32 msr;			/* 0: DR7 */
	enum vmcs_field guest;
	u64 value;			/* L2 flips bit 0 of what it has */
	u32 load, save, load_l1;
} switched[] = {
	{ "EFER", MSR_EFER, GUEST_EFER, EFER_SCE | (L1_IS_64 ? EFER_LME | EFER_LMA : 0), ENTRY_LOAD_EFER, EXIT_SAVE_EFER,
	  EXIT_LOAD_EFER },
	{ "PAT", MSR_PAT, GUEST_PAT, PAT_OTHER, ENTRY_LOAD_PAT, EXIT_SAVE_PAT, EXIT_LOAD_PAT },
	{ "DR7", 0, GUEST_DR7, 0x401, ENTRY_LOAD_DEBUG, EXIT_SAVE_DEBUG, 0 },
};

L2_CODE(flip_msr, 32, "rdmsr; mov %eax, %esi; mov %edx, %edi; xor $1, %eax; wrmsr; vmcall");
L2_CODE(flip_dr7, 32, "mov %dr7, %eax; mov %eax, %esi; xor %edi, %edi; xor $1, %eax; mov %eax, %dr7; vmcall");

static void say_switched(const struct switched *s, u32 state, bool asks)
{
	struct vmx_result r = enter(0, 0);

	say("R %s%s%s%s%s: ", s->name, state & LOADED ? " loaded" : "", state & SAVED ? " saved" : "",
	    state & L1_LOADED ? " of L1 loaded" : "", asks ? "" : ", not asked for");
	if (r.kind == VMX_OK)
		say("exit %u", exit_reason());
	else
		say_result(r);
	say(" L2 has %x%08x L1 %llx", (u32)l2.di, (u32)l2.si, s->msr ? rdmsr(s->msr) : (u64)READ_DR(7));
	if (asks)
		say(" field %llx", vmcs_get(s->guest));
	say("\n");
}

static void switch_controls(const struct switched *s, u32 state)
{
	u64 entry = vmcs_get(ENTRY_CTRLS) & ~s->load, exit = vmcs_get(EXIT_CTRLS) & ~(s->save | s->load_l1);

	set_if_new(ENTRY_CTRLS, entry | (state & LOADED ? s->load : 0));
	set_if_new(EXIT_CTRLS, exit | (state & SAVED ? s->save : 0) | (state & L1_LOADED ? s->load_l1 : 0));
}

/* A row of all states in which each follows each: the shortest there is (de Bruijn), and its first state at its end. */
static void all_switches(const struct switched *s, bool asks)
{
	u32 states = s->load_l1 ? 8 : 4;
	u64 own = s->msr ? rdmsr(s->msr) : 0;

	if (!CAN_ENTRY(s->load) || !CAN_EXIT(s->save | s->load_l1))
		return;
	begin(L2_NATIVE, 0, s->msr ? flip_msr : flip_dr7, s->msr ? flip_msr_end : flip_dr7_end);
	vmcs_set(s->guest, s->value);
	l2.cx = s->msr;
	for (u32 a = 0; a <= states; a++) {
		switch_controls(s, a % states);
		say_switched(s, a % states, asks);
		for (u32 b = a + 1; b < states; b++) {
			switch_controls(s, a);
			say_switched(s, a, asks);
			switch_controls(s, b);
			say_switched(s, b, asks);
		}
	}
	if (s->msr)
		wrmsr(s->msr, own);
}

/* ---- one control, and what L2 has by it ---- */

#define DATA_SEEN	0x22222222u
#define OTHER_SEEN	0x33333333u
#define HIGH_DATA	(0x40000000u + L2_DATA)
#define OTHER_AT	(L2_AT + 0x200000)
#define LARGE		(PTE_P | PTE_W | PTE_U | BIT(7))
#define GIB_DIRECTORY	(L2_DIRECTORIES + 0x1000)	/* what memory has for the second GiB */

L2_CODE(look, 32, "mov (%ebx), %esi; vmcall");
L2_CODE(look_msr, 32, "rdmsr; mov %eax, %esi; mov %edx, %edi; vmcall");
L2_CODE(look_tsc, 32, "rdtsc; mov %eax, %esi; mov %edx, %edi; vmcall");
L2_CODE(look_cr0, 32, "mov %cr0, %esi; vmcall");
L2_CODE(look_cr4, 32, "mov %cr4, %esi; vmcall");
L2_CODE(nops, 32, "nop; nop; vmcall");
L2_CODE(count, 32, "mov $2000, %ecx; 1: sub $1, %ecx; jnz 1b; vmcall");
L2_CODE(look_cr8, 64, "mov %cr8, %rsi; vmcall");
#ifdef __x86_64__
L2_CODE(iret, 64, "test %edx, %edx; jnz 1f; mov %rsp, %rax; mov %ss, %ecx; push %rcx; push %rax; pushf; mov %cs, %ecx;"
	"push %rcx; lea 1f(%rip), %rax; push %rax; iretq; 1: vmcall");
#else
L2_CODE(iret, 32, "test %edx, %edx; jnz 2f; pushf; push %cs; call 1f; 2: vmcall; 1: iret");
#endif

static u64 before;
static u32 timer_before;

static void apic(u32 secondary, u32 pin)
{
	const struct apic_setting s = { "", APIC_TPR, secondary, pin, 0, 0x50 };

	apic_prepare(&s);
	memset((void *)(uptr)APIC_ACCESS_AT, 0x5a, 0x1000);
	l2.bx = APIC_ACCESS_AT + VAPIC_TPR;
}

static void apic_shadow(void) { apic(0, 0); }
static void apic_page(void) { apic(SECONDARY_APIC_ACCESS, 0); }

static void apic_registers(void)
{
	apic(SECONDARY_APIC_ACCESS | SECONDARY_APIC_REGS, 0);
	l2.bx = APIC_ACCESS_AT + 0x30;
}

static void x2apic(void)
{
	apic(SECONDARY_X2APIC, 0);
	l2.cx = MSR_X2APIC_TPR;
}

static void delivery(void)
{
	apic(SECONDARY_VIRTUAL_INTR, PIN_EXTINT);
	VAPIC(VAPIC_TPR) = 0;
	vapic_set(VAPIC_IRR, VECTOR);
	vmcs_set(GUEST_INTR_STATUS, VECTOR);
}

static void say_delivery(void)
{
	say(" status %llx requested %x in service %x", vmcs_get(GUEST_INTR_STATUS), VAPIC(VAPIC_IRR + VECTOR / 32 * 16),
	    VAPIC(VAPIC_ISR + VECTOR / 32 * 16));
}

/* Far ahead of L1's clock by either, which ticks a billion times between two looks at most. */
static void offset(void) { vmcs_set(TSC_OFFSET, 1ull << 40); }

static void multiplier(void)
{
	vmcs_on(PRIMARY_CTRLS, PRIMARY_TSC_OFFSET);
	vmcs_set(TSC_MULTIPLIER, 1ull << 63);
}

static void say_tsc(void)
{
	u64 seen = (u64)(u32)l2.di << 32 | (u32)l2.si;

	say(seen - before < 1u << 30 ? " L1's time" : " time ahead");
}

static void timer_out(void) { vmcs_set(PREEMPTION_TIMER, 0); }

static void timer_late(void) { vmcs_set(PREEMPTION_TIMER, timer_before = 0x10000000); }

static void timer_saved(void)
{
	vmcs_on(PIN_CTRLS, PIN_TIMER);
	timer_late();
}

static void say_timer(void)
{
	u32 left = (u32)vmcs_get(PREEMPTION_TIMER);

	say(left == timer_before ? " none counted" : left < timer_before ? " counted" : " more");
	timer_before = left;
}

/* The second GiB is the first one again by the fields, another page by L2's memory. */
static void pdptes(void)
{
	vmcs_set(GUEST_PDPTE1, L2_DIRECTORIES | PTE_P);
	((volatile u64 *)(uptr)GIB_DIRECTORY)[L2_DATA >> 21] = OTHER_AT | LARGE;
	*(volatile u32 *)(uptr)L2_DATA = DATA_SEEN;
	*(volatile u32 *)(uptr)(OTHER_AT + (L2_DATA & 0x1fffff)) = OTHER_SEEN;
	l2.bx = HIGH_DATA;
}

static void nothing(void) { }

/* NMIs are blocked. Without virtual NMIs an IRET of L2's, which it has then alone, leaves the field so. */
static void blocked(void) { vmcs_on(PIN_CTRLS, PIN_NMI); }

static void shadows(void)
{
	vmcs_set(CR0_SHADOW, CR0_TS);
	vmcs_set(CR4_SHADOW, CR4_PGE);
}

#define CODE(name) name, name##_end

static const struct toggle {
	const char *name;
	enum vmcs_field controls;	/* or another field that decides about one */
	u32 bits;
	const u8 *code, *end;
	void (*prepare)(void);
	void (*says)(void);		/* NULL: L2's SI and DI */
	u8 mode, with;
	u32 flags, blocking;
	u32 exit_bits;			/* VM-exit controls that can't be without the other */
} toggles[] = {
	{ "TPR shadow", PRIMARY_CTRLS, PRIMARY_TPR_SHADOW, CODE(look_cr8), apic_shadow, .mode = L2_LONG },
	{ "TPR shadow of the APIC page", PRIMARY_CTRLS, PRIMARY_TPR_SHADOW, CODE(look), apic_page, .mode = L2_NATIVE },
	{ "APIC page", SECONDARY_CTRLS, SECONDARY_APIC_ACCESS, CODE(look), apic_page, .mode = L2_NATIVE },
	{ "APIC registers", SECONDARY_CTRLS, SECONDARY_APIC_REGS, CODE(look), apic_registers, .mode = L2_NATIVE },
	{ "x2APIC", SECONDARY_CTRLS, SECONDARY_X2APIC, CODE(look_msr), x2apic, .mode = L2_NATIVE },
	{ "virtual interrupts", SECONDARY_CTRLS, SECONDARY_VIRTUAL_INTR, CODE(nops), delivery, say_delivery, .mode = L2_NATIVE,
	  .flags = EFLAGS_IF },
	{ "virtual NMIs", PIN_CTRLS, PIN_VIRTUAL_NMIS, CODE(iret), blocked, .mode = L2_NATIVE, .blocking = BLOCKING_NMI },
	{ "TSC offset", PRIMARY_CTRLS, PRIMARY_TSC_OFFSET, CODE(look_tsc), offset, say_tsc, .mode = L2_NATIVE },
	{ "TSC multiplier", SECONDARY_CTRLS, SECONDARY_TSC_SCALING, CODE(look_tsc), multiplier, say_tsc, .mode = L2_NATIVE },
	{ "timer", PIN_CTRLS, PIN_TIMER, CODE(count), timer_out, .mode = L2_NATIVE },
	{ "timer and its saving", PIN_CTRLS, PIN_TIMER, CODE(count), timer_late, say_timer, .mode = L2_NATIVE,
	  .exit_bits = EXIT_SAVE_TIMER },
	{ "timer saved", EXIT_CTRLS, EXIT_SAVE_TIMER, CODE(count), timer_saved, say_timer, .mode = L2_NATIVE },
	{ "CR0 mask", CR0_MASK, CR0_TS, CODE(look_cr0), shadows, .mode = L2_NATIVE },
	{ "CR4 mask", CR4_MASK, CR4_PGE, CODE(look_cr4), shadows, .mode = L2_NATIVE },
	{ "EPT, PDPTEs", SECONDARY_CTRLS, SECONDARY_EPT, CODE(look), pdptes, .mode = L2_PAE, .with = L2_WITH_EPT },
	{ "secondary controls, PDPTEs", PRIMARY_CTRLS, PRIMARY_SECONDARY, CODE(look), pdptes, .mode = L2_PAE, .with = L2_WITH_EPT },
	{ "unrestricted", SECONDARY_CTRLS, SECONDARY_UNRESTRICTED, CODE(nops), nothing, .mode = L2_FLAT },
	{ "IA-32e mode", ENTRY_CTRLS, ENTRY_IA32E, CODE(nops), nothing, .mode = L2_LONG },
};

static bool can(enum vmcs_field controls, u32 bits)
{
	switch (controls) {
	case PIN_CTRLS:
		return CAN_PIN(bits);
	case PRIMARY_CTRLS:
		return CAN_PRIMARY(bits);
	case SECONDARY_CTRLS:
		return CAN_SECONDARY(bits);
	case EXIT_CTRLS:
		return CAN_EXIT(bits);
	case ENTRY_CTRLS:
		return CAN_ENTRY(bits);
	default:
		return true;
	}
}

static void turn(enum vmcs_field controls, u32 bits, bool on)
{
	u64 without = vmcs_get(controls) & ~(u64)bits;

	set_if_new(controls, on ? without | bits : without);
}

static void toggle(const struct toggle *t)
{
	if (!can(t->controls, t->bits) || !can(EXIT_CTRLS, t->exit_bits) || !l2_can(t->mode))
		return;
	begin(t->mode, t->with, t->code, t->end);
	t->prepare();
	for (u32 step = 0; step < STEPS; step++) {
		struct vmx_result r;

		turn(t->controls, t->bits, IS_ON(step));
		turn(EXIT_CTRLS, t->exit_bits, IS_ON(step));
		l2.si = l2.di = 0;
		l2.dx = IS_ON(step);
		before = rdtsc();
		r = enter(t->flags, t->blocking);
		say("R %s %s: ", t->name, IS_ON(step) ? "on" : "off");
		say_entry(r);
		if (t->says)
			t->says();
		else
			say(" L2 has %x %x", (u32)l2.di, (u32)l2.si);
		say("\n");
	}
}

/* ---- fields that would fail the entry, were they in use ---- */

static const struct spoiled {
	const char *name;
	enum vmcs_field controls;
	u32 bits;			/* these use the field, */
	enum vmcs_field field;
	u64 value;			/* which has this */
} spoiled[] = {
	{ "MSR bitmap", PRIMARY_CTRLS, PRIMARY_MSR_BITMAPS, MSR_BITMAP, 0x123 },
	{ "I/O bitmap", PRIMARY_CTRLS, PRIMARY_IO_BITMAPS, IO_BITMAP_B, 0x123 },
	{ "virtual-APIC page", PRIMARY_CTRLS, PRIMARY_TPR_SHADOW, VIRTUAL_APIC_ADDR, 0x123 },
	{ "APIC-access page", SECONDARY_CTRLS, SECONDARY_APIC_ACCESS, APIC_ACCESS_ADDR, 0x123 },
	{ "EPTP", SECONDARY_CTRLS, SECONDARY_EPT, EPTP, 0 },
	{ "VPID", SECONDARY_CTRLS, SECONDARY_VPID, VPID, 0 },
	{ "VMREAD bitmap", SECONDARY_CTRLS, SECONDARY_SHADOWING, VMREAD_BITMAP, 0x123 },
	{ "#VE information", SECONDARY_CTRLS, SECONDARY_VE, VE_INFO_ADDR, 0x123 },
	{ "VM functions", SECONDARY_CTRLS, SECONDARY_VMFUNC, VMFUNC_CTRLS, BIT(5) },
	{ "secondary controls", PRIMARY_CTRLS, PRIMARY_SECONDARY, SECONDARY_CTRLS, SECONDARY_UNRESTRICTED },
	{ "virtual NMIs without NMI exiting", PIN_CTRLS, PIN_VIRTUAL_NMIS, TSC_OFFSET, 0 },
	{ "NMI window without virtual NMIs", PRIMARY_CTRLS, PRIMARY_NMI_WINDOW, TSC_OFFSET, 0 },
	{ "timer saved without timer", EXIT_CTRLS, EXIT_SAVE_TIMER, TSC_OFFSET, 0 },
	{ "PAT", ENTRY_CTRLS, ENTRY_LOAD_PAT, GUEST_PAT, 2 },
	{ "EFER", ENTRY_CTRLS, ENTRY_LOAD_EFER, GUEST_EFER, 2 },
	{ "L1's PAT", EXIT_CTRLS, EXIT_LOAD_PAT, HOST_PAT, 2 },
	{ "L1's EFER", EXIT_CTRLS, EXIT_LOAD_EFER, HOST_EFER, 2 },
};

static void spoil(const struct spoiled *s)
{
	if (!can(s->controls, s->bits))
		return;
	begin(L2_NATIVE, 0, CODE(nops));
	vmcs_set(s->field, s->value);
	for (u32 step = 0; step < STEPS; step++) {
		turn(s->controls, s->bits, IS_ON(step));
		result_l2_f(enter(0, 0), "spoiled %s, %s", s->name, IS_ON(step) ? "used" : "unused");
	}
}

/* While EPT is off EPTP may have anything, and L2 has L1's memory, whatever EPT12 it had before. */
static void eptp_of_ones(void)
{
	u64 eptp;

	if (!CAN_SECONDARY(SECONDARY_EPT))
		return;
	begin(L2_NATIVE, L2_WITH_EPT, CODE(look));
	ept_map(l2.eptp, L2_DATA, OTHER_AT, EPT_4K, EPT_RWX | EPT_WB);
	vmx_invept(1, l2.eptp);
	*(volatile u32 *)(uptr)L2_DATA = DATA_SEEN;
	*(volatile u32 *)(uptr)OTHER_AT = OTHER_SEEN;
	l2.bx = L2_DATA;
	eptp = vmcs_get(EPTP);
	for (u32 step = 0; step < STEPS; step++) {
		turn(SECONDARY_CTRLS, SECONDARY_EPT, !IS_ON(step));
		vmcs_set(EPTP, IS_ON(step) ? ~0ull : eptp);
		l2.si = 0;
		result_l2_f(enter(0, 0), "EPT %s", IS_ON(step) ? "off, EPTP of ones" : "on");
		say("R EPT %s, L2 has: %x\n", IS_ON(step) ? "off, EPTP of ones" : "on", (u32)l2.si);
	}
}

/* ---- instructions ---- */

static void instructions(void)
{
	const struct insn_list *list = L1_IS_64 ? &controlled_64 : &controlled_32;
	const u8 *code = L1_IS_64 ? list->code_64 : list->code_32;

	for (u32 i = 0; i < list->count; i++, code += INSN_SLOT) {
		const struct insn *insn = &list->rows[i];
		enum vmcs_field controls = insn->primary ? PRIMARY_CTRLS : SECONDARY_CTRLS;

		if (!can(controls, insn->primary | insn->secondary))
			continue;
		begin(L2_NATIVE, 0, code, code + INSN_SLOT);
		memset((void *)(uptr)PORT_BITS, 0xff, 0x1000);
		vmcs_set(IO_BITMAP_A, PORT_BITS);
		vmcs_set(IO_BITMAP_B, PORT_BITS);
		vmcs_set(VMFUNC_CTRLS, 0);
		for (u32 step = 0; step < STEPS; step++) {
			turn(controls, insn->primary | insn->secondary, IS_ON(step));
			l2_again(&l2);
			result_l2_f(enter(0, 0), "%s, control %s", insn->text, IS_ON(step) ? "on" : "off");
		}
	}
}

void guest_main(void)
{
	if (!l1_begin())
		return;
	vmx_enable();
	for (u32 i = 0; i < 2 * ARRAY_SIZE(switched); i++)
		all_switches(&switched[i / 2], i & 1);
	for (u32 i = 0; i < ARRAY_SIZE(toggles); i++)
		toggle(&toggles[i]);
	for (u32 i = 0; i < ARRAY_SIZE(spoiled); i++)
		spoil(&spoiled[i]);
	eptp_of_ones();
	instructions();
	vmx_disable();
}
