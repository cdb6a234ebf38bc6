/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who gets an NMI, and when: for each of L1's control settings, each state of blocking, each event that the entry
 * injects, and each moment at which the NMI comes. A row says up to EXITS exits, how often L1's handler ran by then
 * and after an IRET, and whether NMIs are blocked in L1 then: it sends one to itself and looks before and after an IRET.
 */
#include "l2.h"

#define EXITS		5
#define COUNTER		(L2_DATA + 4)
#define HANDLER_AT	(L2_DATA + 0x100)
#define APIC_AT		0xfee00000u
#define UNBLOCK		0x81
#define VMCALL_LENGTH	3
#define INJECTED_EXTINT	0x30

#ifdef __x86_64__
#define IRET_TO_NEXT	"mov %ss, %eax; push %rax; lea 8(%rsp), %rax; push %rax; pushfq; mov %cs, %eax; push %rax;" \
			"lea 1f(%rip), %rax; push %rax; iretq; 1:"
L2_CODE(nmi_none, 64, "nop; nop; vmcall");
L2_CODE(nmi_sends, 64, "mov %ecx, 0x300(%rbx); nop; nop; vmcall");
L2_CODE(nmi_iret, 64, IRET_TO_NEXT "nop; nop; vmcall");
L2_CODE(nmi_sends_iret, 64, "mov %ecx, 0x300(%rbx); nop; " IRET_TO_NEXT "nop; nop; vmcall");
L2_CODE(nmi_loops, 64, "movl $1, (%rsi); 1: pause; jmp 1b");
L2_CODE(nmi_halts, 64, "movl $1, (%rsi); hlt; nop; vmcall");
L2_CODE(nmi_handler, 64, "incl 4(%rsi); vmcall; iretq");
#else
#define IRET_TO_NEXT	"pushf; push %cs; call 1f; 1: addl $2f - 1b, (%esp); iret; 2:"
L2_CODE(nmi_none, 32, "nop; nop; vmcall");
L2_CODE(nmi_sends, 32, "mov %ecx, 0x300(%ebx); nop; nop; vmcall");
L2_CODE(nmi_iret, 32, IRET_TO_NEXT "nop; nop; vmcall");
L2_CODE(nmi_sends_iret, 32, "mov %ecx, 0x300(%ebx); nop; " IRET_TO_NEXT "nop; nop; vmcall");
L2_CODE(nmi_loops, 32, "movl $1, (%esi); 1: pause; jmp 1b");
L2_CODE(nmi_halts, 32, "movl $1, (%esi); hlt; nop; vmcall");
L2_CODE(nmi_handler, 32, "incl 4(%esi); vmcall; iret");
#endif

struct code { const char *name; const u8 *at, *end; bool waits; };	/* @waits for the other CPU's */
static const struct code
	none = { "", nmi_none, nmi_none_end, false }, sends = { "sent by L2", nmi_sends, nmi_sends_end, false },
	iret = { "IRET", nmi_iret, nmi_iret_end, false },
	sends_iret = { "sent by L2 before IRET", nmi_sends_iret, nmi_sends_iret_end, false },
	loops = { "sent to a loop", nmi_loops, nmi_loops_end, true },
	halts = { "sent to HLT", nmi_halts, nmi_halts_end, true };

static const struct setting { const char *name; u32 pin, primary; } settings[] = {
	{ "neither", 0, 0 }, { "exiting", PIN_NMI, 0 }, { "virtual", PIN_NMI | PIN_VIRTUAL_NMIS, 0 },
	{ "window", PIN_NMI | PIN_VIRTUAL_NMIS, PRIMARY_NMI_WINDOW },
};
static const struct blocking { const char *name; u32 bits; } blockings[] = {
	{ "", 0 }, { " STI", BLOCKING_STI }, { " MOV-SS", BLOCKING_MOV_SS }, { " NMI", BLOCKING_NMI },
};
static const struct injected { const char *name; u32 info; } events[] = {
	{ "", 0 }, { " inject NMI", EVENT(TYPE_NMI, NMI_TRAP) }, { " inject #UD", EVENT(TYPE_HARDWARE, UD_TRAP) },
	{ " inject interrupt", EVENT(TYPE_EXTINT, INJECTED_EXTINT) },
};

static struct l2 l2;
static volatile u32 received;
static void (*volatile inside)(void);	/* done once, in L1's handler: NMIs are blocked there */
static struct { volatile u32 send, before; } other;

static volatile u32 *word(u32 at) { return (volatile u32 *)(uptr)at; }

static void on_nmi(struct frame *f)
{
	void (*now)(void) = inside;

	(void)f;
	received++;
	inside = NULL;
	if (now)
		now();
}

static void on_unblock(struct frame *f) { (void)f; }
static void unblock(void) { __asm__ volatile("int %0" : : "i"(UNBLOCK) : "memory"); }	/* its handler's IRET */

