/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Seeded random entries: a valid VMCS with a few fields changed, entered, and what happened, a line a seed. Long tests
 * write another first seed and number into the image, behind SEED_MAGIC.
 *
 * What happens is a matter of the seed alone: L2 lives in a small world of its own, made anew for each, and wherever it
 * runs to, this program and the devices aren't there.
 */
#include "ept.h"
#include "random.h"
#include "rows.h"

#define SEED_MAGIC	"seeds here:"
#define GUARD_TICKS	100000
#define CHANGES_MAX	3
#define WORLD_END	0x80000000u	/* no L2 finds anything from here on */
#define LARGE		0x200000u
#define HLT		0xf4
#define ANYONE		(PTE_P | PTE_W | PTE_U)
#define IN_PAGE		0xfffu

static volatile struct { char magic[12]; u32 first, count; } order = { SEED_MAGIC, 1, 2000 };

static struct l2 l2;
static u64 state;
static u8 *halts;			/* the page that L2 finds wherever it has no memory of its own */
static u32 root_32, root_pae, root_long;

static u32 random(u32 below) { return random_of(&state, below); }
static bool chance(u32 percent) { return random(100) < percent; }
static u64 random64(void) { return random64_of(&state); }

/* ---- L2's world ---- */

static const struct { u32 at, end; } own[] = {
	{ L2_LOW_IDT, L2_LOW_END }, { L2_AT, L2_TABLES }, { ROW_PAGE(0), ROW_PAGE(ROW_PAGES) },
};

static u32 page_at(u32 at)
{
	for (u32 i = 0; i < ARRAY_SIZE(own); i++)
		if (at >= own[i].at && at < own[i].end)
			return at;
	return (u32)physical(halts);
}

static bool only_halts(u32 at, u32 size)
{
	for (u32 i = 0; i < ARRAY_SIZE(own); i++)
		if (own[i].at < at + size && own[i].end > at)
			return false;
	return true;
}

static void put(void *table, u32 width, u32 n, u64 entry)
{
	if (width == 4)
		((u32 *)table)[n] = (u32)entry;
	else
		((u64 *)table)[n] = entry;
}

/* A page table of such entries for what is from @at on. */
static u64 table_from(u32 at, u32 width, u64 bits)
{
	void *table = page_take();

	for (u32 n = 0; n < 4096 / width; n++)
		put(table, width, n, page_at(at + n * 4096) | bits);
	return physical(table);
}

/* The directories of all of the world, one after the other. */
static u32 directories(u32 width, u64 table_bits, u64 bits)
{
	u32 reach = 4096 / width * 4096, count = WORLD_END / reach;
	void *first = pages_take((count * width + IN_PAGE) / 4096);
	u64 shared = 0;

	for (u32 n = 0; n < count; n++) {
		u64 table = shared;

		if (!only_halts(n * reach, reach))
			table = table_from(n * reach, width, bits);
		else if (!shared)
			table = shared = table_from(n * reach, width, bits);
		put(first, width, n, table | table_bits);
	}
	return (u32)physical(first);
}

/* A table whose first entries lead to the two directories of 1 GiB each that the world has. */
static u32 above(u32 first_directory, u64 bits)
{
	u64 *table = page_take();

	table[0] = first_directory | bits;
	table[1] = (first_directory + 4096) | bits;
	return (u32)physical(table);
}

/*
 * With EPT the world is guest-physical, and L2's own paging may lead where it likes. Without, it is linear: L2 doesn't
 * see the tables that make it.
 */
static void make_world(void)
{
	u64 *top = page_take(), *ept = page_take();
	u32 guest;

	halts = page_take();
	root_32 = directories(4, ANYONE, ANYONE);
	guest = directories(8, ANYONE, ANYONE);
	root_pae = above(guest, PTE_P);
	top[0] = above(guest, ANYONE) | ANYONE;
	root_long = (u32)physical(top);

	ept[0] = above(directories(8, EPT_RWX, EPT_RWX | EPT_WB), EPT_RWX) | EPT_RWX;
	l2.eptp = physical(ept) | EPTP_DEFAULT;
	for (u32 at = L2_TABLES; at < L2_TABLES_END; at += 4096)
		ept_map(l2.eptp, at, at, EPT_4K, EPT_RWX | EPT_WB);
}

static bool has_ept(void)
{
	return vmcs_get(PRIMARY_CTRLS) & PRIMARY_SECONDARY && vmcs_get(SECONDARY_CTRLS) & SECONDARY_EPT;
}

