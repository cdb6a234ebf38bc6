/* SPDX-License-Identifier: BSD-2-Clause */
/* What L1s that misbehave are written with: see rogue.h. */
#include "ept.h"
#include "rogue.h"

#define GUARD_TICKS	300
#define SEARCH_AT	0x1000000u
#define LARGE		0x200000u
#define L2_OWN_END	0x2000000u
#define VGA		0xa0000u
#define VGA_END		0xc0000u
#define ROM		0xf0000u

u64 rogue_ours, rogue_ours_end, rogue_eptp;
u32 rogue_entered, rogue_refused, rogue_damaged;

/* Our range reads as ones, and no RAM of the machine does. */
static void find_hypervisor(void)
{
	for (u32 place = SEARCH_AT; place < ROGUE_RAM_END; place += LARGE) {
		volatile u32 *page = rogue_at(place);

		if (page[0] != ~0u || page[511] != ~0u || page[1023] != ~0u)
			continue;
		rogue_ours = rogue_ours ? rogue_ours : place;
		rogue_ours_end = place + LARGE;
	}
	say("the hypervisor: %llx to %llx\n", rogue_ours, rogue_ours_end);
}

static u64 last_page(void) { return (1ull << vmx_address_bits()) - 4096; }

u64 rogue_place(u32 n)
{
	const u64 ours = rogue_ours, ours_end = rogue_ours_end;
	const u64 places[ROGUE_PLACES] = {
		ours, ours + 4096, (ours + ours_end) / 2 & ~0xfffull, ours_end - 4096, ROM,
		0xfee00000, 0xfec00000, VGA, 0xfffff000, ROGUE_RAM_END, 0x20000000, 0xe0000000, last_page(),
		last_page() / 2 & ~0xfffull,
	};

	return places[n];
}

/*
 * It writes nowhere but in its own memory, whatever it runs into: with EPT's A and D in use, the A and D of its own page tables
 * count as writes in the emulator too. And it has no devices: what these make of reads and fetches at random is nobody's
 * promise, and an emulator may end there.
 */
static u64 safe_ept(void)
{
	u64 eptp = ept_new() | (CAP(EPT_VPID) & EPT_CAP_AD ? EPTP_AD : 0);

	ept_identity(eptp);
	for (u32 page = 0; page < LARGE; page += 4096)
		if (page >= VGA && page < VGA_END)
			*ept_entry(eptp, page, EPT_4K) = 0;
		else if (page < L2_LOW_IDT || page >= L2_LOW_END)
			*ept_entry(eptp, page, EPT_4K) &= ~(u64)EPT_W;
	for (u64 page = LARGE; page < 1ull << 32; page += LARGE)
		if (page >= ROGUE_RAM_END)
			*ept_entry(eptp, page, EPT_2M) = 0;
		else if (page < L2_AT || page >= L2_OWN_END)
			*ept_entry(eptp, page, EPT_2M) &= ~(u64)EPT_W;
	return eptp;
}

__asm__(".globl rogue_busy, rogue_busy_end");
L2_CODE(rogue_busy, 32, "mov (%ebx), %eax; mov %eax, (%esi); in $0x80, %al; mov %cr3, %eax; mov %eax, %cr3; mov $0x174, %ecx\n"
			"rdmsr; xor %eax, %eax; xor %ecx, %ecx; .byte 0x0f, 0x01, 0xd4; vmcall; hlt");

static void guard(void)
{
	if (!CAN_PIN(PIN_TIMER))
		return;
	vmcs_on(PIN_CTRLS, PIN_TIMER);
	vmcs_set(PREEMPTION_TIMER, GUARD_TICKS);
}

void rogue_setup(struct l2 *l, const u8 *code, const u8 *end)
{
	l->eptp = rogue_eptp;
	l2_setup(l, L2_PAE, L2_WITH_EPT);
	guard();
	l2_code(l, code, end);
	l->bx = l->si = L2_DATA;
	l->ax = 0x12345678;
}

void rogue_run(struct l2 *l)
{
	struct vmx_result r = l2_run(l);
	const char *damage;

	if (r.kind != VMX_OK) {
		rogue_refused++;
		return;
	}
	damage = rogue_entered++ % 4 ? NULL : host_damage();
	if (damage && rogue_damaged++ < 3)
		say("after an exit %x L1's %s isn't what it was\n", exit_reason(), damage);
}

