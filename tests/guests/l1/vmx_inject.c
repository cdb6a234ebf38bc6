/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events that VM entry injects: each type and vector in each mode of L2, with what the handler finds on its stack; faults
 * on the way to the handler, with and without an exit for them; states of activity and interruptibility.
 */
#include "ept.h"
#include "l2.h"

#define CODE		0x7ff8u			/* an error code */
#define BAD_VECTOR	0x31			/* its gate gets broken */
#define TICKS		20000u

L2_CODE(nops, 32, "nop; nop; vmcall");

static struct l2 l2;

/* ---- each event in each mode ---- */

static void say_stack(void)
{
	u64 rsp = vmcs_get(GUEST_RSP) + vmcs_get(SEG(BASE, SEG_SS));
	u32 size = l2.mode == L2_REAL ? 2 : l2.mode == L2_LONG || l2.mode == L2_COMPAT ? 8 : 4;

	say(" rsp %llx cs %x:", rsp, (u32)vmcs_get(GUEST_CS_SELECTOR));
	for (u32 i = 0; i < 6 && rsp + (i + 1) * size <= (l2.mode == L2_REAL ? L2_LOW_STACK : L2_STACK); i++) {
		const volatile u16 *p = (const volatile u16 *)(uptr)(rsp + i * size);

		say(" %llx", size == 2 ? (u64)p[0] : (u64)p[0] | (u64)p[1] << 16);
	}
}

/* What an earlier event changed is set again; memory stays as it is. */
static void again(void)
{
	l2_reset(&l2);
	l2.ax = l2.bx = l2.cx = l2.dx = 0;
}

static void inject(const char *name, u32 info, u32 length, bool open)
{
	struct vmx_result r;

	again();
	if (open)
		vmcs_on(GUEST_RFLAGS, EFLAGS_IF);
	vmcs_set(ENTRY_INTR_INFO, info);
	vmcs_set(ENTRY_ERROR_CODE, info & EVENT_CODE ? CODE : 0);
	vmcs_set(ENTRY_INSTR_LEN, length);
	r = l2_run(&l2);
	say("R inject %s, %s %x length %u: ", l2_mode_names[l2.mode], name, info & ~EVENT_VALID, length);
	say_entry(r);
	if (r.kind == VMX_OK && !(exit_reason() & ENTRY_FAILED))
		say_stack();
	say("\n");
}

static void all_events(enum l2_mode mode)
{
	static const u8 vectors[] = { 0, 0x20, 0x80, 0xff };

	l2_setup(&l2, mode, 0);
	l2_code(&l2, nops, nops_end);
	for (u32 i = 0; i < ARRAY_SIZE(vectors); i++)
		inject("interrupt", EVENT(TYPE_EXTINT, vectors[i]), 0, true);
	inject("interrupt without IF", EVENT(TYPE_EXTINT, 0x20), 0, false);
	inject("NMI", EVENT(TYPE_NMI, NMI_TRAP), 0, false);
	inject("NMI with IF", EVENT(TYPE_NMI, NMI_TRAP), 0, true);
	for (u32 v = 0; v < 33; v++) {
		inject("exception", EVENT(TYPE_HARDWARE, v), 0, false);
		inject("exception", EVENT(TYPE_HARDWARE, v) | EVENT_CODE, 0, false);
	}
	for (u32 length = 0; length <= 16; length += length < 2 ? 1 : 7)
		inject("INT n", EVENT(TYPE_SOFTWARE, 0x80), length, false);
	inject("INT n", EVENT(TYPE_SOFTWARE, 0x20), 2, true);
	inject("INT1", EVENT(TYPE_PRIVILEGED, DB_TRAP), 1, false);
	inject("INT1", EVENT(TYPE_PRIVILEGED, DB_TRAP), 0, false);
	inject("INT3", EVENT(TYPE_SOFT_EXCEPTION, BP_TRAP), 1, false);
	inject("INT3", EVENT(TYPE_SOFT_EXCEPTION, BP_TRAP), 15, true);
	inject("INTO", EVENT(TYPE_SOFT_EXCEPTION, OF_TRAP), 1, false);
	inject("reserved type", EVENT(TYPE_RESERVED, 0x20), 0, false);
	inject("reserved bit", EVENT(TYPE_EXTINT, 0x20) | BIT(12), 0, true);
	inject("other event 1", EVENT(TYPE_OTHER, 1), 0, false);
	if (CAN_PRIMARY(PRIMARY_MTF))
		inject("MTF", EVENT(TYPE_OTHER, 0), 0, false);
}

/* ---- faults on the way ---- */

static u8 *gate(u32 vector)
{
	bool wide = l2.mode == L2_LONG || l2.mode == L2_COMPAT;

	return (u8 *)(uptr)(L2_IDT + vector * (wide ? 16 : 8));
}