/* Whatever was changed, without EPT L2 is on these page tables. */
static void confine(enum l2_mode mode)
{
	u64 page = (1ull << physical_bits()) - 4096;
	u32 root = mode == L2_LONG || mode == L2_COMPAT ? root_long : mode == L2_PAE ? root_pae : root_32;

	if (!has_ept())
		vmcs_set(GUEST_CR3, (vmcs_get(GUEST_CR3) & ~page) | root);
}

static void memory_and_registers(void)
{
	if (CAN_SECONDARY(SECONDARY_VPID))
		vmx_invvpid(2, 0, 0);		/* what the seed before left of its world */
	memset(halts, HLT, 4096);
	memset((void *)(uptr)ROW_PAGE(0), 0, ROW_PAGES * 4096);
	l2.ax = l2.bx = l2.cx = l2.dx = l2.si = l2.di = l2.bp = ROW_PAGE(0);	/* bits 15:0 are 0 */
#ifdef __x86_64__
	l2.r8 = l2.r9 = l2.r10 = l2.r11 = l2.r12 = l2.r13 = l2.r14 = l2.r15 = ROW_PAGE(0);
#endif
}

/* ---- changes ---- */

/* What may change. Host state that L1 itself stands on only by flips. IA32_DEBUGCTL isn't there: the emulator lacks it. */
static const u16 guest_fields[] = {
	GUEST_CR0, GUEST_CR3, GUEST_CR4, GUEST_DR7, GUEST_RSP, GUEST_RIP, GUEST_RFLAGS, GUEST_PENDING_DBG,
	GUEST_SYSENTER_CS, GUEST_SYSENTER_ESP, GUEST_SYSENTER_EIP, GUEST_INTERRUPTIBILITY, GUEST_ACTIVITY_STATE,
	VMCS_LINK_POINTER, GUEST_PAT, GUEST_EFER, GUEST_PDPTE0, GUEST_PDPTE1, GUEST_PDPTE3,
	GUEST_GDTR_BASE, GUEST_GDTR_LIMIT, GUEST_IDTR_BASE, GUEST_IDTR_LIMIT,
	GUEST_ES_SELECTOR, GUEST_CS_SELECTOR, GUEST_SS_SELECTOR, GUEST_DS_SELECTOR, GUEST_FS_SELECTOR, GUEST_GS_SELECTOR,
	GUEST_LDTR_SELECTOR, GUEST_TR_SELECTOR, GUEST_ES_LIMIT, GUEST_CS_LIMIT, GUEST_SS_LIMIT, GUEST_DS_LIMIT,
	GUEST_FS_LIMIT, GUEST_GS_LIMIT, GUEST_LDTR_LIMIT, GUEST_TR_LIMIT, GUEST_ES_AR, GUEST_CS_AR, GUEST_SS_AR,
	GUEST_DS_AR, GUEST_FS_AR, GUEST_GS_AR, GUEST_LDTR_AR, GUEST_TR_AR, GUEST_ES_BASE, GUEST_CS_BASE, GUEST_SS_BASE,
	GUEST_DS_BASE, GUEST_FS_BASE, GUEST_GS_BASE, GUEST_LDTR_BASE, GUEST_TR_BASE,
};
static const u16 control_fields[] = {
	PRIMARY_CTRLS, SECONDARY_CTRLS, EXIT_CTRLS, ENTRY_CTRLS, PIN_CTRLS, EXCEPTION_BITMAP, CR3_TARGET_COUNT, ENTRY_INTR_INFO,
	ENTRY_ERROR_CODE, ENTRY_INSTR_LEN, TPR_THRESHOLD, CR0_MASK, CR4_MASK, CR0_SHADOW, CR4_SHADOW, VPID, PF_ERROR_MASK,
	PF_ERROR_MATCH, TSC_OFFSET, MSR_BITMAP, IO_BITMAP_A, IO_BITMAP_B, VIRTUAL_APIC_ADDR, EXIT_MSR_STORE_COUNT,
	EXIT_MSR_LOAD_COUNT, ENTRY_MSR_LOAD_COUNT,
};
static const u16 host_fields[] = {
	HOST_CR0, HOST_CR4, HOST_ES_SELECTOR, HOST_CS_SELECTOR, HOST_SS_SELECTOR, HOST_DS_SELECTOR, HOST_FS_SELECTOR,
	HOST_GS_SELECTOR, HOST_TR_SELECTOR, HOST_SYSENTER_ESP, HOST_SYSENTER_EIP, HOST_FS_BASE,
};