/* The other CPU: an NMI to the first one, when L2 has begun to wait for it. */
static void sender(void)
{
	for (;;) {
		while (!other.send)
			pause();
		if (*word(L2_DATA) == other.before) {
			pause();
			continue;
		}
		spin(300);
		ipi(0, ICR_NMI);
		other.send = 0;
	}
}

static void set_gate(void)
{
	u64 *gate = (u64 *)(uptr)(L2_IDT + NMI_TRAP * (L1_IS_64 ? 16 : 8));

	*gate = (*gate & 0x0000ffffffff0000ull) | (HANDLER_AT & 0xffff) | (u64)(HANDLER_AT >> 16) << 48;
	memcpy((void *)(uptr)HANDLER_AT, nmi_handler, (size_t)(nmi_handler_end - nmi_handler));
}

static void start(const struct setting *s, u32 blocking, u32 event, const struct code *c)
{
	l2_setup(&l2, L2_NATIVE, 0);
	set_gate();
	l2_code(&l2, c->at, c->end);
	*word(L2_DATA) = *word(COUNTER) = 0;
	l2.bx = APIC_AT;
	l2.cx = ICR_NMI;
	l2.si = L2_DATA;
	vmcs_on(PIN_CTRLS, s->pin);
	vmcs_on(PRIMARY_CTRLS, s->primary);
	vmcs_set(GUEST_INTERRUPTIBILITY, blocking);
	if (blocking & BLOCKING_STI || (event & EVENT_VALID && (event >> 8 & 7) == TYPE_EXTINT))
		vmcs_set(GUEST_RFLAGS, EFLAGS_IF | 2);
	vmcs_set(ENTRY_INTR_INFO, event);
	other.before = 0;
	other.send = c->waits;
}

/*
 * The exit, without what depends on when an NMI came to a loop, and without RF, which the emulator saves set as for a
 * fault (28.3.3: what delivery would have pushed).
 */
static void say_one(const struct code *c, struct vmx_result r)
{
	u64 loop = L2_CODE_AT + (u64)(c->end - c->at) - 2;

	if (r.kind == VMX_OK && exit_reason() == EXIT_EXCEPTION) {
		vmcs_off(GUEST_RFLAGS, EFLAGS_RF);
		if (c == &loops && vmcs_get(GUEST_RIP) <= loop)
			vmcs_set(GUEST_RIP, loop);
	}
	say_entry(r);
	say(", ");
}

/* Past a VMCALL; false: L2 is at its end. */
static bool goes_on(const struct code *c)
{
	u64 rip = vmcs_get(GUEST_RIP);

	if (exit_reason() & ENTRY_FAILED || exit_reason() == EXIT_TRIPLE_FAULT)
		return false;
	if (exit_reason() == EXIT_NMI_WINDOW)
		vmcs_off(PRIMARY_CTRLS, PRIMARY_NMI_WINDOW);
	if (c->waits && exit_reason() == EXIT_EXCEPTION)
		return false;
	vmcs_set(GUEST_ACTIVITY_STATE, ACTIVITY_ACTIVE);
	if (exit_reason() != EXIT_VMCALL)
		return true;
	if (rip == L2_CODE_AT + (u64)(c->end - c->at) - VMCALL_LENGTH || rip - L2_HANDLERS < 0x400)
		return false;
	if (c == &loops)		/* L2's handler ran: back from the loop by a VMCALL in its place */
		l2_code(&l2, nmi_none, nmi_none_end), vmcs_set(GUEST_RSP, L2_STACK);
	vmcs_set(GUEST_RIP, rip + VMCALL_LENGTH);
	return c != &loops;
}

static void run(const struct code *c)
{
	struct vmx_result r;
	u32 exits = 0;

	do {
		r = l2_run(&l2);
		say_one(c, r);
	} while (r.kind == VMX_OK && goes_on(c) && ++exits < EXITS);
	say("L2's handler %u, L1's %u", *word(COUNTER), received);
	unblock();
	say(" and %u", received);
}

static const struct code *pending_code;
static void run_pending(void)		/* in the handler: the NMI waits as L2 is entered */
{
	ipi(0, ICR_NMI);
	spin(10);
	run(pending_code);
}

/* Is an NMI blocked in L1 after the exit? */
static void probe(void)
{
	u32 before = received;

	ipi(0, ICR_NMI);
	spin(10);
	say(", then %u", received - before);
	unblock();
	spin(10);
	say(" and %u\n", received - before);
	for (u32 i = 0; i < 2; i++)
		unblock();
}

static void row_at_entry(const struct code *c)
{
	received = 0;
	pending_code = c;
	inside = run_pending;
	ipi(0, ICR_NMI);
	wait_until(&received, 1);
}

static void all_of(const struct setting *s)
{
	for (const struct blocking *b = blockings; b < blockings + ARRAY_SIZE(blockings); b++)
		for (const struct injected *e = events; e < events + ARRAY_SIZE(events); e++) {
			start(s, b->bits, e->info, &none);
			say("R NMI %s%s%s waits at entry: ", s->name, b->name, e->name);
			row_at_entry(&none);
			probe();
			start(s, b->bits, e->info, &sends);
			received = 0;
			say("R NMI %s%s%s sent by L2: ", s->name, b->name, e->name);
			run(&sends);
			probe();
		}
}