static void gate_type(u32 vector, u8 access) { gate(vector)[5] = access; }
static void gate_selector(u32 vector, u16 selector) { memcpy(gate(vector) + 2, &selector, sizeof(selector)); }
static void no_gate(u32 vector) { gate_type(vector, 0x0e); }
static void data_gate(u32 vector) { gate_type(vector, 0x92); }
static void call_gate(u32 vector) { gate_type(vector, 0x8c); }
static void task_gate(u32 vector) { gate_type(vector, 0x85); gate_selector(vector, SEL_TSS); }
static void trap_gate(u32 vector) { gate_type(vector, 0x8f); }
static void gate_of_3(u32 vector) { gate_type(vector, 0xee); }
static void null_code(u32 vector) { gate_selector(vector, 0); }
static void data_code(u32 vector) { gate_selector(vector, SEL_DATA32); }
static void no_code(u32 vector) { gate_selector(vector, GDT_SIZE); }
static void local_code(u32 vector) { gate_selector(vector, SEL_CODE32 | 4); }
static void short_idt(u32 vector) { vmcs_set(GUEST_IDTR_LIMIT, vector * (L1_IS_64 ? 16 : 8) + 3); }
static void no_idt(u32 vector) { (void)vector; vmcs_set(GUEST_IDTR_LIMIT, 0); }

static void bad_stack(u32 vector)
{
	(void)vector;
	vmcs_set(GUEST_RSP, L1_IS_64 ? 1ull << 47 : 4);
	vmcs_set(SEG(LIMIT, SEG_SS), 0xfff);
	vmcs_set(SEG(AR, SEG_SS), AR_DATA32 & ~AR_GRANULARITY);
}

static void nothing(u32 vector) { (void)vector; }

static const struct { const char *name; void (*make)(u32 vector); } breaks[] = {
	{ "gate absent", no_gate }, { "gate of data", data_gate }, { "call gate", call_gate }, { "task gate", task_gate },
	{ "trap gate", trap_gate }, { "gate of CPL 3", gate_of_3 }, { "null selector", null_code },
	{ "data selector", data_code }, { "selector beyond the GDT", no_code }, { "selector of no LDT", local_code },
	{ "IDT too short", short_idt }, { "no IDT", no_idt }, { "bad stack", bad_stack }, { "nothing", nothing },
};

static const struct { const char *name; u32 info, length; } sent[] = {
	{ "interrupt", EVENT(TYPE_EXTINT, BAD_VECTOR), 0 }, { "INT n", EVENT(TYPE_SOFTWARE, BAD_VECTOR), 2 },
	{ "NMI", EVENT(TYPE_NMI, NMI_TRAP), 0 }, { "#DE", EVENT(TYPE_HARDWARE, DE_TRAP), 0 },
	{ "#UD", EVENT(TYPE_HARDWARE, UD_TRAP), 0 }, { "#DF", EVENT(TYPE_HARDWARE, DF_TRAP) | EVENT_CODE, 0 },
	{ "#GP", EVENT(TYPE_HARDWARE, GP_TRAP) | EVENT_CODE, 0 }, { "#PF", EVENT(TYPE_HARDWARE, PF_TRAP) | EVENT_CODE, 0 },
	{ "INT3", EVENT(TYPE_SOFT_EXCEPTION, BP_TRAP), 1 }, { "INT1", EVENT(TYPE_PRIVILEGED, DB_TRAP), 1 },
};

static void faults(enum l2_mode mode, u32 exits)
{
	for (u32 b = 0; b < ARRAY_SIZE(breaks); b++)
		for (u32 s = 0; s < ARRAY_SIZE(sent); s++) {
			l2_setup(&l2, mode, 0);
			l2_code(&l2, nops, nops_end);
			breaks[b].make(sent[s].info & 0xff);
			vmcs_on(GUEST_RFLAGS, EFLAGS_IF);
			vmcs_set(EXCEPTION_BITMAP, exits);
			vmcs_set(ENTRY_INTR_INFO, sent[s].info);
			vmcs_set(ENTRY_ERROR_CODE, sent[s].info & EVENT_CODE && (sent[s].info & 0xff) != DF_TRAP ? CODE : 0);
			vmcs_set(ENTRY_INSTR_LEN, sent[s].length);
			result_l2_f(l2_run(&l2), "inject %s, %s, %s, exits %x", l2_mode_names[mode], sent[s].name, breaks[b].name, exits);
		}
}