/* The controls that a seed may set: those whose effects end with the exit and whose addresses are set up. */
static const struct { u16 field, cap; u32 may, makes_the_mode; } safe[] = {
	{ PIN_CTRLS, MSR_VMX_TRUE_PIN, PIN_EXTINT | PIN_NMI | PIN_VIRTUAL_NMIS, 0 },
	{ PRIMARY_CTRLS, MSR_VMX_TRUE_PRIMARY,
	  PRIMARY_INTR_WINDOW | PRIMARY_TSC_OFFSET | PRIMARY_HLT | PRIMARY_INVLPG | PRIMARY_MWAIT | PRIMARY_RDPMC |
	  PRIMARY_RDTSC | PRIMARY_CR3_LOAD | PRIMARY_CR3_STORE | PRIMARY_TPR_SHADOW | PRIMARY_NMI_WINDOW | PRIMARY_MOV_DR |
	  PRIMARY_ALL_IO | PRIMARY_IO_BITMAPS | PRIMARY_MSR_BITMAPS | PRIMARY_MONITOR | PRIMARY_PAUSE | PRIMARY_SECONDARY,
	  PRIMARY_SECONDARY },
	{ SECONDARY_CTRLS, MSR_VMX_SECONDARY,
	  SECONDARY_DESC_TABLE | SECONDARY_RDTSCP | SECONDARY_VPID | SECONDARY_WBINVD | SECONDARY_UNRESTRICTED |
	  SECONDARY_RDRAND | SECONDARY_INVPCID | SECONDARY_RDSEED | SECONDARY_X2APIC,
	  SECONDARY_UNRESTRICTED },
	{ EXIT_CTRLS, MSR_VMX_TRUE_EXIT, EXIT_SAVE_DEBUG | EXIT_ACK_INTR | EXIT_SAVE_PAT | EXIT_SAVE_EFER | EXIT_SAVE_TIMER, 0 },
	{ ENTRY_CTRLS, MSR_VMX_TRUE_ENTRY,
	  ENTRY_LOAD_DEBUG | ENTRY_LOAD_PAT | (L1_IS_64 ? ENTRY_IA32E : 0),	/* a 32-bit L1 may not be offered it */
	  ENTRY_IA32E },
};

static u64 mutated(u64 old, u32 width)
{
	static const u64 interesting[] = { 0, 1, ~0ull, 0xffff, 0x10000, 0xfffff, 0x80000000, 1ull << 32, 1ull << 47, 1ull << 63,
					   0x7fffffffffffull, 0x93, 0x9b, 0xf3, 0xfb, 0x10093, 0xc0f3, 0x8b, 0x82 };

	switch (random(4)) {
	case 0:
		return old ^ 1ull << random(width);
	case 1:
		return old ^ 1ull << random(width) ^ 1ull << random(width);
	case 2:
		return interesting[random(ARRAY_SIZE(interesting))];
	default:
		return random64();
	}
}

static u32 width_of(u32 field)
{
	static const u32 widths[] = { 16, 64, 32, 8 * sizeof(uptr) };

	return widths[field >> 13 & 3];
}

static u64 event(void)
{
	u32 type = random(8), vector = chance(50) ? random(32) : random(256);
	u64 info = EVENT(type, vector);

	return chance(30) ? info | EVENT_CODE : chance(5) ? mutated(info, 32) : info;
}

static u64 new_value(u32 field)
{
	u64 old = vmcs_get((enum vmcs_field)field);

	for (u32 i = 0; i < ARRAY_SIZE(safe); i++)
		if (safe[i].field == field)
			return chance(90) ? old ^ (BIT(random(32)) & safe[i].may) ^ (BIT(random(32)) & safe[i].may) : old ^ BIT(random(2));
	if (field == ENTRY_INTR_INFO)
		return event();
	if (field == GUEST_ACTIVITY_STATE)
		return random(3) == 2 ? 4 : random(3);		/* nobody would send the SIPI */
	if (field == CR3_TARGET_COUNT)
		return random(7);
	if (field == EXIT_MSR_STORE_COUNT || field == EXIT_MSR_LOAD_COUNT || field == ENTRY_MSR_LOAD_COUNT)
		return 0;
	return mutated(old, width_of(field));
}

static bool is_address(u32 field)
{
	return field == VMCS_LINK_POINTER || field == VIRTUAL_APIC_ADDR || (FIELD_IS_64(field) && field < TSC_OFFSET);
}

