/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Seeded random entries: a valid VMCS with a few things changed, entered, and what happened, a line a seed. Long tests
 * write another first seed and number into the image, behind SEED_MAGIC.
 *
 * What happens is a matter of the seed alone: L2's world (world.h) is made anew for each. What the emulator is known to do
 * wrong (docs/testing.md) isn't asked for, or isn't said; each such place names the fault.
 */
#include "doings.h"
#include "ept.h"
#include "random.h"
#include "world.h"

#define SEED_MAGIC	"seeds here:"
#define GUARD_TICKS	100000
#define CHANGES_MAX	3
#define IN_PAGE		0xfffu
#define FNV_BASIS	0x811c9dc5
#define FNV_PRIME	0x01000193
#define EFER_OF_LONG	(L1_IS_64 ? 0 : EFER_LME | EFER_LMA)	/* a 32-bit L1 may not be offered them */
#define MSR_STAR	0xc0000081u
#define MSR_KERNEL_GS	0xc0000102u

/* The pages of the world that the VMCS names. Page 0 is where L2's registers lead. */
enum { P_DATA, P_IO_A, P_IO_B, P_MSRS, P_VAPIC, P_PML, P_VE, P_EPTPS, P_POSTED, P_SHADOWED };
#define AREAS_AT	WORLD_PAGE(WORLD_PAGES)		/* beyond: L2 can't reach it */
#define AREA_AT(n)	(AREAS_AT + 0x400 * (n))
#define AREA(n)		((volatile struct msr_entry *)(uptr)AREA_AT(n))
enum { AREA_LOAD, AREA_STORE, AREA_EXIT_LOAD, AREAS };
#define AREA_ENTRIES	4
#define MEMORY_END	(AREAS_AT + 4096)
#define VE		((volatile u32 *)(uptr)WORLD_PAGE(P_VE))
enum { VE_REASON, VE_BUSY, VE_QUALIFICATION };

static volatile struct { char magic[12]; u32 first, count; } order = { SEED_MAGIC, 1, 2000 };

static struct l2 l2;
static u64 state, own_efer, own_pat;
static void *shadow;			/* a VMCS that L2 may read and write */

static u32 random(u32 below) { return random_of(&state, below); }
static bool chance(u32 percent) { return random(100) < percent; }
static u64 random64(void) { return random64_of(&state); }
#define ANY_OF(list)	((list)[random(ARRAY_SIZE(list))])

/* ---- what a seed starts from ---- */

static const struct { u16 field; u64 value; } starts[] = {
	{ IO_BITMAP_A, WORLD_PAGE(P_IO_A) }, { IO_BITMAP_B, WORLD_PAGE(P_IO_B) }, { MSR_BITMAP, WORLD_PAGE(P_MSRS) },
	{ VIRTUAL_APIC_ADDR, WORLD_PAGE(P_VAPIC) }, { APIC_ACCESS_ADDR, WORLD_PAGE(P_DATA) }, { PML_ADDR, WORLD_PAGE(P_PML) },
	{ VE_INFO_ADDR, WORLD_PAGE(P_VE) }, { EPTP_LIST_ADDR, WORLD_PAGE(P_EPTPS) }, { POSTED_INTR_DESC, WORLD_PAGE(P_POSTED) },
	{ VMREAD_BITMAP, WORLD_PAGE(P_SHADOWED) }, { VMWRITE_BITMAP, WORLD_PAGE(P_SHADOWED) },
	{ ENTRY_MSR_LOAD_ADDR, AREA_AT(AREA_LOAD) }, { EXIT_MSR_STORE_ADDR, AREA_AT(AREA_STORE) },
	{ EXIT_MSR_LOAD_ADDR, AREA_AT(AREA_EXIT_LOAD) },
	{ PREEMPTION_TIMER, GUARD_TICKS }, { EXCEPTION_BITMAP, ~0u }, { GUEST_PML_INDEX, 511 }, { TSC_MULTIPLIER, 1ull << 48 },
	{ VMFUNC_CTRLS, VMFUNC_EPTP_SWITCHING }, { PLE_GAP, ~0u }, { POSTED_INTR_NV, 0xf2 },
	{ EPTP_INDEX, 0 },			/* fault VE: #VE information gets 0 whatever this is */
	{ PLE_WINDOW, 0 }, { XSS_EXITING_BITMAP, 0 }, { GUEST_INTR_STATUS, 0 }, { EOI_EXIT_BITMAP0, 0 }, { EOI_EXIT_BITMAP1, 0 },
	{ EOI_EXIT_BITMAP2, 0 }, { EOI_EXIT_BITMAP3, 0 }, { CR3_TARGET0, 0 }, { CR3_TARGET1, 0 }, { CR3_TARGET2, 0 },
	{ CR3_TARGET3, 0 }, { GUEST_PERF_GLOBAL_CTRL, 0 }, { HOST_PERF_GLOBAL_CTRL, 0 },
};

