/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The capability MSRs, and what each control does when it alone is otherwise than in a plain VMCS: one not offered fails
 * the entry, one that must be 1 fails it when 0, one that may be 1 passes unless it wants others.
 */
#include "l2.h"
#include "rows.h"

#define MSRS		(MSR_VMX_VMFUNC + 3 - MSR_VMX_BASIC)	/* some more that aren't there */
#define GUARD_TICKS	1000

static struct l2 l2;
static const u8 vmcall_hlt[] = { 0x0f, 0x01, 0xc1, 0xf4 };

static void msrs(void)
{
	for (u32 i = 0; i < MSRS; i++) {
		u64 value;
		u32 trap = try_rdmsr(MSR_VMX_BASIC + i, &value);

		if (i == 0)
			value &= ~(u64)BASIC_REVISION;		/* anybody's own choice */
		if (trap == NO_TRAP)
			say("R msr %x: %llx\n", MSR_VMX_BASIC + i, value);
		else
			say("R msr %x: fault %u %x\n", MSR_VMX_BASIC + i, trap, this_cpu()->error);
		trap = try_wrmsr(MSR_VMX_BASIC + i, value);
		say("R write msr %x: fault %u\n", MSR_VMX_BASIC + i, trap);
	}
}

static const struct control { const char *name; u16 field; u64 cap; } controls[] = {
	{ "pin", PIN_CTRLS, MSR_VMX_TRUE_PIN }, { "primary", PRIMARY_CTRLS, MSR_VMX_TRUE_PRIMARY },
	{ "secondary", SECONDARY_CTRLS, MSR_VMX_SECONDARY }, { "exit", EXIT_CTRLS, MSR_VMX_TRUE_EXIT },
	{ "entry", ENTRY_CTRLS, MSR_VMX_TRUE_ENTRY },
};

/* Addresses that a control may want are pages of L1's; values are harmless ones. */
static void friendly(void)
{
	static const u16 pages[] = {
		IO_BITMAP_A, IO_BITMAP_B, MSR_BITMAP, VIRTUAL_APIC_ADDR, APIC_ACCESS_ADDR, POSTED_INTR_DESC, VMREAD_BITMAP,
		VMWRITE_BITMAP, VE_INFO_ADDR, PML_ADDR,
	};

	for (u32 i = 0; i < ARRAY_SIZE(pages); i++)
		vmcs_set((enum vmcs_field)pages[i], ROW_PAGE(i % ROW_PAGES));
	vmcs_set(VPID, 1);
	vmcs_set(PREEMPTION_TIMER, GUARD_TICKS);
	vmcs_set(TSC_MULTIPLIER, 1ull << 48);
	vmcs_set(GUEST_EFER, L1_IS_64 ? EFER_LMA | EFER_LME : 0);
	vmcs_set(PLE_GAP, 128);
	vmcs_set(PLE_WINDOW, 4096);
}

static void start(u32 with)
{
	memset((void *)(uptr)ROW_PAGE(0), 0, ROW_PAGES * 4096);
	l2_setup(&l2, L2_NATIVE, with);
	friendly();
	memcpy((void *)(uptr)L2_CODE_AT, vmcall_hlt, sizeof(vmcall_hlt));
}

static void each_bit(const struct control *c, u32 with)
{
	u64 cap = caps[c->cap - MSR_VMX_BASIC];

	for (u32 bit = 0; bit < 32; bit++) {
		bool must = cap >> bit & 1;

		start(with);
		if (c->field == SECONDARY_CTRLS)
			vmcs_on(PRIMARY_CTRLS, PRIMARY_SECONDARY);
		if (must)
			vmcs_off((enum vmcs_field)c->field, BIT(bit));
		else
			vmcs_on((enum vmcs_field)c->field, BIT(bit));
		result_l2_f(l2_run(&l2), "%s control %u flipped%s", c->name, bit, with & L2_WITH_EPT ? " with EPT" : "");
	}
}

void guest_main(void)
{
	if (!l1_begin())
		return;
	msrs();
	vmx_enable();
	for (u32 i = 0; i < ARRAY_SIZE(controls); i++) {
		each_bit(&controls[i], 0);
		if (CAN_SECONDARY(SECONDARY_EPT))
			each_bit(&controls[i], L2_WITH_EPT);
	}
	vmx_disable();
}