static void with_iret(const struct setting *s)
{
	for (u32 blocked = 0; blocked < 2; blocked++) {
		start(s, blocked ? BLOCKING_NMI : 0, 0, &iret);
		say("R NMI %s%s waits at entry, IRET: ", s->name, blocked ? " NMI" : "");
		row_at_entry(&iret);
		probe();
		start(s, blocked ? BLOCKING_NMI : 0, 0, &sends_iret);
		received = 0;
		say("R NMI %s%s %s: ", s->name, blocked ? " NMI" : "", sends_iret.name);
		run(&sends_iret);
		probe();
	}
}

/* A debug exception that is pending goes before the NMI. One that doesn't exit, before an exit, is lost in the emulator. */
static void with_debug(const struct setting *s)
{
	for (u32 exits = s->pin ? 1 : 0; exits < 2; exits++) {
		start(s, 0, 0, &none);
		vmcs_set(GUEST_PENDING_DBG, PENDING_ENABLED | 1);
		vmcs_set(EXCEPTION_BITMAP, exits ? BIT(DB_TRAP) : 0);
		say("R NMI %s waits at entry, pending #DB%s: ", s->name, exits ? " exits" : "");
		row_at_entry(&none);
		probe();
	}
}

static void in_states(const struct setting *s)
{
	static const char *const names[] = { "active", "HLT", "shutdown" };

	for (u32 state = ACTIVITY_HLT; state <= ACTIVITY_SHUTDOWN; state++)
		for (u32 exits = 0; exits < 2; exits++) {
			start(s, 0, exits ? EVENT(TYPE_NMI, NMI_TRAP) : 0, &none);
			vmcs_set(GUEST_ACTIVITY_STATE, state);
			say("R NMI %s waits at entry, %s%s: ", s->name, names[state], exits ? ", inject NMI" : "");
			row_at_entry(&none);
			probe();
		}
}

static void from_other(const struct setting *s)
{
	static const struct code *const codes[] = { &loops, &halts };

	for (u32 i = 0; i < ARRAY_SIZE(codes); i++) {
		start(s, 0, 0, codes[i]);
		received = 0;
		say("R NMI %s %s: ", s->name, codes[i]->name);
		run(codes[i]);
		wait_until(&other.send, 0);
		probe();
	}
}

/* An entry that fails leaves NMIs as they were; so does one that VMfails. */
static void fails_inside(void)
{
	result_l2("NMI blocked, entry fails", &l2, l2_run(&l2));
	say("R NMI blocked before an entry that failed: ");
	ipi(0, ICR_NMI);
	spin(10);
	say("%u", received);
	unblock();
	spin(10);
	say(" and %u\n", received);
}

static void failures(void)
{
	for (u32 how = 0; how < 3; how++) {
		start(&settings[how], 0, 0, &none);
		if (how == 0)
			vmcs_set(GUEST_RFLAGS, 0);
		else if (how == 1)
			vmcs_set(HOST_CR4, 0);
		else
			vmcs_set(GUEST_CR4, 0);
		received = 0;
		inside = fails_inside;
		ipi(0, ICR_NMI);
		wait_until(&received, 3);
		say("R NMI failed entry %u, in all: %u\n", how, received);
	}
}

/* And it leaves L2's own blocking as it was: after an L2 whose NMIs were blocked to its end, and where it injects one. */
static void failures_after_blocking(void)
{
	const struct setting *exiting = &settings[1];

	start(exiting, BLOCKING_NMI, 0, &none);
	result_l2("NMI exiting, blocked in L2", &l2, l2_run(&l2));
	start(exiting, 0, 0, &none);
	vmcs_set(GUEST_CR4, 0);
	result_l2("NMI exiting, entry fails after that", &l2, l2_run(&l2));
	say("R NMI exiting, L2's blocking after that: %llx\n", vmcs_get(GUEST_INTERRUPTIBILITY));
	start(exiting, 0, EVENT(TYPE_NMI, NMI_TRAP), &none);
	vmcs_set(GUEST_RFLAGS, 0);
	result_l2("NMI exiting, entry that injects one fails", &l2, l2_run(&l2));
	say("R NMI exiting, L2's blocking after that, too: %llx\n", vmcs_get(GUEST_INTERRUPTIBILITY));
	unblock();
}

void guest_main(void)
{
	if (!l1_begin())
		return;
	handlers[NMI_TRAP] = on_nmi;
	handlers[UNBLOCK] = on_unblock;
	vmx_enable();
	if (!l1_first_run(1, sender))
		say("R no second CPU: true\n");
	failures();
	failures_after_blocking();
	for (const struct setting *s = settings; s < settings + ARRAY_SIZE(settings); s++) {
		if (!CAN_PIN(s->pin) || !CAN_PRIMARY(s->primary))
			continue;
		all_of(s);
		with_iret(s);
		with_debug(s);
		in_states(s);
		from_other(s);
	}
	vmx_disable();
}