static void start(enum l2_mode mode)
{
	if (rdmsr(MSR_EFER) != own_efer)	/* what an exit without loading them left */
		wrmsr(MSR_EFER, own_efer);
	if (rdmsr(MSR_PAT) != own_pat)
		wrmsr(MSR_PAT, own_pat);
	l2_setup(&l2, mode, random(4) & (CAN_SECONDARY(SECONDARY_VPID) ? 3 : 1));
	for (u32 i = 0; i < ARRAY_SIZE(starts); i++)
		vmcs_set((enum vmcs_field)starts[i].field, starts[i].value);
	vmcs_set(EPTP, world_eptp);		/* for those that turn EPT on */
	vmcs_on(PIN_CTRLS, PIN_TIMER);
	world_renew();
	memset((void *)(uptr)AREAS_AT, 0, 4096);
	*(volatile u64 *)(uptr)WORLD_PAGE(P_EPTPS) = world_eptp;
	l2.ax = l2.bx = l2.cx = l2.dx = l2.si = l2.di = l2.bp = WORLD_PAGE(P_DATA);	/* bits 15:0 are 0 */
#ifdef __x86_64__
	l2.r8 = l2.r9 = l2.r10 = l2.r11 = l2.r12 = l2.r13 = l2.r14 = l2.r15 = WORLD_PAGE(P_DATA);
#endif
}

/* ---- changes of fields ---- */

static const u16 guest_fields[] = {
	GUEST_CR0, GUEST_CR3, GUEST_CR4, GUEST_DR7, GUEST_RSP, GUEST_RIP, GUEST_RFLAGS, GUEST_PENDING_DBG,
	GUEST_SYSENTER_CS, GUEST_SYSENTER_ESP, GUEST_SYSENTER_EIP, GUEST_INTERRUPTIBILITY, GUEST_ACTIVITY_STATE,
	VMCS_LINK_POINTER, GUEST_PAT, GUEST_EFER, GUEST_PDPTE0, GUEST_PDPTE1, GUEST_PDPTE3,
	GUEST_GDTR_BASE, GUEST_GDTR_LIMIT, GUEST_IDTR_BASE, GUEST_IDTR_LIMIT,
	GUEST_ES_SELECTOR, GUEST_CS_SELECTOR, GUEST_SS_SELECTOR, GUEST_DS_SELECTOR, GUEST_FS_SELECTOR, GUEST_GS_SELECTOR,
	GUEST_LDTR_SELECTOR, GUEST_TR_SELECTOR, GUEST_ES_LIMIT, GUEST_CS_LIMIT, GUEST_SS_LIMIT, GUEST_DS_LIMIT,
	GUEST_FS_LIMIT, GUEST_GS_LIMIT, GUEST_LDTR_LIMIT, GUEST_TR_LIMIT, GUEST_ES_AR, GUEST_CS_AR, GUEST_SS_AR,
	GUEST_DS_AR, GUEST_FS_AR, GUEST_GS_AR, GUEST_LDTR_AR, GUEST_TR_AR, GUEST_ES_BASE, GUEST_CS_BASE, GUEST_SS_BASE,
	GUEST_DS_BASE, GUEST_FS_BASE, GUEST_GS_BASE, GUEST_LDTR_BASE, GUEST_TR_BASE, GUEST_INTR_STATUS, GUEST_PML_INDEX,
	GUEST_DEBUGCTL,
};
static const u16 control_fields[] = {
	PRIMARY_CTRLS, SECONDARY_CTRLS, EXIT_CTRLS, ENTRY_CTRLS, PIN_CTRLS, EXCEPTION_BITMAP, CR3_TARGET_COUNT, ENTRY_INTR_INFO,
	ENTRY_ERROR_CODE, ENTRY_INSTR_LEN, TPR_THRESHOLD, CR0_MASK, CR4_MASK, CR0_SHADOW, CR4_SHADOW, VPID, PF_ERROR_MASK,
	PF_ERROR_MATCH, TSC_OFFSET, TSC_MULTIPLIER, MSR_BITMAP, IO_BITMAP_A, IO_BITMAP_B, VIRTUAL_APIC_ADDR, APIC_ACCESS_ADDR,
	EPTP, PML_ADDR, VE_INFO_ADDR, VMFUNC_CTRLS, EPTP_LIST_ADDR, VMREAD_BITMAP, VMWRITE_BITMAP, POSTED_INTR_NV,
	POSTED_INTR_DESC, XSS_EXITING_BITMAP, EOI_EXIT_BITMAP0, EOI_EXIT_BITMAP3, CR3_TARGET0, CR3_TARGET3,
	EXIT_MSR_STORE_ADDR, EXIT_MSR_LOAD_ADDR, ENTRY_MSR_LOAD_ADDR,
};
/* L1 itself stands on most of its host state: that changes to what is refused, or to what does it no harm. */
static const u16 host_fields[] = {
	HOST_CR0, HOST_CR4, HOST_ES_SELECTOR, HOST_CS_SELECTOR, HOST_SS_SELECTOR, HOST_DS_SELECTOR, HOST_FS_SELECTOR,
	HOST_GS_SELECTOR, HOST_TR_SELECTOR, HOST_SYSENTER_CS, HOST_SYSENTER_ESP, HOST_SYSENTER_EIP, HOST_FS_BASE,
	HOST_PAT, HOST_EFER,
#ifdef __x86_64__
	HOST_CR3, HOST_RIP, HOST_GS_BASE, HOST_TR_BASE, HOST_GDTR_BASE, HOST_IDTR_BASE,
#endif
};