/* The IDT, the handler's stack, the GDT on a page that EPT lacks. */
static void without_ept(enum l2_mode mode)
{
	static const u32 at[] = { L2_IDT, L2_STACK - 0x1000, L2_GDT };

	for (u32 i = 0; i < ARRAY_SIZE(at); i++)
		for (u32 s = 0; s < ARRAY_SIZE(sent); s++) {
			volatile u64 *entry;

			l2_setup(&l2, mode, L2_WITH_EPT);
			l2_code(&l2, nops, nops_end);
			entry = ept_entry(l2.eptp, at[i], EPT_4K);
			*entry &= ~(u64)EPT_RWX;
			(void)vmx_invept(1, l2.eptp);
			vmcs_on(GUEST_RFLAGS, EFLAGS_IF);
			vmcs_set(ENTRY_INTR_INFO, sent[s].info);
			vmcs_set(ENTRY_INSTR_LEN, sent[s].length);
			result_l2_f(l2_run(&l2), "inject %s, %s, EPT lacks %x", l2_mode_names[mode], sent[s].name, at[i]);
			*entry |= EPT_RWX;
			(void)vmx_invept(1, l2.eptp);
		}
}

/* The IDT where L2's own tables have nothing: it lies on the next 2 MiB. */
static void without_page(enum l2_mode mode, u32 exits)
{
	for (u32 s = 0; s < ARRAY_SIZE(sent); s++) {
		l2_setup(&l2, mode, 0);
		l2_code(&l2, nops, nops_end);
		*(volatile u64 *)(uptr)(L2_TABLES + 0x2000 + 8 * ((L2_AT >> 21) + 1)) = 0;
		vmcs_set(GUEST_IDTR_BASE, (L2_AT & ~0x1fffffu) + 0x200000);
		vmcs_set(EXCEPTION_BITMAP, exits);
		vmcs_on(GUEST_RFLAGS, EFLAGS_IF);
		vmcs_set(ENTRY_INTR_INFO, sent[s].info);
		vmcs_set(ENTRY_INSTR_LEN, sent[s].length);
		result_l2_f(l2_run(&l2), "inject %s, %s, IDT not mapped, exits %x", l2_mode_names[mode], sent[s].name, exits);
	}
}

/* ---- states ---- */

static void states(void)
{
	static const u32 blockings[] = { 0, BLOCKING_STI, BLOCKING_MOV_SS, BLOCKING_NMI, BLOCKING_STI | BLOCKING_MOV_SS };
	static const u32 pins[] = { 0, PIN_NMI | PIN_VIRTUAL_NMIS };

	l2_setup(&l2, L2_NATIVE, 0);
	l2_code(&l2, nops, nops_end);
	for (u32 activity = ACTIVITY_ACTIVE; activity <= ACTIVITY_SHUTDOWN; activity++)
		for (u32 b = 0; b < ARRAY_SIZE(blockings) * ARRAY_SIZE(pins); b++)
			for (u32 s = 0; s <= ARRAY_SIZE(sent); s++) {
				u32 blocking = blockings[b / 2], pin = pins[b % 2];

				again();
				vmcs_set(PIN_CTRLS, ALLOWED0(TRUE_PIN) | pin | PIN_TIMER);
				vmcs_set(PREEMPTION_TIMER, TICKS >> (CAP(MISC) & MISC_TIMER_RATE));
				vmcs_on(GUEST_RFLAGS, EFLAGS_IF);
				vmcs_set(GUEST_ACTIVITY_STATE, activity);
				vmcs_set(GUEST_INTERRUPTIBILITY, blocking);
				vmcs_set(ENTRY_INTR_INFO, s < ARRAY_SIZE(sent) ? sent[s].info : 0);
				vmcs_set(ENTRY_ERROR_CODE, 0);
				vmcs_set(ENTRY_INSTR_LEN, s < ARRAY_SIZE(sent) ? sent[s].length : 0);
				result_l2_f(l2_run(&l2), "inject %s, activity %u, blocking %x, pin %x",
					    s < ARRAY_SIZE(sent) ? sent[s].name : "nothing", activity, blocking, pin);
			}
}

void guest_main(void)
{
	if (!l1_begin())
		return;
	vmx_enable();
	for (enum l2_mode mode = 0; mode < L2_MODES; mode++)
		if (l2_can(mode))
			all_events(mode);
	faults(L2_NATIVE, 0);
	faults(L2_NATIVE, BIT(GP_TRAP) | BIT(NP_TRAP) | BIT(SS_TRAP) | BIT(DF_TRAP));
	faults(L2_V86, BIT(GP_TRAP) | BIT(DF_TRAP));
	without_ept(L2_NATIVE);
	without_page(L2_NATIVE, BIT(PF_TRAP));
	without_page(L2_NATIVE, BIT(DF_TRAP));
	states();
	vmx_disable();
}