static const struct { u16 field; u16 with; u32 bits, low; } structures[ROGUE_STRUCTURES] = {
	{ IO_BITMAP_A, PRIMARY_CTRLS, PRIMARY_IO_BITMAPS, 0 },
	{ IO_BITMAP_B, PRIMARY_CTRLS, PRIMARY_IO_BITMAPS, 0 },
	{ MSR_BITMAP, PRIMARY_CTRLS, PRIMARY_MSR_BITMAPS, 0 },
	{ VIRTUAL_APIC_ADDR, PRIMARY_CTRLS, PRIMARY_TPR_SHADOW, 0 },
	{ APIC_ACCESS_ADDR, SECONDARY_CTRLS, SECONDARY_APIC_ACCESS, 0 },
	{ VMREAD_BITMAP, SECONDARY_CTRLS, SECONDARY_SHADOWING, 0 },
	{ VMWRITE_BITMAP, SECONDARY_CTRLS, SECONDARY_SHADOWING, 0 },
	{ EPTP, SECONDARY_CTRLS, SECONDARY_EPT, EPTP_DEFAULT },
	{ EPTP, SECONDARY_CTRLS, SECONDARY_EPT, EPTP_DEFAULT | EPTP_AD },
	{ PML_ADDR, SECONDARY_CTRLS, SECONDARY_PML, 0 },
	{ EPTP_LIST_ADDR, SECONDARY_CTRLS, SECONDARY_VMFUNC, 0 },
	{ VE_INFO_ADDR, SECONDARY_CTRLS, SECONDARY_VE, 0 },
	{ ENTRY_MSR_LOAD_ADDR, ENTRY_MSR_LOAD_COUNT, 1, 0 },
	{ VMCS_LINK_POINTER, VMCS_LINK_POINTER, 0, 0 },
};

void rogue_point(u32 s, u64 place)
{
	u64 unused;

	if (!vmcs_try_get((enum vmcs_field)structures[s].field, &unused))
		return;
	if (structures[s].with == SECONDARY_CTRLS)
		secondary_on(structures[s].bits);
	else
		vmcs_on((enum vmcs_field)structures[s].with, structures[s].bits);
	if (structures[s].field == EPTP_LIST_ADDR)
		vmcs_set(VMFUNC_CTRLS, VMFUNC_EPTP_SWITCHING);
	vmcs_set((enum vmcs_field)structures[s].field, place | structures[s].low);
}

void rogue_mend_host(void)
{
	l2_setup_host();
	vmcs_set(EXIT_CTRLS, ALLOWED0(TRUE_EXIT) | (L1_IS_64 ? EXIT_HOST_64 : 0));
}

void rogue_restrain(void)
{
	static const u16 zeros[] = { EXIT_MSR_STORE_COUNT, EXIT_MSR_LOAD_COUNT, ENTRY_MSR_LOAD_COUNT };

	vmcs_set(PRIMARY_CTRLS, ((u32)vmcs_get(PRIMARY_CTRLS) | PRIMARY_SECONDARY | PRIMARY_ALL_IO) & ~PRIMARY_IO_BITMAPS);
	vmcs_on(SECONDARY_CTRLS, SECONDARY_EPT);
	vmcs_set(EPTP, rogue_eptp);
	guard();
	for (u32 i = 0; i < ARRAY_SIZE(zeros); i++)
		vmcs_set((enum vmcs_field)zeros[i], 0);
	if ((u32)vmcs_get(GUEST_ACTIVITY_STATE) == ACTIVITY_WAIT_FOR_SIPI)
		vmcs_set(GUEST_ACTIVITY_STATE, 0);
}

void rogue_make_controls_valid(void)
{
	static const struct { u16 field, cap; } controls[] = {
		{ PIN_CTRLS, MSR_VMX_TRUE_PIN }, { PRIMARY_CTRLS, MSR_VMX_TRUE_PRIMARY }, { SECONDARY_CTRLS, MSR_VMX_SECONDARY },
		{ ENTRY_CTRLS, MSR_VMX_TRUE_ENTRY },
	};

	for (u32 i = 0; i < ARRAY_SIZE(controls); i++) {
		enum vmcs_field field = (enum vmcs_field)controls[i].field;
		u64 cap = caps[controls[i].cap - MSR_VMX_BASIC];

		vmcs_set(field, ((u32)vmcs_get(field) | (u32)cap) & (u32)(cap >> 32));
	}
}

void rogue_garble(u64 *state, u8 *page, u32 bytes)
{
	while (bytes--)
		page[4 + random_of(state, 4092)] = (u8)random_of(state, 256);
}

bool rogue_begin(void)
{
	if (!l1_begin())
		return false;
	if (on_us())
		find_hypervisor();
	if (!rogue_ours) {
		say("nothing to do without a hypervisor\n");
		return false;
	}
	rogue_eptp = safe_ept();
	vmx_enable();
	return true;
}