/*
 * The controls that a seed may set: those whose effects end with the exit and whose addresses are set up. A 32-bit L1 may not
 * be offered what 64-bit mode needs.
 */
static const struct { u16 field, cap; u32 may, makes_the_mode; } safe[] = {
	{ PIN_CTRLS, MSR_VMX_TRUE_PIN, PIN_EXTINT | PIN_NMI | PIN_VIRTUAL_NMIS | PIN_POSTED, 0 },
	{ PRIMARY_CTRLS, MSR_VMX_TRUE_PRIMARY,
	  PRIMARY_INTR_WINDOW | PRIMARY_TSC_OFFSET | PRIMARY_HLT | PRIMARY_INVLPG | PRIMARY_MWAIT | PRIMARY_RDPMC |
	  PRIMARY_RDTSC | PRIMARY_CR3_LOAD | PRIMARY_CR3_STORE | PRIMARY_TPR_SHADOW | PRIMARY_NMI_WINDOW | PRIMARY_MOV_DR |
	  PRIMARY_ALL_IO | PRIMARY_IO_BITMAPS | PRIMARY_MSR_BITMAPS | PRIMARY_MONITOR | PRIMARY_PAUSE | PRIMARY_SECONDARY |
	  PRIMARY_MTF | (L1_IS_64 ? PRIMARY_CR8_LOAD | PRIMARY_CR8_STORE : 0),
	  PRIMARY_SECONDARY },
	{ SECONDARY_CTRLS, MSR_VMX_SECONDARY,
	  SECONDARY_APIC_ACCESS | SECONDARY_EPT | SECONDARY_DESC_TABLE | SECONDARY_RDTSCP | SECONDARY_X2APIC | SECONDARY_VPID |
	  SECONDARY_WBINVD | SECONDARY_UNRESTRICTED | SECONDARY_APIC_REGS | SECONDARY_VIRTUAL_INTR | SECONDARY_PAUSE_LOOP |
	  SECONDARY_RDRAND | SECONDARY_INVPCID | SECONDARY_VMFUNC | SECONDARY_SHADOWING | SECONDARY_RDSEED | SECONDARY_PML |
	  SECONDARY_VE | SECONDARY_XSAVES | SECONDARY_TSC_SCALING,
	  SECONDARY_UNRESTRICTED | SECONDARY_EPT },
	{ EXIT_CTRLS, MSR_VMX_TRUE_EXIT,
	  EXIT_SAVE_DEBUG | (L1_IS_64 ? EXIT_HOST_64 : 0) | EXIT_LOAD_PERF | EXIT_ACK_INTR | EXIT_SAVE_PAT | EXIT_LOAD_PAT |
	  EXIT_SAVE_EFER | EXIT_LOAD_EFER | EXIT_SAVE_TIMER | EXIT_SAVE_PERF,
	  EXIT_HOST_64 },
	{ ENTRY_CTRLS, MSR_VMX_TRUE_ENTRY,
	  ENTRY_LOAD_DEBUG | ENTRY_LOAD_PERF | ENTRY_LOAD_PAT | ENTRY_LOAD_EFER | (L1_IS_64 ? ENTRY_IA32E : 0),
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

static u64 new_controls(u32 n, u64 old)
{
	if (!chance(90))
		return old ^ BIT(random(2));		/* a reserved one */
	return old ^ (BIT(random(32)) & safe[n].may) ^ (BIT(random(32)) & safe[n].may);
}

static u64 new_host_value(u32 field, u64 old)
{
	static const u8 efer_bits[] = { 0, 1, 8, 10, 11 };

	if (field >= HOST_ES_SELECTOR && field <= HOST_TR_SELECTOR)
		return (field == HOST_CS_SELECTOR || field == HOST_TR_SELECTOR) && chance(30) ? 0 : old | BIT(random(3));
	switch (field) {
	case HOST_CR0:
	case HOST_CR4:
		return old ^ (chance(50) ? CR4_VMXE : 1ull << (8 * sizeof(uptr) - 1));
	case HOST_SYSENTER_CS:
		return random(0x10000);			/* fault: bits 31:16 aren't loaded */
	case HOST_EFER:
		return old ^ BIT(ANY_OF(efer_bits));
	case HOST_CR3:
		return old ^ 1ull << (physical_bits() + random(52 - physical_bits()));
	case HOST_RIP:
	case HOST_GS_BASE:
	case HOST_TR_BASE:
	case HOST_GDTR_BASE:
	case HOST_IDTR_BASE:
		return old ^ 1ull << (47 + random(17));
	default:
		return mutated(old, width_of(field));
	}
}

/* In memory that is the same on every machine, or refused. */
static u64 new_address(u32 field, u64 old)
{
	u64 value = mutated(old, 64) & (1ull << 63 | IN_PAGE);

	if (field == POSTED_INTR_DESC && value & IN_PAGE)	/* fault: it must be at the start of a page */
		value |= 1;
	return value | WORLD_PAGE(random(WORLD_PAGES));
}

static bool is_address(u32 field)
{
	return field == VMCS_LINK_POINTER || (field >= IO_BITMAP_A && field <= VE_INFO_ADDR && field != TSC_OFFSET &&
					      field != VMFUNC_CTRLS && field != EPTP &&
					      !(field >= EOI_EXIT_BITMAP0 && field <= EOI_EXIT_BITMAP3));
}

static u64 new_value(u32 field)
{
	u64 old = vmcs_get((enum vmcs_field)field);

	for (u32 i = 0; i < ARRAY_SIZE(safe); i++)
		if (safe[i].field == field)
			return new_controls(i, old);
	if (is_address(field))
		return new_address(field, old);
	if ((field >> 10 & 3) == 3)
		return new_host_value(field, old);
	switch (field) {
	case ENTRY_INTR_INFO:
		return event();
	case GUEST_ACTIVITY_STATE:
		return random(3) == 2 ? 4 : random(3);		/* nobody would send the SIPI */
	case CR3_TARGET_COUNT:
		return random(7);
	case EPTP:
		return old ^ (chance(80) ? BIT(random(12)) : 1ull << (physical_bits() + random(64 - physical_bits())));
	case GUEST_EFER:
		return mutated(old, 64) & ~(u64)EFER_OF_LONG;
	case GUEST_PML_INDEX:
		return 256 + random(256);	/* fault PML: an access that has no flag to set meets a full log */
	default:
		return mutated(old, width_of(field));
	}
}

/* Fault "unchecked": these aren't checked for all that they must be. We check them ourselves where MSRs are to be loaded. */
static bool is_unchecked(u32 field)
{
	return field == GUEST_PENDING_DBG || field == GUEST_RFLAGS || field == GUEST_RIP || field == GUEST_INTERRUPTIBILITY;
}

/* The SDM leaves open which of two reasons to fail an entry names, and one that fails by its link pointer says so. */
static u32 pick(const u16 *fields, u32 count, bool alone)
{
	u32 field;

	do
		field = fields[random(count)];
	while ((field == VMCS_LINK_POINTER && !alone) || (is_unchecked(field) && vmcs_get(ENTRY_MSR_LOAD_COUNT)));
	return field;
}

static void change(const u16 *fields, u32 count, bool alone)
{
	u32 field = pick(fields, count, alone);

	vmcs_set((enum vmcs_field)field, new_value(field));
	say("%04x=%llx ", field, vmcs_get((enum vmcs_field)field));
}

/* Many controls at once. */
static void stir(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(safe); i++) {
		u32 may = (u32)(caps[safe[i].cap - MSR_VMX_BASIC] >> 32) & safe[i].may & ~safe[i].makes_the_mode;
		u64 flips = random64() & random64() & random64() & may;

		vmcs_set((enum vmcs_field)safe[i].field, vmcs_get((enum vmcs_field)safe[i].field) ^ flips);
	}
}

/* What a control can't be without, in an order that needs no second look. */
static const struct { u16 field, needs_field; u32 one_of, needs; } needed[] = {
	{ PIN_CTRLS, SECONDARY_CTRLS, PIN_POSTED, SECONDARY_VIRTUAL_INTR },
	{ PIN_CTRLS, EXIT_CTRLS, PIN_POSTED, EXIT_ACK_INTR },
	{ SECONDARY_CTRLS, PIN_CTRLS, SECONDARY_VIRTUAL_INTR, PIN_EXTINT },
	{ SECONDARY_CTRLS, PRIMARY_CTRLS, SECONDARY_VIRTUAL_INTR | SECONDARY_APIC_REGS | SECONDARY_X2APIC, PRIMARY_TPR_SHADOW },
	{ SECONDARY_CTRLS, SECONDARY_CTRLS, SECONDARY_VMFUNC | SECONDARY_PML | SECONDARY_VE, SECONDARY_EPT },
	{ PRIMARY_CTRLS, PIN_CTRLS, PRIMARY_NMI_WINDOW, PIN_VIRTUAL_NMIS },
	{ PIN_CTRLS, PIN_CTRLS, PIN_VIRTUAL_NMIS, PIN_NMI },
	{ SECONDARY_CTRLS, PRIMARY_CTRLS, ~0u, PRIMARY_SECONDARY },
};

static void mend(void)
{
	if (vmcs_get(SECONDARY_CTRLS) & SECONDARY_X2APIC)
		vmcs_off(SECONDARY_CTRLS, SECONDARY_APIC_ACCESS);
	for (u32 i = 0; i < ARRAY_SIZE(needed); i++)
		if (vmcs_get((enum vmcs_field)needed[i].field) & needed[i].one_of)
			vmcs_on((enum vmcs_field)needed[i].needs_field, needed[i].needs);
}

static void say_controls(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(safe); i++)
		say("%04x=%llx ", safe[i].field, vmcs_get((enum vmcs_field)safe[i].field));
}