/* The SDM leaves open which of two reasons to fail an entry names, and one that fails by its link pointer says so. */
static u32 pick(const u16 *fields, u32 count, bool alone)
{
	u32 field;

	do
		field = fields[random(count)];
	while (field == VMCS_LINK_POINTER && !alone);
	return field;
}

static void change(const u16 *fields, u32 count, bool alone)
{
	u32 field = pick(fields, count, alone);
	u64 value = new_value(field);

	if (field >= HOST_ES_SELECTOR && field <= HOST_TR_SELECTOR)
		value = vmcs_get((enum vmcs_field)field) | BIT(random(3));
	if (field == HOST_CR0 || field == HOST_CR4)
		value = vmcs_get((enum vmcs_field)field) ^ (chance(50) ? CR4_VMXE : 1ull << (8 * sizeof(uptr) - 1));
	if (is_address(field))		/* in memory that is the same on every machine, or refused */
		value = (value & (1ull << 63 | IN_PAGE)) | ROW_PAGE(random(ROW_PAGES));
	vmcs_set((enum vmcs_field)field, value);
	say("%04x=%llx ", field, vmcs_get((enum vmcs_field)field));
}

static void addresses(void)
{
	static const u16 pages[] = { IO_BITMAP_A, IO_BITMAP_B, MSR_BITMAP, VIRTUAL_APIC_ADDR };

	for (u32 i = 0; i < ARRAY_SIZE(pages); i++)
		vmcs_set((enum vmcs_field)pages[i], ROW_PAGE(i));
	vmcs_on(PIN_CTRLS, PIN_TIMER);
	vmcs_set(PREEMPTION_TIMER, GUARD_TICKS);
	vmcs_set(EXCEPTION_BITMAP, ~0u);
}

/* How far an L2 that is still running came is a matter of time. */
static bool ran_away(void) { return exit_reason() == EXIT_TIMER && !vmcs_get(GUEST_ACTIVITY_STATE); }

/*
 * What L2 does before it makes its VMCALL. The bytes mean something in code of 16, 32 and 64 bits, if not the same, and
 * nothing that depends on time. Registers and what they point to are 0 in 16 bits, and ROW_PAGE(0) else. Tables aren't
 * loaded from a register: the emulator's exit qualification is a displacement that such an instruction doesn't have.
 */
#define DO(...)	{ sizeof((u8[]){ __VA_ARGS__ }), { __VA_ARGS__ } }
static const struct { u8 length, bytes[11]; } doings[] = {
	{ 0, { 0 } },
	DO(0x50, 0x58),						/* push, pop */
	DO(0x8b, 0x07),						/* mov (%di), %ax */
	DO(0x89, 0x07),						/* mov %ax, (%di) */
	DO(0x65, 0x8b, 0x07),					/* mov %gs:(%di), %ax */
	DO(0x9c, 0x9d),						/* pushf, popf */
	DO(0xfb, 0x90),						/* sti, nop */
	DO(0x0f, 0x20, 0xc0, 0x0f, 0x22, 0xc0),			/* mov %cr0, %eax; mov %eax, %cr0 */
	DO(0x0f, 0x20, 0xd8, 0x0f, 0x22, 0xd8),			/* mov %cr3, %eax; mov %eax, %cr3 */
	DO(0x0f, 0x20, 0xe0, 0x0f, 0x22, 0xe0),			/* mov %cr4, %eax; mov %eax, %cr4 */
	DO(0x0f, 0x22, 0xc0),					/* mov %eax, %cr0 */
	DO(0x0f, 0x22, 0xe0),					/* mov %eax, %cr4 */
	DO(0x0f, 0x06),						/* clts */
	DO(0x0f, 0x01, 0xf0),					/* lmsw %ax */
	DO(0x0f, 0x21, 0xf8, 0x0f, 0x23, 0xf8),			/* mov %dr7, %eax; mov %eax, %dr7 */
	DO(0x44, 0x0f, 0x20, 0xc0),				/* mov %cr8, %rax; else inc %sp; mov %cr0, %eax */
	DO(0xe4, 0x80),						/* in $0x80, %al */
	DO(0xe6, 0x80),						/* out %al, $0x80 */
	DO(0x6e),						/* outsb */
	DO(0x0f, 0xa2),						/* cpuid */
	DO(0xb9, 0x74, 0x01, 0x00, 0x00, 0x0f, 0x32),		/* mov $0x174, %ecx; rdmsr */
	DO(0xb9, 0x74, 0x01, 0x00, 0x00, 0x0f, 0x30),		/* mov $0x174, %ecx; wrmsr */
	DO(0xcd, 0x30),						/* int $0x30 */
	DO(0xcc),						/* int3 */
	DO(0x0f, 0x0b),						/* ud2 */
	DO(0xcf),						/* iret */
	DO(0xcb),						/* lret */
	DO(0x8e, 0xd8),						/* mov %ax, %ds */
	DO(0x8e, 0xd0, 0x90),					/* mov %ax, %ss; nop */
	DO(0x0f, 0x01, 0x07),					/* sgdt (%di) */
	DO(0x0f, 0x01, 0x17),					/* lgdt (%di) */
	DO(0x0f, 0x01, 0x1f),					/* lidt (%di) */
	DO(0x0f, 0x00, 0x17),					/* lldt (%di) */
	DO(0x0f, 0x00, 0x1f),					/* ltr (%di) */
	DO(0x0f, 0x01, 0x3f),					/* invlpg (%di) */
	DO(0x0f, 0x09),						/* wbinvd */
	DO(0x0f, 0x31),						/* rdtsc */
	DO(0xf3, 0x90),						/* pause */
	DO(0x0f, 0x34),						/* sysenter */
	DO(0xf4),						/* hlt */
};

