/* SPDX-License-Identifier: BSD-2-Clause */
/* The MSR areas of VM entry and VM exit (SDM 27.4, 28.4, 28.6): order, values, and entries that fail. */
#include "l2.h"
#include "rows.h"

#define AREA		((volatile struct msr_entry *)(uptr)ROW_PAGE(3))
#define STORE_AREA	((volatile struct msr_entry *)(uptr)ROW_PAGE(4))
#define ENTRIES_MAX	5
#define ABSENT_MSR	0x12345u
#define MSR_STAR	0xc0000081u
#define MSR_KERNEL_GS	0xc0000102u
#define MSR_TSC		0x10
#define MSR_BIOS_SIGN	0x8b
#define MSR_SMM_CTL	0x9b
#define MSR_SMBASE	0x9e
#define MSR_MTRRCAP	0xfe
#define MSR_X2APIC(r)	(0x800u + (r))
#define PAT_OTHER	0x0007040600070401ull
#define NOT_CANONICAL	0x0000800000000000ull

static struct l2 l2;

/* Reads MSR ECX into ESI, EDI; the same bytes in 32- and 64-bit mode. */
static const u8 read_msr[] = { 0x0f, 0x32, 0x89, 0xc6, 0x89, 0xd7, 0x0f, 0x01, 0xc1, 0xf4 };

static void start(void)
{
	memset((void *)(uptr)ROW_PAGE(0), 0, ROW_PAGES * 4096);
	l2_setup(&l2, L2_NATIVE, 0);
	l2_code(&l2, read_msr, read_msr + sizeof(read_msr));
	if (CAN_PRIMARY(PRIMARY_MSR_BITMAPS)) {		/* no RDMSR exits */
		vmcs_on(PRIMARY_CTRLS, PRIMARY_MSR_BITMAPS);
		vmcs_set(MSR_BITMAP, ROW_PAGE(5));
	}
	l2.cx = MSR_SYSENTER_CS;
}

static void entry(volatile struct msr_entry *area, u32 i, u32 index, u64 value)
{
	area[i].index = index;
	area[i].reserved = 0;
	area[i].value = value;
}

static void good(volatile struct msr_entry *area, u32 i) { entry(area, i, MSR_SYSENTER_CS, 0x100 + i); }

struct bad { const char *name; u32 index, reserved; u64 value; };

static const struct bad loads[] = {
	{ "27.4 MSR to load is IA32_FS_BASE or IA32_GS_BASE | FS", MSR_FS_BASE, 0, 0 },
	{ "27.4 MSR to load is IA32_FS_BASE or IA32_GS_BASE | GS", MSR_GS_BASE, 0, 0 },
	{ "27.4 MSR to load is an x2APIC register | 800", MSR_X2APIC(0), 0, 0 },
	{ "27.4 MSR to load is an x2APIC register | 808", MSR_X2APIC(8), 0, 0 },
	{ "27.4 MSR to load is an x2APIC register | 83f", MSR_X2APIC(0x3f), 0, 0 },
	{ "27.4 MSR to load is an x2APIC register | 8ff", MSR_X2APIC(0xff), 0, 0 },
	{ "27.4 MSR to load is IA32_SMM_MONITOR_CTL | 9b", MSR_SMM_CTL, 0, 0 },
	{ "27.4 MSR to load has one of bits 63:32 of its entry set | 32", MSR_SYSENTER_CS, 1, 0 },
	{ "27.4 MSR to load has one of bits 63:32 of its entry set | 63", MSR_SYSENTER_CS, BIT(31), 0 },
	{ "MSR to load doesn't exist |", ABSENT_MSR, 0, 0 },
	{ "MSR to load can't be written |", MSR_MTRRCAP, 0, 0 },
	{ "MSR to load is a VMX capability |", MSR_VMX_BASIC, 0, 0 },
	{ "MSR to load is IA32_FEATURE_CONTROL |", MSR_FEATURE_CONTROL, 0, 5 },
	{ "PAT to load has a reserved bit |", MSR_PAT, 0, 0x0207040600070406ull },
	{ "EFER to load has a reserved bit |", MSR_EFER, 0, BIT(1) },
	{ "MSR to load changes EFER.LME with paging on |", MSR_EFER, 0, L1_IS_64 ? EFER_LMA : EFER_LME },
};

static const struct bad fine[] = {
	{ "SYSENTER_CS", MSR_SYSENTER_CS, 0, 0x77 }, { "SYSENTER_ESP", MSR_SYSENTER_ESP, 0, 0x12345678 },
	{ "SYSENTER_EIP", MSR_SYSENTER_EIP, 0, 0x7fffffff }, { "PAT", MSR_PAT, 0, PAT_OTHER }, { "STAR", MSR_STAR, 0, 0x123400005678ull },
	{ "KERNEL_GS_BASE", MSR_KERNEL_GS, 0, 0x7fff00001111ull },
	{ "EFER with SCE", MSR_EFER, 0, BIT(0) | (L1_IS_64 ? EFER_LME | EFER_LMA : 0) },
	{ "SYSENTER_EIP that isn't canonical", MSR_SYSENTER_EIP, 0, NOT_CANONICAL },
	{ "KERNEL_GS_BASE that isn't canonical", MSR_KERNEL_GS, 0, NOT_CANONICAL },
};