/* ---- changes of memory ---- */

/* An entry of EPT, its address left alone but for bits beyond the width. */
static void change_ept(void)
{
	const struct world_ept_page *page = &ANY_OF(world_ept_pages);
	bool leaf = chance(80);
	u32 bit = random(12 + 64 - physical_bits());
	volatile u64 *entry = leaf ? page->leaf : page->table;
	u64 value = *entry;

	switch (random(4)) {
	case 0:
		value &= ~(u64)(BIT(random(3)) | BIT(random(3)));
		break;
	case 1:
		value ^= leaf ? random(8) << 3 : 0;
		break;
	case 2:
		value = (value & ~(u64)EPT_RWX) | random(8);
		break;
	default:
		value ^= 1ull << (bit < 12 ? bit : physical_bits() + bit - 12);
	}
	if (!leaf)			/* fault E2: bit 12 isn't reserved in an entry that maps 2 MiB */
		value &= ~(u64)EPT_LARGE;
	world_ept_change(entry, value);
	say("ept%s %x=%llx ", leaf ? "" : " table", page->at, value & (IN_PAGE | ~0ull << physical_bits()));
}

/* Registers and vectors of the virtual APIC. */
static void change_vapic(void)
{
	static const u16 registers[] = { 0x80, 0xa0, 0x100, 0x110, 0x140, 0x170, 0x200, 0x210, 0x240, 0x270, 0x300, 0x30 };

	for (u32 i = 0; i < 3; i++) {
		u32 at = ANY_OF(registers), value = chance(50) ? BIT(random(32)) : random(256);

		*(volatile u32 *)(uptr)(WORLD_PAGE(P_VAPIC) + at) = value;
		say("apic%x=%x ", at, value);
	}
}