/* Many controls at once. */
static void stir(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(safe); i++) {
		u32 may = (u32)(caps[safe[i].cap - MSR_VMX_BASIC] >> 32) & safe[i].may & ~safe[i].makes_the_mode;
		u64 flips = random64() & random64() & random64() & may;

		vmcs_set((enum vmcs_field)safe[i].field, vmcs_get((enum vmcs_field)safe[i].field) ^ flips);
		say("%04x=%llx ", safe[i].field, vmcs_get((enum vmcs_field)safe[i].field));
	}
}

static void put_code(void)
{
	static const u8 vmcall_hlt[] = { 0x0f, 0x01, 0xc1, 0xf4 };
	u32 n = random(ARRAY_SIZE(doings));
	u8 code[sizeof(doings[0].bytes) + sizeof(vmcall_hlt)];

	memcpy(code, doings[n].bytes, doings[n].length);
	memcpy(code + doings[n].length, vmcall_hlt, sizeof(vmcall_hlt));
	l2_code(&l2, code, code + doings[n].length + sizeof(vmcall_hlt));
	say("%u ", n);
}

/* All of the guest's state in one number: FNV-1a. */
static u32 state_sum(void)
{
	u32 sum = 0x811c9dc5;

	for (u32 i = 0; i < ARRAY_SIZE(guest_fields); i++) {
		u64 value = vmcs_get((enum vmcs_field)guest_fields[i]);

		sum = (sum ^ (u32)value) * 0x01000193;
		sum = (sum ^ (u32)(value >> 32)) * 0x01000193;
	}
	return sum;
}

static void say_how_it_went(struct vmx_result r)
{
	if (r.kind == VMX_OK && ran_away()) {
		say("exit 52, L2 ran away\n");
		return;
	}
	say_entry(r);
	if (r.kind == VMX_OK)
		say(" state %x", state_sum());
	say("\n");
}

static void seed(u32 number)
{
	enum l2_mode mode;
	u32 changes;

	state = (u64)number << 32;
	do
		mode = (enum l2_mode)random(L2_MODES);
	while (!l2_can(mode));
	l2_setup(&l2, mode, random(4) & (CAN_SECONDARY(SECONDARY_VPID) ? 3 : 1));
	addresses();
	memory_and_registers();
	say("R %u %s ", number, l2_mode_names[mode]);
	put_code();
	if (chance(60))
		stir();
	changes = random(CHANGES_MAX + 1);
	for (u32 i = 0; i < changes; i++) {
		u32 kind = random(100);

		if (kind < 65)
			change(guest_fields, ARRAY_SIZE(guest_fields), changes == 1);
		else if (kind < 93)
			change(control_fields, ARRAY_SIZE(control_fields), changes == 1);
		else
			change(host_fields, ARRAY_SIZE(host_fields), changes == 1);
	}
	say(": ");
	confine(mode);
	say_how_it_went(l2_run(&l2));
}

void guest_main(void)
{
	if (!l1_begin())
		return;
	vmx_enable();
	make_world();
	for (u32 i = 0; i < order.count; i++)
		seed(order.first + i);
	vmx_disable();
}
