/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest may move, disable and re-enable its local APIC. We need it enabled to reach the CPU by NMI, so a
 * disabled one is an enabled one that passes the pins through (virtual wire), as a CPU without APIC does.
 */
#include "guest/apic_base.h"
#include "machine/cpu_insn.h"
#include "machine/lapic.h"
#include "machine/machine.h"
#include "machine/trap.h"

#define MODE	((u64)(APIC_BASE_ENABLE | APIC_BASE_X2APIC))
#define PAGE	0x000ffffffffff000ull

bool apic_base_read(u32 msr, u64 *value)
{
	*value = rdmsr(msr);
	if (this_cpu()->apic_off)
		*value &= ~MODE;
	return true;
}

static bool disable(struct vcpu *v, u32 msr, u64 value)
{
	if (value & APIC_BASE_X2APIC || !wrmsr_safe(msr, value | (rdmsr(msr) & MODE)))
		return false;
	v->apic_off = true;
	lapic_reset();
	lapic_virtual_wire();
	return true;
}

/* Comes out of reset in xAPIC mode; x2APIC mode can't be reached in one step (SDM vol. 3, 11.12.5). */
static bool enable(struct vcpu *v, u32 msr, u64 value)
{
	u64 before = rdmsr(msr);

	if (value & APIC_BASE_X2APIC)
		return false;
	if (before & APIC_BASE_X2APIC)
		wrmsr(msr, before & ~MODE);
	if (!wrmsr_safe(msr, value)) {
		wrmsr(msr, (before & ~MODE) | APIC_BASE_ENABLE);
		return false;
	}
	v->apic_off = false;
	lapic_reset();
	return true;
}

/*
 * We send IPIs too, so its page must be mapped, and none of ours. RAM is cached: registers there might not be those of the
 * APIC, and our wait for ICR to be idle never end.
 */
static bool usable(u64 page)
{
	return !machine_is_ours(page) && page < machine.host_top && e820_type_at(&machine.handoff.map, page) != E820_RAM;
}

bool apic_base_write(u32 msr, u64 value)
{
	struct vcpu *v = this_cpu();

	if (!usable(value & PAGE))
		return false;
	if (!(value & APIC_BASE_ENABLE))
		return disable(v, msr, value);
	return v->apic_off ? enable(v, msr, value) : wrmsr_safe(msr, value);
}