static const u32 good_msrs[] = { MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP, MSR_PAT, MSR_STAR, MSR_KERNEL_GS };

static u64 good_msr(u32 msr) { return msr == MSR_PAT ? 0x0007040600070401ull : random(0x7fffffff); }

/* What fails, or may. */
static void maybe_bad(volatile struct msr_entry *e)
{
	static const u32 bad_msrs[] = { MSR_FS_BASE, MSR_GS_BASE, 0x800, 0x808, 0x8ff, 0x9b, 0x12345, 0xfe, MSR_VMX_BASIC,
					MSR_FEATURE_CONTROL };

	switch (random(4)) {
	case 0:
		e->index = ANY_OF(bad_msrs);
		break;
	case 1:
		e->reserved = BIT(random(32));
		break;
	case 2:
		e->index = MSR_EFER;
		e->value = own_efer ^ (BIT(random(13)) & ~EFER_OF_LONG);
		break;
	default:
		e->value = random64();
	}
}

/* The three MSR areas. What fails at VM exit is a VMX abort and the end of all seeds, so only entry may fail. */
static void change_areas(void)
{
	static const u16 counts[AREAS] = { ENTRY_MSR_LOAD_COUNT, EXIT_MSR_STORE_COUNT, EXIT_MSR_LOAD_COUNT };

	try_wrmsr(MSR_STAR, 0);			/* what seeds before left there */
	try_wrmsr(MSR_KERNEL_GS, 0);
	for (u32 area = 0; area < AREAS; area++) {
		u32 count = random(AREA_ENTRIES + 1);

		for (u32 i = 0; i < AREA_ENTRIES; i++) {
			volatile struct msr_entry *e = &AREA(area)[i];

			e->index = ANY_OF(good_msrs);
			e->reserved = 0;
			e->value = good_msr(e->index);
			if (area == AREA_LOAD && chance(15))
				maybe_bad(e);
			if (i < count && area != AREA_STORE)
				say("%x%s=%llx ", e->index, e->reserved ? "!" : "", e->value);
		}
		vmcs_set((enum vmcs_field)counts[area], count);
		say("%04x=%x ", counts[area], count);
	}
}

