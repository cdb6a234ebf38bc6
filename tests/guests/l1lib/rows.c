/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs rows: see rows.h. */
#include "rows.h"

#define GUARD_TICKS	1000000
#define WIDTH_NATURAL(field) ((field) >> 13 == 3)

static struct l2 l2;

static const u8 vmcall_hlt[] = { 0x0f, 0x01, 0xc1, 0xf4 };	/* in every mode */

static const struct { u16 field, cap; } controls[] = {
	{ PIN_CTRLS, MSR_VMX_TRUE_PIN }, { PRIMARY_CTRLS, MSR_VMX_TRUE_PRIMARY }, { SECONDARY_CTRLS, MSR_VMX_SECONDARY },
	{ EXIT_CTRLS, MSR_VMX_TRUE_EXIT }, { ENTRY_CTRLS, MSR_VMX_TRUE_ENTRY },
};

static u32 allowed1(u32 field)
{
	if (field == HOST_CR4 || field == GUEST_CR4)
		return (u32)CAP(CR4_FIXED1);
	for (u32 i = 0; i < ARRAY_SIZE(controls); i++)
		if (controls[i].field == field)
			return (u32)(caps[controls[i].cap - MSR_VMX_BASIC] >> 32);
	return ~0u;
}

/* Can this L1 write it? */
static bool expressible(const struct change *c)
{
	for (u32 i = 0; i < ROW_CHANGES && c[i].how; i++)
		if (!L1_IS_64 && c[i].how <= CHANGE_BEYOND && WIDTH_NATURAL(c[i].what) &&
		    (c[i].value >> 32 || c[i].how == CHANGE_BEYOND))
			return false;
	return true;
}

/* Does it ask only for controls that the CPU has, and write only fields that exist? */
static bool possible(const struct change *c)
{
	u64 old;

	for (u32 i = 0; i < ROW_CHANGES && c[i].how; i++) {
		if (c[i].how == CHANGE_ON && (u32)c[i].value & ~allowed1(c[i].what))
			return false;
		if (c[i].how <= CHANGE_BEFORE_END && !vmcs_try_get((enum vmcs_field)c[i].what, &old))
			return false;
	}
	return expressible(c);
}

static void apply(const struct change *c)
{
	u64 end = 1ull << vmx_address_bits();
	u32 *linked = (u32 *)(uptr)ROW_LINKED;

	for (u32 i = 0; i < ROW_CHANGES; i++) {
		enum vmcs_field field = (enum vmcs_field)c[i].what;

		switch (c[i].how) {
		case CHANGE_SET:
			vmcs_set(field, field == VMCS_LINK_POINTER && c[i].value == ROW_CURRENT ? physical(l2.vmcs) : c[i].value);
			break;
		case CHANGE_ON:
			vmcs_on(field, c[i].value);
			break;
		case CHANGE_OFF:
			vmcs_off(field, c[i].value);
			break;
		case CHANGE_BEYOND:
			vmcs_set(field, c[i].value | end);
			break;
		case CHANGE_BEFORE_END:
			vmcs_set(field, end - c[i].value);
			break;
		case CHANGE_MEMORY:
			*(volatile u64 *)(uptr)c[i].what = c[i].value;
			break;
		case CHANGE_REVISION:
			*linked ^= (u32)c[i].value;
			break;
		default:
			return;
		}
	}
}

static void start(const struct row *row)
{
	void *low;
	u32 *linked = (u32 *)(uptr)ROW_LINKED;

	memset((void *)(uptr)ROW_PAGE(0), 0, ROW_PAGES * 4096);
	*linked = (u32)CAP(BASIC) & BASIC_REVISION;
	l2_setup(&l2, row->mode, row->with);
	if (CAN_PIN(PIN_TIMER)) {		/* whatever state a row makes, it ends */
		vmcs_on(PIN_CTRLS, PIN_TIMER);
		vmcs_set(PREEMPTION_TIMER, GUARD_TICKS);
	}
	low = (void *)(uptr)L2_LOW_CODE;
	memcpy(low, vmcall_hlt, sizeof(vmcall_hlt));
	memcpy((void *)(uptr)L2_CODE_AT, vmcall_hlt, sizeof(vmcall_hlt));
}

static void run(const struct row *row, u32 number, const struct change *c, const char *what)
{
	start(row);
	apply(row->both);
	apply(c);
	result_l2_f(l2_run(&l2), "%s | %s %u %s", row->rule, l2_mode_names[row->mode], number, what);
	__asm__ volatile("lgdt %0; lidt %1"
			 : : "m"((struct descriptor_pointer){ 0xffff, (uptr)gdt }), "m"(idt_pointer) : "memory");
}

void rows_run(const struct row *rows, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		if (!l2_can(rows[i].mode) || !expressible(rows[i].fails))
			continue;
		start(&rows[i]);
		if (!possible(rows[i].both) || !possible(rows[i].passes))
			continue;
		run(&rows[i], i, rows[i].fails, "fails");
		run(&rows[i], i, rows[i].passes, "passes");
	}
}
