/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * L1 writes segments, control registers and debug register before each entry for a while, as one does that has a hypervisor in
 * its guest, then some of them, then none; L2 changes its own meanwhile. A hypervisor below may let L1 reach those fields without
 * exits while that goes on: what they are after an exit, and at the next entry, must be what it always is.
 */
#include "l2.h"

#define ROUNDS_MANY	4200u		/* longer than anybody goes on without a second look */
#define BASE_STEP	0x10u
#define AREA_AT		(L2_DATA + 0x2000u)	/* an MSR area */

L2_CODE(call, 32, "vmcall");
L2_CODE(segments, 32, "xor %eax, %eax; mov %ax, %fs; mov %ds, %eax; mov %ax, %es; mov %ax, %gs; vmcall");
L2_CODE(tables, 32, "sgdt (%ebx); decw (%ebx); lgdt (%ebx); sidt (%ebx); decw (%ebx); lidt (%ebx); vmcall");
L2_CODE(registers, 32, "mov %cr4, %eax; xor $0x80, %eax; mov %eax, %cr4; mov %cr0, %eax; xor $8, %eax; mov %eax, %cr0;"
	"mov %dr7, %eax; xor $0x55, %eax; mov %eax, %dr7; vmcall");

static const struct { const char *name; const u8 *code, *end; } codes[] = {
	{ "nothing", call, call_end }, { "segments", segments, segments_end },
	{ "tables", tables, tables_end }, { "registers", registers, registers_end },
};

#define OF_GUEST_SEG(encoding)	encoding,
#define OF_GUEST(encoding)
#define OF_CONTROL(encoding)
#define OF_HOST(encoding)
#define OF_EXIT_INFO(encoding)
static const u16 fields[] = {
#define FIELD(name, encoding, width, group, shadowed, exists) OF_##group(encoding)
#include "../../../xmhf/runtime/vmx/vmcs_fields.def"
#undef FIELD
	GUEST_CR0, GUEST_CR3, GUEST_CR4, GUEST_DR7,
	GUEST_SYSENTER_CS, GUEST_SYSENTER_ESP, GUEST_SYSENTER_EIP, GUEST_ACTIVITY_STATE, GUEST_PENDING_DBG,
};
#define FIELDS		ARRAY_SIZE(fields)
#define WRITTEN		(FIELDS - 5)		/* the last ones aren't, at each entry */

static struct l2 first, second, others[5];
static u64 base[FIELDS], said[FIELDS];

/* Those that aren't what was said last. */
static void say_fields(void)
{
	for (u32 i = 0; i < FIELDS; i++) {
		u64 value = vmcs_get(fields[i]);

		if (value != said[i])
			say(" %x=%llx", fields[i], value);
		said[i] = value;
	}
	say("\n");
}

static void begin(struct l2 *l)
{
	l2_setup(l, L2_PAE, 0);
	vmcs_on(ENTRY_CTRLS, ENTRY_LOAD_DEBUG);
	vmcs_on(EXIT_CTRLS, EXIT_SAVE_DEBUG);
	for (u32 i = 0; i < FIELDS; i++)
		base[i] = said[i] = vmcs_get(fields[i]);
}

static void write_all(u32 round)
{
	for (u32 i = 0; i < WRITTEN; i++)
		vmcs_set(fields[i], base[i]);
	vmcs_set(GUEST_FS_BASE, round * BASE_STEP);
}

static void load(const struct l2 *l)
{
	result("VMPTRLD", vmx_ptrld(physical(l->vmcs)));
}

static void run(const char *what, struct l2 *l, u32 round)
{
	u32 i = round % ARRAY_SIZE(codes);
	struct vmx_result r;

	l2_code(l, codes[i].code, codes[i].end);
	vmcs_set(GUEST_RIP, L2_CODE_AT);
	vmcs_set(GUEST_RSP, L2_STACK);
	l->bx = L2_DATA;
	r = l2_run(l);
	say("R %s, L2 changes %s: ", what, codes[i].name);
	say_entry(r);
	say_fields();
}

static void rounds(const char *what, u32 n, u32 all)
{
	for (u32 i = 0; i < n; i++) {
		if (all)
			write_all(i);
		run(what, &first, i);
	}
}

/* ---- what may come between ---- */

static void some(void)
{
	for (u32 i = 0; i < 6; i++) {
		vmcs_set(GUEST_GS_BASE, i * BASE_STEP);
		vmcs_set(i & 1 ? GUEST_SYSENTER_ESP : GUEST_CR4, i & 1 ? i : base[WRITTEN - 2]);
		run("some are written", &first, i);
	}
}