/* An area that an address was changed to isn't one, unless the entry fails by it. */
static void no_abort(enum vmcs_field address, enum vmcs_field count, u32 area)
{
	u64 at = vmcs_get(address);

	if (at != AREA_AT(area) && !(at & (1ull << 63 | 15)))
		vmcs_set(count, 0);
}

/* What depends on all changes together. */
static void finish(enum l2_mode mode)
{
	if (vmcs_get(SECONDARY_CTRLS) & SECONDARY_SHADOWING && vmcs_get(PRIMARY_CTRLS) & PRIMARY_SECONDARY && chance(60))
		vmcs_set(VMCS_LINK_POINTER, physical(shadow));
	if (!(vmcs_get(PRIMARY_CTRLS) & PRIMARY_TPR_SHADOW))	/* fault: what posted interrupts need isn't checked then */
		vmcs_off(PIN_CTRLS, PIN_POSTED);
	no_abort(EXIT_MSR_STORE_ADDR, EXIT_MSR_STORE_COUNT, AREA_STORE);
	no_abort(EXIT_MSR_LOAD_ADDR, EXIT_MSR_LOAD_COUNT, AREA_EXIT_LOAD);
	world_confine(mode);
}

/* ---- L2 ---- */

/* How far an L2 that is still running came is a matter of time. */
static bool ran_away(void) { return exit_reason() == EXIT_TIMER && !vmcs_get(GUEST_ACTIVITY_STATE); }

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

/* ---- what happened ---- */

static u32 add(u32 sum, u64 value)		/* FNV-1a */
{
	sum = (sum ^ (u32)value) * FNV_PRIME;
	return (sum ^ (u32)(value >> 32)) * FNV_PRIME;
}

/* Fault: an exit that saves debug controls leaves this field as it was. */
static bool is_said(u32 field) { return field != GUEST_DEBUGCTL; }