static void say_run(const char *name, const char *how)
{
	struct vmx_result r = l2_run(&l2);

	result_l2_f(r, "%s %s", name, how);
	if (r.kind == VMX_OK && exit_reason() == EXIT_VMCALL)
		say("R %s %s, L2 reads: %08x%08x\n", name, how, (u32)l2.di, (u32)l2.si);
}

static void entry_loads(void)
{
	u64 pat = rdmsr(MSR_PAT), star = 0, kernel_gs = 0;

	try_rdmsr(MSR_STAR, &star);
	try_rdmsr(MSR_KERNEL_GS, &kernel_gs);
	for (u32 i = 0; i < ARRAY_SIZE(loads); i++) {
		start();
		AREA[0] = (struct msr_entry){ loads[i].index, loads[i].reserved, loads[i].value };
		vmcs_set(ENTRY_MSR_LOAD_ADDR, ROW_PAGE(3));
		vmcs_set(ENTRY_MSR_LOAD_COUNT, 1);
		say_run(loads[i].name, "fails");
		AREA[0] = (struct msr_entry){ MSR_SYSENTER_CS, 0, 0x55 };
		say_run(loads[i].name, "passes");
	}
	for (u32 i = 0; i < ARRAY_SIZE(fine); i++) {
		start();
		AREA[0] = (struct msr_entry){ fine[i].index, 0, fine[i].value };
		vmcs_set(ENTRY_MSR_LOAD_ADDR, ROW_PAGE(3));
		vmcs_set(ENTRY_MSR_LOAD_COUNT, 1);
		l2.cx = fine[i].index;
		say_run("entry loads", fine[i].name);
		wrmsr(MSR_PAT, pat);
		try_wrmsr(MSR_STAR, star);
		try_wrmsr(MSR_KERNEL_GS, kernel_gs);
		if (!L1_IS_64)
			try_wrmsr(MSR_EFER, 0);
	}
}

/* The qualification is the number of the entry that failed, from 1; those before it have been loaded. */
static void entry_order(void)
{
	for (u32 bad = 0; bad < ENTRIES_MAX; bad++) {
		u64 value;

		start();
		for (u32 i = 0; i < ENTRIES_MAX; i++)
			good(AREA, i);
		entry(AREA, bad, ABSENT_MSR, 0);
		vmcs_set(ENTRY_MSR_LOAD_ADDR, ROW_PAGE(3));
		vmcs_set(ENTRY_MSR_LOAD_COUNT, ENTRIES_MAX);
		result_l2_f(l2_run(&l2), "entry loads %u, the bad one is %u", ENTRIES_MAX, bad + 1);
		try_rdmsr(MSR_SYSENTER_CS, &value);
		say("R SYSENTER_CS after entry %u failed: %llx\n", bad + 1, value);
	}
	for (u32 count = 1; count <= ENTRIES_MAX; count++) {
		start();
		for (u32 i = 0; i < ENTRIES_MAX; i++)
			good(AREA, i);
		vmcs_set(ENTRY_MSR_LOAD_ADDR, ROW_PAGE(3));
		vmcs_set(ENTRY_MSR_LOAD_COUNT, count);
		l2_run(&l2);
		say("R entry loads %u, the last one counts: %x\n", count, (u32)l2.si);
	}
}

