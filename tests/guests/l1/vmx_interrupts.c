/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * External interrupts that wait as L2 is entered, and windows: with each of L1's controls, each state of L2. Then IRETs
 * of L2 that fault while NMIs are blocked: who learns that the IRET had unblocked them.
 */
#include "ept.h"
#include "l2.h"

#define VECTOR		0x40
#define TICKS		20000u
#define MSR_OURS	MSR_APIC_BASE		/* the hypervisor below L1 reads it for L2 */
#define FAR_AT		0x1c00000u		/* in no 2 MiB or 4 MiB page of L2's own */
#define FAR_STACK	(FAR_AT + 0x1000 - 0x40)

#ifdef __x86_64__
L2_CODE(nops, 64, "nop; nop; vmcall");
L2_CODE(opens, 64, "sti; nop; nop; vmcall");
L2_CODE(opens_over_ours, 64, "sti; rdmsr; nop; vmcall");
L2_CODE(ss_over_ours, 64, "mov %ss, %eax; mov %eax, %ss; rdmsr; nop; vmcall");
L2_CODE(opens_halts, 64, "sti; hlt; nop; vmcall");
L2_CODE(irets, 64, "iretq");
#else
L2_CODE(nops, 32, "nop; nop; vmcall");
L2_CODE(opens, 32, "sti; nop; nop; vmcall");
L2_CODE(opens_over_ours, 32, "sti; rdmsr; nop; vmcall");
L2_CODE(ss_over_ours, 32, "mov %ss, %eax; mov %eax, %ss; rdmsr; nop; vmcall");
L2_CODE(opens_halts, 32, "sti; hlt; nop; vmcall");
L2_CODE(irets, 32, "iret");
#endif

static const struct code { const char *name; const u8 *at, *end; } codes[] = {
	{ "NOP", nops, nops_end }, { "STI", opens, opens_end }, { "STI, RDMSR", opens_over_ours, opens_over_ours_end },
	{ "MOV SS, RDMSR", ss_over_ours, ss_over_ours_end }, { "STI, HLT", opens_halts, opens_halts_end },
};

static struct l2 l2;
static volatile u32 taken;
static u8 *msr_bitmap;

static void on_interrupt(struct frame *f)
{
	(void)f;
	taken++;
	apic_write(APIC_EOI, 0);
}

static void base(const struct code *c, u32 pin, u32 primary, u32 exit)
{
	l2_reset(&l2);
	l2_code(&l2, c->at, c->end);
	l2.cx = MSR_OURS;
	vmcs_set(PIN_CTRLS, ALLOWED0(TRUE_PIN) | PIN_TIMER | pin);
	vmcs_set(PREEMPTION_TIMER, TICKS >> (CAP(MISC) & MISC_TIMER_RATE));
	vmcs_set(PRIMARY_CTRLS, ALLOWED0(TRUE_PRIMARY) | PRIMARY_MSR_BITMAPS | primary);
	vmcs_set(MSR_BITMAP, physical(msr_bitmap));
	vmcs_set(EXIT_CTRLS, ALLOWED0(TRUE_EXIT) | (L1_IS_64 ? EXIT_HOST_64 : 0) | exit);
}

/* Without RF, which the emulator saves set as for a fault. */
static void say_one(struct vmx_result r)
{
	if (r.kind == VMX_OK && exit_reason() == EXIT_EXTINT)
		vmcs_off(GUEST_RFLAGS, EFLAGS_RF);
	say_entry(r);
}

/* What the interrupt became, and an end to it: L1 takes it if it still waits. */
static void end(void)
{
	bool acknowledged = exit_reason() == EXIT_EXTINT && vmcs_get(EXIT_INTR_INFO) & EVENT_VALID;
	bool in_l2 = exit_reason() == EXIT_VMCALL && vmcs_get(GUEST_RIP) - L2_HANDLERS == 4 * VECTOR;

	if (acknowledged || in_l2)
		apic_write(APIC_EOI, 0);
	__asm__ volatile("sti; nop; nop; cli" : : : "memory");
	say(", L1's handler %u\n", taken);
}

struct state { u32 pin, primary, exit, flags, blocking, activity, event; bool waits; };

static void row(const struct code *c, const struct state *s)
{
	struct vmx_result r;

	base(c, s->pin, s->primary, s->exit);
	vmcs_on(GUEST_RFLAGS, s->flags);
	vmcs_set(GUEST_INTERRUPTIBILITY, s->blocking);
	vmcs_set(GUEST_ACTIVITY_STATE, s->activity);
	vmcs_set(ENTRY_INTR_INFO, s->event);
	taken = 0;
	if (s->waits)
		ipi(0, ICR_FIXED | VECTOR);
	r = l2_run(&l2);
	say("R %s, pin %x primary %x exit %x flags %x blocking %x activity %u event %x%s: ", c->name, s->pin, s->primary, s->exit,
	    s->flags, s->blocking, s->activity, s->event, s->waits ? ", one waits" : "");
	say_one(r);
	end();
}