/* All of the guest's state in one number, and what exits change among the controls. */
static u32 state_sum(void)
{
	u32 sum = FNV_BASIS;

	for (u32 i = 0; i < ARRAY_SIZE(guest_fields); i++)
		if (is_said(guest_fields[i]))
			sum = add(sum, vmcs_get((enum vmcs_field)guest_fields[i]));
	return add(add(sum, vmcs_get(ENTRY_CTRLS)), vmcs_get(EPTP));
}

/* Where from @at on the next word is that isn't 0, or the end. To the emulator each word is an instruction, so one a word. */
static u32 next_word(u32 at)
{
	uptr next = at, words = (MEMORY_END - at) / 4;
	bool found;

	__asm__ volatile("cmp %%eax, %%eax; repe scasl" : "+D"(next), "+c"(words), "=@ccne"(found) : "a"(0) : "memory");
	return found ? (u32)next - 4 : MEMORY_END;
}

/* What the CPU and L2 wrote, and the flags that EPT has of it. */
static u32 memory_sum(void)
{
	u32 sum = FNV_BASIS;

	VE[VE_QUALIFICATION] &= ~(u32)QUALIFICATION_ADVANCED;
	if (vmcs_get(EPTP) & EPTP_AD)
		VE[VE_QUALIFICATION] |= 1;		/* fault E1, as below */
	for (u32 at = next_word(WORLD_PAGE(0)); at < MEMORY_END; at = next_word(at + 4))
		sum = add(sum, (u64)at << 32 | *(volatile u32 *)(uptr)at);
	for (volatile u64 *entry = world_ept; *world_ept & EPT_A && entry < world_ept_end; entry++)
		if (*entry & (EPT_A | EPT_D))
			sum = add(sum ^ (u32)(uptr)entry, *entry & (EPT_A | EPT_D));
	return sum;
}

static void say_how_it_went(struct vmx_result r)
{
	if (r.kind == VMX_OK && ran_away()) {
		say("exit 52, L2 ran away\n");
		return;
	}
	/* Fault E1: with accessed and dirty flags a page walk's access is a read too. */
	if (r.kind == VMX_OK && exit_reason() == EXIT_EPT_VIOLATION && vmcs_get(EPTP) & EPTP_AD)
		vmcs_on(EXIT_QUALIFICATION, vmcs_get(EXIT_QUALIFICATION) & BIT(8) ? 0 : 1);
	say_entry(r);
	if (r.kind == VMX_OK)
		say(" state %x memory %x", state_sum(), memory_sum());
	say("\n");
}

static void change_something(bool alone)
{
	u32 kind = random(100);

	if (kind < 50)
		change(guest_fields, ARRAY_SIZE(guest_fields), alone);
	else if (kind < 80)
		change(control_fields, ARRAY_SIZE(control_fields), alone);
	else if (kind < 86)
		change(host_fields, ARRAY_SIZE(host_fields), alone);
	else if (kind < 97 && CAN_SECONDARY(SECONDARY_EPT))
		change_ept();
	else
		change_vapic();
}

static void seed(u32 number)
{
	enum l2_mode mode;
	u32 changes;

	state = (u64)number << 32;
	do
		mode = (enum l2_mode)random(L2_MODES);
	while (!l2_can(mode));
	start(mode);
	say("R %u %s ", number, l2_mode_names[mode]);
	put_code();
	if (chance(60)) {
		stir();
		if (chance(85))
			mend();
		say_controls();
	}
	if (world_has_ept() && CAP(EPT_VPID) & EPT_CAP_AD && chance(30)) {
		vmcs_on(EPTP, EPTP_AD);
		say("A/D ");
	}
	if (chance(15))
		change_areas();
	changes = random(CHANGES_MAX + 1);
	for (u32 i = 0; i < changes; i++)
		change_something(changes == 1);
	say(": ");
	finish(mode);
	say_how_it_went(l2_run(&l2));
}

void guest_main(void)
{
	if (!l1_begin())
		return;
	vmx_enable();
	world_make();
	own_efer = rdmsr(MSR_EFER);
	own_pat = rdmsr(MSR_PAT);
	shadow = vmcs_region();
	*(u32 *)shadow |= BIT(31);
	vmx_clear(physical(shadow));
	for (u32 i = 0; i < order.count; i++)
		seed(order.first + i);
	vmx_disable();
}