static void exits(void)
{
	static const u32 stored[] = { MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_PAT, MSR_EFER, MSR_STAR, MSR_FS_BASE, MSR_GS_BASE,
				      MSR_MTRRCAP, MSR_VMX_MISC, MSR_FEATURE_CONTROL };
	u64 value;

	start();
	vmcs_set(GUEST_SYSENTER_CS, 0x99);
	vmcs_set(GUEST_SYSENTER_ESP, 0x1234);
	vmcs_set(GUEST_FS_BASE, 0x5000);
	vmcs_set(GUEST_GS_BASE, 0x6000);
	for (u32 i = 0; i < ARRAY_SIZE(stored); i++)
		entry(STORE_AREA, i, stored[i], 0x5555555555555555ull);
	vmcs_set(EXIT_MSR_STORE_ADDR, ROW_PAGE(4));
	vmcs_set(EXIT_MSR_STORE_COUNT, ARRAY_SIZE(stored) - 1);
	result_l2("exit stores", &l2, l2_run(&l2));
	for (u32 i = 0; i < ARRAY_SIZE(stored); i++)
		say("R exit stores %x: %llx\n", stored[i], STORE_AREA[i].value);

	start();
	entry(AREA, 0, MSR_SYSENTER_ESP, 0x4444);
	entry(AREA, 1, MSR_STAR, 0x333300002222ull);
	entry(AREA, 2, MSR_SYSENTER_ESP, 0x1111);
	vmcs_set(EXIT_MSR_LOAD_ADDR, ROW_PAGE(3));
	vmcs_set(EXIT_MSR_LOAD_COUNT, 3);
	result_l2("exit loads, SYSENTER isn't the host's", &l2, l2_run(&l2));
	say("R SYSENTER_ESP after exit loads: %llx\n", rdmsr(MSR_SYSENTER_ESP));
	try_rdmsr(MSR_STAR, &value);
	say("R STAR after exit loads: %llx\n", value);

	start();				/* stores come before loads */
	entry(STORE_AREA, 0, MSR_SYSENTER_ESP, 0);
	entry(AREA, 0, MSR_SYSENTER_ESP, 0x4321);
	vmcs_set(GUEST_SYSENTER_ESP, 0x8888);
	vmcs_set(EXIT_MSR_STORE_ADDR, ROW_PAGE(4));
	vmcs_set(EXIT_MSR_STORE_COUNT, 1);
	vmcs_set(EXIT_MSR_LOAD_ADDR, ROW_PAGE(3));
	vmcs_set(EXIT_MSR_LOAD_COUNT, 1);
	result_l2("exit stores and loads", &l2, l2_run(&l2));
	say("R exit stores, then loads: %llx %llx\n", STORE_AREA[0].value, rdmsr(MSR_SYSENTER_ESP));

	start();				/* an entry that fails on the guest loads, but doesn't store */
	entry(STORE_AREA, 0, MSR_SYSENTER_CS, 0x7777);
	entry(AREA, 0, MSR_SYSENTER_ESP, 0x2468);
	vmcs_set(EXIT_MSR_STORE_ADDR, ROW_PAGE(4));
	vmcs_set(EXIT_MSR_STORE_COUNT, 1);
	vmcs_set(EXIT_MSR_LOAD_ADDR, ROW_PAGE(3));
	vmcs_set(EXIT_MSR_LOAD_COUNT, 1);
	vmcs_set(GUEST_ACTIVITY_STATE, 9);
	result_l2("entry failed on the guest with exit areas", &l2, l2_run(&l2));
	say("R areas after an entry that failed on the guest: %llx %llx\n", STORE_AREA[0].value, rdmsr(MSR_SYSENTER_ESP));
}

static void sizes(void)
{
	static const u32 counts[] = { 16, 100, 256 };

	for (u32 i = 0; i < ARRAY_SIZE(counts); i++) {
		start();
		for (u32 n = 0; n < counts[i]; n++) {
			good(AREA, n);
			entry(STORE_AREA, n, MSR_SYSENTER_CS, 0);
		}
		vmcs_set(ENTRY_MSR_LOAD_ADDR, ROW_PAGE(3));
		vmcs_set(ENTRY_MSR_LOAD_COUNT, counts[i]);
		vmcs_set(EXIT_MSR_STORE_ADDR, ROW_PAGE(4));
		vmcs_set(EXIT_MSR_STORE_COUNT, counts[i]);
		result_l2_f(l2_run(&l2), "%u entries loaded and stored", counts[i]);
		say("R %u entries, the last stored: %llx\n", counts[i], STORE_AREA[counts[i] - 1].value);
	}
}

/*
 * Entries that fail in the area (27.8): what stands before the bad entry is loaded, and goes on in L1 but for what L1's host
 * state has; the VMCS keeps its fields, and the next entry goes by them.
 */

#define SEEN	((volatile struct { u32 msr, low, high; } *)(uptr)ROW_PAGE(6))

L2_CODE(read_all, 32, "1: mov (%ebx), %ecx; jecxz 2f; rdmsr; mov %eax, 4(%ebx); mov %edx, 8(%ebx); add $12, %ebx; jmp 1b;"
	"2: vmcall");

#define EFER_MODE	(L1_IS_64 ? EFER_LME | EFER_LMA : 0)
#define PAT_OF_FIELD	0x0007040600070400ull

static const struct msr_entry watched[] = {
	{ MSR_SYSENTER_CS, 0, 0x77 }, { MSR_SYSENTER_ESP, 0, 0x7777 }, { MSR_SYSENTER_EIP, 0, 0x8888 }, { MSR_PAT, 0, PAT_OTHER },
	{ MSR_EFER, 0, EFER_SCE | EFER_MODE }, { MSR_STAR, 0, 0x123400005678ull }, { MSR_KERNEL_GS, 0, 0x7fff00001111ull },
};
#define WATCHED		ARRAY_SIZE(watched)