static void interrupts(void)
{
	static const u32 blockings[] = { 0, BLOCKING_STI, BLOCKING_MOV_SS };
	static const u32 events[] = { 0, EVENT(TYPE_NMI, NMI_TRAP), EVENT(TYPE_HARDWARE, UD_TRAP) };

	for (u32 i = 0; i < 16; i++)
		for (u32 b = 0; b < ARRAY_SIZE(blockings); b++)
			for (u32 e = 0; e < 2 * ARRAY_SIZE(events); e++) {
				struct state s = { .pin = i & 1 ? PIN_EXTINT : 0, .exit = i & 2 ? EXIT_ACK_INTR : 0,
						   .flags = i & 4 ? EFLAGS_IF : 0, .primary = i & 8 ? PRIMARY_INTR_WINDOW : 0,
						   .blocking = blockings[b], .event = events[e / 2],
						   .activity = e & 1 ? ACTIVITY_HLT : ACTIVITY_ACTIVE, .waits = true };

				if (s.exit && !s.pin)
					continue;
				row(&codes[0], &s);
				s.waits = false;
				if (s.primary)
					row(&codes[0], &s);
			}
}

static void instructions(void)
{
	for (u32 c = 1; c < ARRAY_SIZE(codes); c++)
		for (u32 i = 0; i < 16; i++) {
			struct state s = { .pin = i & 1 ? PIN_EXTINT : 0, .exit = i & 2 ? EXIT_ACK_INTR : 0,
					   .primary = i & 4 ? PRIMARY_INTR_WINDOW : 0, .waits = i & 8,
					   .flags = c == 3 ? EFLAGS_IF : 0 };

			if (!s.exit || s.pin)
				row(&codes[c], &s);
		}
}

/* ---- IRET ---- */

static const struct { const char *name; u32 pin; } settings[] = {
	{ "neither", 0 }, { "exiting", PIN_NMI }, { "virtual", PIN_NMI | PIN_VIRTUAL_NMIS },
};
enum fault { NO_FAULT, BAD_CS, NO_PAGE, NO_EPT, EPT_LATE, FAULTS };
static const char *const fault_names[FAULTS] = { "no fault", "#GP", "#PF", "EPT violation", "page not used before" };

static void iret(u32 setting, enum fault fault, bool blocked, bool exits)
{
	uptr *frame = (uptr *)(uptr)(fault == EPT_LATE ? FAR_STACK + 0x2000 : FAR_STACK);
	u32 pde = L2_TABLES + 0x2000 + 8 * (FAR_AT >> 21);
	volatile u64 *entry = NULL;
	u64 again = 0;

	l2_setup(&l2, L2_NATIVE, fault >= NO_EPT ? L2_WITH_EPT : 0);
	l2_code(&l2, irets, irets_end);
	memcpy((void *)(uptr)(L2_CODE_AT + 0x100), nops, (size_t)(nops_end - nops));
	frame[0] = L2_CODE_AT + 0x100;
	frame[1] = fault == BAD_CS ? GDT_SIZE : L1_IS_64 ? SEL_CODE64 : SEL_CODE32;
	frame[2] = 2;
	if (L1_IS_64) {
		frame[3] = L2_STACK;
		frame[4] = SEL_DATA32;
	}
	vmcs_on(PIN_CTRLS, settings[setting].pin);
	vmcs_set(GUEST_INTERRUPTIBILITY, blocked ? BLOCKING_NMI : 0);
	vmcs_set(GUEST_RSP, (uptr)frame);
	vmcs_set(EXCEPTION_BITMAP, exits ? ~0u : 0);
	if (fault == NO_PAGE)
		*(volatile u64 *)(uptr)pde = 0;
	if (fault == NO_EPT) {
		entry = ept_entry(l2.eptp, FAR_AT, EPT_4K);
		again = *entry;
		*entry = 0;
		(void)vmx_invept(1, l2.eptp);
	}
	say("R IRET, %s, %s%s%s: ", settings[setting].name, fault_names[fault], blocked ? ", NMIs blocked" : "",
	    exits ? ", exits" : "");
	say_entry(l2_run(&l2));
	if (entry && exit_reason() == EXIT_EPT_VIOLATION) {		/* as a hypervisor goes on: 28.2.1, bit 12 */
		*entry = again;
		(void)vmx_invept(1, l2.eptp);
		if (vmcs_get(EXIT_QUALIFICATION) & BIT(12))
			vmcs_on(GUEST_INTERRUPTIBILITY, BLOCKING_NMI);
		say(", then ");
		say_entry(l2_run(&l2));
	}
	say("\n");
	if (settings[setting].pin != (PIN_NMI | PIN_VIRTUAL_NMIS))	/* L1's are blocked now */
		__asm__ volatile("int %0" : : "i"(VECTOR + 1) : "memory");
}

static void on_nothing(struct frame *f) { (void)f; }

void guest_main(void)
{
	if (!l1_begin())
		return;
	handlers[VECTOR] = on_interrupt;
	handlers[VECTOR + 1] = on_nothing;
	msr_bitmap = page_take();
	vmx_enable();
	for (u32 s = 0; s < ARRAY_SIZE(settings); s++)
		for (u32 i = 0; i < 4 * FAULTS; i++)
			iret(s, (enum fault)(i / 4), i & 2, i & 1);
	l2_setup(&l2, L2_NATIVE, 0);
	interrupts();
	instructions();
	vmx_disable();
}