static void clear_and_load(void)
{
	for (u32 i = 0; i < 4; i++) {
		write_all(i);
		result("VMCLEAR", vmx_clear(physical(first.vmcs)));
		first.launched = false;
		load(&first);
		run("cleared after all were written", &first, i);
	}
}

/* The other VMCS is loaded between the writes and the entry; both are written. */
static void two(void)
{
	for (u32 i = 0; i < 12; i++) {
		load(&second);
		write_all(100 + i);
		load(&first);
		write_all(i);
		load(&second);
		run("the second", &second, i);
		load(&first);
		run("the first", &first, i + 1);
	}
}

/* More than anybody keeps at hand. */
static void crowd(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(others); i++)
		begin(&others[i]);
	for (u32 i = 0; i < 6 * ARRAY_SIZE(others); i++) {
		load(&others[i % ARRAY_SIZE(others)]);
		write_all(i);
		run("one of many", &others[i % ARRAY_SIZE(others)], i / ARRAY_SIZE(others));
	}
	load(&first);
}

static void off_and_on(void)
{
	write_all(3);
	result("VMCLEAR", vmx_clear(physical(first.vmcs)));
	first.launched = false;
	vmx_disable();
	vmx_enable();
	load(&first);
	run("written before VMXOFF", &first, 1);
}

static void events(void)
{
	for (u32 i = 0; i < 4; i++) {
		write_all(i);
		vmcs_set(ENTRY_INTR_INFO, EVENT(TYPE_HARDWARE, GP_TRAP) | EVENT_CODE);
		vmcs_set(ENTRY_ERROR_CODE, i);
		vmcs_set(GUEST_CR0, base[WRITTEN - 4] ^ (i & 1 ? CR0_TS : 0));
		run("#GP injected", &first, 0);
	}
	vmcs_set(ENTRY_INTR_INFO, 0);
}

static void bad_area(void)
{
	volatile u32 *entry = (volatile u32 *)(uptr)AREA_AT;

	entry[0] = MSR_FS_BASE;
	entry[1] = entry[2] = entry[3] = 0;
	vmcs_set(ENTRY_MSR_LOAD_ADDR, AREA_AT);
	for (u32 i = 0; i < 4; i++) {
		write_all(i);
		vmcs_set(ENTRY_MSR_LOAD_COUNT, i & 1);
		run("a bad MSR in the area", &first, i);
	}
	vmcs_set(ENTRY_MSR_LOAD_COUNT, 0);
}

static void bad(const char *what, enum vmcs_field field, u64 value)
{
	u64 good;

	write_all(1);
	good = vmcs_get(field);
	vmcs_set(field, value);
	run(what, &first, 0);
	vmcs_set(field, good);
	run("mended", &first, 1);
}

static void many(void)
{
	u32 wrong = 0;

	l2_code(&first, call, call_end);
	for (u32 i = 0; i < ROUNDS_MANY; i++) {
		write_all(i);
		vmcs_set(GUEST_RIP, L2_CODE_AT);
		wrong += l2_run(&first).kind != VMX_OK;
		for (u32 f = 0; f < WRITTEN; f++)
			wrong += fields[f] != GUEST_FS_BASE && vmcs_get(fields[f]) != said[f];
		wrong += vmcs_get(GUEST_FS_BASE) != i * BASE_STEP;
	}
	say("R %u rounds, wrong: %u\n", ROUNDS_MANY, wrong);
}

void guest_main(void)
{
	if (!l1_begin())
		return;
	vmx_enable();
	begin(&second);
	run("the second", &second, 0);
	begin(&first);
	rounds("first of all", 2, false);
	rounds("all are written", 12, true);
	some();
	rounds("none is written", 6, false);
	rounds("all are written again", 8, true);
	clear_and_load();
	two();
	rounds("all are written after that", 4, true);
	bad("CS isn't code", GUEST_CS_AR, AR_DATA32);
	bad("CR0 without PE", GUEST_CR0, base[WRITTEN - 4] & ~(u64)CR0_PE);
	bad("CR4 with a reserved bit", GUEST_CR4, base[WRITTEN - 2] | BIT(30));
	bad("a bad control", PIN_CTRLS, 0);
	rounds("all are good", 4, true);
	vmcs_off(EXIT_CTRLS, EXIT_SAVE_DEBUG);
	rounds("debug controls aren't saved", 8, true);
	rounds("nor are they, and none is written", 4, false);
	vmcs_on(EXIT_CTRLS, EXIT_SAVE_DEBUG);
	rounds("they are again", 4, true);
	events();
	bad_area();
	rounds("after an area", 4, true);
	off_and_on();
	rounds("after VMXOFF", 8, true);
	crowd();
	rounds("after a crowd", 8, true);
	write_all(0);
	run("one more", &first, 0);
	many();
	rounds("after many", 8, true);
	vmx_disable();
}