enum setting { CARRIES_ON, LOADS, LOADS_AND_SAVES, SETTINGS };
enum next { MENDED, COUNT_0, AGAIN, NEXTS };

static void fill_area(bool fails)
{
	for (u32 i = 0; i < WATCHED; i++)
		entry(AREA, i, fails ? watched[i].index : MSR_STAR, fails ? watched[i].value : rdmsr(MSR_STAR));
	entry(AREA, WATCHED, fails ? ABSENT_MSR : MSR_STAR, fails ? 0 : rdmsr(MSR_STAR));
}

/* Into L2 and what it reads, unless that fails; then what L1 reads, and the fields. */
static void enter_and_look(const char *name, const char *when)
{
	static const enum vmcs_field fields[] = { GUEST_SYSENTER_CS, GUEST_SYSENTER_ESP, GUEST_SYSENTER_EIP, GUEST_PAT, GUEST_EFER };
	struct vmx_result r;

	for (u32 i = 0; i < WATCHED; i++)
		SEEN[i].msr = watched[i].index;
	l2.bx = ROW_PAGE(6);
	vmcs_set(GUEST_RIP, L2_CODE_AT);
	r = l2_run(&l2);
	result_l2_f(r, "%s, %s", name, when);
	if (r.kind == VMX_OK && !(exit_reason() & ENTRY_FAILED)) {
		say("R %s, %s, L2 reads:", name, when);
		for (u32 i = 0; i < WATCHED; i++)
			say(" %llx", (u64)SEEN[i].high << 32 | SEEN[i].low);
		say("\n");
	}
	say("R %s, %s, L1 reads:", name, when);
	for (u32 i = 0; i < WATCHED; i++)
		say(" %llx", rdmsr(watched[i].index));
	say(", fields");
	for (u32 i = 0; i < ARRAY_SIZE(fields); i++)
		say(" %llx", vmcs_get(fields[i]));
	say("\n");
}

static void prepare(enum setting setting)
{
	start();
	l2_code(&l2, read_all, read_all_end);
	vmcs_set(GUEST_SYSENTER_CS, 0x11);
	vmcs_set(GUEST_SYSENTER_ESP, 0x2222);
	vmcs_set(GUEST_SYSENTER_EIP, 0x3333);
	vmcs_set(GUEST_PAT, PAT_OF_FIELD);
	vmcs_set(GUEST_EFER, EFER_MODE);
	if (setting != CARRIES_ON)
		vmcs_on(ENTRY_CTRLS, ENTRY_LOAD_PAT | ENTRY_LOAD_EFER);
	if (setting == LOADS_AND_SAVES)
		vmcs_on(EXIT_CTRLS, EXIT_SAVE_PAT | EXIT_SAVE_EFER | EXIT_LOAD_PAT | EXIT_LOAD_EFER);
	vmcs_set(ENTRY_MSR_LOAD_ADDR, ROW_PAGE(3));
	vmcs_set(ENTRY_MSR_LOAD_COUNT, WATCHED + 1);
}

static void failed_load(enum setting setting, enum next next, bool entered_before)
{
	static const char *const names[SETTINGS] = { "failed load", "failed load, PAT and EFER loaded",
						     "failed load, PAT and EFER loaded and saved" };

	prepare(setting);
	fill_area(false);
	if (entered_before)
		enter_and_look(names[setting], "before");
	fill_area(true);
	enter_and_look(names[setting], "failing");
	if (next == AGAIN)
		enter_and_look(names[setting], "failing again");
	if (next == COUNT_0)
		vmcs_set(ENTRY_MSR_LOAD_COUNT, 0);
	else
		fill_area(false);
	enter_and_look(names[setting], next == COUNT_0 ? "without the area" : "mended");
}

static void failed_loads(void)
{
	u64 own[WATCHED];

	if (!CAN_ENTRY(ENTRY_LOAD_PAT | ENTRY_LOAD_EFER) ||
	    !CAN_EXIT(EXIT_SAVE_PAT | EXIT_SAVE_EFER | EXIT_LOAD_PAT | EXIT_LOAD_EFER))
		return;
	try_wrmsr(MSR_EFER, EFER_MODE);
	for (u32 i = 0; i < WATCHED; i++)
		own[i] = rdmsr(watched[i].index);
	for (u32 i = 0; i < SETTINGS * NEXTS * 2; i++) {
		failed_load(i / 2 / NEXTS, i / 2 % NEXTS, i % 2);
		for (u32 w = 0; w < WATCHED; w++)
			wrmsr(watched[w].index, own[w]);
	}
}

void guest_main(void)
{
	if (!l1_begin())
		return;
	vmx_enable();
	entry_loads();
	entry_order();
	exits();
	sizes();
	failed_loads();
	vmx_disable();
}
